"""Who makes products of which level: what provenance says."""

from __future__ import annotations

PROJECT = "JWST"
PRODUCER = "DMSOps"
LEVEL_1_MAKER = "DMSOps level 1"
PIPELINE = "CALJWST"
"""The calibration pipeline's name at MAST."""


def maker_of(product_id: str) -> str:
    """Name the software that makes a plane (``level1``, ``level2``, ``level3``)."""
    return LEVEL_1_MAKER if product_id == "level1" else PIPELINE
