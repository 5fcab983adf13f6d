"""Checks of catalogue against store (C11-C15), all from one comparison."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from dmsops.archive import reconcile as comparing
from dmsops.archive.checks import Sight
from dmsops.archive.reconcile import DIFF_CHECKSUM, DIFF_LENGTH, DIFF_TYPE, MISSING, NOT_IN_CAOM, Reconciliation
from dmsops.catalogue.registry import Scope, site_check

if TYPE_CHECKING:
    from dmsops.ops import Ops

_Kept = dict[Scope, Reconciliation]
_kept: ContextVar[_Kept | None] = ContextVar("reconciliations", default=None)


@contextmanager
def together() -> Iterator[None]:
    """Compare once for all the checks that run within."""
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def _compared(ops: Ops, scope: Scope) -> Reconciliation:
    kept = _kept.get()
    if kept is None:
        return comparing.reconcile(ops, scope)
    if scope not in kept:
        kept[scope] = comparing.reconcile(ops, scope)
    return kept[scope]


def _of(kind: str, ops: Ops, scope: Scope) -> Sight:
    for one in _compared(ops, scope).differences:
        if one.kind == kind:
            yield one.observation_id, one.uri, one.expected, one.observed


@site_check("C11", "error", "Bring the bytes back from another copy (P16), or make the product again (P08).", source="store", fix="bytes")
def is_in_the_store(ops: Ops, scope: Scope) -> Sight:
    """Find a file that the catalogue names and the store does not have."""
    return _of(MISSING, ops, scope)


@site_check("C12", "error", "Describe the observation again from its products (P16).", source="store", fix="describe")
def is_in_the_catalogue(ops: Ops, scope: Scope) -> Sight:
    """Find an archived product that the catalogue does not name."""
    return _of(NOT_IN_CAOM, ops, scope)


@site_check("C13", "error", "Bring the bytes back, or describe the observation again (P16).", source="store", fix="bytes")
def has_its_length(ops: Ops, scope: Scope) -> Sight:
    """Find a file whose length is not that of the catalogue."""
    return _of(DIFF_LENGTH, ops, scope)


@site_check("C14", "error", "Bring the bytes back, or describe the observation again (P16).", source="store", fix="bytes")
def has_its_sum(ops: Ops, scope: Scope) -> Sight:
    """Find a file whose sum is not that of the catalogue."""
    return _of(DIFF_CHECKSUM, ops, scope)


@site_check("C15", "error", "Describe the observation again from its products (P16).", source="file names", fix="describe")
def has_its_type(ops: Ops, scope: Scope) -> Sight:
    """Find an artifact whose content type is not that of its bytes."""
    return _of(DIFF_TYPE, ops, scope)
