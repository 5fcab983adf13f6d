"""All published tables, and how the index of the sky is asked for each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

import sqlalchemy as sa

from dmsops.archive import published_caom as caom
from dmsops.archive import published_esa as esa
from dmsops.archive import sky
from dmsops.archive.published_obscore import OBSCORE
from dmsops.archive.published_schema import tap_schema
from dmsops.archive.tables import observation
from dmsops.archive.views import View

Near = Callable[[float, float, float], sa.ColumnElement[bool]]
DATA: tuple[View, ...] = (
    OBSCORE, caom.OBSERVATION, caom.PLANE, caom.ARTIFACT, esa.MAIN, esa.OBSERVATION, esa.PLANE, esa.ARTIFACT, esa.MEMBER, esa.ARCHIVE,
)  # fmt: skip
"""The views of the archive's data."""
_PLACES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "ivoa.obscore": (("s_ra", "s_dec"), ("s_region",)),
    "caom2.Plane": (("position_center_ra", "position_center_dec"), ("position_bounds",)),
    "jwst.main": (("position_center_ra", "position_center_dec"), ("position_bounds_spoly",)),
    "jwst.archive": (("position_center_ra", "position_center_dec"), ("position_bounds_spoly",)),
    "jwst.plane": (("position_center_ra", "position_center_dec"), ("position_bounds_spoly",)),
}
"""Columns of places and footprints of planes, which the index of the sky holds."""
_TARGETS: Mapping[str, tuple[str, str]] = {
    "jwst.main": ("target_ra", "target_dec"),
    "jwst.archive": ("target_ra", "target_dec"),
    "jwst.observation": ("targetposition_coordinates_cval1", "targetposition_coordinates_cval2"),
    "caom2.Observation": ("targetposition_coordinates_cval1", "targetposition_coordinates_cval2"),
}
"""Columns of targets' places, of which declinations are compared."""


@cache
def views(dialect: str) -> tuple[View, ...]:
    """Give all published tables: the data, and what describes them (by dialect: a document is laid out in two ways)."""
    return (*DATA, *tap_schema(DATA, dialect))


def centres(view: View) -> Mapping[str, tuple[str, str]]:
    """Give the columns of the middle of each footprint."""
    places: Sequence[tuple[str, ...]] = _PLACES.get(view.name, ())
    return {places[1][0]: (places[0][0], places[0][1])} if places else {}


def near(view: View, c: sa.Connection) -> dict[tuple[str, ...], Near]:
    """Give, by the names of a place's columns or of a footprint, what makes the clause of rows that a cone (degrees) may touch."""
    found: dict[tuple[str, ...], Near] = {names: partial(sky.cone, c) for names in _PLACES.get(view.name, ())}
    return found | ({_TARGETS[view.name]: _at_declination} if view.name in _TARGETS else {})


def _at_declination(_ra: float, dec: float, radius: float) -> sa.ColumnElement[bool]:
    return observation.c.target_dec.between(dec - radius, dec + radius)
