from __future__ import annotations

import json
from datetime import timedelta

import httpx2
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from dmsops.archive.ingest import ingest, product_of
from dmsops.archive.tables import observation, plane
from dmsops.archive.withdraw import preview, restore, withdraw
from dmsops.services import portal_filters as filters
from dmsops.services.portal_rows import view_of
from dmsops.testing.products import write_product
from dmsops.testing.sites import small_site
from tests.offered import EXCLUSIVE, HIDDEN, OPEN, RESTRICTED, START, SUFFIXES, YEAR, Offered, let_in, offer, uri
from tests.serving import served

SEEN = sorted([EXCLUSIVE, RESTRICTED, *OPEN])


def invoked(client, service, params, token="", **asked):
    request = {"service": service, "params": params, "format": "json", "pagesize": 50000, "page": 1, **asked}
    headers = {"Authorization": f"token {token}"} if token else {}
    return client.post("/api/v0/invoke", data={"request": json.dumps(request)}, headers=headers)


def found(client, *filters_given, token="", **asked):
    answer = invoked(client, "Mast.Caom.Filtered", {"columns": "*", "filters": list(filters_given)}, token, **asked).json()
    assert answer["status"] == "COMPLETE", answer
    return answer["data"]


def names(rows):
    return sorted(row["obs_id"] for row in rows)


def one(name, *values, **more):
    return {"paramName": name, "values": list(values), **more}


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ([], SEEN),
        ([one("instrument_name", "nircam")], SEEN),
        ([one("INSTRUMENT_NAME", "NIRCAM"), one("target_name", "star-1", "STAR-2", "M31")], [OPEN[1], OPEN[2]]),
        ([one("calib_level", "2")], SEEN), ([one("calib_level", "1", "3")], []), ([one("calib_level", 2.5)], []),
        ([one("filters", "F212N")], SEEN), ([one("filters", "F212N;WLM8")], SEEN), ([one("filters", "F212")], []),
        ([one("filters", "f2_2n")], []),
        ([one("target_name", freeText="STAR-%")], list(OPEN)),
        ([one("target_name", "M-31", freeText="STAR-4")], [EXCLUSIVE, RESTRICTED, OPEN[4]]),
        ([one("obs_id", freeText="jw%_00001_%")], [EXCLUSIVE, OPEN[0]]), ([one("obs_id", freeText="jw0272640200_%")], []),
        ([one("t_min", {"min": 59917.0, "max": 59917.2})], SEEN),
        ([one("t_min", {"min": 0, "max": 1}, {"min": 59917, "max": 59918})], SEEN),
        ([one("t_obs_release", {"min": 60282.25, "max": 60282.25})], [EXCLUSIVE]), ([one("em_min", {"min": 2108, "max": 2110})], SEEN),
        ([one("t_obs_release", {"min": -1e300, "max": 1e300})], [EXCLUSIVE, *OPEN]),
        ([one("proposal_id", "2726")], list(OPEN)),
        ([one("proposal_id", "02726", "1")], list(OPEN)), ([one("proposal_id", freeText="12*")], [EXCLUSIVE, RESTRICTED]),
        ([one("dataRights", "RESTRICTED")], [RESTRICTED]), ([one("obsid", "1")], [OPEN[0]]), ([one("obsid", "2", "x")], []),
        ([one("proposal_type", "GO")], []), ([one("target_name")], SEEN), ([one("target_name", "' OR 1=1 --")], []),
        ([one("s_region", freeText="POLYGON ICRS 80.01%")], [EXCLUSIVE, RESTRICTED, OPEN[0]]),
    ],
)  # fmt: skip
def test_filters_choose(there, asked, wanted):
    assert names(found(there[1], *asked)) == sorted(wanted)


@pytest.mark.parametrize("columns", ["obs_id", "obs_id, s_ra", "COUNT_BIG(*)"])
def test_columns_are_chosen(there, columns):
    answer = invoked(there[1], "Mast.Caom.Filtered", {"columns": columns, "filters": []}).json()
    fields = [field["name"] for field in answer["fields"]]
    assert fields == (["Column1"] if "COUNT" in columns else columns.split(", "))
    assert all(list(row) == fields for row in answer["data"])


@pytest.mark.parametrize("cone", [None, (80.0, -69.5, 0.02), (80.2, -69.5, 0.2), (0, 90, 180), (440.1, -69.5, 0.0001), (10, 10, 5)])
def test_pages_together_are_all_rows_once(there, cone):
    client = there[1]
    service = "Mast.Caom.Cone" if cone else "Mast.Caom.Filtered"
    params = dict(zip(("ra", "dec", "radius"), cone, strict=True)) if cone else {"columns": "*", "filters": []}
    whole = invoked(client, service, params).json()
    pages = [invoked(client, service, params, pagesize=2, page=n).json() for n in range(1, 6)]
    assert [row for page in pages for row in page["data"]] == whole["data"]
    total = len(whole["data"])
    assert pages[0]["paging"] == {
        "page": 1,
        "pageSize": 2,
        "pagesFiltered": max(1, -(-total // 2)),
        "rows": min(2, total),
        "rowsFiltered": total,
        "rowsTotal": total,
    }
    assert {(80.0, -69.5, 0.02): 3, (80.2, -69.5, 0.2): 7, (0, 90, 180): 7, (440.1, -69.5, 0.0001): 1, (10, 10, 5): 0, None: 7}[
        cone
    ] == total


def test_a_place_is_looked_for_with_filters_and_counted(there):
    client = there[1]
    params = {"columns": "*", "filters": [one("target_name", freeText="STAR%")], "position": "80.0, -69.5, 0.02"}
    assert names(invoked(client, "Mast.Caom.Filtered.Position", params).json()["data"]) == [OPEN[0]]
    counted = invoked(client, "Mast.Caom.Filtered.Position", params | {"columns": "COUNT_BIG(*)"}).json()
    assert counted["data"] == [{"Column1": 1}]


def test_a_place_that_holds_too_much_is_refused(there, monkeypatch):
    monkeypatch.setattr("dmsops.services.portal_rows.MOST_PLACED", 6)
    assert "give a smaller radius" in invoked(there[1], "Mast.Caom.Cone", {"ra": 80, "dec": -69.5, "radius": 10}).json()["msg"]
    assert invoked(there[1], "Mast.Caom.Cone", {"ra": 80, "dec": -69.5, "radius": 0.02}).json()["status"] == "COMPLETE"


def test_the_distance_is_that_to_the_footprints_middle(there):
    row = invoked(there[1], "Mast.Caom.Cone", {"ra": 80.1, "dec": -69.5, "radius": 0.0001}).json()["data"][0]
    assert row["distance"] == pytest.approx(0.0, abs=0.01)
    far = invoked(there[1], "Mast.Caom.Cone", {"ra": 80.1, "dec": -69.52, "radius": 0.02}).json()["data"][0]
    assert far["distance"] == pytest.approx(72.0, abs=0.1)


WHO = {
    "": SEEN,
    "other": SEEN,
    "partner": SEEN,
    "pi": sorted([*SEEN, HIDDEN]),
    "full": sorted([*SEEN, HIDDEN]),
    "staff": sorted([*SEEN, HIDDEN]),
}


@pytest.mark.parametrize("who", WHO)
def test_hidden_observations_are_in_no_answer_but_to_those_whose_they_are(there, who):
    offered, client = there
    token = getattr(offered.tokens, who) if who else ""
    assert names(found(client, token=token)) == WHO[who]
    near = invoked(client, "Mast.Caom.Cone", {"ra": 80, "dec": -69.5, "radius": 1}, token).json()
    assert names(near["data"]) == WHO[who]
    assert near["paging"]["rowsTotal"] == len(WHO[who])
    count = invoked(client, "Mast.Caom.Filtered", {"columns": "COUNT_BIG(*)", "filters": []}, token).json()
    assert count["data"][0]["Column1"] == len(WHO[who])
    total = invoked(client, "Mast.Caom.All", {}, token).json()["data"]["Tables"][0]["Columns"][0]["ExtendedProperties"]["histObj"]
    assert total["JWST"] == len(WHO[who])
    everything = ",".join(str(n) for n in range(1, 40))
    files = invoked(client, "Mast.Caom.Products", {"obsid": everything}, token).json()
    assert {row["obs_id"] for row in files["data"]} == set(WHO[who])
    headers = {"Authorization": f"token {token}"} if token else {}
    searched = client.post("/search/jwst/api/v0.1/search", json={"conditions": []}, headers=headers).json()
    assert sorted(row["fileSetName"] for row in searched["results"]) == WHO[who]
    listed = client.post("/search/jwst/api/v0.1/post_list_products", json={"dataset_ids": [HIDDEN, OPEN[0]]}, headers=headers).json()
    assert {row["dataset"] for row in listed["products"]} == {OPEN[0], *({HIDDEN} & set(WHO[who]))}


def test_a_description_is_seen_exactly_from_its_release_on(mine):
    offered, client = mine
    offered.ops.clock.advance(YEAR - timedelta(hours=1, microseconds=1))
    assert HIDDEN not in names(found(client))
    assert found(client, one("obs_id", EXCLUSIVE))[0]["dataRights"] == "EXCLUSIVE_ACCESS"
    offered.ops.clock.advance(timedelta(microseconds=1))
    assert HIDDEN in names(found(client))
    assert found(client, one("obs_id", EXCLUSIVE))[0]["dataRights"] == "PUBLIC"


def test_all_files_of_observations_are_listed_once(there):
    client = there[1]
    ids = {row["obs_id"]: row["obsid"] for row in found(client)}
    answer = invoked(client, "Mast.Caom.Products", {"obsid": f"{ids[OPEN[1]]},{ids[EXCLUSIVE]},{ids[OPEN[1]]}, 999, x"}).json()
    assert [row["dataURI"] for row in answer["data"]] == [uri(root, s) for root in (EXCLUSIVE, OPEN[1]) for s in sorted(SUFFIXES)]
    assert {(row["obsID"], row["parent_obsid"], row["dataRights"]) for row in answer["data"] if row["obs_id"] == EXCLUSIVE} == {
        (ids[EXCLUSIVE], ids[EXCLUSIVE], "EXCLUSIVE_ACCESS")
    }
    recommended = [row["productSubGroupDescription"] for row in answer["data"] if row["productGroupDescription"]]
    assert recommended == ["CAL", "RATE", "CAL", "RATE"]
    pages = [
        invoked(client, "Mast.Caom.Products", {"obsid": ",".join(ids.values())}, pagesize=4, page=n).json()["data"] for n in range(1, 8)
    ]
    assert len({row["dataURI"] for page in pages for row in page}) == len(SEEN) * len(SUFFIXES) == sum(map(len, pages))


def test_files_of_many_observations_are_paged_across_lots(there, monkeypatch):
    monkeypatch.setattr("dmsops.services.portal._LOT", 2)
    client = there[1]
    asked = {"obsid": ",".join(row["obsid"] for row in found(client))}
    whole = invoked(client, "Mast.Caom.Products", asked).json()
    pages = [invoked(client, "Mast.Caom.Products", asked, pagesize=4, page=n).json() for n in range(1, 7)]
    assert [row["dataURI"] for page in pages for row in page["data"]] == [row["dataURI"] for row in whole["data"]]
    assert {page["paging"]["rowsTotal"] for page in pages} == {len(SEEN) * len(SUFFIXES)}


def test_an_observation_keeps_its_number_through_reprocessing_and_withdrawal(mine, tmp_path):
    offered, client = mine
    before = {row["obs_id"]: row["obsid"] for row in found(client)}
    ingest(offered.ops, [product_of(write_product(tmp_path / f"{OPEN[0]}_cal.fits", value=77.0))])
    withdraw(offered.ops, [OPEN[1]], ticket=preview(offered.ops, [OPEN[1]]).hash, reason="test")
    assert {row["obs_id"]: row["obsid"] for row in found(client)} == {k: v for k, v in before.items() if k != OPEN[1]}
    files = invoked(client, "Mast.Caom.Products", {"obsid": before[OPEN[0]]}).json()["data"]
    assert [row["productFilename"] for row in files] == [f"{OPEN[0]}_cal.fits"]
    restore(offered.ops, [OPEN[1]], ticket=preview(offered.ops, [OPEN[1]], back=True).hash, reason="test")
    assert {row["obs_id"]: row["obsid"] for row in found(client)} == before


def test_an_observation_is_one_row_of_its_best_plane(there):
    offered, client = there
    with offered.ops.db.connect() as c:
        assert c.execute(sa.select(sa.func.count()).select_from(plane).where(plane.c.observation_id == OPEN[0])).scalar_one() == 2
    rows = found(client, one("obs_id", OPEN[0]))
    assert [row["calib_level"] for row in rows] == [2]
    assert rows[0]["dataURL"] == uri(OPEN[0])


def filtered(*asked, **more):
    return {"service": "Mast.Caom.Filtered", "params": {"filters": [*asked], **more}}


def coned(ra, dec, radius):
    return {"service": "Mast.Caom.Cone", "params": {"ra": ra, "dec": dec, "radius": radius}}


def products(obsid):
    return {"service": "Mast.Caom.Products", "params": {"obsid": obsid}}


NO_SERVICE = [{"service": name} for name in ("Mast.Nonsense", ["Mast.Caom.Cone"], None, "\ud800", "Mast.Name.Lookup", "Mast.Caom.Products")]
NO_PLACE = [
    coned("x", 0, 1), coned(float("nan"), 0, 1), coned(0, 91, 1), coned(1e999, 0, 1), coned(0, 0, 181), coned(0, 0, None),
    {"service": "Mast.Caom.Filtered.Position", "params": {"position": "1,2"}}, {"service": "Mast.Caom.Filtered.Position"},
    {"service": "Mast.Caom.Cone", "params": []},
]  # fmt: skip
NO_FILTER = [
    filtered(1), filtered(one("nonsense", 1)), filtered(one("s_ra", "x")), filtered({"paramName": "obs_id", "values": 5}),
    filtered(one({"a": 1}, 1)), filtered(one("obs_id", {"min": 1, "max": 2})), filtered(one("s_ra", {"min": 1})),
    filtered(one("obs_id", ["x"])), filtered(one("obs_id", "a\x00b")), filtered(one("target_name", "\ud800")), filtered(one("s_ra", True)),
    filtered(one("obs_id", freeText="%" * 9)), filtered(one("obs_id", freeText="x" * 201)), filtered(one("obs_id", *range(1001))),
    filtered(one("filters", *range(101))), filtered(*[one("obs_id", "x")] * 51),
    filtered(*[one("obs_id", *range(999))] * 6), filtered(columns="nonsense"), filtered(columns=5),
    {"service": "Mast.Caom.Filtered", "params": {"filters": "x"}},
]  # fmt: skip
NO_PAGE = [filtered() | more for more in ({"page": 0}, {"pagesize": "x"}, {"page": 10**30}, {"format": "votable"})]
NO_FILES = [products("x"), products({"a": 1}), products([*range(20_001)])]
BAD = [*NO_SERVICE, *NO_PLACE, *NO_FILTER, *NO_PAGE, *NO_FILES]


@pytest.mark.parametrize("request_given", BAD, ids=range(len(BAD)))
def test_what_cannot_be_asked_is_said_in_a_sentence(there, request_given):
    response = there[1].post("/api/v0/invoke", data={"request": json.dumps(request_given)})
    answer = response.json()
    assert (response.status_code, answer["status"]) == (200, "ERROR")
    assert len(answer["msg"]) > 20
    assert answer["error"]["code"] == "input.bad"


@pytest.mark.parametrize("text", ["", "x", "[]", "{", "[" * 100_000, "\ud800"])
def test_what_is_no_request_is_said_to_be_none(there, text):
    assert there[1].post("/api/v0/invoke", content=f"request={text}".encode("utf-8", "replace")).json()["status"] == "ERROR"


def test_many_filters_with_many_values_are_answered(there):
    many = [one("obs_id", *range(1000)), one("filters", *range(100)), *[one("s_ra", *[{"min": n, "max": n + 1} for n in range(100)])] * 38]
    assert found(there[1], *many) == []


def test_columns_are_described_with_units_and_kinds(there):
    described = there[1].post("/portal/Mashup/Mashup.asmx/columnsconfig", data={"colConfigId": "Mast.Caom.Cone"}).json()
    assert described["em_min"]["vot.unit"] == "nm"
    assert described["s_ra"]["vot.datatype"] == "double"
    assert (described["obsid"]["vot.datatype"], described["filters"]["separator"]) == ("long", ";")
    assert all(column["vot.description"] for column in described.values())
    unknown = there[1].post("/portal/Mashup/Mashup.asmx/columnsconfig", data={"colConfigId": "x"}).json()
    assert unknown["status"] == "ERROR"


def test_who_asks_is_said_by_token_and_by_cookie(there):
    offered, client = there
    for given_by in (
        {"headers": {"Authorization": f"Bearer {offered.tokens.pi}"}},
        {"headers": {"Cookie": f"mast_token={offered.tokens.pi}"}},
    ):
        assert client.get("/whoami", **given_by).json()["eppn"] == "pi"
    assert client.get("/whoami").json()["anon"] is True
    wrong = client.get("/whoami", headers={"Authorization": "token mast_wrong"})
    assert (wrong.status_code, wrong.json()["anon"]) == (200, True)


_WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8)
_VALUE = st.one_of(
    _WORDS, st.integers(), st.floats(), st.booleans(), st.none(), st.fixed_dictionaries({"min": st.floats(), "max": st.floats()})
)
_COLUMN = st.sampled_from([column.name for column in view_of("observations").columns])
_FILTER = st.fixed_dictionaries({"paramName": _COLUMN, "values": st.lists(_VALUE, max_size=3)}, optional={"freeText": _WORDS})


@given(st.lists(_FILTER, max_size=3), st.sampled_from(["Mast.Caom.Filtered", "Mast.Caom.Filtered.Position"]))
@settings(max_examples=60)
def test_any_filter_is_answered_or_refused_and_shows_nothing_hidden(there, asked, service):
    response = invoked(there[1], service, {"columns": "*", "filters": asked, "position": "80, -69.5, 1"})
    assert response.status_code == 200
    assert HIDDEN not in response.text


CONDITION = st.text(st.sampled_from("!*%.,<>=_\\'\"ab1- "), max_size=12)


@given(st.sampled_from([column.name for column in view_of("filesets").columns]), CONDITION)
@settings(max_examples=60)
def test_any_condition_is_answered_or_refused(there, column, text):
    response = there[1].post("/search/jwst/api/v0.1/search", json={"conditions": [{column: text}]})
    assert response.status_code in (200, 400)
    assert HIDDEN not in response.text.partition('"results"')[2]


@given(
    st.lists(st.sampled_from(["STAR-0", "M-31", "star_0", "a%b", "x\\y", "%"]), min_size=1, max_size=4),
    st.sampled_from(["star%", "*-3*", "%_0", "M-31", "%\\y", "a%"]),
)
def test_patterns_match_as_they_read(texts, pattern):
    view = view_of("observations")
    column = view.column("target_name")
    engine = sa.create_engine("sqlite://")
    with engine.begin() as c:
        observation.create(c)
        for number, text in enumerate(texts):
            values = {
                "id": str(number),
                "collection": "x",
                "kind": "x",
                "version": 1,
                "state": "archived",
                "target": text,
                "changed_at": START,
            }
            c.execute(sa.insert(observation).values(values))
        chosen = c.execute(sa.select(observation.c.target).where(filters.like(column, pattern))).scalars().all()
    import re

    wanted = pattern.replace("*", "%")
    wanted = wanted if "%" in wanted else f"%{wanted}%"
    rule = re.compile(".*".join(map(re.escape, wanted.split("%"))), re.IGNORECASE | re.DOTALL)
    assert sorted(chosen) == sorted(text for text in texts if rule.fullmatch(text))


def test_both_databases_give_the_same(database, tmp_path):
    ops = small_site(tmp_path / "site", START, database=database, serve_per_second=0) if not database else on(database, tmp_path)
    offered = Offered(ops=ops, files=offer(ops, tmp_path / "products"), tokens=let_in(ops))
    with served(ops) as base, httpx2.Client(base_url=base) as client:
        assert names(found(client, one("t_obs_release", {"min": 60282, "max": 60283}), one("filters", "WLM8"), one("calib_level", 2))) == [
            EXCLUSIVE
        ]
        assert names(found(client, one("target_name", "m-31", freeText="STAR-%"), token=offered.tokens.pi)) == sorted([*SEEN, HIDDEN])
        assert names(invoked(client, "Mast.Caom.Cone", {"ra": 80, "dec": -69.5, "radius": 0.02}).json()["data"]) == sorted(
            [EXCLUSIVE, RESTRICTED, OPEN[0]]
        )
        ids = {row["obs_id"]: row["obsid"] for row in found(client)}
        assert len(invoked(client, "Mast.Caom.Products", {"obsid": ",".join(ids.values())}).json()["data"]) == 3 * len(SEEN)
        asked = {
            "conditions": [{"program": "1..2726"}, {"targ_ra": ">80.15"}, {"publicReleaseDate": "2022-12*"}],
            "sort_by": ["targ_ra"],
            "sort_desc": [True],
        }
        searched = client.post("/search/jwst/api/v0.1/search", json=asked).json()
        assert [row["fileSetName"] for row in searched["results"]] == [OPEN[4], OPEN[3], OPEN[2]]
        assert [row["program"] for row in searched["results"]] == [2726] * 3
        assert client.get("/api/v0.1/Download/file", params={"uri": uri(OPEN[0])}).content == offered.files[f"{OPEN[0]}_cal.fits"]
        assert client.get("/api/v0.1/Download/file", params={"uri": "mast:JWST/product/\x00"}).status_code == 400
    ops.db.dispose()


def on(database, tmp_path):
    """Open a site whose database is another server's."""
    from dmsops.core import db
    from dmsops.core.clock import SimulatedClock
    from dmsops.core.people import Person, Role
    from dmsops.ops import connect, create_site

    db.upgrade(database)
    site = create_site(tmp_path / "site", lead="tester", database=database)
    return connect(site, operator=Person("tester", Role.LEAD), clock=SimulatedClock(START), serve_per_second=0)
