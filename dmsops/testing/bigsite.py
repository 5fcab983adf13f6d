"""A site with a hundred thousand steps, written straight into the tables: for boards, queries and their speed.

A visit is a workflow: exposures (level 1b, detector 1, image 2, ingest), the association, wavefront pairs and the
delivery, joined by products and edges as the science flow joins them. Most visits are done; some failed, wait for
data, run, are held or stand ready. The first visits show one fate each. The same seed
gives the same site.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core import journal
from dmsops.workflow.tables import attempt, edge, make, need, note, product, step, step_counter, use, workflow

if TYPE_CHECKING:
    from datetime import datetime

    from dmsops.ops import Ops

EXPOSURES = 5
STEPS_OF_A_VISIT = 4 * EXPOSURES + 4
SECONDS = {
    "processing.level1b": 3.0, "processing.detector1": 8.0, "processing.image2": 3.0, "archive.ingest": 2.0,
    "science.associate": 6.0, "processing.wfs_image3": 2.0, "wfsc.deliver": 9.0,
}  # fmt: skip
"""Kinds of the site's steps and their usual run times."""
FAILURES = (
    ("processing.detector1", "processing.detector1 | CrdsNetworkError | processing_calibrate:detector1", "config",
     "a reference file is missing from the CRDS cache (CrdsNetworkError: Failed downloading cache config)",
     "Restore the reference file or the context with procedure P20, then rescue with P08."),
    ("processing.detector1", "processing.detector1 | MemoryError | jwst_jump:detect_jumps", "resource",
     "the step ran out of memory (MemoryError: Unable to allocate 2.1 GiB)",
     "Rescue with more memory with procedure P08, or run fewer steps at once."),
    ("processing.level1b", "processing.level1b | StoreDamaged | workflow_execute:_check", "data",
     "input is damaged in the store", "Rescue the step that made it (procedure P08), then audit the store with P16."),
    ("processing.image2", "processing.image2 | TypeError | jwst_assign_wcs:pointing", "data",
     "the pointing of the exposure was never set (TypeError: bad operand type for unary -: 'NoneType')",
     "List the exposure for special processing with procedure P12."),
    ("archive.ingest", "archive.ingest | OSError | archive_ingest:ingest", "resource",
     "the disk is full (OSError: [Errno 28] No space left on device)",
     "Free space on the work disk, then rescue with procedure P08."),
    ("wfsc.deliver", "wfsc.deliver | DeliveryRefused | wfsc_deliver:deliver", "transient",
     "WSS did not take the delivery", "Rescue as it is with procedure P08."),
)  # fmt: skip
"""Kind, fingerprint, class, words and remedy of the site's failures."""
REFERENCES = tuple(f"jwst_nircam_dark_{n:04d}.fits" for n in range(1, 401))
_FATES = (("done", 0.865), ("failed", 0.07), ("waiting", 0.035), ("running", 0.002), ("held", 0.003), ("ready", 0.02), ("cancelled", 0.005))
_TABLES = (workflow, step, edge, need, make, product, attempt, use, note)


class _Site:
    """Rows under construction, by table."""

    def __init__(self, now: datetime, seed: int) -> None:
        self.now = now
        self.dice = random.Random(seed)  # noqa: S311 - a repeatable site, not a secret
        self.rows: dict[sa.Table, list[dict[str, Any]]] = defaultdict(list)
        self.counts: Counter[tuple[int, str, str]] = Counter()
        self.arrived: set[str] = set()

    def visit(self, number: int) -> None:
        """Add one visit with all its steps."""
        name = f"{number // 1000 + 1:05d}{number % 1000 + 1:03d}001"
        fates, weights = [f for f, _ in _FATES], [w for _, w in _FATES]
        fate = fates[number] if number < len(fates) else self.dice.choices(fates, weights)[0]
        cls = "wfsc" if number % 10 == 0 else "science"
        ago = timedelta(minutes=self.dice.uniform(5, 60) if fate in ("running", "ready") else self.dice.uniform(60, 40_000))
        born = self.now - ago
        due = born + timedelta(minutes=90) if cls == "wfsc" else None
        flow = {"id": number + 1, "name": "SCIENCE", "dataset": name, "cls": cls, "due": due, "created_at": born}
        self.rows[workflow].append(flow)
        _Visit(self, flow, fate).plan()

    def received(self, name: str) -> None:
        self.published(name, None, "receipt")

    def published(self, name: str, step_id: int | None, origin: str) -> None:
        number = len(self.rows[product]) + 1
        self.rows[product].append({
            "id": number, "name": name, "version": 1, "sha256": sha256(name.encode()).hexdigest(), "size": 1000 + number % 999,
            "step_id": step_id, "origin": origin, "current": True, "created_at": self.now,
        })  # fmt: skip


class _Visit:
    """One visit's steps: everything before the broken place is done, everything after it waits."""

    def __init__(self, site: _Site, flow: dict[str, Any], fate: str) -> None:
        self.site, self.flow, self.fate = site, flow, fate
        self.failure = site.dice.choices(FAILURES, (40, 20, 8, 12, 10, 10))[0]
        self.at = flow["created_at"]
        self.good: set[int] = set()
        self.there: set[str] = set()
        self.broken = False

    def plan(self) -> None:
        name, makers = self.flow["dataset"], []
        engineering = f"eng_{(self.flow['id'] - 1) // 10:05d}.dat"
        self.arrive(engineering)
        late = self.site.dice.randint(1, EXPOSURES) if self.fate == "waiting" else EXPOSURES + 1
        for exposure in range(1, EXPOSURES + 1):
            root = f"jw{name}_03104_{exposure:05d}_nrca3"
            raw = f"{root}.rec"
            if exposure < late:
                self.arrive(raw)
            self.step("processing.level1b", root, (raw, engineering), (f"{root}_uncal.fits",))
            makers.append(self.step("processing.detector1", root, (f"{root}_uncal.fits",), (f"{root}_rate.fits",)))
        asn = f"jw{name}_asn.json"
        after = self.step("science.associate", f"V{name} ({EXPOSURES} files)", (), (asn,), makers)
        for exposure in range(1, EXPOSURES + 1):
            root = f"jw{name}_03104_{exposure:05d}_nrca3"
            self.step("processing.image2", root, (f"{root}_rate.fits", asn), (f"{root}_cal.fits",), [after])
            self.step("archive.ingest", root, (f"{root}_cal.fits",), (f"{root}_caom.xml",))
        pair, root = tuple(f"jw{name}_03104_{n:05d}_nrca3_cal.fits" for n in (1, 2)), f"jw{name}-o001_wfscmb-01"
        self.step("processing.wfs_image3", root, pair, (f"{root}.fits",))
        self.step("archive.ingest", root, (f"{root}.fits",), (f"{root}_caom.xml",))
        self.step("wfsc.deliver", f"V{name}", (f"{root}.fits",), (f"{name}_wss_delivery.json",))

    def arrive(self, name: str) -> None:
        self.there.add(name)
        if name not in self.site.arrived:
            self.site.arrived.add(name)
            self.site.received(name)

    def step(self, kind: str, dataset: str, needs: tuple[str, ...], makes: tuple[str, ...], after: list[int] | None = None) -> int:
        rows, flow, number = self.site.rows, self.flow, len(self.site.rows[step]) + 1
        missing = len([n for n in needs if n not in self.there]) + len([p for p in after or () if p not in self.good])
        state = self._state(kind, missing)
        row = self._row(number, kind, dataset, state, missing)
        rows[step].append(row)
        self.site.counts[flow["id"], kind, state] += 1
        rows[need] += [{"step_id": number, "product": n, "got": n in self.there} for n in needs]
        rows[make] += [{"step_id": number, "product": n} for n in makes]
        rows[edge] += [{"parent": p, "child": number} for p in after or ()]
        self._tries(row, makes)
        return number

    def _state(self, kind: str, missing: int) -> str:
        if missing:
            return "waiting"
        here = {"failed": self.failure[0], "ready": "processing.image2"}.get(self.fate, "processing.detector1")
        if self.fate in ("done", "waiting") or kind != here or (self.broken and self.site.dice.random() < 0.4):
            return "done"
        self.broken = True
        return self.fate

    def _row(self, number: int, kind: str, dataset: str, state: str, missing: int) -> dict[str, Any]:
        flow, began = self.flow, self.at
        ran = state in ("done", "failed", "running")
        if state == "done":
            self.at += timedelta(seconds=SECONDS[kind] * self.site.dice.lognormvariate(0, 0.25))
            self.good.add(number)
        words = self.failure[1:] if state == "failed" else (None,) * 4
        held = state == "held"
        return {
            "id": number, "workflow_id": flow["id"], "kind": kind, "dataset": dataset, "key": f"{number:064d}", "params": {},
            "rank": 0 if flow["cls"] == "wfsc" else 100, "due": flow["due"], "state": state, "rev": 1, "priority": 0, "changes": None,
            "memory_mb": None, "retries": 0, "waits": missing, "attempt": int(ran), "fresh": False,
            "owner": "big:1:1" if state == "running" else None, "lease_until": None, "created_at": flow["created_at"],
            "started_at": began if ran else None, "ended_at": self.at if state in ("done", "failed") else None,
            "fingerprint": words[0], "fault_class": words[1], "fault": words[2], "remedy": words[3],
            "held_from": "ready" if held else None, "held_reason": "waits for the new darks" if held else None, "held_until": None,
            "assigned_to": "ann" if state == "failed" and number % 7 == 0 else None,
            "handled_by": "bob" if state == "failed" and number % 5 == 0 else None,
        }  # fmt: skip

    def _tries(self, row: dict[str, Any], makes: tuple[str, ...]) -> None:
        if not row["attempt"]:
            return
        rescued = row["state"] == "done" and row["id"] % 200 == 0
        for n in range(1, 2 + rescued):
            self.site.rows[attempt].append(self._attempt(row, n, failed=(rescued and n == 1) or row["state"] == "failed"))
        row["attempt"] = 1 + rescued
        if row["state"] == "done":
            for name in makes:
                self.there.add(name)
                self.site.published(name, row["id"], row["kind"])
            if row["kind"] == "processing.detector1":
                self.site.rows[use].append({"step_id": row["id"], "name": self.site.dice.choice(REFERENCES)})

    def _attempt(self, row: dict[str, Any], n: int, *, failed: bool) -> dict[str, Any]:
        words = (
            FAILURES[row["id"] % len(FAILURES)][1:4] if row["state"] == "done" else (row["fingerprint"], row["fault_class"], row["fault"])
        )
        outcome = "failed" if failed else row["state"]
        return {
            "step_id": row["id"], "n": n, "owner": "big:1:1", "host": f"node{row['id'] % 4}", "pid": 1000 + row["id"] % 30000,
            "kind": row["kind"], "build": "dmsops 1 jwst 3", "crds_context": "jwst_0001.pmap", "content_key": row["key"], "inputs": {},
            "params": None, "products": None, "memory_mb": 2000, "log": "", "started_at": row["started_at"], "ended_at": row["ended_at"],
            "outcome": outcome, "fingerprint": words[0] if failed else None, "fault_class": words[1] if failed else None,
            "fault": words[2] if failed else None, "cpu_seconds": 2.0, "peak_mb": 400.0, "metrics": None,
        }  # fmt: skip


def fill(ops: Ops, steps: int = 100_000, *, seed: int = 1) -> dict[str, int]:
    """Fill an empty site with about that many steps.

    Returns
    -------
    dict of str to int
        Number of steps by state.
    """
    site = _Site(ops.clock.now(), seed)
    for number in range(max(1, steps // STEPS_OF_A_VISIT)):
        site.visit(number)
    site.rows[note].append({"id": 1, "fingerprint": FAILURES[0][1], "actor": "ann", "at": site.now, "text": "new darks are on their way"})
    with ops.db.begin() as c:
        for table in _TABLES:
            c.execute(sa.insert(table), site.rows[table])
        counted = [{"workflow_id": w, "kind": k, "state": s, "n": n} for (w, k, s), n in site.counts.items()]
        c.execute(sa.insert(step_counter), counted)
        _tell(c, ops, site)
    return dict(Counter(row["state"] for row in site.rows[step]))


def _tell(c: sa.Connection, ops: Ops, site: _Site) -> None:
    for row in [r for r in site.rows[step] if r["state"] == "failed"][:1000]:
        journal.write(c, ops.clock, "step.fail", f"step {row['id']}", actor="big:1:1", reason=row["fault"], kind=row["kind"])
