"""The CAOM library's own noise, kept out of ours."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_library() -> Iterator[None]:
    """Silence what caom2 says of its own code: it fills an attribute that it calls deprecated (2.6: ``em_band``)."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*em_band.*", category=DeprecationWarning)
        yield
