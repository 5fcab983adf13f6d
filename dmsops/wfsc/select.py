"""Which visits are wavefront visits, and which of their products the wavefront team wants."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dmsops.core.names import CombinedProduct, ExposureName, ExposureProduct, parse_any
from dmsops.core.records import Visit
from dmsops.interfaces.pps import read_plan
from dmsops.receipt.queries import files_released

if TYPE_CHECKING:
    from dmsops.ops import Ops


def wavefront_visits(ops: Ops) -> list[str]:
    """Give the received wavefront visits (11 digits), by the plans that came with them."""
    plans = [read_plan(ops.store.path(row["sha256"])) for row in files_released(ops, "plan")]
    return sorted({str(visit.id) for visit in plans if visit.is_wavefront})


def wanted_by_wss(visit: Visit, products: Iterable[str]) -> tuple[str, ...]:
    """Choose the products to hand over: wfscmb, cal (target acquisition too), and the jitter exposures' uncal."""
    jitter = {e.name for e in visit.exposures if e.is_jitter}
    return tuple(sorted(name for name in products if _wanted(name, jitter)))


def _wanted(name: str, jitter: set[ExposureName]) -> bool:
    parsed = parse_any(name)
    if isinstance(parsed, CombinedProduct):
        return parsed.suffix == "wfscmb"
    if isinstance(parsed, ExposureProduct):
        return parsed.suffix == ("uncal" if parsed.exposure in jitter else "cal")
    return False
