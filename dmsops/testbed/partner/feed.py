"""The archive's feed as the second site reads it: pages, documents, files; bounded, and nothing followed to another place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, quote, urlsplit

from dmsops.core.clock import parse_iso
from dmsops.core.db import utc_text
from dmsops.core.errors import Failed, NotFound
from dmsops.testbed.partner.site import PartnerSite

if TYPE_CHECKING:
    import httpx2

LONGEST = 16 << 20
"""Bytes of an answer that are read."""
PAGE = 100
"""Observations of a page (icewind's batch)."""
PATIENCE = 30.0
TRIES = 5
"""How often a call is made that is answered with 'too many' or 'come again'."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a list; ``checksum`` is empty in the list of deletions."""

    observation_id: str
    at: datetime
    checksum: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a list goes on."""

    start: datetime = _EPOCH
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """A file as the archive offers it; ``address`` is empty where it is not given to us now."""

    uri: str
    sha256: str
    size: int
    address: str


class Feed:
    """One site's connection to the archive.

    Parameters
    ----------
    transport : httpx2.BaseTransport, optional
        What carries the calls; the test puts one here that loses some.
    page : int
        Observations that are asked for at once.
    """

    def __init__(self, site: PartnerSite, *, transport: httpx2.BaseTransport | None = None, page: int = PAGE) -> None:
        import httpx2

        headers = {"Authorization": f"token {site.token}"} if site.token else {}
        self._client = httpx2.Client(
            base_url=site.feed, headers=headers, transport=transport, timeout=PATIENCE, follow_redirects=False, trust_env=False
        )
        self._site, self._page = site, page

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def lines(self, kind: str, place: Place) -> tuple[list[Line], Place | None]:
        """Ask for one page of ``observations`` or ``deletions``; gives its lines, and where it goes on (None at the end).

        Raises
        ------
        Failed
            The call was lost, or the answer is none.
        """
        asked = {"start": utc_text(place.start), "maxrec": str(self._page)} | ({"after": place.after} if place.after else {})
        with self._asked(f"/caom/{kind}/{self._site.collection}", params=asked) as answer:
            _need_mine(answer)
            text = _read(answer).decode("utf-8", "replace")
            link = answer.headers.get("link", "")
        found = [_line(kind, self._site.collection, line) for line in text.splitlines()]
        return found, _goes_on(link, place)

    def document(self, observation_id: str) -> tuple[bytes, str]:
        """Ask for a document; gives it and its ETag without quotes. Raises `Failed`, and `NotFound` where the archive has none."""
        with self._asked(f"/caom/observations/{self._site.collection}/{quote(observation_id, safe='')}") as answer:
            return _read(answer), answer.headers.get("etag", "").strip('"')

    def files(self, observation_id: str) -> dict[str, Offered]:
        """Ask which files of an observation are given to us; raises as `document`."""
        with self._asked(f"/caom/files/{self._site.collection}/{quote(observation_id, safe='')}") as answer:
            text = _read(answer).decode("utf-8", "replace")
        return {found.uri: found for found in map(self._offered, text.splitlines())}

    def _offered(self, line: str) -> Offered:
        fields = line.split("\t")
        if len(fields) != 5 or not fields[2].isdecimal():
            raise Failed(f"the list of files has a line that is none: '{line[:80]}'")
        uri, sha256, size, _, address = fields
        if address and not address.startswith(f"{self._site.feed}/"):
            raise Failed(f"the address of '{uri}' leads away from {self._site.feed}")
        return Offered(uri=uri, sha256=sha256, size=int(size), address=address)

    def tell(self, refused: Mapping[str, str], taken: Sequence[str]) -> None:
        """Tell the archive what we could not take (URI to reason), and what of it we have now; raises `Failed`."""
        body = {"refusals": [{"uri": uri, "reason": reason} for uri, reason in refused.items()], "taken": list(taken)}
        with self._asked("/caom/refusals", method="POST", json=body) as answer:
            _read(answer)

    @contextmanager
    def opened(self, address: str, headers: Mapping[str, str]) -> Iterator[httpx2.Response]:
        """Open a file for reading piece by piece; raises `Failed` and `NotFound`."""
        with self._asked(address, headers=headers) as answer:
            yield answer

    @contextmanager
    def _asked(self, path: str, *, method: str = "GET", **given: Any) -> Iterator[httpx2.Response]:
        """Ask; what says 'come again' is asked again after the time that it names."""
        import httpx2

        for turn in range(TRIES):
            try:
                with self._client.stream(method, path, **given) as answer:
                    if answer.status_code in (429, 503) and turn + 1 < TRIES:
                        self._site.clock.sleep(min(float(_seconds(answer)), PATIENCE))
                        continue
                    _need_good(answer, path)
                    yield answer
                    return
            except httpx2.HTTPError as error:
                raise Failed(f"{method} {path} was lost: {type(error).__name__}") from None


def _seconds(answer: httpx2.Response) -> int:
    text = answer.headers.get("retry-after", "")
    return int(text) if text.isdecimal() else 1


def _need_good(answer: httpx2.Response, path: str) -> None:
    if answer.status_code == 404:
        raise NotFound(f"the archive has no {path}")
    if answer.status_code not in (200, 206):
        words = _read(answer)[:200].decode("utf-8", "replace").strip()
        raise Failed(f"{path} was answered with {answer.status_code}: {words}", status=answer.status_code)


def _need_mine(answer: httpx2.Response) -> None:
    """Refuse an answer that says that it is one to another question: it came late, or was mixed up on its way."""
    said = answer.headers.get("content-location", "")
    if not answer.request.url.raw_path.decode("ascii").endswith(said):
        raise Failed(f"the answer is one to {said[:120]}")


def _read(answer: httpx2.Response) -> bytes:
    taken = bytearray()
    for piece in answer.iter_bytes():
        taken += piece
        if len(taken) > LONGEST:
            raise Failed(f"an answer is longer than {LONGEST:,} bytes")
    return bytes(taken)


def _line(kind: str, collection: str, text: str) -> Line:
    fields = text.split("\t")
    if len(fields) == 4 and collection == fields[0 if kind == "observations" else 1]:
        _, name, at, checksum = fields if kind == "observations" else (*fields[1:2], *fields[2:], "")
        try:
            if 0 < len(name) <= 120 and name.isprintable():
                return Line(observation_id=name, at=parse_iso(at), checksum=checksum)
        except (ValueError, OverflowError):
            pass
    raise Failed(f"the list of {kind} has a line that is none: '{text[:80]}'")


def _goes_on(link: str, place: Place) -> Place | None:
    """Read where a list goes on: only the place is taken from the answer, never the address."""
    if 'rel="next"' not in link:
        return None
    asked = parse_qs(urlsplit(link.partition("<")[2].partition(">")[0]).query)
    try:
        found = Place(start=parse_iso(asked["start"][0]), after=asked.get("after", [""])[0])
    except (KeyError, ValueError, OverflowError):
        raise Failed("the list does not say where it goes on") from None
    if (found.start, found.after) <= (place.start, place.after):
        raise Failed("the list goes on where it began")
    return found
