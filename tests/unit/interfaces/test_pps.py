"""Plans of visits."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from dmsops.core.errors import BadDelivery
from dmsops.interfaces.pps import plan_name, read_plan, visit_from_dict, visit_to_dict, write_plan


def test_a_plan_comes_back_as_it_was_written(tmp_path, visit):
    path = tmp_path / plan_name(visit.id)
    write_plan(visit, path)
    assert path.name == "V02726402001_plan.json"
    assert read_plan(path) == visit


def test_a_visit_without_guide_star_survives(visit):
    bare = replace(visit, guide_star=None, exposures=(), moves=())
    assert visit_from_dict(visit_to_dict(bare)) == bare


def test_fields_that_have_a_default_may_be_left_out(visit):
    plain = visit_to_dict(visit)
    for field in ("nframes", "groupgap", "dither", "dms_note", "status"):
        del plain["exposures"][0][field]
    assert visit_from_dict(plain) == visit


def changed(plain, path, value):
    """Change one field of nested plain data; `...` takes it away."""
    plain = copy.deepcopy(plain)
    inner = plain
    for step in path[:-1]:
        inner = inner[step]
    if value is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return plain


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("id",), "V123", "field 'id' is not usable"),
        (("start",), ..., "field 'start' is missing"),
        (("start",), "noon", "field 'start' is 'noon', not a time"),
        (("end",), "2022-12-01T00:00:00Z", "field 'end' lies before the visit's start"),
        (("priority",), "URGENT", "field 'priority' is 'URGENT'"),
        (("position_angle",), float("nan"), "field 'position_angle' is not a finite number"),
        (("target", "ra"), "12", "field 'target.ra' is '12', not a number"),
        (("target", "colour"), 1, "field 'target.colour' is not known"),
        (("exposures", 0, "name"), "jw1_2_3", r"field 'exposures\[0\].name' is not usable"),
        (("exposures", 0, "name"), "jw02726402002_03104_00001", r"field 'exposures\[0\].name' belongs to another visit"),
        (("exposures", 0, "nints"), 0, r"field 'exposures\[0\].nints' is below 1"),
        (("exposures", 0, "nints"), 1.5, r"field 'exposures\[0\].nints' is 1.5, not a whole number"),
        (("exposures", 0, "ngroups"), -3, r"field 'exposures\[0\].ngroups' is below 1"),
        (("exposures", 0, "end"), "2022-12-01T00:00:00Z", r"field 'exposures\[0\].end' lies before"),
        (("exposures", 0, "readouts"), [], r"field 'exposures\[0\].readouts' is empty"),
        (("exposures", 0, "readouts", 0, "detector"), "NRCALONG", r"field 'exposures\[0\].readouts' names a detector twice"),
        (("exposures", 0, "readouts", 0, "detector"), "NRCC7", r"names unknown detectors: NRCC7"),
        (("exposures", 0, "dither", "index"), 5, r"field 'exposures\[0\].dither.total'"),
        (("exposures", 0, "status"), "lost", r"field 'exposures\[0\].status' is 'lost'"),
        (("exposures", 0), "none", r"field 'exposures\[0\]' is not a table"),
    ],
)
def test_a_wrong_field_is_named(visit, path, value, said):
    with pytest.raises(BadDelivery, match=f"^plan.json: .*{said}"):
        visit_from_dict(changed(visit_to_dict(visit), path, value), source="plan.json")


def test_an_exposure_named_twice_is_refused(visit):
    plain = visit_to_dict(visit)
    plain["exposures"] *= 2
    with pytest.raises(BadDelivery, match="names an exposure twice"):
        visit_from_dict(plain)


@pytest.mark.parametrize("content", ["", "[]", "3", "{", '{"id": "V02726402001"}', "\udcff"])
def test_what_is_no_plan_is_refused(tmp_path, content):
    path = tmp_path / "V02726402001_plan.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadDelivery, match=r"V02726402001_plan\.json"):
        read_plan(path)
