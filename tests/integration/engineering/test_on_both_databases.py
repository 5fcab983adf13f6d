"""Telemetry's whole story, on SQLite and on PostgreSQL: classified, contested, settled, compacted, asked for, refused, read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from dmsops.core.clock import SimulatedClock
from dmsops.core.people import Person, Role
from dmsops.engineering import compact, decide, gap_acts, queries, resolve
from dmsops.flows import engineering
from dmsops.ops import connect, create_site
from dmsops.receipt import sweep
from dmsops.testing.deliveries import START
from tests.engineering_files import FLOATS, named, seconds, take

ALL = (START - timedelta(hours=2), START + timedelta(hours=6))


def test_samples_are_judged_settled_compacted_and_read(tmp_path: Path, database: str) -> None:
    create_site(tmp_path / "site", lead="lead", database=database)
    ops = connect(tmp_path / "site", operator=Person("lead", Role.LEAD), clock=SimulatedClock(START + timedelta(hours=6)))
    assert take(ops, seconds(0, 10), named(1, "C")).new == 10
    got = take(ops, [*seconds(0, 4), *seconds(4, 7, value=99.0), *seconds(7, 10), *seconds(40, 50)], named(2))
    assert (got.exact, got.conflict, got.new, got.late) == (7, 3, 10, 0)
    assert take(ops, seconds(20, 25), named(3)).late == 5
    assert take(ops, seconds(0, 5), named(4), origin="SIMULATOR").reason.startswith("its origin is SIMULATOR")
    (suspect,) = queries.suspect_intervals(ops)
    seen = resolve.preview(ops, [suspect["id"]], keep="E")
    resolve.resolve(ops, [suspect["id"]], keep="E", ticket=seen.hash, reason="the recorder is right")
    assert compact.compact(ops, compact.several(ops)) == []
    assert take(ops, seconds(50, 55), named(5)).new == 5
    assert [done.rows for done in compact.compact(ops, compact.several(ops))] == [30]
    held = queries.samples(ops, FLOATS[0], *ALL)
    assert held.value.tolist() == [0, 1, 2, 3, 99, 99, 99, 7, 8, 9, *range(20, 25), *range(40, 55)]
    (hour,) = queries.hourly(ops, FLOATS[0])
    assert (hour["samples"], hour["maximum"]) == (30, 99.0)
    first, second = queries.gaps(ops)
    asked = gap_acts.preview(ops, first["first_us"], "ask")
    gap_acts.decide(ops, first["first_us"], "ask", ticket=asked.hash, reason="needed")
    assert [gap["decision"] for gap in queries.gaps(ops)] == ["asked", "open"]
    refused = queries.files(ops, states=["refused"])[0]["id"]
    out = decide.preview(ops, refused, "discard")
    decide.decide(ops, refused, "discard", ticket=out.hash, reason="not ours")
    summary = queries.summary(ops)
    assert (summary["files"], summary["revision"], summary["samples"], summary["suspects"]) == ({"ingested": 4, "discarded": 1}, 6, 30, 0)
    assert engineering.affected(ops) == []
    assert sweep.plan(ops).without_bytes == ()
    assert second["seconds"] == 16.0
    ops.db.dispose()
