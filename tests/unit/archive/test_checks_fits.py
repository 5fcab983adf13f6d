"""FITS files are whole or they are not: held against what astropy writes, in little memory, whatever they hold."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from dmsops.archive.checks_fits import BLOCK, MOST_BLOCKS, fault_of, first_keywords, units
from dmsops.testing.products import write_product


def summed(value: float = 1.0) -> bytes:
    """Write a file of three parts with sums, as astropy does."""
    primary = fits.PrimaryHDU()
    primary.header["ORIGIN"] = ("it's", "a comment / with a slash")
    table = fits.BinTableHDU.from_columns([fits.Column(name="A", format="PE(3)", array=np.array([[1.0], [2.0, 3.0]], dtype=object))])
    hdus = fits.HDUList([primary, fits.ImageHDU(np.full((5, 7), value, dtype=np.float32), name="SCI"), table])
    stream = io.BytesIO()
    hdus.writeto(stream, checksum=True)
    return stream.getvalue()


SOUND = summed()
CARDS = [at for at in range(0, len(SOUND), 80) if SOUND[at : at + 8].rstrip() in (b"CHECKSUM", b"DATASUM")]


def laid(folder: Path, content: bytes) -> Path:
    path = folder / "file.fits"
    path.write_bytes(content)
    return path


def card(text: str) -> bytes:
    return text.encode().ljust(80)


def header(*cards: str) -> bytes:
    whole = b"".join(map(card, (*cards, "END")))
    return whole + b" " * (-len(whole) % BLOCK)


def test_what_astropy_writes_is_whole(tmp_path: Path) -> None:
    path = laid(tmp_path, SOUND)
    assert fault_of(path) is None
    with path.open("rb") as file, fits.open(path) as hdus:
        found = list(units(file))
        assert [(u.start, u.data, u.end - u.data) for u in found] == [
            tuple(hdu.fileinfo()[key] for key in ("hdrLoc", "datLoc", "datSpan")) for hdu in hdus
        ]
    assert first_keywords(path)["ORIGIN"] == "it''s"


@given(place=st.integers(0, len(SOUND) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_is_found(tmp_path_factory: pytest.TempPathFactory, place: int, bit: int) -> None:
    if any(at <= place < at + 10 for at in CARDS):
        return  # a name that is not CHECKSUM any more holds no sum
    damaged = bytearray(SOUND)
    damaged[place] ^= 1 << bit
    assert fault_of(laid(tmp_path_factory.mktemp("flip"), bytes(damaged))) is not None


@given(st.integers(0, len(SOUND) - 1))
def test_a_file_that_was_cut_short_is_found_unless_whole_parts_are_left(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    path = laid(tmp_path_factory.mktemp("cut"), SOUND[:length])
    ends = {0}
    with laid(tmp_path_factory.mktemp("whole"), SOUND).open("rb") as file:
        ends |= {unit.end for unit in units(file)}
    assert (fault_of(path) is None) is (length in ends - {0})


@given(st.binary(max_size=3 * BLOCK))
def test_no_content_is_too_much(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    assert fault_of(laid(tmp_path_factory.mktemp("any"), content)) is not None


@pytest.mark.parametrize(
    ("cards", "words"),
    [
        (("SIMPLE  = T", "BITPIX  = -32", "NAXIS   = 2", "NAXIS1  = 99999999999", "NAXIS2  = 99999999999"), "bytes are announced"),
        (("SIMPLE  = T", "BITPIX  = 7", "NAXIS   = 0"), "'BITPIX'"),
        (("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1"), "'NAXIS1'"),
        (("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = -5"), "below 0"),
        (("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1", "NAXIS1  = 1E9999"), "no whole number"),
        (("BITPIX  = 8", "SIMPLE  = T", "NAXIS   = 0"), "not with SIMPLE"),
    ],
)
def test_a_header_that_cannot_be_is_named(tmp_path: Path, cards: tuple[str, ...], words: str) -> None:
    assert words in str(fault_of(laid(tmp_path, header(*cards))))


def test_a_header_without_an_end_is_given_up_and_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    endless = laid(tmp_path, card("SIMPLE  = T") + b"".join([card("COMMENT")] * (36 * MOST_BLOCKS + 71)))
    assert f"no end within {MOST_BLOCKS}" in str(fault_of(endless))
    large = header("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 1", f"NAXIS1  = {20_000 * BLOCK}", "DATASUM = '0'") + bytes(20_000 * BLOCK)
    path = laid(tmp_path, large)
    tracemalloc.start()
    try:
        assert fault_of(path) is None
        assert tracemalloc.get_traced_memory()[1] < 8e6
    finally:
        tracemalloc.stop()


def test_a_product_of_the_pipeline_without_its_asdf_extension_is_found(tmp_path: Path) -> None:
    path = write_product(tmp_path / "jw02726402001_03104_00001_nrca3_cal.fits")
    assert fault_of(path) is None
    with fits.open(path) as hdus:
        del hdus["ASDF"]
        hdus.writeto(tmp_path / "without.fits")
    assert "no ASDF extension" in str(fault_of(tmp_path / "without.fits"))
