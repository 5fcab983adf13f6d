"""A day of deliveries: the truth about each file is what a count, sample by sample, finds."""

import json
from datetime import date

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from dmsops.cli import main
from dmsops.core.errors import BadInput, Refused
from dmsops.interfaces.fos.engineering import open_engineering, scan_engineering
from dmsops.interfaces.fos.manifest import MANIFEST, read_manifest
from dmsops.testbed.day import fly_day
from dmsops.testbed.telemetry_beats import Beat
from dmsops.testbed.telemetry_day import Shares, expected, pieces, together, without

DAY = date(2022, 12, 4)
NOTHING = Shares(resent=0.0, conflicts=0.0, late=0.0, disordered=0.0, gaps=0.0)


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    return fly_day(tmp_path_factory.mktemp("day"), DAY, samples=50_000, files=12)


def rows(day):
    """Give the truth of each file beside the file."""
    truth = json.loads(day.truth.read_text())["files"]
    return [(row, folder / row["file"]) for row, folder in zip(truth, day.deliveries, strict=True)]


def counted(day):
    """Classify every sample of every file by looking at all that came before."""
    seen, newest, found = {}, {}, []
    for _, path in rows(day):
        counts = dict.fromkeys(("samples", "new", "exact", "conflict", "late"), 0)
        before = dict(newest)
        for one in open_engineering(path).series():
            number = one.mnemonic.number
            for time, value in zip(one.times.tolist(), one.values.tolist(), strict=True):
                known = seen.setdefault((number, time), set())
                word = "exact" if value in known else "conflict" if known else "new"
                counts["samples"] += 1
                counts[word] += 1
                counts["late"] += word == "new" and time < before.get(number, time)
                known.add(value)
                newest[number] = max(newest.get(number, time), time)
        found.append(counts)
    return found


def test_the_truth_is_what_a_count_finds(day):
    found = counted(day)
    assert found == [{word: row[word] for word in ("samples", "new", "exact", "conflict", "late")} for row, _ in rows(day)]
    assert all(sum(counts[word] for counts in found) > 0 for word in ("new", "exact", "conflict", "late"))


def test_everything_that_may_go_wrong_does(day):
    words = {word for row, _ in rows(day) for word in row["what"]}
    assert words == {"new", "late", "disordered", "gap", "resent", "superset", "real time", "conflict"}


def test_the_day_has_about_the_samples_asked_for(day):
    new = json.loads(day.truth.read_text())["totals"]["new"]
    assert new == pytest.approx(50_000, rel=0.1)
    assert day.samples == sum(open_engineering(path).samples for _, path in rows(day))


def test_a_file_sent_again_is_the_same_bytes_under_another_name(day):
    ((again, path),) = [(row, path) for row, path in rows(day) if row["what"] == ["resent"]]
    same = [other for row, other in rows(day) if row["sha256"] == again["sha256"] and other != path]
    assert [other.read_bytes() for other in same] == [path.read_bytes()]
    assert same[0].name != path.name


def test_a_superset_begins_like_another_file_and_ends_later(day):
    parts = [(row["what"], scan_engineering(path)) for row, path in rows(day)]
    ((_, longer),) = [part for part in parts if part[0] == ["superset"]]
    assert any(part.first_at == longer.first_at and part.last_at < longer.last_at for _, part in parts)


def test_the_real_time_stream_lies_across_the_border_of_two_files(day):
    ((row, path),) = [(row, path) for row, path in rows(day) if row["what"] == ["real time"]]
    begin, stop = row["spans_us"][0]
    borders = [other["spans_us"][0][0] for other, _ in rows(day) if other is not row]
    assert path.name.startswith("C0000_")
    assert any(begin < border < stop for border in borders)


def test_packets_out_of_order_are_out_of_order_and_those_of_other_files_are_not(day):
    mixed = {row["sha256"] for row, _ in rows(day) if "disordered" in row["what"]}
    assert mixed
    for row, path in rows(day):
        times = open_engineering(path).container_times("ACS_POINTING")
        assert (np.diff(times) > 0).all() == (row["sha256"] not in mixed)


def test_no_packet_lies_in_a_gap(day):
    holes = [(row, path) for row, path in rows(day) if "gap" in row["what"]]
    assert holes
    for row, path in holes:
        begin, stop = row["gap_us"]
        file = open_engineering(path)
        assert not list(file.series(begin, stop))
        assert file.first_us < begin < stop <= file.last_us + 1_000_000


def test_time_that_no_file_brings_is_said(tmp_path):
    only = Shares(resent=0.0, conflicts=0.0, late=0.0, disordered=0.0, gaps=0.3)
    made = fly_day(tmp_path, DAY, samples=40_000, files=4, shares=only)
    truth = json.loads(made.truth.read_text())
    assert truth["missing_us"] == [row["gap_us"] for row in truth["files"] if row["gap_us"]]


def test_every_delivery_has_a_manifest_and_they_are_numbered_in_order(day):
    manifests = [read_manifest(folder / MANIFEST) for folder in day.deliveries]
    assert [[f.name for f in m.files] for m in manifests] == [[row["file"]] for row, _ in rows(day)]
    assert [[f.sha256 for f in m.files] for m in manifests] == [[row["sha256"]] for row, _ in rows(day)]
    assert len({m.delivery_id for m in manifests}) == len(manifests)
    numbers, times = [m.sequence for m in manifests], [m.created for m in manifests]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert times == sorted(times)


def test_a_day_on_which_nothing_goes_wrong_has_no_gap_and_no_sample_twice(tmp_path):
    made = fly_day(tmp_path, DAY, samples=30_000, files=5, shares=NOTHING)
    truth = json.loads(made.truth.read_text())
    assert [row["what"] for row in truth["files"]] == [["new"]] * 5
    assert truth["totals"]["new"] == truth["totals"]["samples"] == made.samples
    assert truth["missing_us"] == []
    assert all(scan_engineering(path, 1.0).gaps == () for _, path in rows(made))


def test_many_samples_make_more_packets_a_second(tmp_path):
    made = fly_day(tmp_path, DAY, samples=30_000, files=2, seconds=5.0, shares=NOTHING)
    (first, _) = (open_engineering(path) for _, path in rows(made))
    assert made.samples == pytest.approx(30_000, rel=0.1)
    assert np.diff(first.container_times("ACS_POINTING")).max() < 50_000


def test_the_same_day_is_made_once_and_another_is_refused(tmp_path):
    made = fly_day(tmp_path, DAY, samples=5_000, files=2)
    before = made.truth.stat().st_mtime_ns
    assert fly_day(tmp_path, DAY, samples=5_000, files=2) == made
    assert made.truth.stat().st_mtime_ns == before
    with pytest.raises(Refused, match="another day"):
        fly_day(tmp_path, DAY, samples=5_000, files=2, seed=2)


def test_the_same_seed_gives_the_same_bytes(day, tmp_path):
    again = fly_day(tmp_path, DAY, samples=50_000, files=12)
    assert [row["sha256"] for row, _ in rows(again)] == [row["sha256"] for row, _ in rows(day)]


def test_a_day_of_one_file_is_refused_before_anything_is_made(tmp_path):
    with pytest.raises(BadInput, match="two files"):
        fly_day(tmp_path / "out", DAY, files=1)
    assert not (tmp_path / "out").exists()


def test_the_command_makes_a_day_and_says_where_it_is(tmp_path):
    words = ["testbed", "day", "2022-12-04", "--out", str(tmp_path), "--samples", "5000", "--files", "3", "--late", "0", "--json"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert len(list((tmp_path / "deliveries").iterdir())) == said["files"] == len(said["deliveries"])
    assert json.loads((tmp_path / "truth" / "day.json").read_text())["identity"]["shares"]["late"] == 0


spans = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)).map(lambda s: (s[0], s[0] + s[1])), max_size=5)


@given(spans, spans)
def test_spans_are_sets_of_moments(some, others):
    def moments(them):
        return {t for begin, stop in them for t in range(begin, stop)}

    assert moments(together(some)) == moments(some)
    assert moments(without(some, others)) == moments(some) - moments(others)
    assert sum(stop - begin for begin, stop in without(some, others)) == len(moments(some) - moments(others))


@given(st.integers(2, 12), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_the_truth_agrees_with_a_count_however_much_goes_wrong(files, resent, late, gaps, seed):
    shares = Shares(resent=resent, conflicts=0.0, late=late, disordered=0.0, gaps=gaps)
    planned = pieces(0, 20_000, files, shares, 1000, np.random.default_rng(seed))
    beats = {"a": (Beat(period=1000, phase=300), 2), "b": (Beat(period=7000, phase=4000), 1)}
    seen = {name: set() for name in beats}
    for piece, truth in zip(planned, expected(planned, beats), strict=True):
        new = late_ones = total = 0
        for name, (beat, width) in beats.items():
            times = {int(t) for span in piece.spans for t in beat.times(*span)}
            newest = max(seen[name], default=-1)
            total += width * len(times)
            new += width * len(times - seen[name])
            late_ones += width * sum(t < newest for t in times - seen[name])
            seen[name] |= times
        assert (truth.samples, truth.new, truth.exact, truth.late) == (total, new, total - new, late_ones)
