"""What a repair of an observation would change, in words; what several repairs of one preview look at is read once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from dmsops.archive import mending
from dmsops.archive.checks import listed
from dmsops.archive.describing import need_sound
from dmsops.archive.ingest import Again, again
from dmsops.archive.partners import TOLD_AGAIN
from dmsops.catalogue.naming import product_name
from dmsops.core.errors import NotFound, Refused

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one preview looks at: how its observations stand, the last of them as its products describe it, files of their names."""

    ops: Ops
    standings: dict[str, mending.Standing]
    again: Callable[[str], Again]
    places: Callable[[], mending.Places]


def look_at(ops: Ops, identities: Collection[str]) -> Look:
    """Begin to look at observations; the repairs of one are asked for one after another."""
    return Look(
        ops=ops,
        standings=mending.standings(ops, identities),
        again=lru_cache(maxsize=1)(lambda identity: again(ops, identity)),
        places=cache(lambda: mending.places_of(ops, mending.names_of(ops, identities))),
    )


def change(look: Look, identity: str, fix: str, rows: Sequence[Row]) -> str:
    """Say what a repair would change; raises as what would do it."""
    return _CHANGES[fix](look, identity, rows)


def names_of(rows: Sequence[Row]) -> list[str]:
    """Name the products that findings are about."""
    return sorted({product_name(row["uri"]) for row in rows})


def _describes(look: Look, identity: str, rows: Sequence[Row]) -> str:
    look.standings[identity].need_archived(identity)
    anew = look.again(identity)
    need_sound(anew.described)
    return listed(anew.differs) if anew.differs else "nothing in the description; its rows are written again"


def _indexes(look: Look, identity: str, rows: Sequence[Row]) -> str:
    look.standings[identity].need_archived(identity)
    return "its rows are written again from its document"


def _brings_back(look: Look, identity: str, rows: Sequence[Row]) -> str:
    bad = mending.bad_objects(look.ops, identity, [row["uri"] for row in rows])
    if not bad:
        return f"its bytes are sound; described again: {_describes(look, identity, rows)}"
    found = mending.copies(look.ops, bad, look.places())
    ours = mending.mendable(identity, look.standings[identity], bad, found)
    if not ours:
        raise mending.no_copy(identity, bad)
    left = [f"of {one.said} there is no other copy" for one in bad if one not in ours]
    return "; ".join([f"{one.said} from {_place(look.ops, found.get(one.sha256))}" for one in ours] + left)


def _place(ops: Ops, path: Any) -> str:
    return str(path.relative_to(ops.settings.site)) if path is not None else "its products"


def _retires(look: Look, identity: str, rows: Sequence[Row]) -> str:
    look.standings[identity].need_archived(identity)
    names = names_of(rows)
    mending.without(look.ops, look.again(identity), names)
    return f"taken out of the current set: {listed(names)}"


def _announces(look: Look, identity: str, rows: Sequence[Row]) -> str:
    number = look.standings[identity].version
    if not number:
        raise NotFound(f"the archive has no observation '{identity}'", remedy="Ask the partner to delete it (P16).")
    if all(TOLD_AGAIN in row["expected"] for row in rows):
        remedy = "Ask the partner to harvest it; its next inventory closes the finding, or asks for it again (P16)."
        raise Refused(f"observation {identity} was told again, and the partner's inventory is from before", remedy=remedy)
    return f"version {number + 1} is told, the same as version {number}"


_CHANGES: dict[str, Callable[[Look, str, Sequence[Row]], str]] = {
    "bytes": _brings_back, "retire": _retires, "describe": _describes, "rows": _indexes, "announce": _announces,
}  # fmt: skip
