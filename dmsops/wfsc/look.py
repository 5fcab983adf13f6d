"""Read wavefront images for a scientist's eyes: pixels, flags, members, sky; arrays and rows, no drawing.

Pixels are counted from 0, (row, column) = (y, x), as in the FITS array. Surface brightness is as in the file (MJy/sr).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dmsops.core.errors import BadInput, NotFound
from dmsops.core.names import CombinedProduct, ExposureProduct
from dmsops.workflow import queries

if TYPE_CHECKING:
    from dmsops.ops import Ops

Pixels = NDArray[np.float32]
Row = dict[str, Any]
DO_NOT_USE = 1
"""Bit 0 of the DQ array (jwst documentation, *Data Quality Flags*)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Image:
    """One calibrated image.

    Attributes
    ----------
    science, error : ndarray of float32, shape (rows, columns)
        Surface brightness and its standard deviation, in ``unit``.
    flags : ndarray of uint32, shape (rows, columns)
        Data quality bits.
    header : tuple of (extension, keyword, value, comment)
        Primary and SCI headers, without commentary cards.
    """

    name: str
    science: Pixels
    error: Pixels
    flags: NDArray[np.uint32]
    unit: str
    header: tuple[tuple[str, str, Any, str], ...]

    @property
    def good(self) -> NDArray[np.bool_]:
        """Pixels that may be used: finite and not flagged DO_NOT_USE."""
        return np.asarray(np.isfinite(self.science) & ((self.flags & DO_NOT_USE) == 0))


def combined_images(ops: Ops) -> list[str]:
    """Name the site's current wfscmb products."""
    return [row["name"] for row in queries.products(ops, text="_wfscmb") if row["name"].endswith(".fits")]


def members(ops: Ops, name: str) -> tuple[str, ...]:
    """Name the two images that a wfscmb was made of, in order of exposure.

    Raises
    ------
    NotFound
        The site has no such product, or does not know what made it.
    BadName
        The name is not that of a combined product.
    """
    combined = CombinedProduct.parse(name)
    step_id = _product(ops, name)["step_id"]
    if step_id is None:
        raise NotFound(f"the site does not know which step made {name}", product=name)
    needs = [n["product"] for n in queries.step_row(ops, step_id)["needs"]]
    calibrated = [ExposureProduct.parse(n) for n in needs if n.endswith("_cal.fits")]
    # The association also names the target acquisition, which is of another activity and is not combined.
    return tuple(str(m) for m in calibrated if m.exposure.activity == combined.activity and combined.optics.endswith(f"-{m.detector}"))


def _product(ops: Ops, name: str) -> Row:
    found = [row for row in queries.products(ops, text=name) if row["name"] == name]
    if not found:
        raise NotFound(f"the site has no current product {name}", product=name)
    return found[0]


def read_image(ops: Ops, name: str) -> Image:
    """Read a product of the site (cal or wfscmb) from the store.

    Raises
    ------
    NotFound
        The site has no such product.
    BadInput
        The file is not an image with SCI, ERR and DQ.
    """
    from astropy.io import fits

    path = ops.store.path(_product(ops, name)["sha256"])
    try:
        with fits.open(path, memmap=False) as file:
            science, error, flags = (np.asarray(file[extension].data) for extension in ("SCI", "ERR", "DQ"))
            cards = [(part, card) for part, extension in (("PRIMARY", 0), ("SCI", "SCI")) for card in file[extension].header.cards]
    except (OSError, KeyError) as error_found:
        raise BadInput(f"{name} is not an image with SCI, ERR and DQ: {error_found}", product=name) from None
    header = tuple((part, c.keyword, c.value, c.comment) for part, c in cards if c.keyword not in ("", "COMMENT", "HISTORY"))
    unit = next((str(value) for _, keyword, value, _ in header if keyword == "BUNIT"), "")
    pixels = (science.astype(np.float32), error.astype(np.float32), flags.astype(np.uint32))
    return Image(name=name, science=pixels[0], error=pixels[1], flags=pixels[2], unit=unit, header=header)


def stretch(pixels: Pixels, *, strength: float = 1000.0, contrast: float = 0.25) -> Pixels:
    """Bring pixels to 0..1 for display: zscale limits, then a logarithm; NaN becomes 0.

    Parameters
    ----------
    strength : float
        The logarithm's *a*: 1 is nearly linear, 10000 shows the faintest wings.
    contrast : float
        Of the zscale algorithm; smaller shows a wider range.
    """
    from astropy.visualization import LogStretch, ZScaleInterval

    filled = np.where(np.isfinite(pixels), pixels, np.nanmedian(pixels))
    low, _ = ZScaleInterval(contrast=contrast).get_limits(filled)
    scaled = np.clip((filled - low) / max(float(filled.max()) - low, 1e-12), 0.0, 1.0)
    return np.asarray(LogStretch(strength)(scaled), dtype=np.float32)


def peak(image: Image) -> tuple[int, int]:
    """Find the brightest usable pixel: (row, column)."""
    masked = np.where(image.good, image.science, -np.inf)
    row, column = np.unravel_index(int(np.argmax(masked)), masked.shape)
    return int(row), int(column)


def cuts(image: Image, place: tuple[int, int], half: int = 20) -> dict[str, NDArray[Any]]:
    """Cut along row and column through a place.

    Returns
    -------
    dict
        ``offset`` (2 half + 1,) in pixels, ``row`` and ``column`` of the same length; NaN beyond the image and where
        a pixel may not be used.
    """
    padded = np.pad(np.where(image.good, image.science, np.nan), half, constant_values=np.nan)
    y, x = place
    return {
        "offset": np.arange(-half, half + 1),
        "row": padded[y + half, x : x + 2 * half + 1],
        "column": padded[y : y + 2 * half + 1, x + half],
    }


def encircled(image: Image, place: tuple[int, int], radius: int = 20) -> dict[str, NDArray[np.float64]]:
    """Give the fraction of the light within each radius, the median of the image taken as background.

    Returns
    -------
    dict
        ``radius`` (pixels, 0.5 steps) and ``fraction`` of the light within the largest radius.
    """
    rows, columns = np.indices(image.science.shape)
    distance = np.hypot(rows - place[0], columns - place[1])
    light = np.where(image.good, image.science - np.nanmedian(image.science[image.good]), 0.0)
    radii = np.arange(0.5, radius + 0.5, 0.5)
    sums = np.array([light[distance <= r].sum() for r in radii])
    return {"radius": radii, "fraction": sums / sums[-1] if sums[-1] else np.zeros_like(sums)}


def difference(one: Image, other: Image) -> Pixels:
    """Subtract two members after shifting the second by whole pixels onto the first's sky; NaN where they do not overlap.

    For the eye, not for science. The combination itself shifts by whole pixels too (jwst documentation, *wfs_combine*).
    """
    row, column = one.science.shape[0] // 2, one.science.shape[1] // 2
    x, y = _wcs(other).world_to_pixel(_wcs(one).pixel_to_world(column, row))
    down, right = round(float(y)) - row, round(float(x)) - column
    margin = max(abs(down), abs(right))
    padded = np.pad(other.science, margin, constant_values=np.nan)
    top, left = margin + down, margin + right
    return np.asarray(one.science - padded[top : top + one.science.shape[0], left : left + one.science.shape[1]], dtype=np.float32)


def _wcs(image: Image) -> Any:
    """Give the sky coordinates that the SCI header's FITS keywords describe."""
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    cards = [(keyword, value) for part, keyword, value, _ in image.header if part == "SCI" and not keyword.startswith("OBSGEO")]
    return WCS(Header(cards), naxis=2)


def flag_counts(image: Image) -> list[Row]:
    """Count pixels by data-quality flag, most frequent first: ``flag``, ``pixels``, ``percent``."""
    from stdatamodels.jwst.datamodels.dqflags import pixel

    counted = [(name, int(np.count_nonzero(image.flags & np.uint32(bit)))) for name, bit in pixel.items() if bit]
    rows = [{"flag": name, "pixels": n, "percent": round(100 * n / image.flags.size, 3)} for name, n in counted if n]
    return sorted(rows, key=lambda row: (-row["pixels"], row["flag"]))


def sky(image: Image, places: list[tuple[int, int]]) -> list[Row]:
    """Give right ascension and declination (degrees, ICRS) of pixels, by the FITS keywords of the SCI header.

    The keywords are the telescope's approximation; the full distortion model is in the file's ASDF extension.
    """
    wcs = _wcs(image)
    found = [wcs.pixel_to_world_values(column, row) for row, column in places]
    return [
        {"row": r, "column": c, "ra": round(float(a), 6), "dec": round(float(d), 6)} for (r, c), (a, d) in zip(places, found, strict=True)
    ]


def header_rows(image: Image, text: str = "") -> list[Row]:
    """Give header cards whose keyword, value or comment holds the text (any case): extension, keyword, value, comment."""
    rows = [dict(zip(("extension", "keyword", "value", "comment"), card, strict=True)) for card in image.header]
    return [row for row in rows if text.lower() in f"{row['keyword']} {row['value']} {row['comment']}".lower()]
