from __future__ import annotations

import pytest

from tests.offered import EXCLUSIVE, OPEN, RESTRICTED, uri

SEARCH, PRODUCTS = "/search/jwst/api/v0.1/search", "/search/jwst/api/v0.1/post_list_products"
SEEN = sorted([EXCLUSIVE, RESTRICTED, *OPEN])


@pytest.fixture(scope="module")
def client(there):
    return there[1]


def found(client, *conditions, **asked):
    answer = client.post(SEARCH, json={"conditions": [*conditions], **asked})
    assert answer.status_code == 200, answer.text
    return [row["fileSetName"] for row in answer.json()["results"]]


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ({"program": "2726"}, OPEN), ({"program": "02726,1234"}, SEEN), ({"program": 1234}, (EXCLUSIVE, RESTRICTED)),
        ({"program": "2000..3000"}, OPEN), ({"program": "<=1234"}, (EXCLUSIVE, RESTRICTED)),
        ({"program": "!2726"}, (EXCLUSIVE, RESTRICTED)),
        ({"targprop": "star-1, STAR-2"}, OPEN[1:3]), ({"targprop": "*-1"}, OPEN[1:2]), ({"targprop": "!STAR*,!M-31"}, ()),
        ({"targ_ra": "80.05..80.25"}, OPEN[1:3]), ({"targ_ra": ">80.05,<80.25"}, SEEN),
        ({"targ_ra": "!>80.05"}, (EXCLUSIVE, RESTRICTED, OPEN[0])),
        ({"opticalElements": "WLM8"}, SEEN), ({"opticalElements": "WLM"}, ()), ({"publicReleaseDate": "2023-12-04*"}, (EXCLUSIVE,)),
        ({"publicReleaseDate_mjd": ">=60282"}, (EXCLUSIVE,)), ({"access": "PUBLIC"}, OPEN), ({"fileSetName": OPEN[3]}, OPEN[3:4]),
        ({"targprop": ""}, SEEN), ({"targprop": None}, SEEN), ({"targprop": ",,"}, SEEN),
        ({"targprop": "!!!STAR-0"}, [x for x in SEEN if x != OPEN[0]]),
    ],
)  # fmt: skip
def test_conditions_choose(client, condition, wanted):
    assert found(client, condition) == sorted(wanted)


def test_pages_are_cut_by_limit_and_offset(client):
    assert found(client, limit=2, offset=3) == SEEN[3:5]
    assert found(client, limit=0) == []
    answer = client.post(SEARCH, json={"limit": 2}).json()
    assert (answer["totalResults"], answer["search_params"]["limit"], answer["search_params"]["count_only"]) == (len(SEEN), 2, False)
    assert client.post(SEARCH, json={"count_only": True}).json()["totalResults"] == len(SEEN)


def test_rows_found_by_place_are_ordered_too(client):
    near = {"target": ["80.0 -69.5", "80.2, -69.5"], "radius": 1.2, "radius_units": "arcminutes"}
    assert found(client, **near) == sorted([EXCLUSIVE, RESTRICTED, OPEN[0], OPEN[2]])
    assert found(client, **near, sort_by=["targ_ra", "program"], sort_desc=[True, False], limit=2) == [OPEN[2], EXCLUSIVE]
    assert found(client, **near | {"radius": 72, "radius_units": "arcseconds"}) == found(client, **near)


BAD = [
    {"target": "80 -69"}, {"target": ["x"]}, {"target": ["1 2 3"]}, {"target": ["80 91"]}, {"target": ["80 0"], "radius": "x"},
    {"target": ["80 0"], "radius_units": "miles"}, {"target": ["80 0"] * 101}, {"limit": -1}, {"limit": "x"}, {"offset": True},
        {"limit": 10**20},
    {"select_cols": "x"}, {"select_cols": ["nonsense"]}, {"select_cols": [{}]}, {"conditions": "x"}, {"conditions": [1]},
    {"conditions": [{"nonsense": 1}]}, {"conditions": [{"targ_ra": "x"}]}, {"conditions": [{"targ_ra": "1..x"}]},
        {"conditions": [{"targ_ra": ">"}]},
    {"conditions": [{"targprop": "a\x00"}]}, {"conditions": [{"targprop": {}}]}, {"conditions": [{"targprop": 51 * ["x"]}]},
    {"conditions": [{"targprop": ",".join(["*x"] * 101)}]}, {"conditions": [{"targprop": "!," * 200 + "x"}]}, {"conditions": [{}] * 51},
    {"conditions": [{"fileSetName": "x," * 900}] * 6},
    {"sort_by": "x"}, {"sort_by": ["nonsense"]}, {"sort_by": ["targ_ra"] * 99},
]  # fmt: skip


@pytest.mark.parametrize("asked", BAD, ids=range(len(BAD)))
def test_what_cannot_be_asked_is_said_in_a_sentence(client, asked):
    answer = client.post(SEARCH, json=asked)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["code"] == "input.bad"


def test_files_of_filesets_are_listed_and_fetched_by_their_names(client):
    listed = client.post(PRODUCTS, json={"dataset_ids": [OPEN[0], "none", "\x00"]}).json()["products"]
    assert [row["filename"] for row in listed] == [f"{OPEN[0]}_{suffix}.fits" for suffix in ("cal", "rate", "uncal")]
    assert {(row["dataset"], row["access"], row["instrument_name"]) for row in listed} == {(OPEN[0], "PUBLIC", "NIRCAM")}
    name = listed[0]["uri"]
    first = client.get("/search/jwst/api/v0.1/retrieve_product", params={"product_name": name})
    assert first.content == client.get("/api/v0.1/Download/file", params={"uri": uri(OPEN[0])}).content


@pytest.mark.parametrize("ids", [None, [], "", [1], {"a": 1}, [[]], [f"x{n}" for n in range(20_001)]])
def test_what_names_no_fileset_is_said(client, ids):
    answer = client.post(PRODUCTS, json={"dataset_ids": ids})
    assert (answer.status_code, answer.json().get("products")) in ((400, None), (200, []))


def test_columns_are_described_for_this_mission_only(client):
    columns = client.get("/search/util/api/v0.1/column_list", params={"mission": "JWST"}).json()
    assert {"column_name", "qual_type", "description"} <= columns[0].keys()
    assert client.get("/search/util/api/v0.1/column_list", params={"mission": "hst"}).status_code == 404
