"""The life of findings: opened, said something about, fixed, found again; and audits that meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from dmsops.archive import finding_acts, finding_queries, findings
from dmsops.archive.findings import Facts, Recorded, record
from dmsops.archive.tables import finding_event
from dmsops.catalogue.registry import Finding, Scope
from dmsops.core.db import transact, upgrade
from dmsops.core.errors import BadInput, BadTransition, NotAllowed, NotFound, StalePlan
from dmsops.core.journal import journal
from dmsops.core.people import Person, Role
from dmsops.ops import Ops
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site


@pytest.fixture
def both(tmp_path: Path, database: str) -> Iterator[Ops]:
    """Give a fresh site on each kind of database."""
    opened = small_site(tmp_path / "both", START, **({"database": database} if database else {}))
    if database:
        upgrade(database)
    yield opened
    opened.db.dispose()


def found(check: str = "C30", observation: str = "jw1", observed: str = "far", **values: Any) -> Finding:
    given = {
        "title": "a footprint far away",
        "severity": "error",
        "expected": "near",
        "source": "header",
        "remedy": "P16",
        "fix": "describe",
    }
    return Finding(check=check, uri=f"caom:JWST/{observation}", observation_id=observation, observed=observed, **{**given, **values})


def audit(ops: Ops, *seen: Finding, checks: tuple[str, ...] = ("C30", "C31"), prefix: str = "", **facts: Any) -> Recorded:
    ops.clock.sleep(60)
    began = facts.pop("started_at", ops.clock.now())
    told = Facts(kind="doctor", scope=Scope(prefix=prefix), started_at=began, checks=checks, **facts)
    return transact(ops.db, lambda c: record(c, ops, told, seen))


def act(ops: Ops, verb: str, *ids: int, reason: str = "looked at") -> None:
    finding_acts.decide(ops, verb, ids, ticket=finding_acts.preview(ops, verb, ids).hash, reason=reason)


def states(ops: Ops) -> dict[str, str]:
    return {row["observation_id"]: row["state"] for row in finding_queries.findings(ops, states=())}


def test_what_is_found_opens_and_what_is_found_no_more_is_fixed(both: Ops) -> None:
    first = audit(both, found(), found(observation="jw2"))
    assert (first.opened, first.closed) == (2, 0)
    second = audit(both, found(observation="jw2"))
    assert (second.opened, second.closed) == (0, 1)
    assert states(both) == {"jw1": "fixed", "jw2": "open"}
    third = audit(both, found())
    assert (third.opened, third.closed) == (1, 1)
    row = next(r for r in finding_queries.findings(both, states=()) if r["observation_id"] == "jw1")
    assert (row["state"], row["times"], row["last_audit"]) == ("open", 2, third.audit)
    story = finding_queries.story(both, row["id"])
    assert [(e["state"], e["reason"]) for e in story["events"]] == [
        ("open", "found"), ("fixed", "not found any more"), ("open", "found again"),
    ]  # fmt: skip
    assert [(a["opened"], a["closed"]) for a in finding_queries.trend(both)] == [(2, 0), (0, 1), (1, 1)]


def test_an_audit_says_nothing_of_where_it_did_not_look(both: Ops) -> None:
    audit(both, found(), found("C31"), found(observation="xx1"), found(observation="jw3"))
    audit(both, checks=("C30",), prefix="jw", blind=[("C30", "jw3")])
    rows = {(r["check"], r["observation_id"]): r["state"] for r in finding_queries.findings(both, states=())}
    assert rows == {("C30", "jw1"): "fixed", ("C31", "jw1"): "open", ("C30", "xx1"): "open", ("C30", "jw3"): "open"}
    audit(both, blind=[("*", "jw1")], only=["jw1", "jw3"])
    assert states(both) == {"jw1": "open", "xx1": "open", "jw3": "fixed"}
    audit(both)
    assert set(states(both).values()) == {"fixed"}


def test_a_prefix_is_no_pattern(both: Ops) -> None:
    audit(both, found(observation="jw_1"), found(observation="jwx1"), found(observation="JW_1"))
    audit(both, prefix="jw_")
    assert states(both) == {"jw_1": "fixed", "jwx1": "open", "JW_1": "open"}


def test_a_waived_one_stays_so_until_something_else_is_seen(both: Ops) -> None:
    audit(both, found())
    number = finding_queries.findings(both)[0]["id"]
    act(both, "acknowledge", number)
    assert audit(both, found()).opened == 0
    act(both, "waive", number, reason="the target moves")
    assert finding_queries.findings(both) == []
    assert audit(both, found()).opened == 0
    assert states(both) == {"jw1": "waived"}
    assert audit(both, found(observed="farther")).opened == 1
    row = finding_queries.story(both, number)
    assert (row["state"], row["observed"], row["times"]) == ("open", "farther", 2)
    assert [e["state"] for e in row["events"]] == ["open", "acknowledged", "waived", "open"]


def test_a_waiver_with_an_end_is_over_at_it_and_no_earlier(both: Ops) -> None:
    audit(both, found(), found(observation="jw2"))
    numbers = [row["id"] for row in finding_queries.findings(both)]
    end = both.clock.now() + timedelta(hours=1)
    seen = finding_acts.preview(both, "waive", numbers, until=end)
    assert f"until {end:%Y-%m-%d %H:%MZ}" in seen.words
    with pytest.raises(StalePlan):
        finding_acts.decide(both, "waive", numbers, ticket=seen.hash, reason="for ever instead")
    finding_acts.decide(both, "waive", numbers, ticket=seen.hash, reason="until the pipeline is mended", until=end)
    assert audit(both, found(), found(observation="jw2")).opened == 0
    assert finding_queries.story(both, numbers[0])["waived_until"] == end
    both.clock.sleep(3600)
    last = audit(both, found())
    assert (last.opened, last.closed, states(both)) == (1, 1, {"jw1": "open", "jw2": "fixed"})
    rows = [finding_queries.story(both, number) for number in numbers]
    assert [row["waived_until"] for row in rows] == [None, None]
    assert [row["events"][-1]["reason"] for row in rows] == ["its waiver is over", "not found any more"]


def test_only_a_waiver_has_an_end_and_it_is_to_come(ops: Ops) -> None:
    audit(ops, found())
    for verb, end, words in (("waive", ops.clock.now(), "is past"), ("acknowledge", ops.clock.now() + timedelta(1), "only a waiver")):
        with pytest.raises(BadInput, match=words):
            finding_acts.preview(ops, verb, [1], until=end)


def test_an_older_look_undoes_nothing_that_was_seen_since(both: Ops) -> None:
    audit(both, found(), found(observation="jw2"))
    began = both.clock.now() + timedelta(seconds=1)
    audit(both, found(observation="jw3"))  # meanwhile the first two were repaired, and a third came
    late = audit(both, found(), found(observation="jw2"), started_at=began)
    assert (late.opened, late.closed) == (0, 0)
    assert states(both) == {"jw1": "fixed", "jw2": "fixed", "jw3": "open"}


def test_two_things_seen_by_one_check_at_one_place_are_one_finding(both: Ops) -> None:
    assert audit(both, found(observed="a"), found(observed="b")).opened == 1
    assert finding_queries.findings(both)[0]["observed"] == "a; b"


def test_names_and_words_without_end_are_kept_short_and_distinct(both: Ops) -> None:
    names = [f"caom:JWST/{'x' * 400}{n}" for n in range(2)]
    audit(both, *(replace(found(), uri=name, observed="y" * 10_000) for name in names))
    rows = finding_queries.findings(both)
    assert len({row["uri"] for row in rows}) == 2
    assert {len(row["uri"]) for row in rows} == {255}
    assert {len(row["observed"]) for row in rows} == {findings.LONGEST}


def test_nothing_is_left_of_an_audit_that_fails(both: Ops) -> None:
    def failing(c: sa.Connection) -> None:
        record(c, both, Facts(kind="doctor", scope=Scope(), started_at=both.clock.now(), checks=("C30",)), [found()])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transact(both.db, failing)
    assert finding_queries.trend(both) == finding_queries.findings(both) == []
    assert audit(both, found()).opened == 1


def test_lists_counts_and_pages(ops: Ops) -> None:
    audit(ops, *(found(observation=f"jw{n}", severity="warning" if n % 2 else "error") for n in range(6)), found("C31", observed="planned"))
    rows = finding_queries.findings(ops)
    assert [r["severity"] for r in rows] == ["error"] * 4 + ["warning"] * 3
    assert finding_queries.findings(ops, limit=2, offset=3) == rows[3:5]
    assert finding_queries.number(ops, severity="warning") == 3
    assert finding_queries.number(ops, text="planned", checks=("C31",)) == 1
    assert [(r["check"], r["severity"], r["open"]) for r in finding_queries.counts(ops)] == [
        ("C30", "error", 3), ("C31", "error", 1), ("C30", "warning", 3),
    ]  # fmt: skip
    with pytest.raises(NotFound, match="99"):
        finding_queries.story(ops, 99)


def test_an_act_needs_a_role_a_reason_and_a_preview_that_holds(ops: Ops) -> None:
    audit(ops, found())
    seen = finding_acts.preview(ops, "waive", [1])
    viewer = ops.as_person(Person("v", Role.VIEWER))
    with pytest.raises(NotAllowed):
        finding_acts.decide(viewer, "waive", [1], ticket=seen.hash, reason="x")
    with pytest.raises(BadInput, match="reason"):
        finding_acts.decide(ops, "waive", [1], ticket=seen.hash, reason=" ")
    audit(ops, found(observed="farther"))
    with pytest.raises(StalePlan):
        finding_acts.decide(ops, "waive", [1], ticket=seen.hash, reason="x")
    act(ops, "waive", 1, reason="agreed")
    with ops.db.begin() as c:
        line = c.execute(sa.select(journal).where(journal.c.event == "finding.waived")).one()
    assert (line.reason, line.facts["check"]) == ("agreed", "C30")
    with pytest.raises(BadTransition, match="waived"):
        finding_acts.preview(ops, "waive", [1])
    for verb, ids in (("fix", [1]), ("waive", [])):
        with pytest.raises(BadInput):
            finding_acts.preview(ops, verb, ids)
    act(ops, "reopen", 1)
    assert finding_queries.story(ops, 1)["times"] == 2


STEP = st.one_of(
    st.sets(st.sampled_from(["jw1", "jw2", "jw3"])).map(lambda seen: ("audit", seen)),
    st.tuples(st.sampled_from(["acknowledge", "waive", "reopen"]), st.integers(1, 3)),
)


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(STEP, max_size=8))
def test_states_always_follow_the_table_and_the_events_tell_them(tmp_path_factory: pytest.TempPathFactory, steps: list[Any]) -> None:
    ops = small_site(tmp_path_factory.mktemp("law") / "site", START)
    present: set[str] = set()
    for verb, given_ in steps:
        if verb == "audit":
            present = given_
            audit(ops, *(found(observation=one) for one in sorted(given_)))
        else:
            try:
                act(ops, verb, given_)
            except (NotFound, BadTransition):
                continue
    rows = finding_queries.findings(ops, states=())
    audits = [given_ for verb, given_ in steps if verb == "audit"]
    assert {r["observation_id"] for r in rows if r["state"] != "fixed"} == present
    assert {r["observation_id"] for r in rows} == set().union(*audits)
    with ops.db.begin() as c:
        events = c.execute(sa.select(finding_event.c.finding_id, finding_event.c.state).order_by(finding_event.c.id)).all()
    for row in rows:
        mine = [e.state for e in events if e.finding_id == row["id"]]
        assert mine[-1] == row["state"]
        assert mine.count("open") == row["times"]
    ops.db.dispose()
