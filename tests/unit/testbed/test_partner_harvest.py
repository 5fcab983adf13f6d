"""The second site's harvest: the newest word counts, nothing is believed, nothing lost is passed by."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from dmsops.core.db import reading
from dmsops.core.errors import BadInput, NotFound
from dmsops.testbed.partner.documents import Unfit, read
from dmsops.testbed.partner.feed import Line
from dmsops.testbed.partner.harvest import delete, harvest, note
from dmsops.testbed.partner.harvest import skipped as skipped_for
from dmsops.testbed.partner.site import PartnerSite, held, make, open_site, skip, state
from tests.unit.testbed.partner_archive import BASE, BEGAN, NAMES, Archive, feed_of, site_of

MINUTE = timedelta(minutes=1)


@pytest.fixture
def archive() -> Archive:
    """Give an archive with seven observations, a minute between each."""
    made = Archive()
    for n, name in enumerate(NAMES[:7]):
        made.put(name, BEGAN + n * MINUTE)
    return made


@pytest.fixture
def site(tmp_path: Path) -> Iterator[PartnerSite]:
    opened = site_of(tmp_path)
    yield opened
    opened.db.dispose()


def once(site: PartnerSite, archive: Archive):
    with feed_of(site, archive) as feed:
        return harvest(site, feed)


def holds(site: PartnerSite) -> dict[str, str]:
    with reading(site.db) as c:
        return {r.observation_id: r.checksum for r in c.execute(sa.select(held).where(held.c.checksum.is_not(None)))}


def skipped(site: PartnerSite) -> dict[str, str]:
    with reading(site.db) as c:
        return {r.observation_id: r.kind for r in c.execute(sa.select(skip))}


def test_everything_is_taken_page_by_page_and_only_once(site: PartnerSite, archive: Archive) -> None:
    assert once(site, archive).taken == 7
    assert holds(site) == archive.checksums()
    assert once(site, archive).taken == 0


def test_only_what_changed_is_asked_for_and_what_was_deleted_goes(site: PartnerSite, archive: Archive) -> None:
    once(site, archive)
    archive.put(NAMES[1], BEGAN + 20 * MINUTE)
    archive.delete(NAMES[2], BEGAN + 21 * MINUTE)
    done = once(site, archive)
    assert (done.taken, done.deleted) == (1, 1)
    assert holds(site) == archive.checksums()


def test_a_page_that_is_lost_is_asked_for_again_however_late(site: PartnerSite, archive: Archive) -> None:
    calls = iter(range(99))

    def second_page_lost(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        if "after" in request.url.params and next(calls) == 0:
            raise httpx2.ReadError("lost")
        return answer

    archive.twist = second_page_lost
    assert [*map(len, (once(site, archive).lost, holds(site)))] == [1, 3]
    site.clock.sleep(86_400)
    archive.put(NAMES[8], BEGAN + timedelta(days=1))
    assert once(site, archive).lost == ()
    assert holds(site) == archive.checksums()


def test_an_answer_to_another_question_is_not_read(site: PartnerSite, archive: Archive) -> None:
    def mixed_up(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        if "content-location" in answer.headers:
            answer.headers["content-location"] += "&maxrec=9"
        return answer

    archive.twist = mixed_up
    done = once(site, archive)
    assert done.listed == 0
    assert all("answer is one to" in words for words in done.lost)


def test_the_address_where_a_list_goes_on_is_not_believed(site: PartnerSite, archive: Archive) -> None:
    once(site, archive)
    assert {request.url.host for request in archive.asked} == {"archive.test"}


def test_a_list_that_goes_on_where_it_began_ends(site: PartnerSite, archive: Archive) -> None:
    def circle(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        if "link" in answer.headers:
            answer.headers["link"] = '<x?start=1970-01-01T00:00:00Z>; rel="next"'
        return answer

    archive.twist = circle
    assert once(site, archive).lost


WORDS = st.lists(st.tuples(st.sampled_from(["listed", "deleted"]), st.integers(1, 5)), min_size=1, max_size=8)


@given(WORDS)
def test_of_all_words_in_any_order_the_newest_counts(tmp_path_factory: pytest.TempPathFactory, words: list[tuple[str, int]]) -> None:
    # Two different words of one time cannot both be true: the archive's clock goes forward.
    said = {n: kind for kind, n in words}
    site = site_of(tmp_path_factory.mktemp("words"))
    with site.db.begin() as c:
        for _, n in words:
            at = BEGAN + n * MINUTE
            if said[n] == "deleted":
                delete(c, "x", at)
            else:
                note(c, site, Line(observation_id="x", at=at, checksum=f"md5:{n}"))
        row = c.execute(sa.select(held)).one()
    site.db.dispose()
    newest = max(said)
    assert (row.listed_checksum, row.deleted_at is None) == ((f"md5:{newest}", True) if said[newest] == "listed" else ("", False))


def changed_inside(answer: httpx2.Response) -> httpx2.Response:
    return httpx2.Response(200, content=answer.content.replace(b"A. Person", b"B. Person"), headers={"ETag": answer.headers["etag"]})


def test_a_document_that_is_not_what_its_sum_says_is_skipped_told_and_taken_when_it_is_well(tmp_path: Path, archive: Archive) -> None:
    site = site_of(tmp_path, token="secret")
    bad = NAMES[3]

    def spoilt(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        return changed_inside(answer) if request.url.path.endswith(f"observations/JWST/{bad}") else answer

    archive.twist = spoilt
    done = once(site, archive)
    assert (done.taken, done.skipped, skipped(site)) == (6, 1, {bad: "mismatching checksums"})
    site.clock.sleep(60)
    once(site, archive)
    (told,) = archive.told
    assert told["refusals"][0]["uri"] == f"caom:JWST/{bad}"
    assert told["refusals"][0]["reason"].startswith("mismatching checksums")
    site.clock.sleep(60)
    archive.twist = lambda _, answer: answer
    once(site, archive)
    assert holds(site) == archive.checksums()
    assert archive.told[-1] == {"refusals": [], "taken": [f"caom:JWST/{bad}"]}
    assert skipped(site) == {}
    site.db.dispose()


def test_what_is_told_has_no_letters_that_cannot_be_printed(tmp_path: Path, archive: Archive) -> None:
    site = site_of(tmp_path, token="secret")
    for _ in range(2):
        with site.db.begin() as c:
            skipped_for(c, site, NAMES[11], Unfit(kind="invalid observation", message="a\nb\x00c"))
    once(site, archive)
    assert archive.told[0]["refusals"][0]["reason"] == "invalid observation: a b c"
    site.db.dispose()


def test_what_is_cut_or_is_another_ones_is_no_document(archive: Archive) -> None:
    document, checksum = archive.document(NAMES[0])
    assert not isinstance(read("JWST", NAMES[0], document, checksum, checksum), Unfit)
    seen = [
        read("JWST", NAMES[0], document[:-100], checksum, checksum),
        read("JWST", NAMES[1], document, checksum, checksum),
        read("JWST", NAMES[0], b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + document, checksum, checksum),
        read("JWST", NAMES[0], document.replace(b"A. Person", b"B. Person"), checksum, checksum),
        read("JWST", NAMES[0], document, "md5:" + "0" * 32, checksum),
        read("JWST", NAMES[0], document, checksum, "md5:" + "0" * 32),
    ]
    kinds = [found.kind if isinstance(found, Unfit) else "taken" for found in seen]
    assert kinds == [
        "XML schema invalid", "invalid observation", "XML schema invalid", "mismatching checksums", "mismatching checksums",
        "changed since listed",
    ]  # fmt: skip


def test_a_document_that_changed_after_its_list_waits_for_the_next_list(site: PartnerSite, archive: Archive) -> None:
    changed = NAMES[2]

    def meanwhile(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        if request.url.path == "/caom/observations/JWST" and changed in answer.text and archive.at[changed] < BEGAN + 10 * MINUTE:
            archive.put(changed, BEGAN + 10 * MINUTE)
        return answer

    archive.twist = meanwhile
    once(site, archive)
    site.clock.sleep(60)
    once(site, archive)
    assert holds(site) == archive.checksums()


def test_a_list_that_was_put_right_at_its_place_is_read_there_again(site: PartnerSite, archive: Archive) -> None:
    wrong = NAMES[0]

    def lies(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        if "content-location" not in answer.headers:
            return answer
        text = answer.text.replace(archive.document(wrong)[1], "md5:" + "0" * 32)
        return httpx2.Response(200, text=text, headers={k: v for k, v in answer.headers.items() if k != "content-length"})

    archive.twist = lies
    once(site, archive)
    assert skipped(site) == {wrong: "changed since listed"}
    archive.twist = lambda _, answer: answer
    site.clock.sleep(7200)
    once(site, archive)
    assert holds(site) == archive.checksums()


def test_who_is_told_to_come_again_comes_again_and_not_for_ever(site: PartnerSite, archive: Archive) -> None:
    turns = iter([429, 503, 200, *[503] * 99])

    def busy(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        status = next(turns)
        return answer if status == 200 else httpx2.Response(status, headers={"Retry-After": "7"})

    archive.twist = busy
    began = site.now()
    done = once(site, archive)
    assert site.now() - began >= timedelta(seconds=14)
    assert done.lost


@pytest.mark.parametrize("text", ["", "JWST\tx\n", "JWST\tx\tnever\tmd5:0\n", "OTHER\tx\t2022-12-04T06:00:00.000\tmd5:0\n", "\x00" * 5000])
def test_a_list_that_is_none_is_not_taken(site: PartnerSite, archive: Archive, text: str) -> None:
    archive.twist = lambda _, __: httpx2.Response(200, text=text)
    done = once(site, archive)
    assert (done.listed, bool(done.lost)) == (0, bool(text))
    assert state(site)["observations"] == 0


def test_a_site_is_made_with_words(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="feed"):
        make(tmp_path / "a", "file:///etc")
    with pytest.raises(BadInput, match="files"):
        make(tmp_path / "a", BASE, files="some")
    with pytest.raises(NotFound, match="no partner"):
        open_site(tmp_path / "b")


def test_its_token_is_for_its_owner_alone(tmp_path: Path) -> None:
    folder = make(tmp_path / "a", BASE, token="secret")
    assert (folder / "token").stat().st_mode & 0o077 == 0


class Ended(BaseException):
    """The process ends here."""


def test_ended_at_any_call_the_next_harvest_goes_on(tmp_path: Path, archive: Archive) -> None:
    for n in range(11):
        site = site_of(tmp_path / str(n))
        calls = iter(range(99))

        def ends(request: httpx2.Request, answer: httpx2.Response, calls=calls, n=n) -> httpx2.Response:
            if next(calls) == n:
                raise Ended
            return answer

        archive.twist = ends
        with pytest.raises(Ended):
            once(site, archive)
        site.db.dispose()
        archive.twist = lambda _, answer: answer
        again = open_site(site.folder, clock=site.clock)
        assert once(again, archive).lost == ()
        assert holds(again) == archive.checksums()
        again.db.dispose()
