"""The archive board without a browser: repairs of one and of many, verbs that do not fit, and damaged objects."""

from __future__ import annotations

import asyncio
import threading

import sqlalchemy as sa

from dashboards.app import archive_lists, archive_repairs
from dashboards.app.archive_view import PAGE, ArchiveView
from dmsops.archive import finding_queries, fixity, pages
from dmsops.archive.tables import archived_product
from dmsops.ops import Ops
from tests.browser import archive_site as site_of
from tests.unit.dashboards.boards import do, drawn_again


def number(site: Ops, check: str) -> str:
    (row,) = finding_queries.findings(site, checks=(check,), text="defect")
    return str(row["id"])


def looked_at_again(view: ArchiveView) -> None:
    """Wait for the long work, and draw what came of it."""
    view.hub.work.wait()
    drawn_again(view)


def test_a_verb_that_fits_none_of_the_filters_findings_is_not_offered_and_says_so(site, board):
    html = board(view="findings").picture.html
    assert "Repair the 2 that the doctor can…" in html
    assert "I work on it: all 4…" in html
    assert "Open it again: None of them is acknowledged or waived." in html
    html = board(view="findings", state="fixed").picture.html
    assert "For all" not in html
    html = board(view="findings", state="all", text="defect").picture.html
    assert "Accept it as it is: all 3…" in html
    site_of.many(site, 2)
    html = board(view="findings", text="jw09999").picture.html
    assert "The doctor can repair none of them: each says what is to be done." in html


def test_the_preview_of_many_counts_what_the_doctor_cannot_and_says_why(board):
    view = board(view="findings")
    asyncio.run(view._pick("deed all-repair"))
    assert "2 other findings will not be touched: a person acts there." in view.pane.preview.html
    assert "there is no other copy on the site" in view.pane.preview.html
    view.pane.close("")
    assert "1 repair done, 1 finding fixed, by otto." in do(view, "all-repair", 1)


def test_many_repairs_go_on_beside_the_page_which_says_how_far_they_are(site, board, monkeypatch):
    lost = [site_of.found("C33", identity, "not as its rows", fix="rows") for identity in (site_of.SOUND, site_of.HURT)]
    site_of.audited(site, lost, ())
    monkeypatch.setattr(archive_repairs, "AT_ONCE", 1)
    view = board(view="findings", check="C33")
    assert do(view, "all-repair", 2) == "2 repairs begun, by otto. How far they are stands above."
    looked_at_again(view)
    piece = view.hub.work.piece
    assert (piece.done, piece.total) == (2, 2)
    assert "2 repairs done, 2 findings fixed." in view.top.html
    assert not finding_queries.findings(site, checks=("C33",))


def test_repairs_of_many_wait_for_what_is_under_way(site, board, monkeypatch):
    monkeypatch.setattr(archive_repairs, "AT_ONCE", 0)
    view, go_on = board(view="findings", row=number(site, "C33")), threading.Event()
    view.hub.work.begin(site, "A long look", lambda _: str(go_on.wait(30)))
    asyncio.run(view._pick("deed repair"))
    assert "A long look is under way. Look again when it has ended." in view.pane.preview.html
    assert view.pane.confirm.disabled
    go_on.set()
    view.hub.work.wait()


def test_stale_products_are_left_to_a_lead(site, board):
    site_of.audited(site, [site_of.found("C41", site_of.HURT, "taken out", fix="retire")], ())
    here = {"view": "findings", "row": number(site, "C41")}
    view = board(**here)
    assert "Repair it: &#x27;doctor repair&#x27; needs the role lead; otto is operator" in view.story.html
    asyncio.run(view._pick("deed all-repair"))
    assert "1 finding will not be touched: taking stale products out needs the role lead." in view.pane.preview.html
    assert "Repair it…" in board("lena", **here).story.html


def test_what_is_settled_is_not_repaired_and_says_why(site, board):
    view = board(view="findings", row=number(site, "C33"))
    do(view, "waive")
    assert "Repair it: It is waived: open it again first." in view.story.html


def test_damaged_objects_are_listed_by_the_page_and_found_by_name(site, board):
    names = [f"jw09998{n:03d}001_03104_00001_nrcb1_cal.fits" for n in range(PAGE + 30)]
    held = {"version": 1, "suffix": "cal", "size": 1, "current": True, "archived_at": site.clock.now()}
    bad = {"checked_at": site.clock.now(), "outcome": "diffChecksum", "observed": "sha256:0"}
    with site.db.begin() as c:
        rows = [{"observation_id": name[:-9], "name": name, "sha256": f"{n:064x}", **held} for n, name in enumerate(names)]
        c.execute(sa.insert(archived_product), rows)
        fixity.note(c, [{"sha256": f"{n:064x}", **bad} for n in range(PAGE + 40)])  # ten of them are nobody's any more
    view = board(view="objects")
    assert f"{PAGE + 31:,} stored objects damaged or missing" in view.top.html
    assert f"1 to {PAGE} of {PAGE + 31}" in view.picture.html
    assert view.list.html.count("<tr class") == PAGE
    view.address.text = "jw09998077 cal"
    assert view.list.html.count("<tr class") == 1
    assert names[77] in view.list.html
    view.address.text = "no such name"
    assert f"None of the {PAGE + 31} is so: “no such name”" in view.list.html
    view.open_row(f"{5:064x}")
    assert names[5] in view.story.html


def test_an_object_that_was_put_right_by_hand_is_read_again_and_leaves_the_list(site, board):
    (bad,) = pages.damaged(site)
    path = site.store.path(bad["sha256"])
    path.chmod(0o644)
    path.write_bytes((site.settings.site / "given" / site_of.HURT / bad["names"][0].split(" ")[0]).read_bytes())
    view = board(view="objects", row=bad["sha256"])
    assert "Reading it again, begun by otto." in do(view, "again", 0)
    looked_at_again(view)
    assert "its bytes are good" in view.top.html
    assert (view.seen.damaged, pages.damaged(site)) == (0, [])
    assert archive_lists.LISTS["objects"].empty in view.list.html
