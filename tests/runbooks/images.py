"""Made-up products of the frozen site: a star through a weak lens on 64 x 64 pixels, the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

from dmsops.workflow.lease import Claim

SIZE = 64
PIXEL = 0.031 / 3600


def write_images(folder: Path, item: Claim) -> list[Path]:
    """Write every product of a step: images for FITS, an empty document for the rest."""
    made = []
    for name in item.makes:
        path = folder / name
        if name.endswith(".fits"):
            image(name).writeto(path, overwrite=True)
        else:
            path.write_text("{}\n", encoding="utf-8")
        made.append(path)
    return made


def image(name: str) -> fits.HDUList:
    """Draw a star as a ring with a core; the second member of a pair is dithered by (4, 6) pixels."""
    rows, columns = np.indices((SIZE, SIZE))
    shift = (4, 6) if "_00002_" in name else (0, 0)
    distance = np.hypot(rows - 30 - shift[0], columns - 33 - shift[1])
    star = 900 * np.exp(-((distance / 1.6) ** 2)) + 120 * np.exp(-(((distance - 9) / 2.2) ** 2))
    noise = np.random.default_rng(sum(name.encode())).normal(0.0, 0.4, (SIZE, SIZE))
    flags = np.zeros((SIZE, SIZE), np.uint32)
    flags[10, 12:15], flags[50, 40], flags[30:32, 33:35] = 1, 1 | 1024, 2
    primary = fits.PrimaryHDU()
    primary.header.update(
        TELESCOP="JWST", INSTRUME="NIRCAM", EXP_TYPE="NRC_IMAGE", FILTER="F212N", PUPIL="WLM8", PROGRAM="02726", FILENAME=name
    )
    science = fits.ImageHDU((star + noise + 2.0).astype(np.float32), name="SCI")
    science.header.update(
        BUNIT="MJy/sr", CTYPE1="RA---TAN", CTYPE2="DEC--TAN", CRVAL1=80.0, CRVAL2=-69.5, CRPIX1=33.0 + shift[1], CRPIX2=33.0 + shift[0],
        CDELT1=-PIXEL, CDELT2=PIXEL, CUNIT1="deg", CUNIT2="deg", S_REGION="POLYGON ICRS 80.0 -69.5",
    )  # fmt: skip
    error = fits.ImageHDU(np.sqrt(star + 4).astype(np.float32), name="ERR")
    return fits.HDUList([primary, science, error, fits.ImageHDU(flags, name="DQ")])
