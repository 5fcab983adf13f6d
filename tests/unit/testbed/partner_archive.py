"""An archive for the second site's tests: it answers like the feed, and does what a test tells it to."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2

from dmsops.catalogue.checksums import write_sums
from dmsops.catalogue.xml import to_xml
from dmsops.core.clock import SimulatedClock, parse_iso
from dmsops.testbed.partner.feed import Feed
from dmsops.testbed.partner.site import PartnerSite, make, open_site
from dmsops.testing.observations import clean

BEGAN = datetime(2022, 12, 4, 6, 0, tzinfo=UTC)
BASE = "http://archive.test"
MADE = {found.observation_id: found for found in clean(12)}
NAMES = list(MADE)


@dataclass
class Archive(httpx2.BaseTransport):
    """Observations with the times of their lists; ``files`` are the bytes under their URIs."""

    at: dict[str, datetime] = field(default_factory=dict)
    deleted: dict[str, datetime] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)
    asked: list[httpx2.Request] = field(default_factory=list)
    twist: Callable[[httpx2.Request, httpx2.Response], httpx2.Response] = lambda _, answer: answer

    def put(self, name: str, at: datetime, title: str = "") -> None:
        self.at[name], self.titles[name] = at, title or f"as of {at}"
        self.deleted.pop(name, None)

    def delete(self, name: str, at: datetime) -> None:
        del self.at[name]
        self.deleted[name] = at

    def document(self, name: str) -> tuple[bytes, str]:
        found = MADE[name]
        found.proposal.title = self.titles[name]
        for one in (a for p in found.planes.values() for a in p.artifacts.values()):
            if one.uri in self.files:
                self._describe(one)
        write_sums(found)
        return to_xml(found), found.acc_meta_checksum.uri

    def _describe(self, one: Any) -> None:
        from caom2 import ChecksumURI

        one.content_checksum = ChecksumURI(f"sha256:{hashlib.sha256(self.files[one.uri]).hexdigest()}")
        one.content_length = len(self.files[one.uri])

    def checksums(self) -> dict[str, str]:
        return {name: self.document(name)[1] for name in self.at}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        self.asked.append(request)
        return self.twist(request, self._answer(request))

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        parts = request.url.path.strip("/").split("/")
        if parts[:2] == ["caom", "refusals"]:
            self.told.append(json.loads(request.content))
            return httpx2.Response(200, json={})
        if parts[0] == "api":
            return self._file(request)
        if parts[1] == "files":
            return self._offered(parts[3])
        if len(parts) == 3:
            return self._list(request, parts[1])
        if parts[3] not in self.at:
            return httpx2.Response(404, text="no")
        document, checksum = self.document(parts[3])
        return httpx2.Response(200, content=document, headers={"ETag": f'"{checksum}"'})

    def _list(self, request: httpx2.Request, kind: str) -> httpx2.Response:
        asked = request.url.params
        times = self.at if kind == "observations" else self.deleted
        place = (parse_iso(asked["start"]), asked.get("after", ""))
        rows = sorted((at, name) for name, at in times.items() if (at, name) > place or (at == place[0] and not place[1]))
        page = rows[: int(asked["maxrec"])]
        lines = [self._line(kind, name, at) for at, name in page]
        headers = {"Content-Location": str(request.url.raw_path, "ascii")}
        if len(rows) > len(page):
            query = urlencode({"start": page[-1][0].isoformat(), "after": page[-1][1]})
            headers["Link"] = f'<http://elsewhere.test/{kind}?{query}>; rel="next"'
        return httpx2.Response(200, text="".join(lines), headers=headers)

    def _line(self, kind: str, name: str, at: datetime) -> str:
        stamp = at.replace(tzinfo=None).isoformat(timespec="milliseconds")
        return f"JWST\t{name}\t{stamp}\t{self.document(name)[1]}\n" if kind == "observations" else f"0-0\tJWST\t{name}\t{stamp}\n"

    def _offered(self, name: str) -> httpx2.Response:
        lines = []
        for uri, content in self.files.items():
            if uri.rpartition("/")[2].startswith(name):
                address = f"{BASE}/api/file?uri={uri}"
                lines.append(f"{uri}\t{hashlib.sha256(content).hexdigest()}\t{len(content)}\t\t{address}\n")
        return httpx2.Response(200, text="".join(lines))

    def _file(self, request: httpx2.Request) -> httpx2.Response:
        content = self.files[request.url.params["uri"]]
        sha256 = hashlib.sha256(content)
        headers = {"ETag": f'"{sha256.hexdigest()}"', "Repr-Digest": f"sha-256=:{base64.b64encode(sha256.digest()).decode()}:"}
        asked = request.headers.get("range", "")
        if asked and request.headers["if-range"] == headers["ETag"]:
            begin = int(asked.removeprefix("bytes=").rstrip("-"))
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
            return httpx2.Response(206, headers=headers, stream=httpx2.ByteStream(content[begin:]))
        return httpx2.Response(200, headers=headers, stream=httpx2.ByteStream(content))


def site_of(folder: Path, *, files: str = "none", token: str = "") -> PartnerSite:
    return open_site(make(folder / "partner", BASE, files=files, token=token), clock=SimulatedClock(BEGAN + timedelta(hours=1)))


def feed_of(site: PartnerSite, archive: Archive, page: int = 3) -> Feed:
    return Feed(site, transport=archive, page=page)
