"""Which observations were told wrong: found without reading the archive as a whole, and the same ones as if it were read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dmsops.archive import mending, proposals
from dmsops.archive.tables import archive_outbox, observation, plane
from dmsops.distribution.tables import notice
from dmsops.flows import notices
from dmsops.ops import Ops
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from tests.telling import archived, noticed, telling_site

SECOND = timedelta(seconds=1)
DATES = {"past": START - SECOND, "now": START, "later": START + timedelta(microseconds=1), "none": None}
EVENTS = ("New", "Reprocessed", "Withdrawn", "Public", "Held")


@dataclass(frozen=True)
class Told:
    """An observation: the release dates of its planes, what was told of it, what is to be told."""

    dates: tuple[str, ...]
    told: tuple[str, ...]
    state: str = "archived"
    waiting: bool = False

    @property
    def is_wrong(self) -> bool:
        """Whether it must be announced again, by all that is known of it."""
        public = bool(self.dates) and all(date in ("past", "now") for date in self.dates)
        last = [event for event in self.told if event in ("Public", "Held")][-1:]
        early = last == ["Public"] and bool(self.dates) and not public
        late = last != ["Public"] and public and bool(self.told)
        return self.state == "archived" and not self.waiting and (early or late)


ANY = st.builds(
    Told, dates=st.lists(st.sampled_from([*DATES]), max_size=3).map(tuple), told=st.lists(st.sampled_from(EVENTS), max_size=5).map(tuple),
    state=st.sampled_from(["archived", "archived", "archived", "withdrawn"]), waiting=st.sampled_from([False, False, False, True]),
)  # fmt: skip


@pytest.fixture
def ops(tmp_path: Path, database: str) -> Iterator[Ops]:
    opened = small_site(tmp_path / "site", START, **({"database": database} if database else {}))
    yield opened
    opened.db.dispose()


def put(ops: Ops, held: Sequence[Told]) -> None:
    """Make the rows of these observations, o0 and on, and of no others; what is told of them is told in turns."""
    rows: dict[sa.Table, list[dict[str, Any]]] = {observation: [], plane: [], notice: [], archive_outbox: []}
    for n, one in enumerate(held):
        key = {"observation_id": f"o{n}"}
        rows[observation].append(
            {"id": f"o{n}", "collection": "JWST", "kind": "simple", "version": 9, "state": one.state, "changed_at": START}
        )
        for level, date in enumerate(one.dates):
            rows[plane].append({**key, "id": 10 * n + level, "product_id": f"level{level}", "data_release": DATES[date]})
        for version, event in enumerate(one.told):
            rows[notice].append({**key, "event": event, "version": version, "facts": {}, "at": START})
        for version, sent in ((1, START), (2, None if one.waiting else START)):
            rows[archive_outbox].append(
                {**key, "event": "observation.superseded", "version": version, "facts": {}, "created_at": START, "sent_at": sent}
            )
    rows[notice].sort(key=lambda row: row["version"])
    with ops.db.begin() as c:
        for table in (plane, notice, archive_outbox, observation):
            c.execute(sa.delete(table))
        for table, some in rows.items():
            if some:
                c.execute(sa.insert(table), some)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(held=[Told(("past", "later"), ("New",)), Told(("past", "none"), ("New", "Public")), Told(("now",), ("New", "Public", "Held"))])
@example(held=[Told(("now",), ("Held", "Public")), Told(("now",), ()), Told((), ("New", "Public")), Told(("now", "past"), ("New",))])
@given(held=st.lists(ANY, max_size=6))
def test_they_are_those_that_a_look_at_everything_finds(ops: Ops, held: list[Told]) -> None:
    put(ops, held)
    assert sorted(notices.wrongly_told(ops)) == [f"o{n}" for n, one in enumerate(held) if one.is_wrong]


def test_what_is_public_and_told_so_is_not_read(tmp_path: Path) -> None:
    ops = small_site(tmp_path / "site", START)
    seen: list[tuple[str, Any]] = []
    sa.event.listen(ops.db, "before_cursor_execute", lambda _c, _u, text, given, *_: seen.append((text, given)))
    notices.wrongly_told(ops)
    with ops.db.connect() as c:
        steps = [row.detail for text, given in [*seen] if "plane" in text for row in c.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given)]
    read = [step for step in steps if step.split()[1].startswith(("plane", "notice", "observation"))]
    assert len([step for step in read if step.split()[1] == "observation" and step.startswith("SEARCH")]) == 2
    assert [step for step in read if step.startswith("SCAN")] == ["SCAN notice USING COVERING INDEX sqlite_autoindex_notice_1"]
    ops.db.dispose()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Ops, list[str]]]:
    """Two observations that are held for ten days, and were told to be new."""
    opened = telling_site(tmp_path / "site")
    proposals.put(opened, "02726", reason="for the test", exclusive_days=10)
    both = [archived(opened, n) for n in (1, 2)]
    notices.gather(opened)
    yield opened, both
    opened.db.dispose()


def dated(ops: Ops, days: float) -> None:
    """Set all dates past the archive's verbs: no event says so."""
    with ops.db.begin() as c:
        c.execute(sa.update(plane).values(data_release=ops.clock.now() + timedelta(days=days)))


def test_an_observation_of_which_some_is_public_is_not_announced_hour_after_hour(two: tuple[Ops, list[str]]) -> None:
    ops, (one, _) = two
    with ops.db.begin() as c:
        row = dict(c.execute(sa.select(plane).where(plane.c.observation_id == one)).mappings().one())
        c.execute(sa.insert(plane).values(**row | {"id": 99, "product_id": "other", "data_release": ops.clock.now() - SECOND}))
    assert notices.reconsider(ops) == 0


@pytest.mark.parametrize(("days", "event"), [(-400, "Public"), (400, "Held")])
def test_dates_that_were_changed_before_a_stop_of_days_are_told_after_it(two: tuple[Ops, list[str]], days: int, event: str) -> None:
    ops, both = two
    if event == "Held":
        dated(ops, -1)
        notices.reconsider(ops)
        notices.gather(ops)
    dated(ops, days)
    ops.clock.advance(timedelta(days=5))  # type: ignore[attr-defined]
    assert notices.gather(ops) == 0, "their dates did not pass in the time since the last round"
    assert notices.reconsider(ops) == 2
    notices.gather(ops)
    assert sorted((told, name) for told, name, _ in noticed(ops)[-2:]) == [(event, name) for name in both]
    assert notices.reconsider(ops) == 0


def test_a_look_that_was_killed_is_gone_on_with_and_nothing_is_announced_twice(
    two: tuple[Ops, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ops, both = two
    announce, done = mending.tell_again, []

    def killed(ops: Ops, identity: str, *, reason: str) -> Any:
        if done:
            raise KeyboardInterrupt
        done.append(identity)
        return announce(ops, identity, reason=reason)

    dated(ops, -1)
    monkeypatch.setattr(mending, "tell_again", killed)
    with pytest.raises(KeyboardInterrupt):
        notices.reconsider(ops)
    monkeypatch.undo()
    assert notices.wrongly_told(ops) == [name for name in both if name not in done]
    assert notices.reconsider(ops) == 1
    notices.gather(ops)
    assert sorted(noticed(ops)[-2:]) == [("Public", name, 2) for name in both]
    assert notices.reconsider(ops) == 0
