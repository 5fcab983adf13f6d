"""Checks of descriptions against the products themselves: is it of this site's kind, is it what the products would give now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from dmsops.archive.checks import Sight, listed, uri_of, within
from dmsops.archive.checks_fits import first_keywords, fits_products
from dmsops.archive.describing import collection_of
from dmsops.archive.states import ARCHIVED
from dmsops.archive.tables import observation
from dmsops.catalogue.describe import COLLECTION
from dmsops.catalogue.naming import product_uri
from dmsops.catalogue.registry import Scope, site_check
from dmsops.core.db import reading
from dmsops.core.errors import DmsError, NotFound, StoreDamaged

if TYPE_CHECKING:
    from dmsops.ops import Ops

REHEARSED = "REHEARSAL"
"""Stands in ORIGIN of what a rehearsal's site makes."""
OURS = "DMSOPS"
_o = observation.c


@site_check("C51", "error", "Withdraw it from this archive: it belongs to the other one (P21, P16).", source="site")
def belongs_to_this_site(ops: Ops, scope: Scope) -> Sight:
    """Find rehearsal data in the operational collection, or the reverse."""
    wanted = collection_of(ops)
    query = sa.select(_o.id, _o.collection).where(_o.collection != wanted, within(scope, _o.id)).order_by(_o.id)
    with reading(ops.db) as c:
        rows = c.execute(query).all()
    for row in rows:
        yield row.id, uri_of(row), f"collection {wanted} of a {ops.settings.mode} site", f"collection {row.collection}"
    if scope.deep:
        yield from _of_other_origin(ops, scope, rehearsal=wanted != COLLECTION)


def _of_other_origin(ops: Ops, scope: Scope, *, rehearsal: bool) -> Sight:
    """Find products whose header says that another kind of site made them; what was not made by us does not say."""
    for row in fits_products(ops, scope):
        try:
            origin = first_keywords(ops.store.path(row.sha256)).get("ORIGIN", "")
        except DmsError:  # bytes that are not there are C11's
            continue
        if origin.startswith(OURS) and (REHEARSED in origin) != rehearsal:
            yield row.observation_id, product_uri(row.name), f"a product of a {ops.settings.mode} site", f"ORIGIN {origin[:60]}"


@site_check("C52", "error", "Describe the observation again from its products (P16).", source="header", fix="describe", deep=True)
def is_what_its_products_give(ops: Ops, scope: Scope) -> Sight:
    """Find a description that is not that of its products."""
    from dmsops.archive.ingest import again  # type: ignore[attr-defined,unused-ignore]

    with reading(ops.db) as c:
        rows = c.execute(sa.select(_o.id, _o.collection).where(_o.state == ARCHIVED, within(scope, _o.id)).order_by(_o.id)).all()
    for row in rows:
        try:
            differs = again(ops, row.id).differs
        except (NotFound, StoreDamaged):  # bytes that are missing or damaged are C11's and C14's
            continue
        except DmsError as error:
            differs = (error.message,)
        if differs:
            yield row.id, uri_of(row), "the description that its products give", listed(list(differs))
