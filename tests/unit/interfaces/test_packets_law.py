"""The law of the recorder: what is rebuilt equals what was sent, except what is reported missing.

Exposures of several detectors, instruments and guiders are sent interleaved; packets are lost, doubled, disordered and
damaged; the rest is cut into files that are read in any order. What was written is the oracle.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from dmsops.core.names import ExposureName, GuideStarName
from dmsops.core.records import Readout
from dmsops.interfaces.fos import coverage, layout
from dmsops.interfaces.fos.chain import read_chain
from dmsops.interfaces.fos.packets import Geometry, RecorderWriter, TakenName, read_exposure, scan

AT = datetime(2022, 12, 4, tzinfo=UTC)
WHO = [
    (ExposureName.parse("jw02726402001_03104_00001"), "NRCA3"),
    (ExposureName.parse("jw02726402001_03104_00001"), "NRCALONG"),
    (ExposureName.parse("jw02726402001_03204_00001"), "NIS"),
    (ExposureName.parse("jw02726402001_0350z_00007"), "MIRIMAGE"),
    (ExposureName.parse("jw01234001001_03104_00001"), "NRCA3"),
    (GuideStarName.parse("jw02726402001_gs-id_1"), "GUIDER1"),
    (GuideStarName.parse("jw02726402001_gs-fg_2022338040644"), "GUIDER2"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One exposure on one detector, with all that it sends."""

    name: TakenName
    detector: str
    nints: int
    ngroups: int
    rows: int
    columns: int
    zero: bool
    reference: bool
    nframes: int = 1
    groupgap: int = 0
    readpatt: str = "RAPID"
    subarray: str = "ANY"
    start: datetime = AT
    frames: np.ndarray = field(compare=False)

    @property
    def geometry(self) -> Geometry:
        return Geometry(1, 1, self.columns, self.rows)


@st.composite
def exposures(draw) -> list[Taken]:
    found = []
    for seed, (name, detector) in enumerate(draw(st.lists(st.sampled_from(WHO), min_size=1, max_size=4, unique=True))):
        nints, ngroups = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        rows, columns = draw(st.integers(1, 40)), draw(st.sampled_from([4, 8, 2048]))
        frames = np.random.default_rng(seed).integers(1, 65536, (nints, ngroups + 1, rows, columns)).astype(np.uint16)
        found.append(
            Taken(
                name=name, detector=detector, nints=nints, ngroups=ngroups, rows=rows, columns=columns,
                zero=draw(st.booleans()), reference=draw(st.booleans()), frames=frames,
            )
        )  # fmt: skip
    return found


def send(path: Path, taken: list[Taken], counters: dict[int, int]) -> list[bytes]:
    """Write everything interleaved, and give the packets."""
    with RecorderWriter(path, counters) as recorder:
        for t in taken:
            one = Readout(detector=t.detector, filter="F", pupil="")
            recorder.exposure_header(t, one, t.geometry, AT, zero_frames=t.zero, reference_outputs=t.reference)
        for i, g in np.ndindex(3, 3):
            for t in taken:
                one = Readout(detector=t.detector, filter="F", pupil="")
                if i >= t.nints or g >= t.ngroups:
                    continue
                if t.zero and g == 0:
                    recorder.zero_frame(t, one, t.geometry, i + 1, t.frames[i, -1], AT)
                recorder.frame(t, one, t.geometry, i + 1, g + 1, t.frames[i, g], AT)
                if t.reference:
                    recorder.reference_output(t, one, t.geometry, i + 1, g + 1, t.frames[i, g, :, : t.columns // 4], AT)
        for t in taken:
            one = Readout(detector=t.detector, filter="F", pupil="")
            recorder.exposure_header(t, one, t.geometry, AT, zero_frames=t.zero, reference_outputs=t.reference)
    chain = read_chain(path)
    return [chain.content[a:b].tobytes() for a, b in zip(chain.starts, chain.ends, strict=True)]


def damaged(packet: bytes, place: int, bit: int) -> bytes:
    """Turn one bit over behind the length field: the chain holds, the check sum does not."""
    changed = bytearray(packet)
    changed[6 + place % (len(packet) - 6)] ^= 1 << bit
    return bytes(changed)


def key_of(packet: bytes) -> tuple:
    head = np.frombuffer(packet[: layout.HEAD.size], dtype=layout.HEAD_DTYPE)[0]
    return tuple(int(head[f]) for f in ("visit", "group", "sequence", "activity", "number")), int(head["identification"]) & 0x7FF


def has_header(packets: list[bytes], t: Taken) -> bool:
    wanted = tuple(layout.tag_of(t.name)), layout.APIDS[t.detector]
    return any(p[15] == layout.EXPOSURE and key_of(p) == wanted for p in packets)


@settings(max_examples=120)
@given(
    taken=exposures(),
    seed=st.integers(0, 2**32),
    lost=st.sampled_from([0, 0.1, 0.6]),
    first=st.sampled_from([0, 16380]),
    files=st.integers(1, 4),
)
def test_what_is_rebuilt_equals_what_was_sent_except_what_is_reported_missing(tmp_path_factory, taken, seed, lost, first, files):
    folder = tmp_path_factory.mktemp("law")
    draw = random.Random(seed)
    sent = send(folder / "all.out", taken, {layout.APIDS[t.detector]: first for t in taken})
    arrived = [p for p in sent if draw.random() >= lost]
    arrived += [p for p in arrived if draw.random() < lost]
    if draw.random() < 0.7:
        draw.shuffle(arrived)
    hurt = [draw.random() < lost / 3 for _ in arrived]
    good = [p for p, bad in zip(arrived, hurt, strict=True) if not bad]
    stream = [damaged(p, draw.randrange(10**6), draw.randrange(8)) if bad else p for p, bad in zip(arrived, hurt, strict=True)]
    cuts = sorted(draw.randrange(len(stream) + 1) for _ in range(files - 1))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    draw.shuffle(pieces)
    paths = []
    for number, piece in enumerate(p for p in pieces if set(p) & set(good)):
        paths.append(folder / f"f{number}.out")
        paths[-1].write_bytes(b"".join(piece))
    parts = [part for path in paths for part in scan(path)]
    there = [p for path in paths for p in _sound(path)]
    assert sum(p.bad_crc for p in parts) == sum(len(read_chain(path).starts) for path in paths) - len(there)
    for t in taken:
        if not has_header(there, t):
            assert all(p.header is None for p in parts if (p.exposure, p.detector) == (t.name, t.detector))
            continue
        _check(t, paths, [p for p in parts if (p.exposure, p.detector) == (t.name, t.detector)])


def _sound(path: Path) -> list[bytes]:
    chain = read_chain(path)
    chain = chain.take(chain.sound())
    return [chain.content[a:b].tobytes() for a, b in zip(chain.starts, chain.ends, strict=True)]


def _check(t: Taken, paths: list[Path], parts: list) -> None:
    """Compare the rebuilt pixels, and what is reported missing, with what was sent."""
    raw = read_exposure(paths, t.name, t.detector)
    sent = coverage.sent_of(next(p.header for p in parts if p.header))
    kinds = {"frame": (raw.pixels, raw.filled, t.frames[:, : t.ngroups])}
    if t.zero:
        kinds["zero frame"] = (raw.zeroframe[:, None], raw.zeroframe_filled[:, None], t.frames[:, -1:])
    if t.reference:
        kinds["reference output"] = (raw.refout, raw.refout_filled, t.frames[:, : t.ngroups, :, : t.columns // 4])
    assert set(sent) == set(kinds)
    open_packets = 0
    for kind, (pixels, filled, oracle) in kinds.items():
        np.testing.assert_array_equal(pixels, np.where(filled[..., None], oracle, 0))
        runs = [run for part in parts for run in (coverage.runs_within(part.coverage, sent) or {}).get(kind, [])]
        missing = coverage.missing(sent[kind], coverage.held(sent[kind], runs))
        reported = np.zeros_like(filled)
        for integration, group, row, count in coverage.spans_of_rows(sent[kind], missing):
            reported[integration - 1, group - 1, row : row + count] = True
        np.testing.assert_array_equal(reported, ~filled)
        open_packets += coverage.count(missing)
    assert raw.complete == (open_packets == 0)
