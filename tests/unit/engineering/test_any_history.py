"""Whatever files come, are compacted and settled in whatever order: the engineering database holds, and held, what a plain ledger does."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dmsops.engineering import compact, queries, reader, resolve
from dmsops.engineering.trend import trend
from dmsops.interfaces.prds import telemetry_database
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from tests.engineering_files import FLOATS, SECOND, T0, named, take

HOUR = 3600 * SECOND
ALL = (START - timedelta(hours=2), START + timedelta(hours=6))
NAMES = FLOATS[:2]
NUMBERS = {name: telemetry_database().by_name(name).number for name in NAMES}
KEY = st.tuples(st.sampled_from(NAMES), st.integers(0, 7).map(lambda n: T0 + HOUR - 20 * SECOND + n * 9 * SECOND))
"""A mnemonic and a time: over the turn of an hour, near enough to make one suspect interval and far enough to make several."""
FILE = st.dictionaries(KEY, st.sampled_from([0.0, 1.5, 2.5]), min_size=1, max_size=8)


class History(RuleBasedStateMachine):
    """A site, and beside it a ledger: of every sample all values with their files, which stands, and which nobody has settled."""

    def __init__(self):
        super().__init__()
        self.folder = TemporaryDirectory()
        self.ops = small_site(Path(self.folder.name) / "site", START + timedelta(hours=6))
        self.values, self.stands, self.open, self.files = {}, {}, set(), 0
        self.past = {0: {}}

    def teardown(self):
        self.ops.db.dispose()
        self.folder.cleanup()

    @rule(rows=FILE, stream=st.sampled_from("ECR"))
    def a_file_comes(self, rows, stream):
        self.files += 1
        name = named(self.files, stream)
        new = exact = conflict = 0
        for key, value in rows.items():
            there = self.values.setdefault(key, {})
            if value in there:
                exact += 1
                continue
            if there:
                conflict += 1
                self.open.add(key)
            else:
                new += 1
                self.stands[key] = value
            there[value] = name
        got = take(self.ops, [(*key, value) for key, value in rows.items()], name)
        assert (got.new + got.late, got.exact, got.conflict) == (new, exact, conflict)

    @rule()
    def hours_are_compacted(self):
        compact.compact(self.ops, compact.several(self.ops))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def somebody_settles(self, data):
        every = queries.suspect_intervals(self.ops)
        chosen = data.draw(st.lists(st.sampled_from([row["id"] for row in every]), min_size=1, unique=True))
        mine = [row for row in every if row["id"] in chosen]
        keys = {k for k in self.open if any(r["name"] == k[0] and r["first_us"] <= k[1] <= r["last_us"] for r in mine)}
        came = sorted({name for key in keys for name in self.values[key].values()})
        keep = data.draw(st.sampled_from(["standing", *sorted({name[0] for name in came}), *came]))
        changed = 0
        for key in keys:
            best = self._best(key, keep)
            changed += best is not None and best != self.stands[key]
            self.stands[key] = self.stands[key] if best is None else best
        seen = resolve.preview(self.ops, chosen, keep=keep)
        done = resolve.resolve(self.ops, chosen, keep=keep, ticket=seen.hash, reason="looked at")
        assert sum(item.contested for item in done.items) == len(keys)
        assert sum(item.changed for item in done.items) == changed
        self.open -= keys

    def _best(self, key, keep):
        """Give the value of a file, or of a stream's newest file; None where nothing came from there."""
        found = [(name[-6:-3], value) for value, name in self.values[key].items() if name == keep or name[0] == keep]
        return max(found)[1] if found else None

    @invariant()
    def samples_are_those_of_the_ledger(self):
        for name in NAMES:
            held = queries.samples(self.ops, name, *ALL)
            wanted = {key[1]: value for key, value in sorted(self.stands.items()) if key[0] == name}
            assert dict(zip(held.time.tolist(), held.value.tolist(), strict=True)) == wanted
            assert held.time.tolist() == list(wanted)
            assert sum(row["samples"] for row in queries.hourly(self.ops, name)) == len(wanted)
            assert trend(self.ops, name, *ALL, points=50).samples.sum() == len(wanted)
            for hour in queries.hourly(self.ops, name):
                mine = [value for time, value in wanted.items() if time // HOUR == hour["hour"]]
                assert (hour["minimum"], hour["maximum"], hour["mean"]) == (min(mine), max(mine), pytest.approx(sum(mine) / len(mine)))

    @rule(data=st.data(), name=st.sampled_from(NAMES), a=st.integers(-30, 70), b=st.integers(-30, 70))
    def an_older_state_is_read(self, data, name, a, b):
        revision = data.draw(st.sampled_from(sorted(self.past)))
        first, last = (T0 + HOUR + s * SECOND for s in (min(a, b), max(a, b)))
        then = {key[1]: value for key, value in sorted(self.past[revision].items()) if key[0] == name}
        around = [*[t for t in then if t < first][-1:], *[t for t in then if first <= t <= last], *[t for t in then if t > last][:1]]
        found = reader.samples(self.ops, NUMBERS[name], first, last, bracket=True, revision=revision)
        assert list(zip(found.time.tolist(), found.value.tolist(), strict=True)) == [(t, then[t]) for t in around]

    @invariant()
    def what_stands_is_noted_for_its_revision(self):
        self.past[queries.summary(self.ops)["revision"]] = dict(self.stands)

    @invariant()
    def contested_is_what_nobody_has_settled(self):
        shown = set()
        for row in queries.suspect_intervals(self.ops):
            for one in queries.conflicts(self.ops, row["id"]):
                key = (row["name"], one["time_us"])
                shown.add(key)
                assert self.values[key][one["value"]] == one["file"]
                assert one["stands"] == (self.stands[key] == one["value"])
        assert shown == self.open
        for row in queries.suspect_intervals(self.ops, every=True):
            assert queries.conflicts(self.ops, row["id"])


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=15, stateful_step_count=12)
