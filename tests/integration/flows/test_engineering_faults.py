"""Engineering faults F18 to F23: found by ingest, said in plain words, repaired by the verbs of procedures P03, P12 and P14."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from astropy.io import fits

from dmsops.core import outbox
from dmsops.core.config import Settings
from dmsops.core.records import Visit
from dmsops.engineering import decide, gap_acts, queries, resolve
from dmsops.flows import engineering, science
from dmsops.flows.receiving import receive_waiting
from dmsops.interfaces.fos.manifest import write_manifest
from dmsops.ops import Ops
from dmsops.receipt import accept
from dmsops.testbed.fly import Flight, fly
from dmsops.testbed.sizes import as_size
from dmsops.testbed.visits import load_visit, shipped
from dmsops.testing.sites import small_site
from dmsops.workflow import acts, engines
from dmsops.workflow import queries as workflow
from dmsops.workflow.choose import Selection

VISIT = "02726402001"
LATER = datetime(2022, 12, 4, 6, 0, tzinfo=UTC)
CALCULATED = ("CALCULATED_TRACK_TR_202111", "OK")


def small() -> Visit:
    """Give the shipped visit cut to its first pair on one detector, with few integrations."""
    visit = as_size(load_visit(shipped()["wfsc_sensing_only"]), "small")
    kept = [e for e in visit.exposures if e.name.activity == "04"]
    return replace(visit, exposures=tuple(replace(e, readouts=e.readouts[:1]) for e in kept))


@pytest.fixture(scope="module")
def flown(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Flight]:
    settings = Settings(site=tmp_path_factory.mktemp("testbed"), workers=1)

    def fly_with(*faults: str, seed: int = 1) -> Flight:
        return fly(small(), tmp_path_factory.mktemp("flight"), settings=settings, faults=faults, seed=seed)

    return fly_with


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    """Give a site whose engine goes no farther than level 1b: what follows needs references."""
    opened = small_site(tmp_path / "site", LATER, mode="rehearsal", workers=2)
    with (tmp_path / "site" / "site.toml").open("a") as settings:
        settings.write('mode = "rehearsal"\n')  # steps have processes of their own, which read it there
    for kind in ("processing.detector1", "science.associate", "archive.ingest"):
        plan = acts.preview(opened, "pause", Selection(), scope="kind", target=kind)
        acts.act(opened, "pause", Selection(), ticket=plan.hash, reason="level 1b only", scope="kind", target=kind)
    yield opened
    opened.db.dispose()


def worked(ops: Ops, *deliveries: Path) -> None:
    """Receive deliveries, plan, and run what can be run."""
    for folder in deliveries:
        accept(ops, folder)
    science.plan_visit(ops, VISIT)
    assert engines.run(ops).failed == 0


def pointed(ops: Ops) -> dict[str, tuple[str, str]]:
    """Give how each uncal is pointed, and what it says of its engineering: ENGQLPTG and ENG_QUAL of the current version."""
    found = {}
    for row in workflow.products(ops):
        if row["name"].endswith("_uncal.fits"):
            header = fits.getheader(ops.store.path(row["sha256"]))
            found[row["name"]] = (header["ENGQLPTG"], header["ENG_QUAL"])
    return found


def made_again(ops: Ops) -> list[str]:
    """Make again what has other telemetry now, as previewed; gives what was stale."""
    stale = [item for item in engineering.affected(ops) if item.stale]
    steps = [item.step for item in stale]
    seen = engineering.preview(ops, steps)
    engineering.remake(ops, steps, ticket=seen.hash, reason="other telemetry")
    assert engines.run(ops).failed == 0
    return [item.dataset for item in stale]


def again(flight: Flight, name: str, stream: str) -> Path:
    """Deliver a flight's engineering files once more, through another stream."""
    folder = flight.delivery.with_name(name)
    folder.mkdir()
    for file in flight.delivery.glob("E0000*.out"):
        (folder / file.name.replace("E0000", f"{stream}0000")).write_bytes(file.read_bytes())
    write_manifest(folder, delivery_id=name, sender="OTB", sequence=77, created=LATER)
    return folder


def test_f18_exact_duplicates_are_dropped_and_counted(ops: Ops, flown: Callable[..., Flight]) -> None:
    flight = flown("F18")
    worked(ops, flight.delivery, *flight.more)
    counts = queries.summary(ops)
    assert counts["exact"] > 0
    assert (counts["conflict"], counts["suspects"]) == (0, 0)
    once, twice = sorted(queries.files(ops), key=lambda row: row["exact"])  # which of the two is first is chance
    assert (once["new"], twice["exact"], twice["new"]) == (once["samples"], twice["samples"], 0)
    assert set(pointed(ops).values()) == {CALCULATED}
    assert engineering.affected(ops) == []


def test_f19_conflicts_make_products_suspect_until_a_person_settles_them(ops: Ops, flown: Callable[..., Flight]) -> None:
    flight = flown("F19", seed=5)  # whose conflicts fall into the first exposure
    worked(ops, flight.delivery)
    first = [row["name"] for row in queries.files(ops)]
    assert set(pointed(ops).values()) == {CALCULATED}
    worked(ops, *flight.more)
    found = queries.suspect_intervals(ops)
    assert {"SA_ZATTEST1", "SA_ZFGGSPOSX"} <= {row["name"] for row in found}
    touched = [item for item in engineering.affected(ops) if "SA_ZATTEST1" in item.suspect]
    assert [item.dataset for item in touched] == ["jw02726402001_03104_00001_nrca1"]
    assert all(item.stale for item in touched)
    assert any("contested" in words for words in touched[0].why)
    assert {item.dataset for item in touched} <= set(made_again(ops))
    assert all(pointed(ops)[f"{item.dataset}_uncal.fits"][1] == "SUSPECT" for item in touched)
    ids = [row["id"] for row in found]
    seen = resolve.preview(ops, ids, keep=first[-1])
    resolve.resolve(ops, ids, keep=first[-1], ticket=seen.hash, reason="the second file was made by a test set")
    assert {item.dataset for item in touched} <= set(made_again(ops))
    assert set(pointed(ops).values()) == {CALCULATED}
    assert engineering.affected(ops) == []


def test_f20_a_gap_is_found_asked_for_and_closed_when_its_samples_come(ops: Ops, flown: Callable[..., Flight]) -> None:
    worked(ops, flown("F20").delivery)
    found = [gap for gap in queries.gaps(ops) if "ACS_POINTING" in gap["containers"]]
    (gap,) = found
    assert gap["seconds"] > 1.0
    seen = gap_acts.preview(ops, gap["first_us"], "ask")
    gap_acts.decide(ops, gap["first_us"], "ask", ticket=seen.hash, reason="needed")
    assert next(m["kind"] for m in outbox.messages(ops.db, neighbour="fos")) == "re-request"
    assert [g["decision"] for g in queries.gaps(ops) if g["first_us"] == gap["first_us"]] == ["asked"]
    worked(ops, again(flown(), "replayed", "R"))
    assert [g for g in queries.gaps(ops) if "ACS_POINTING" in g["containers"]] == []
    assert queries.summary(ops)["late"] > 0


def test_f21_a_simulators_file_is_refused_and_can_be_discarded(ops: Ops, flown: Callable[..., Flight]) -> None:
    worked(ops, flown("F21").delivery)
    (bad,) = queries.files(ops, states=["refused"])
    assert "its origin is SIMULATOR" in bad["reason"]
    assert set(pointed(ops).values()) == {CALCULATED}
    seen = decide.preview(ops, bad["id"], "discard")
    decide.decide(ops, bad["id"], "discard", ticket=seen.hash, reason="not of the observatory")
    assert queries.summary(ops)["files"] == {"ingested": len(queries.files(ops)) - 1, "discarded": 1}


def test_f22_a_file_of_the_future_is_refused_and_what_it_should_have_pointed_is_listed(ops: Ops, flown: Callable[..., Flight]) -> None:
    worked(ops, flown("F22").delivery)
    (bad,) = queries.files(ops, states=["refused"])
    assert "it ends in the future" in bad["reason"]
    assert set(pointed(ops).values()) == {("PLANNED", "SUSPECT")}
    assert all("planned one" in item.why[-1] for item in engineering.affected(ops))


def test_f22s_a_file_that_spans_too_much_is_refused_and_taken_when_a_lead_accepts_it(ops: Ops, flown: Callable[..., Flight]) -> None:
    worked(ops, flown("F22S").delivery)
    (bad,) = queries.files(ops, states=["refused"])
    assert "more than 4 h" in bad["reason"]
    assert set(pointed(ops).values()) == {("PLANNED", "SUSPECT")}
    seen = decide.preview(ops, bad["id"], "accept")
    decide.decide(ops, bad["id"], "accept", ticket=seen.hash, reason="its first packets are of yesterday")
    assert [d.words for d in receive_waiting(ops) if d.name == "engineering"] == ["1 engineering file to be ingested"]
    assert engines.run(ops).failed == 0
    assert queries.files(ops, states=["refused"]) == []
    assert set(pointed(ops).values()) == {CALCULATED}


def test_f23_without_pointing_telemetry_the_plan_stands_in_until_it_comes(ops: Ops, flown: Callable[..., Flight]) -> None:
    worked(ops, flown("F23").delivery)
    assert set(pointed(ops).values()) == {("PLANNED", "SUSPECT")}
    listed = engineering.affected(ops)
    assert {item.pointing for item in listed} == {"PLANNED"}
    assert [item.stale for item in listed] == [False] * len(listed)
    worked(ops, again(flown(), "replayed", "R"))
    assert sorted(made_again(ops)) == sorted(item.dataset for item in listed)
    assert set(pointed(ops).values()) == {CALCULATED}
    assert engineering.affected(ops) == []
