"""What is predicted from the plan is what the association rules ask for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dmsops.core.config import Settings, enter_runtime
from dmsops.core.records import Dither
from dmsops.prediction.products import predict
from dmsops.processing.associate import Readings, make_associations
from dmsops.processing.header import Pedigree
from dmsops.testbed.sizes import as_size
from dmsops.testbed.visits import load_visit, shipped


def ordinary(visit):
    """The shipped visit's images as an ordinary dithered observation: the same telescope, no wavefront sensing."""
    images = [e for e in visit.exposures if e.name.activity in {"04", "05"}]
    dithered = tuple(replace(e, dither=Dither(pattern="INTRAMODULE", index=e.name.number, total=2)) for e in images)
    return replace(visit, visit_type="PRIME_TARGETED_FIXED", exposures=dithered)


@pytest.mark.parametrize("size", ["small", "real"])
@pytest.mark.parametrize("change", [lambda v: v, ordinary], ids=["wavefront", "ordinary"])
def test_predicted_products_are_those_of_the_associations(tmp_path, size, change):
    enter_runtime(Settings(site=tmp_path))
    visit = change(as_size(load_visit(shipped()["wfsc_sensing_only"]), size))
    received = frozenset((str(e.name), r.detector) for e in visit.exposures for r in e.readouts)
    pedigree = Pedigree(software="DMSOps", osf_file="", made=visit.end, prd="UNKNOWN")
    made = make_associations([Readings(visit=visit, received=received, pedigree=pedigree)], "20221204t043000", tmp_path)
    predicted = predict(visit)
    wanted = {name for suffix in ("cal", "i2d", "wfscmb") for name in predicted.get(suffix, ())}
    assert {name for spec in made.spawn for name in spec.makes} == wanted
    assert not made.problems


def test_the_shipped_visit_gives_the_numbers_of_the_flown_one():
    counts = {suffix: len(names) for suffix, names in predict(load_visit(shipped()["wfsc_sensing_only"])).items()}
    assert counts == {"uncal": 22, "rate": 21, "rateints": 21, "cal": 21, "wfscmb": 10}
