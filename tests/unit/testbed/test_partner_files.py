"""The second site's files and its full validation: only right bytes are kept, what broke off goes on, every difference has its class."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
import sqlalchemy as sa

from dmsops.core.db import reading
from dmsops.core.errors import Failed
from dmsops.core.files import locked
from dmsops.interfaces.partners import read_inventory
from dmsops.testbed.partner import validate as validating
from dmsops.testbed.partner.files import CHUNK, Synced, sync
from dmsops.testbed.partner.harvest import harvest
from dmsops.testbed.partner.site import PartnerSite, file, held
from dmsops.testbed.partner.validate import Validation, validate
from tests.unit.testbed.partner_archive import BEGAN, MADE, NAMES, Archive, feed_of, site_of

CONTENT = bytes(range(256)) * (CHUNK // 128)
"""Two pieces and more, so that it can break off between them."""


@pytest.fixture
def archive() -> Archive:
    """Give an archive with three observations, each of one file with bytes."""
    made = Archive()
    for n, name in enumerate(NAMES[:3]):
        made.files[first_of(name)] = CONTENT + bytes([n])
        made.put(name, BEGAN + timedelta(minutes=n))
    return made


def first_of(name: str) -> str:
    """Give the URI of an observation's one file; what else its description names is taken out of it."""
    plane = next(iter(MADE[name].planes.values()))
    uri = next(iter(plane.artifacts))
    for other in list(MADE[name].planes.values())[1:]:
        del MADE[name].planes[other.product_id]
    for other in [key for key in plane.artifacts if key != uri]:
        del plane.artifacts[other]
    return uri


@pytest.fixture
def site(tmp_path: Path, archive: Archive) -> Iterator[PartnerSite]:
    opened = site_of(tmp_path, files="all")
    with feed_of(opened, archive) as feed:
        harvest(opened, feed)
    yield opened
    opened.db.dispose()


def synced(site: PartnerSite, archive: Archive) -> Synced:
    with feed_of(site, archive) as feed:
        return sync(site, feed)


def validated(site: PartnerSite, archive: Archive, *, repair: bool = True) -> Validation:
    with feed_of(site, archive) as feed:
        return validate(site, feed, repair=repair)


def kinds(found: Validation) -> dict[str, str]:
    return {one.kind: one.uri for one in found.anomalies}


class Breaks(httpx2.SyncByteStream):
    """Bytes, and then the connection breaks."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content
        raise httpx2.ReadError("broke")


def of_files(
    change: Callable[[httpx2.Request, httpx2.Response], httpx2.Response],
) -> Callable[[httpx2.Request, httpx2.Response], httpx2.Response]:
    return lambda request, answer: change(request, answer) if request.url.path == "/api/file" else answer


def body(answer: httpx2.Response) -> bytes:
    return b"".join(answer.stream)  # type: ignore[arg-type]


def test_files_are_copied_whole_and_once(site: PartnerSite, archive: Archive) -> None:
    assert synced(site, archive).taken == 3
    assert {uri: site.path_of(uri).read_bytes() for uri in archive.files} == archive.files
    assert synced(site, archive).taken == 0
    assert list((site.folder / "parts").iterdir()) == []


def test_what_broke_off_goes_on_where_it_broke(site: PartnerSite, archive: Archive) -> None:
    def breaks(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        return httpx2.Response(answer.status_code, headers=answer.headers, stream=Breaks(body(answer)[:CHUNK]))

    archive.twist = of_files(breaks)
    assert len(synced(site, archive).failed) == 3
    assert {path.stat().st_size for path in (site.folder / "parts").iterdir()} == {CHUNK}
    archive.twist = lambda _, answer: answer
    site.clock.sleep(60)
    archive.asked.clear()
    assert synced(site, archive).taken == 3
    ranges = [request.headers.get("range") for request in archive.asked if request.url.path == "/api/file"]
    assert ranges == [f"bytes={CHUNK}-"] * 3
    assert {uri: site.path_of(uri).read_bytes() for uri in archive.files} == archive.files


def test_two_at_once_do_not_write_into_one_file(site: PartnerSite, archive: Archive) -> None:
    with locked(site.folder / "parts"):
        assert synced(site, archive) == Synced()
    assert synced(site, archive).taken == 3


def other_bytes(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
    return httpx2.Response(200, headers=answer.headers, stream=httpx2.ByteStream(b"?" + body(answer)[1:]))


def more_bytes(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
    return httpx2.Response(200, headers=answer.headers, stream=httpx2.ByteStream(body(answer) + b"?"))


def other_promise(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
    answer.headers["repr-digest"] = "sha-256=:" + "A" * 43 + "=:"
    return answer


def other_part(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
    return httpx2.Response(206, headers={**answer.headers, "content-range": "bytes 5-9/10"}, stream=httpx2.ByteStream(b"xxxxx"))


@pytest.mark.parametrize(
    ("twist", "words"),
    [(other_bytes, "diffChecksum"), (more_bytes, "diffLength"), (other_promise, "diffChecksum"), (other_part, "another part")],
)
def test_bytes_that_are_not_those_described_and_promised_are_not_kept(site: PartnerSite, archive: Archive, twist, words: str) -> None:
    archive.twist = of_files(twist)
    done = synced(site, archive)
    assert (done.taken, len(done.failed)) == (0, 3)
    assert all(words in said for said in done.failed)
    assert list((site.folder / "files").iterdir()) == []
    archive.twist = lambda _, answer: answer
    site.clock.sleep(60)
    assert synced(site, archive).taken == 3


def test_a_file_is_not_fetched_from_another_place(site: PartnerSite, archive: Archive) -> None:
    def elsewhere(request: httpx2.Request, answer: httpx2.Response) -> httpx2.Response:
        if "/caom/files/" in request.url.path:
            return httpx2.Response(200, text=answer.text.replace("archive.test", "archive.test.evil"))
        return answer

    archive.twist = elsewhere
    done = synced(site, archive)
    assert all("leads away" in words for words in done.failed)
    assert {request.url.host for request in archive.asked} == {"archive.test"}


def test_new_bytes_replace_the_old_and_what_is_named_no_more_goes(site: PartnerSite, archive: Archive) -> None:
    synced(site, archive)
    first, second = (first_of(name) for name in NAMES[:2])
    archive.files[first] = b"new"
    archive.put(NAMES[0], BEGAN + timedelta(hours=1))
    archive.delete(NAMES[1], BEGAN + timedelta(hours=1))
    with feed_of(site, archive) as feed:
        harvest(site, feed)
    assert synced(site, archive).cleared == 1
    assert site.path_of(first).read_bytes() == b"new"
    assert not site.path_of(second).exists()


def spoil_bytes(site: PartnerSite, archive: Archive) -> str:
    site.path_of(first_of(NAMES[0])).write_bytes(b"?" + archive.files[first_of(NAMES[0])][1:])
    return first_of(NAMES[0])


def cut_bytes(site: PartnerSite, archive: Archive) -> str:
    site.path_of(first_of(NAMES[0])).write_bytes(b"?")
    return first_of(NAMES[0])


def lose_bytes(site: PartnerSite, archive: Archive) -> str:
    site.path_of(first_of(NAMES[0])).unlink()
    return first_of(NAMES[0])


def lose_observation(site: PartnerSite, archive: Archive) -> str:
    with site.db.begin() as c:
        c.execute(sa.delete(held).where(held.c.observation_id == NAMES[0]))
    return NAMES[0]


def keep_deleted(site: PartnerSite, archive: Archive) -> str:
    del archive.at[NAMES[0]]
    return NAMES[0]


def hold_another(site: PartnerSite, archive: Archive) -> str:
    with site.db.begin() as c:
        c.execute(sa.update(held).where(held.c.observation_id == NAMES[0]).values(checksum="md5:" + "0" * 32))
    return NAMES[0]


def spoil_document(site: PartnerSite, archive: Archive) -> str:
    with site.db.begin() as c:
        c.execute(sa.update(held).where(held.c.observation_id == NAMES[2]).values(document=b"?"))
    return NAMES[2]


@pytest.mark.parametrize(
    ("harm", "kind"),
    [
        (spoil_bytes, validating.CHECKSUM), (cut_bytes, validating.LENGTH), (lose_bytes, validating.MISSING),
        (lose_observation, validating.MISSED), (keep_deleted, validating.NOT_DELETED), (hold_another, validating.DIFFERS),
        (spoil_document, validating.DIFFERS),
    ],
)  # fmt: skip
def test_every_difference_is_found_in_its_class_and_repaired_by_the_next_harvest(
    site: PartnerSite, archive: Archive, harm, kind: str
) -> None:
    archive.put(NAMES[2], BEGAN + timedelta(hours=1))  # so that the first ones are farther back than any harvest looks
    with feed_of(site, archive) as feed:
        harvest(site, feed)
    synced(site, archive)
    assert validated(site, archive).anomalies == ()
    what = harm(site, archive)
    assert kinds(validated(site, archive, repair=False)) == {kind: what}
    assert kinds(validated(site, archive)) == {kind: what}
    with feed_of(site, archive) as feed:
        harvest(site, feed)
    synced(site, archive)
    assert validated(site, archive).anomalies == ()
    with reading(site.db) as c:
        rows = dict(c.execute(sa.select(held.c.observation_id, held.c.checksum).where(held.c.checksum.is_not(None))).all())
    assert rows == archive.checksums()


def test_a_stray_file_is_told_and_what_is_not_public_is_no_difference(tmp_path: Path, archive: Archive) -> None:
    site = site_of(tmp_path, files="public")
    with feed_of(site, archive) as feed:
        harvest(site, feed)
    with site.db.begin() as c:
        c.execute(sa.update(file).values(release=site.now() + timedelta(days=1)))
    (site.folder / "files" / "stray.fits").write_bytes(b"?")
    found = validated(site, archive)
    assert (kinds(found), found.counts["notPublic"]) == ({"notInCAOM": "stray.fits"}, 3)
    assert synced(site, archive) == Synced(cleared=1)
    site.db.dispose()


def test_a_validation_whose_list_was_lost_says_so_instead_of_finding_everything_missing(site: PartnerSite, archive: Archive) -> None:
    archive.twist = lambda _, __: httpx2.Response(500)
    with pytest.raises(Failed, match="500"):
        validated(site, archive)


def test_the_report_lies_in_its_folder_and_the_inventory_reads_back(site: PartnerSite, archive: Archive, tmp_path: Path) -> None:
    found = validated(site, archive)
    (path,) = (site.folder / "reports").iterdir()
    assert json.loads(path.read_text())["counts"] == found.counts
    assert "missingFromStorage: 3" in found.lines()
    (tmp_path / "esac.tsv").write_bytes(validating.inventory(site))
    read = read_inventory(tmp_path / "esac.tsv", "JWST")
    assert {name: row.checksum for name, row in read.held.items()} == archive.checksums()
