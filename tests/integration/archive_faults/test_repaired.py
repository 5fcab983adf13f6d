"""F35 to F37 from end to end, through P16's verbs: struck, found by an audit, shown, repaired, found no more, and on record.

Where no repair can be had, the finding names what a person does; that done, the next audit finds nothing either.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from dmsops.archive import finding_queries, fixity, partners, queries, withdraw
from dmsops.archive.ingest import ingest, product_of
from dmsops.archive.tables import archived_product
from dmsops.catalogue import Product
from dmsops.catalogue.registry import Scope
from dmsops.core.db import reading
from dmsops.core.errors import NotAllowed
from dmsops.core.journal import journal
from dmsops.core.people import Person, Role
from dmsops.flows import doctor
from dmsops.ops import Ops
from dmsops.procedures import caom_audit
from dmsops.testbed.faults import strike
from dmsops.workflow import blackboard
from tests.archives import wavefront_visit, written

Row = dict[str, Any]
_p = archived_product.c


def audited(ops: Ops) -> list[Row]:
    """Audit everything, bytes too, as P16 does; gives what stands. Then a minute passes."""
    caom_audit.carry_out(ops, caom_audit.order(ops, act=caom_audit.AUDIT, deep=True), ticket="", reason="")
    ops.clock.sleep(60)
    return caom_audit.standing(ops)


def struck(ops: Ops, fault: str, seed: int = 1) -> list[Row]:
    """Strike a site that is sound, and audit it."""
    assert doctor.examine(ops, Scope(deep=True)).findings == ()
    strike(ops, [fault], seed)
    return audited(ops)


def shown(ops: Ops, rows: list[Row]) -> caom_audit.Order:
    return caom_audit.order(ops, findings=[row["id"] for row in rows])


def repaired(ops: Ops, rows: list[Row], reason: str = "the disk was changed") -> str:
    """Look at the repair of findings, and do it; gives what P16 says of it. Then a minute passes."""
    asked = shown(ops, rows)
    done = caom_audit.carry_out(ops, asked, ticket=asked.ticket, reason=reason)
    ops.clock.sleep(60)
    return str(done["result"])


def story(ops: Ops, row: Row) -> list[tuple[str, str]]:
    return [(event["state"], event["reason"]) for event in finding_queries.story(ops, row["id"])["events"]]


def reasons(ops: Ops, event: str) -> list[str | None]:
    with reading(ops.db) as c:
        return list(c.execute(sa.select(journal.c.reason).where(journal.c.event == event).order_by(journal.c.seq)).scalars())


def saved(ops: Ops, folder: Path) -> Path:
    """Keep every current product outside of the site, as a partner does."""
    folder.mkdir()
    for row in queries.products(ops):
        shutil.copyfile(ops.store.path(row["sha256"]), folder / row["name"])
    return folder


def made_again(ops: Ops, folder: Path, name: str) -> str:
    """Let processing make a product anew, and ingest its observation with it; gives the observation."""
    path = written(ops, wavefront_visit(), folder / name, value=77.0)
    sha256 = ops.store.put(path)
    with ops.db.begin() as c:
        blackboard.publish(c, ops, name, sha256, path.stat().st_size, origin="processing")
        (identity,) = c.execute(sa.select(_p.observation_id).where(_p.name == name).distinct()).scalars()
        others = c.execute(sa.select(_p.name, _p.sha256).where(_p.observation_id == identity, _p.current, _p.name != name)).all()
    kept = [Product(name=row.name, sha256=row.sha256, path=ops.store.path(row.sha256)) for row in others]
    ingest(ops, [product_of(path), *kept])
    ops.clock.sleep(60)
    return str(identity)


FOUND_AND_FIXED = [("open", "found"), ("fixed", "not found any more")]


def test_f35_a_stale_product_is_taken_out_by_a_lead_and_its_absence_is_told_until_it_is_made_again(whole: Ops, tmp_path: Path) -> None:
    (row,) = struck(whole, "F35")
    assert (row["check"], row["state"], row["fix"]) == ("C41", "open", "retire")
    assert row["observed"] == "processing has taken it out and not made it again"
    name = row["uri"].rpartition("/")[2]
    assert shown(whole, [row]).rows[0]["change"] == f"taken out of the current set: {name}"
    with pytest.raises(NotAllowed):
        repaired(replace(whole, operator=Person("olga", Role.OPERATOR)), [row])
    assert repaired(whole, [row], "it was not made again") == "1 done, 0 failed, 0 still there, 1 fixed"
    assert story(whole, row) == FOUND_AND_FIXED
    assert reasons(whole, "archive.repaired") == reasons(whole, "observation.superseded") == ["it was not made again"]
    (lacking,) = audited(whole)
    assert (lacking["check"], lacking["expected"].split(",")[0]) == ("C04", name)
    made_again(whole, tmp_path / "anew", name)
    assert audited(whole) == []


@pytest.mark.parametrize(("fault", "check"), [("F36", "C11"), ("F36D", "C14")])
@pytest.mark.parametrize("seed", [1, 2])
def test_f36_bytes_come_back_from_a_partners_copy_in_the_inbox(whole: Ops, tmp_path: Path, fault: str, check: str, seed: int) -> None:
    partner = saved(whole, tmp_path / "partner")
    (row,) = struck(whole, fault, seed)
    assert (row["check"], row["state"], row["fix"]) == (check, "open", "bytes")
    assert "P16" in row["remedy"]
    name = row["uri"].rpartition("/")[2]
    (left,) = shown(whole, [row]).left
    assert "there is no other copy on the site. Bring a copy from a partner into the inbox" in left["why"]
    shutil.copy(partner / name, whole.settings.folder("inbox"))
    assert f"from inbox/{name}" in shown(whole, [row]).rows[0]["change"]
    assert repaired(whole, [row]) == "1 done, 0 failed, 0 still there, 1 fixed"
    assert audited(whole) == []
    assert story(whole, row) == FOUND_AND_FIXED
    assert reasons(whole, "observation.bytes-restored") == reasons(whole, "archive.repaired") == ["the disk was changed"]
    assert len(list((whole.settings.folder("store") / "damaged").glob("*"))) == (fault == "F36D")


@pytest.mark.parametrize("fault", ["F36", "F36D"])
def test_f36_without_a_copy_names_the_procedures_and_is_fixed_when_the_same_bytes_are_made_again(
    whole: Ops, tmp_path: Path, fault: str
) -> None:
    partner = saved(whole, tmp_path / "partner")
    (row,) = struck(whole, fault)
    asked = shown(whole, [row])
    assert (asked.rows, asked.ticket) == ((), "")
    assert all(procedure in asked.left[0]["why"] for procedure in ("P08", "P11", "P16"))
    whole.store.put(partner / row["uri"].rpartition("/")[2])
    assert audited(whole) == []
    assert story(whole, row) == FOUND_AND_FIXED


def test_f36_other_bytes_from_reprocessing_supersede_and_a_person_puts_the_loss_of_those_before_on_record(
    whole: Ops, tmp_path: Path
) -> None:
    (row,) = struck(whole, "F36")
    name = row["uri"].rpartition("/")[2]
    made_again(whole, tmp_path / "anew", name)
    (lost,) = [found for found in audited(whole) if found["check"] == "C11"]
    assert (lost["uri"], lost["fix"]) == (f"{row['uri']} (version 1)", "bytes")
    assert story(whole, row) == FOUND_AND_FIXED
    (left,) = shown(whole, [lost]).left
    assert "waive the finding with the reason: that puts the loss on record" in left["why"]
    asked = caom_audit.order(whole, act="waive", findings=[lost["id"]])
    caom_audit.carry_out(whole, asked, ticket=asked.ticket, reason="no partner has version 1 any more")
    assert reasons(whole, "finding.waived") == ["no partner has version 1 any more"]
    assert [found for found in audited(whole) if found["check"] == "C11"] == []
    assert finding_queries.story(whole, lost["id"])["state"] == "waived"


def superseded(ops: Ops, tmp_path: Path) -> tuple[Any, Path]:
    """Supersede a product, and damage the bytes of its first version; gives that version's row, and a sound copy."""
    name = next(row["name"] for row in queries.products(ops) if row["name"].endswith("_cal.fits"))
    copy = saved(ops, tmp_path / "partner") / name
    made_again(ops, tmp_path / "anew", name)
    with reading(ops.db) as c:
        first = c.execute(sa.select(archived_product).where(_p.name == name, _p.version == 1)).one()
    path = ops.store.path(first.sha256)
    path.chmod(0o644)
    path.write_bytes(b"spoilt" + path.read_bytes()[6:])
    return first, copy


@pytest.mark.parametrize("withdrawn", [False, True])
def test_damaged_bytes_of_a_superseded_version_come_back_from_a_copy_also_when_all_is_withdrawn(
    whole: Ops, tmp_path: Path, withdrawn: bool
) -> None:
    first, copy = superseded(whole, tmp_path)
    if withdrawn:
        plan = withdraw.preview(whole, [first.observation_id])
        withdraw.withdraw(whole, [first.observation_id], ticket=plan.hash, reason="a wrong target")
        whole.clock.sleep(60)
    (row,) = [found for found in audited(whole) if found["check"] == "C14"]
    assert row["uri"].endswith(f"{first.name} (version 1)")
    shutil.copy(copy, whole.settings.folder("inbox"))
    (change,) = shown(whole, [row]).rows
    assert change["change"].startswith(f"{first.name}, version 1 (its bytes have sha256:")
    assert change["change"].endswith(f"from inbox/{first.name}")
    before = queries.products(whole, observation_id=first.observation_id)
    assert repaired(whole, [row]) == "1 done, 0 failed, 0 still there, 1 fixed"
    whole.store.verify(first.sha256)
    assert queries.products(whole, observation_id=first.observation_id) == before
    assert [found for found in audited(whole) if found["check"] == "C14"] == []


def test_the_document_of_a_withdrawn_observation_comes_back_from_a_copy_so_that_it_can_be_restored(whole: Ops) -> None:
    one = queries.observations(whole)[0]
    document = whole.store.path(one["xml_sha256"]).read_bytes()
    plan = withdraw.preview(whole, [one["id"]])
    withdraw.withdraw(whole, [one["id"]], ticket=plan.hash, reason="a wrong target")
    whole.store.remove(one["xml_sha256"])
    fixity.audit(whole)
    whole.clock.sleep(60)
    (row,) = [found for found in audited(whole) if found["check"] == "C11"]
    assert (row["check"], row["uri"]) == ("C11", f"caom:JWST-REHEARSAL/{one['id']}")
    assert "there is no other copy on the site" in shown(whole, [row]).left[0]["why"]
    (whole.settings.folder("inbox") / f"{one['id']}_caom.xml").write_bytes(document)
    assert repaired(whole, [row]) == "1 done, 0 failed, 0 still there, 1 fixed"
    back = withdraw.preview(whole, [one["id"]], back=True)
    withdraw.restore(whole, [one["id"]], ticket=back.hash, reason="it was the right one")
    whole.clock.sleep(60)
    assert audited(whole) == []


def test_f36r_rows_that_were_lost_are_written_again_and_nothing_is_announced(whole: Ops) -> None:
    rows = struck(whole, "F36R")
    assert {(row["check"], row["fix"], row["state"]) for row in rows} == {("C12", "describe", "open"), ("C45", "rows", "open")}
    assert {row["change"] for row in shown(whole, rows).rows} == {
        "nothing in the description; its rows are written again", "its rows are written again from its document",
    }  # fmt: skip
    assert repaired(whole, rows, "a hand slipped") == "2 done, 0 failed, 0 still there, 2 fixed"
    assert [story(whole, row) for row in rows] == [FOUND_AND_FIXED] * 2
    assert reasons(whole, "archive.repaired") == ["a hand slipped"]
    assert reasons(whole, "observation.superseded") == []
    assert audited(whole) == []


def test_f37_what_a_partner_missed_is_told_again_once_and_is_fixed_by_the_partners_next_inventory_only(whole: Ops) -> None:
    (row,) = struck(whole, "F37")
    assert (row["check"], row["state"], row["fix"]) == ("C48", "open", "announce")
    assert row["observed"].startswith("missed observation: elsewhere has not held")
    assert "P16" in row["remedy"]
    assert [one["change"] for one in shown(whole, [row]).rows] == ["version 2 is told, the same as version 1"]
    assert repaired(whole, [row], "they were down") == "1 done, 0 failed, 1 still there, 0 fixed"
    (still,) = audited(whole)
    assert (still["id"], still["state"]) == (row["id"], "open")
    assert "told again at" in still["expected"]
    assert "its next inventory closes the finding" in shown(whole, [still]).left[0]["why"]
    assert reasons(whole, "observation.superseded") == ["they were down"]
    whole.clock.sleep(600)
    (path,) = partners.partner_files(whole)
    path.write_bytes(partners.inventory(whole))
    assert audited(whole) == []
    assert story(whole, row) == FOUND_AND_FIXED


def test_f37_a_partner_that_misses_it_again_opens_the_way_to_tell_it_once_more(whole: Ops) -> None:
    (row,) = struck(whole, "F37")
    repaired(whole, [row])
    whole.clock.sleep(600)
    (path,) = partners.partner_files(whole)
    lines = partners.inventory(whole).splitlines(keepends=True)
    path.write_bytes(b"".join(line for line in lines if row["observation_id"].encode() not in line))
    (again,) = audited(whole)
    assert again["id"] == row["id"]
    assert [one["change"] for one in shown(whole, [again]).rows] == ["version 3 is told, the same as version 2"]


def test_f37_a_withdrawal_that_a_partner_missed_is_told_again_as_one(whole: Ops) -> None:
    identity = queries.observations(whole)[0]["id"]
    path = whole.settings.folder("inbox") / "partners" / "elsewhere.tsv"
    plan = withdraw.preview(whole, [identity])
    before = partners.inventory(whole)
    withdraw.withdraw(whole, [identity], ticket=plan.hash, reason="a wrong target")
    whole.clock.sleep(3600)
    head, _ = partners.inventory(whole).split(b"\n", 1)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(head + b"\n" + before.split(b"\n", 1)[1])
    (row,) = [found for found in audited(whole) if found["check"] == "C48"]
    assert row["observed"].startswith("missed delete: elsewhere has held since")
    assert [one["change"] for one in shown(whole, [row]).rows] == ["version 3 is told, the same as version 2"]
    assert repaired(whole, [row]) == "1 done, 0 failed, 1 still there, 0 fixed"
    assert [event["event"] for event in queries.unsent(whole) if event["observation_id"] == identity][-2:] == ["observation.withdrawn"] * 2
    (row,) = [found for found in audited(whole) if found["check"] == "C48"]
    assert "its next inventory closes the finding" in shown(whole, [row]).left[0]["why"]
    whole.clock.sleep(600)
    path.write_bytes(partners.inventory(whole))
    assert [found for found in audited(whole) if found["check"] == "C48"] == []
    assert story(whole, row) == FOUND_AND_FIXED
    assert queries.observations(whole, withdrawn=False) == [one for one in queries.observations(whole) if one["id"] != identity]
