"""The policy of access: what it allows whom, and that its two forms agree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from dmsops.core.db import UtcTime
from dmsops.distribution.access import ANONYMOUS, Kind, Requester, Rights, decide, may_have, rights, rights_word

NOW = datetime(2022, 12, 4, 4, tzinfo=UTC)
PI = Requester(name="pi", kind=Kind.ASTRONOMER, programs=frozenset({"02726"}))
STAFF = Requester(name="op", kind=Kind.STAFF, everything=True)
MINUTE = timedelta(minutes=1)


def test_everybody_has_what_is_public_from_the_very_moment_on() -> None:
    assert decide(ANONYMOUS, release=NOW, program="02726", now=NOW).allowed
    assert not decide(ANONYMOUS, release=NOW, program="02726", now=NOW - timedelta(microseconds=1)).allowed


def test_exclusive_data_are_the_programs_and_the_staffs() -> None:
    later = NOW + MINUTE
    assert decide(PI, release=later, program="02726", now=NOW).allowed
    assert decide(STAFF, release=later, program="02726", now=NOW).allowed
    refused = decide(PI, release=later, program="01067", now=NOW)
    assert not refused.allowed
    assert refused.rights is Rights.EXCLUSIVE
    assert refused.why == "exclusive access of program 01067: it becomes public at 2022-12-04 04:01:00 UTC"


def test_what_has_no_release_is_given_to_nobody_outside() -> None:
    for asker in (ANONYMOUS, PI):
        assert decide(asker, release=None, program="02726", now=NOW).rights is Rights.RESTRICTED
        assert not decide(asker, release=None, program="02726", now=NOW).allowed
    assert decide(STAFF, release=None, program=None, now=NOW).allowed


def test_data_without_a_program_are_no_programs() -> None:
    assert not decide(PI, release=NOW + MINUTE, program=None, now=NOW).allowed


RELEASES = st.none() | st.integers(-3, 3).map(lambda n: NOW + n * timedelta(microseconds=1)) | st.just(NOW + 400 * timedelta(days=1))
PROGRAMS = st.none() | st.sampled_from(["02726", "01067", ""])
ASKERS = st.builds(
    Requester,
    kind=st.sampled_from(Kind),
    programs=st.frozensets(st.sampled_from(["02726", "01067", "09999", ""]), max_size=3),
    everything=st.booleans(),
)


@given(st.lists(st.tuples(RELEASES, PROGRAMS), max_size=6), ASKERS)
def test_the_clause_takes_exactly_the_rows_that_the_decision_allows(
    rows: list[tuple[datetime | None, str | None]], asker: Requester
) -> None:
    metadata = sa.MetaData()
    table = sa.Table("t", metadata, sa.Column("n", sa.Integer), sa.Column("release", UtcTime), sa.Column("program", sa.String))
    engine = sa.create_engine("sqlite://")
    with engine.begin() as c:
        metadata.create_all(c)
        for n, (release, program) in enumerate(rows):
            c.execute(sa.insert(table).values(n=n, release=release, program=program))
        clause = may_have(asker, table.c.release, table.c.program, NOW)
        taken = set(c.execute(sa.select(table.c.n).where(clause)).scalars())
        words = dict(c.execute(sa.select(table.c.n, rights_word(table.c.release, NOW))).all())  # type: ignore[arg-type]
    engine.dispose()
    assert taken == {n for n, (r, p) in enumerate(rows) if decide(asker, release=r, program=p, now=NOW).allowed}
    assert words == {n: rights(r, NOW).value for n, (r, _) in enumerate(rows)}
