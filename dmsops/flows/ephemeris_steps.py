"""The steps of a refresh: for each observation one that makes its products anew, and one that archives them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive import queries as archived
from dmsops.core.db import reading
from dmsops.core.names import EphemerisName, ExposureProduct
from dmsops.interfaces.fdf import interpolate, kind_of_name
from dmsops.processing.ephemeris import LIGHT_KM_S
from dmsops.receipt.ephemerides import read_named
from dmsops.workflow import lineage
from dmsops.workflow.states import GOOD, OPEN, StepState
from dmsops.workflow.steps import StepSpec, kind_named
from dmsops.workflow.tables import make, need, step

if TYPE_CHECKING:
    from dmsops.ops import Ops

Row = dict[str, Any]
FINEST_PIXEL = 0.031
"""Arc seconds: NIRCam's short-wave channel has the finest pixels aboard."""
FARTHEST_FIELD = 1200.0
"""Arc seconds: no detector is farther than this from the guide star (rounded up)."""
_NOT_HERE = "it was not made by level 1b on this site: reprocess it with procedure P11"
_REFRESHING = ("ephemeris.refresh", "ephemeris.refresh_combined", "archive.ingest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Anew:
    """One observation to be made anew.

    Attributes
    ----------
    visit : str
        Eleven digits: its workflow.
    products : dict of str to str
        What is made anew: name and sha256 of the version that it is made from.
    ephemeris, use : str
        The ephemeris that they have, and the one that they shall have.
    moved_pixels : float
        How far the image moves, in pixels of the finest camera.
    how : str
        ``keywords``: pixels stay; ``combined again``: a resampled or combined image moves by more than the site's limit.
    specs : tuple of StepSpec
        Its steps, the one that archives last.
    """

    observation_id: str
    visit: str
    products: dict[str, str]
    ephemeris: str
    use: str
    moved_pixels: float
    how: str
    specs: tuple[StepSpec, ...]


def seconds(specs: Iterable[StepSpec]) -> float:
    """Estimate the work in steps, on one worker."""
    return sum(kind_named(spec.kind).estimate_seconds for spec in specs)


def plan(ops: Ops, rows: list[Row]) -> tuple[list[Anew], list[tuple[str, str]]]:
    """Plan the steps for affected products, as `dmsops.flows.ephemeris.affected` gives them; and say what is not touched and why."""
    grouped: dict[str, list[Row]] = {}
    for row in rows:
        grouped.setdefault(row["observation_id"], []).append(row)
    moves = _Moves(ops)
    done: dict[str, Anew] = {}
    untouched = []
    exposures = [o for o in grouped if ExposureProduct.matches(grouped[o][0]["name"])]
    for observation in [*exposures, *(o for o in grouped if o not in exposures)]:
        mine = grouped[observation]
        make_ = _exposure if observation in exposures else _combined
        found = _busy(ops, mine) or _unarchived(mine) or make_(ops, mine, moves.of(mine[0]), done)
        if isinstance(found, str):
            untouched.append((observation, found))
        else:
            done[observation] = found
    return list(done.values()), untouched


class _Moves:
    """How far an image moves from one ephemeris to another; every ephemeris is read once."""

    def __init__(self, ops: Ops) -> None:
        self._ops = ops
        self._read: dict[str, Any] = {}

    def _velocity(self, name: str, sha256: str, when: Any) -> Any:
        import numpy as np

        if sha256 not in self._read:
            self._read[sha256] = read_named(self._ops, {"name": name, "sha256": sha256})
        e = self._read[sha256]
        at = np.datetime64(when.replace(tzinfo=None), "ms")
        own = (e.times - e.times[0]) / np.timedelta64(1, "s")
        return interpolate(own, e.positions, e.velocities, np.array([(at - e.times[0]) / np.timedelta64(1, "s")]))[1][0]

    def of(self, row: Row) -> float:
        """Give at most how far it moves, in pixels of the finest camera.

        The guide star keeps its place; aberration stretches the field about it by the change of velocity over c. Measured with
        the pointing code: 1 km/s moves a NIRCam field by 0.2 mas, and this bound says 4 mas.
        """
        import numpy as np

        before = self._velocity(row["ephemeris"], row["ephemeris_sha256"], row["middle"])
        after = self._velocity(row["use"], row["use_sha256"], row["middle"])
        return float(np.linalg.norm(after - before)) / LIGHT_KM_S * FARTHEST_FIELD / FINEST_PIXEL


def _busy(ops: Ops, rows: list[Row]) -> str:
    """Say which unfinished step makes or archives one of these products; empty when none does."""
    names = [*(r["name"] for r in rows), f"{rows[0]['observation_id']}_caom.xml"]
    query = sa.select(step.c.id, step.c.kind, step.c.state).join(make, make.c.step_id == step.c.id).where(make.c.product.in_(names))
    failed = sa.and_(step.c.state == StepState.FAILED.value, step.c.kind.in_(_REFRESHING))
    with reading(ops.db) as c:
        row = c.execute(query.where(sa.or_(step.c.state.in_([s.value for s in OPEN]), failed)).order_by(step.c.id)).first()
    if row is None:
        return ""
    ends = "rescue it with procedure P08" if row.state == StepState.FAILED.value else "look again when it has ended"
    return f"step {row.id} ({row.kind}) makes it and is {row.state}: {ends}"


def _unarchived(rows: list[Row]) -> str:
    return (
        "" if all(r["ephemeris"] for r in rows) else "a newer version has been made and is not archived: look at its ingest (procedure P15)"
    )


def _exposure(ops: Ops, rows: list[Row], moved: float, done: dict[str, Anew]) -> Anew | str:
    root, use = rows[0]["observation_id"], rows[0]["use"]
    uncal = f"{root}_uncal.fits"
    products = {r["name"]: r["sha256"] for r in rows}
    maker = _maker(ops, uncal, ("processing.level1b",))
    if maker is None or uncal not in products:
        return _NOT_HERE
    refresh = StepSpec(
        kind="ephemeris.refresh",
        dataset=root,
        needs=(use,),
        makes=tuple(products),
        params={"oem": use, "planned_pa": maker.params["visit"]["position_angle"]},
    )
    again = [name for name in products if name.endswith("_i2d.fits")] if moved > ops.settings.refresh_pixels else []
    visit = str(ExposureProduct.parse(uncal).exposure.visit)
    return _anew(ops, rows, visit, moved, refresh, again)


def _combined(ops: Ops, rows: list[Row], moved: float, done: dict[str, Anew]) -> Anew | str:
    name, use = rows[0]["name"], rows[0]["use"]
    maker = _maker(ops, name, ("processing.wfs_image3", "processing.image3"))
    members = sorted(n for n in (_needs(ops, maker.id) if maker else ()) if ExposureProduct.matches(n) and n.endswith(".fits"))
    if not members:
        return _NOT_HERE
    roots = {ExposureProduct.parse(m).root for m in members}
    behind = _behind(ops, [m for m in members if ExposureProduct.parse(m).root not in done])
    if behind:
        return f"its member {behind} has a predicted ephemeris and is not made anew with it"
    after = tuple(_key(done[root]) for root in sorted(roots) if root in done)
    products = {r["name"]: r["sha256"] for r in rows}
    refresh = StepSpec(
        kind="ephemeris.refresh_combined",
        dataset=rows[0]["observation_id"],
        needs=tuple(members),
        makes=tuple(products),
        after=after,
        params={"members": members, "oem": use},
    )
    again = list(products) if moved > ops.settings.refresh_pixels else []
    return _anew(ops, rows, str(ExposureProduct.parse(members[0]).exposure.visit), moved, refresh, again, members=members)


def _behind(ops: Ops, members: list[str]) -> str:
    """Name a member that has a predicted ephemeris; empty when none has."""
    have = lineage.origins(ops, members, EphemerisName.matches)
    return next((m for m in members if not have.get(m) or any(kind_of_name(o.name) == "Predicted" for o in have[m])), "")


def _anew(
    ops: Ops, rows: list[Row], visit: str, moved: float, refresh: StepSpec, again: list[str], members: list[str] | None = None
) -> Anew:  # fmt: skip
    """Put an observation's steps together: made anew, where it moves too far combined again, and archived."""
    workflow = f"EPHEMERIS/{visit}"
    identity = json.dumps([rows[0]["use_sha256"], sorted((r["name"], r["sha256"], r["version"]) for r in rows)])
    refresh = replace(refresh, identity=identity)
    specs = [refresh]
    if again:
        after = refresh.after if members else (refresh.key_of(workflow),)
        specs = ([] if members else specs) + [_once_more(ops, name, after, identity) for name in again[:1]]
    observation = rows[0]["observation_id"]
    all_of_it = tuple(sorted(r["name"] for r in archived.products(ops, observation_id=observation)))
    ingest = StepSpec(
        kind="archive.ingest", dataset=observation, needs=all_of_it, makes=(f"{observation}_caom.xml",), identity=identity,
        params={"members": members} if members else {}, after=tuple(spec.key_of(workflow) for spec in specs),
    )  # fmt: skip
    return Anew(
        observation_id=observation, visit=visit, products={r["name"]: r["sha256"] for r in rows}, ephemeris=rows[0]["ephemeris"],
        use=rows[0]["use"], moved_pixels=moved, how="combined again" if again else "keywords", specs=(*specs, ingest),
    )  # fmt: skip


def _key(item: Anew) -> str:
    """Give the key of the step of an observation that comes last before it is archived."""
    return item.specs[-2].key_of(f"EPHEMERIS/{item.visit}")


def _once_more(ops: Ops, name: str, after: tuple[str, ...], identity: str) -> StepSpec:
    """Plan the step that made a product once more, on what has been made anew."""
    maker = _maker(ops, name, ("processing.wfs_image3", "processing.image3", "processing.image2"))
    needs, makes = _needs(ops, maker.id), _makes(ops, maker.id)
    return StepSpec(kind=maker.kind, dataset=maker.dataset, needs=needs, makes=makes, params=maker.params, after=after, identity=identity)


def _maker(ops: Ops, name: str, kinds: tuple[str, ...]) -> Any:
    """Give the newest step of these kinds that ended well and made the product; None without one."""
    good = (step.c.state.in_([s.value for s in GOOD]), step.c.kind.in_(kinds), make.c.product == name)
    with reading(ops.db) as c:
        return c.execute(sa.select(step).join(make, make.c.step_id == step.c.id).where(*good).order_by(step.c.id.desc())).first()


def _needs(ops: Ops, step_id: int) -> tuple[str, ...]:
    with reading(ops.db) as c:
        return tuple(c.execute(sa.select(need.c.product).where(need.c.step_id == step_id).order_by(need.c.product)).scalars())


def _makes(ops: Ops, step_id: int) -> tuple[str, ...]:
    with reading(ops.db) as c:
        return tuple(c.execute(sa.select(make.c.product).where(make.c.step_id == step_id).order_by(make.c.product)).scalars())
