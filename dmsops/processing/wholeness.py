"""Is a FITS file as long as its own headers say: a cut file often opens without complaint."""

from __future__ import annotations

import warnings
from pathlib import Path


def expected_size(path: Path) -> int | None:
    """Say how long a FITS file must be by its own headers, bytes; None when they cannot be read."""
    from astropy.io import fits

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path, memmap=True) as file:
                place = file[len(file) - 1].fileinfo()
                return int(place["datLoc"] + place["datSpan"])
    except (OSError, TypeError, ValueError, KeyError):
        return None


def is_whole(path: Path) -> bool:
    """Say whether a file is as long as it should be; of a file that is no FITS only that it is not empty."""
    size = path.stat().st_size
    return size > 0 and (path.suffix != ".fits" or size == expected_size(path))
