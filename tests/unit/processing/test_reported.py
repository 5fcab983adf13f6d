"""What a status file says of an exposure, and what of it stands in the product: level 1b is known by exactly that."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dmsops.interfaces.fos.osf import AntennaMove, StatusFile, report_of
from dmsops.processing.header import fill_header
from dmsops.processing.reported import reported
from dmsops.processing.steps import executed
from dmsops.processing.timing import timing

SECOND = timedelta(seconds=1)


def other(report: StatusFile, number: int, **facts: Any) -> StatusFile:
    exposures = [replace(e, **facts) if i == number else e for i, e in enumerate(report.exposures)]
    return replace(report, exposures=tuple(exposures))


CHANGES = {
    "visit start": lambda r: replace(r, start=r.start - SECOND),
    "visit end": lambda r: replace(r, end=r.end + SECOND),
    "visit status": lambda r: replace(r, status="UNSUCCESSFUL"),
    "its start": lambda r: other(r, 0, start=r.exposures[0].start - SECOND),
    "its neighbour's start": lambda r: other(r, 1, start=r.exposures[1].start + SECOND),
    "antenna": lambda r: replace(r, antenna_moves=(AntennaMove(start=r.exposures[0].start, end=r.exposures[0].end),)),
}
NOTHING = {
    "another issue": lambda r: replace(r, issue=2, written=r.written + SECOND),
    "its neighbour's end": lambda r: other(r, 1, end=r.exposures[1].end + SECOND),
    "a far antenna move": lambda r: replace(r, antenna_moves=(AntennaMove(start=r.start, end=r.start + SECOND),)),
    "a late end reason": lambda r: replace(r, end_reason="an antenna moved"),
}


@pytest.fixture
def look(visit, pedigree, telemetry, build):
    """Give what is reported of the visit's first exposure, and the header that it makes."""

    def both(report):
        from stdatamodels.jwst.datamodels import Level1bModel

        done = executed(visit, report)
        exposure = done.exposures[0]
        model = Level1bModel(data=telemetry.pixels)
        fill_header(model, done, exposure, exposure.readouts[0], telemetry.frame, timing(exposure, build.frame_seconds), pedigree)
        return reported(visit, report, exposure.name), {k: v for k, v in model.to_flat_dict().items() if k.startswith("meta.")}

    return both


@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_the_product_changes_what_it_is_known_by(look, visit, change):
    before, after = look(report_of(visit)), look(CHANGES[change](report_of(visit)))
    assert before[0] != after[0]


@pytest.mark.parametrize("change", NOTHING)
def test_what_does_not_stand_in_the_product_changes_nothing(look, visit, change):
    before, after = look(report_of(visit)), look(NOTHING[change](report_of(visit)))
    assert before == after


@pytest.mark.parametrize("change", [*CHANGES, *NOTHING])
def test_no_header_differs_where_the_same_is_reported(look, visit, change):
    before, after = look(report_of(visit)), look({**CHANGES, **NOTHING}[change](report_of(visit)))
    assert before[1] == after[1] or before[0] != after[0]
