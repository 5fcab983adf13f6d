"""Partners' inventories: read with care, and held against ours with the look-back of harvesters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmsops.archive import mending, rows, withdraw
from dmsops.archive.checks_sync import partner_holds_the_same
from dmsops.archive.ingest import ingest, product_of
from dmsops.archive.partners import DIFFERS, LOOK_BACK, MISSED, NOT_DELETED, TOLD_AGAIN, differences, inventory
from dmsops.archive.tables import tombstone
from dmsops.catalogue.registry import Scope
from dmsops.core.errors import BadInput, StalePlan
from dmsops.interfaces import partners
from dmsops.interfaces.partners import Held, read_inventory, write_inventory
from dmsops.ops import Ops
from dmsops.testing.products import write_product
from tests.archives import lay_inventory

NAMES = [f"jw02726402001_03104_0000{n}_nrca3" for n in (1, 2)]
TIMES = st.integers(0, 4_102_444_800_000).map(lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))
HELD = st.builds(
    Held,
    collection=st.just("JWST"),
    observation_id=st.from_regex(r"jw[0-9]{11}_[0-9]{5}_[0-9]{5}_nrca[1-5]", fullmatch=True),
    changed_at=TIMES,
    checksum=st.from_regex(r"md5:[0-9a-f]{32}", fullmatch=True) | st.just(""),
)


@pytest.fixture
def holding(ops: Ops, tmp_path: Path) -> Ops:
    """Give a site with two observations, an hour old."""
    for name in NAMES:
        ingest(ops, [product_of(write_product(tmp_path / f"{name}_uncal.fits", FILENAME=name))])
    ops.clock.advance(timedelta(hours=1))  # type: ignore[attr-defined]
    return ops


def kinds(ops: Ops, document: bytes) -> dict[str, str]:
    return {found.observation_id: found.kind for found in differences(ops, lay_inventory(ops, "esac", document))}


@given(st.lists(HELD, unique_by=lambda h: h.observation_id, max_size=20), TIMES)
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, held: list[Held], taken: datetime) -> None:
    path = tmp_path_factory.mktemp("inventory") / "esac.tsv"
    path.write_bytes(write_inventory(held, taken))
    found = read_inventory(path, "JWST")
    assert (found.name, found.taken_at, list(found.held.values())) == ("esac", taken, held)


@given(st.binary(max_size=400))
def test_whatever_a_partner_sends_is_read_or_refused_in_words(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("inventory") / "esac.tsv"
    path.write_bytes(content)
    said = ["esac.tsv", "P16"]
    try:
        read_inventory(path, "JWST")
    except BadInput as error:
        said = [word for word in said if word in error.message + error.remedy]
    assert said == ["esac.tsv", "P16"]


@pytest.mark.parametrize(
    ("line", "field"),
    [
        ("JWST\tobs\t2022-12-04T05:00:00.000", "line"),
        ("JW ST\tobs\t2022-12-04T05:00:00.000\tmd5:" + "0" * 32, "collection"),
        ("JWST\t../obs\t2022-12-04T05:00:00.000\tmd5:" + "0" * 32, "observationID"),
        ("JWST\tobs\tyesterday\tmd5:" + "0" * 32, "maxLastModified"),
        ("JWST\tobs\t2022-12-04T05:00:00.000\tsha256:00", "accMetaChecksum"),
        ("x" * 2000, "line"),
        ("\n".join(["JWST\tobs\t2022-12-04T05:00:00.000\t"] * 2), "observationID"),
    ],
)
def test_a_bad_line_is_named_with_its_field(tmp_path: Path, line: str, field: str) -> None:
    path = tmp_path / "esac.tsv"
    path.write_text("# taken 2022-12-04T06:00:00\n" + line + "\n")
    with pytest.raises(BadInput, match=rf"esac\.tsv: line [23]: field '{field}'"):
        read_inventory(path, "JWST")


def test_an_inventory_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partners, "LARGEST", 10)
    (tmp_path / "esac.tsv").write_text("# a comment\n")
    with pytest.raises(BadInput, match="may have 10 bytes"):
        read_inventory(tmp_path / "esac.tsv", "JWST")


def test_our_own_inventory_has_no_difference_and_says_when_it_was_taken(holding: Ops) -> None:
    document = inventory(holding)
    assert document.startswith(b"# taken 2022-12-04T05:51:16.000\nJWST\t")
    assert kinds(holding, document) == {}


def test_missed_discrepant_and_undeleted_are_told_apart(holding: Ops) -> None:
    head, first, second = inventory(holding).decode().splitlines()
    other = f"JWST\tjw02726402001_03104_00009_nrca3\t2022-12-04T04:00:00.000\tmd5:{'1' * 32}"
    of_others = f"HST\tu1234\t2022-12-04T04:00:00.000\tmd5:{'1' * 32}"
    wrong = first[:-32] + "0" * 32
    found = kinds(holding, f"{head}\n{wrong}\n{other}\n{of_others}\n".encode())
    assert found == {NAMES[0]: DIFFERS, NAMES[1]: MISSED, "jw02726402001_03104_00009_nrca3": NOT_DELETED}
    assert second


def test_what_changed_within_the_look_back_or_later_is_no_difference(holding: Ops, tmp_path: Path) -> None:
    changed = holding.clock.now() - timedelta(hours=1)
    assert kinds(holding, write_inventory([], changed + LOOK_BACK - timedelta(seconds=1))) == {}
    assert kinds(holding, write_inventory([], changed - timedelta(days=1))) == {}
    assert kinds(holding, write_inventory([], changed + LOOK_BACK)) == dict.fromkeys(NAMES, MISSED)


def test_a_withdrawal_that_just_happened_is_no_missed_delete(holding: Ops) -> None:
    document = inventory(holding)
    now = holding.clock.now()
    with holding.db.begin() as c:
        rows.withdraw(c, NAMES[0], version=2, changed_at=now)
        values = {"observation_id": NAMES[0], "products": {}, "xml_sha256": None, "actor": "tester", "reason": "a test", "at": now}
        c.execute(tombstone.insert().values(values))
    assert kinds(holding, document) == {}
    holding.clock.advance(timedelta(hours=1))  # type: ignore[attr-defined]
    later = document.replace(b"05:51:16", b"06:51:16")
    assert kinds(holding, later) == {NAMES[0]: NOT_DELETED}


def test_an_inventory_without_a_time_was_taken_when_its_file_was_written_but_not_in_the_future(holding: Ops) -> None:
    assert kinds(holding, b"") == dict.fromkeys(NAMES, MISSED)


def test_an_inventory_that_cannot_be_read_is_a_finding_and_others_are_still_held(holding: Ops) -> None:
    lay_inventory(holding, "cadc", b"\xff\xfe")
    lay_inventory(holding, "esac", write_inventory([], holding.clock.now()))
    found = list(partner_holds_the_same(holding, Scope()))
    assert [seen[1] for seen in found] == ["partner:cadc", *(f"caom:JWST/{name}#esac" for name in NAMES)]
    assert "cannot be read" in found[0][3]


def test_what_was_missed_and_told_again_stays_a_difference_until_the_next_inventory(holding: Ops) -> None:
    head, first, second = inventory(holding).decode().splitlines()
    taken = holding.clock.now()
    wrong = f"{head}\n{first[:-32]}{'0' * 32}\n".encode()
    assert kinds(holding, wrong) == {NAMES[0]: DIFFERS, NAMES[1]: MISSED}
    for name in NAMES:
        mending.tell_again(holding, name, reason="a partner missed it")
    assert kinds(holding, wrong) == {NAMES[0]: DIFFERS, NAMES[1]: MISSED}
    assert all(TOLD_AGAIN in found.ours for found in differences(holding, lay_inventory(holding, "esac", wrong)))
    assert kinds(holding, f"{head}\n{first}\n{second}\n".encode()) == {}
    assert kinds(holding, write_inventory([], taken - timedelta(hours=2))) == {}


def test_two_who_tell_it_again_at_once_tell_it_once(holding: Ops) -> None:
    was = mending.version(holding, NAMES[0])
    told = mending.tell_again(holding, NAMES[0], reason="a partner missed it", was=was)
    with pytest.raises(StalePlan, match=f"it has version {told}"):
        mending.tell_again(holding, NAMES[0], reason="a partner missed it", was=was)
    assert mending.version(holding, NAMES[0]) == told


def test_a_partner_may_hold_what_it_was_or_what_it_became_since(holding: Ops, tmp_path: Path) -> None:
    before = inventory(holding).decode().splitlines()
    path = write_product(tmp_path / f"{NAMES[0]}_uncal.fits", value=8.0, FILENAME=f"{NAMES[0]}_uncal.fits")
    ingest(holding, [product_of(path)])
    after = inventory(holding).decode().splitlines()
    (new,) = set(after) - set(before)
    assert kinds(holding, "\n".join(before).encode()) == kinds(holding, "\n".join([*before[:1], new, before[2]]).encode()) == {}
    assert kinds(holding, "\n".join([*before[:1], new[:-32] + "0" * 32, before[2]]).encode()) == {NAMES[0]: DIFFERS}
    plan = withdraw.preview(holding, [NAMES[0]])
    withdraw.withdraw(holding, [NAMES[0]], ticket=plan.hash, reason="a test")
    plan = withdraw.preview(holding, [NAMES[0]], back=True)
    withdraw.restore(holding, [NAMES[0]], ticket=plan.hash, reason="a test")
    assert kinds(holding, "\n".join([before[0], before[2]]).encode()) == {}
