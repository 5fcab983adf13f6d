"""What a board reads of distribution: pages of accesses by the index, who had files, whose turn to be told is overdue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from dmsops.distribution import audit, board_queries, grants
from dmsops.distribution.audit import DENIED, GRANTED
from dmsops.distribution.notices import Delivery
from dmsops.distribution.tables import access_record, notice_delivery, subscription
from dmsops.flows import notices
from dmsops.ops import Ops
from tests.telling import archived, subscribed, telling_site


def asked(ops: Ops, *rows: tuple[str, str, str], size: int = 10) -> None:
    """Write accesses down: who, which file, with which verdict."""
    fixed = {"at": ops.clock.now(), "address": "192.0.2.1", "route": "download", "why": "test"}
    with ops.db.begin() as c:
        told = [{**fixed, "who": w, "uri": u, "verdict": v, "size": size if v == GRANTED else None} for w, u, v in rows]
        c.execute(sa.insert(access_record), told)


@pytest.fixture
def telling(tmp_path: Path) -> Iterator[Ops]:
    opened = telling_site(tmp_path / "site")
    yield opened
    opened.db.dispose()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    opened = telling_site(tmp_path_factory.mktemp("kept") / "site")
    yield opened
    opened.db.dispose()


ROWS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.sampled_from([GRANTED, DENIED])), max_size=40)


@given(rows=ROWS, who=st.sampled_from(["", "a"]), uris=st.sampled_from([(), ("x",), ("x", "y")]), verdict=st.sampled_from(["", DENIED]))
def test_pages_to_older_and_newer_rows_give_each_access_once(
    kept: Ops, rows: list[tuple[str, str, str]], who: str, uris: Sequence[str], verdict: str
) -> None:
    with kept.db.begin() as c:
        c.execute(sa.delete(access_record))
    if rows:
        asked(kept, *rows)
    wanted: dict[str, Any] = {"who": who, "uris": uris, "verdict": verdict}
    pages, before = [], 0
    while page := audit.records(kept, **wanted, before=before, limit=3):
        pages.append((before, page))
        before = page[-1]["id"]
    told = [(row["who"], row["uri"], row["verdict"]) for _, page in pages for row in page]
    assert told == [r for r in rows[::-1] if who in ("", r[0]) and (not uris or r[1] in uris) and verdict in ("", r[2])]
    assert board_queries.number(kept, **wanted) == len(told)
    for (earlier, _), (_, page) in pairwise(pages):
        found = board_queries.page_before(kept, **wanted, first=page[0]["id"], limit=3)
        newer = audit.records(kept, **wanted, before=found, limit=3)
        assert newer == audit.records(kept, **wanted, before=earlier, limit=3)


@pytest.mark.parametrize(
    "wanted", [{}, {"who": "a"}, {"verdict": DENIED}, {"uris": ("x", "y")}, {"before": 7}, {"who": "a", "verdict": DENIED, "before": 7}]
)
def test_a_page_is_found_by_an_index_whatever_is_wanted(kept: Ops, wanted: dict[str, Any]) -> None:
    seen: list[tuple[str, Any]] = []
    listen = lambda _c, _u, text, given, *_: seen.append((text, given))  # noqa: E731
    sa.event.listen(kept.db, "before_cursor_execute", listen)
    audit.records(kept, **wanted)
    board_queries.number(kept, **{name: value for name, value in wanted.items() if name != "before"})
    sa.event.remove(kept.db, "before_cursor_execute", listen)
    with kept.db.connect() as c:
        plans = [c.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", given).all() for text, given in seen if "access_record" in text]
    steps = [row.detail for plan in plans for row in plan]
    assert steps
    assert not [step for step in steps if step.startswith("SCAN access_record") and "INDEX" not in step and wanted]


def test_counting_ends_where_nobody_reads_on(ops: Ops) -> None:
    asked(ops, *[("a", "x", GRANTED)] * 5)
    assert board_queries.number(ops, most=3) == 3
    assert board_queries.number(ops, after=audit.records(ops)[1]["id"]) == 1


def test_who_asked_for_files_is_summed_over_more_of_them_than_one_question_takes(ops: Ops, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_queries, "_MANY", 1)
    asked(ops, ("ada", "x", GRANTED), ("ada", "y", GRANTED), ("ben", "y", DENIED), ("ben", "z", GRANTED))
    ops.clock.advance(timedelta(minutes=1))  # type: ignore[attr-defined]
    asked(ops, ("ben", "x", DENIED), size=7)
    first, second = board_queries.askers(ops, ["x", "y", "x", "never"])
    assert (first["who"], first["granted"], first["denied"], first["bytes"]) == ("ben", 0, 2, 0)
    assert (second["who"], second["granted"], second["denied"], second["bytes"]) == ("ada", 2, 0, 20)
    assert first["last_at"] == ops.clock.now()


def test_accounts_count_what_is_good_of_them(ops: Ops, tokens: dict[str, str]) -> None:
    found = {row["name"]: row for row in board_queries.accounts(ops)}
    assert (found["pi"]["tokens"], found["pi"]["grants"], found["other"]["grants"]) == (1, 1, 0)
    assert board_queries.grants_of_programs(ops) == {"02726": 1}
    grants.grant(ops, "other", "02726", until=ops.clock.now() + timedelta(days=1), reason="test")
    assert board_queries.grants_of_programs(ops) == {"02726": 2}
    ops.clock.advance(timedelta(days=61))  # type: ignore[attr-defined]
    found = {row["name"]: row for row in board_queries.accounts(ops)}
    assert (found["pi"]["tokens"], found["pi"]["grants"], found["other"]["grants"]) == (0, 1, 0)


def test_whose_turn_is_overdue_is_told_and_who_waits_behind_a_failure_is_not(telling: Ops) -> None:
    one = subscribed(telling, "New").id
    for number in (1, 2):
        archived(telling, number)
    notices.gather(telling)
    assert board_queries.trouble(telling)["lanes"] == 0
    due = telling.clock.now()
    telling.clock.advance(timedelta(minutes=16))  # type: ignore[attr-defined]
    assert {"lanes": 1, "since": due}.items() <= board_queries.trouble(telling).items()
    later = telling.clock.now() + timedelta(minutes=1)
    first = sa.select(sa.func.min(notice_delivery.c.id)).where(notice_delivery.c.subscription_id == one).scalar_subquery()
    with telling.db.begin() as c:
        c.execute(sa.update(notice_delivery).where(notice_delivery.c.id == first).values(next_at=later))
    assert board_queries.trouble(telling)["lanes"] == 0
    with telling.db.begin() as c:
        c.execute(sa.update(notice_delivery).values(state=Delivery.DELIVERED.value))
    assert board_queries.trouble(telling) == {"lanes": 0, "since": None, "not_through": 0, "stopped": 0}


def test_who_is_paused_while_failing_is_nobody_s_trouble(telling: Ops) -> None:
    now = telling.clock.now()
    made = [subscribed(telling, "New", program=f"0000{n}").id for n in range(4)]
    states = (("active", None), ("active", now), ("paused", now), ("stopped", now))
    with telling.db.begin() as c:
        for one, (state, since) in zip(made, states, strict=True):
            c.execute(sa.update(subscription).where(subscription.c.id == one).values(state=state, failing_since=since))
    seen = board_queries.trouble(telling)
    assert (seen["not_through"], seen["stopped"]) == (1, 1)
