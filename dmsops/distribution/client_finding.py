"""Which files to fetch: of a program, of observations, by their URIs, or of a staged request; asked of the site as any client would."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from dmsops.core.errors import BadInput, Failed
from dmsops.distribution.client import Wanted
from dmsops.distribution.client_asking import Site, answer

DOWNLOAD = "/api/v0.1/Download/file"
STAGE = "/api/v0.1/stage"
_LOT, _PAGE = 500, 20_000
Waiting = Callable[[str], None]
"""Told of a state that is waited for."""


def by_uris(site: Site, uris: Sequence[str]) -> list[Wanted]:
    """Name files by their URIs (``mast:JWST/product/...``), or by their names alone."""
    full = [uri if ":" in uri else f"mast:JWST/product/{uri}" for uri in uris]
    return [_wanted(site, uri) for uri in dict.fromkeys(full)]


def _wanted(site: Site, uri: str) -> Wanted:
    return Wanted(name=uri.rpartition("/")[2], url=f"{site.base}{DOWNLOAD}?uri={quote(uri, safe=':/')}", uri=uri)


def of_program(site: Site, program: str, *, suffixes: Sequence[str] = ()) -> list[Wanted]:
    """Name the files of a program (``2726`` or ``02726``); ``suffixes`` (``cal``) chooses among them."""
    return _of(site, {"paramName": "proposal_id", "values": [program]}, suffixes, f"of program {program}")


def of_observations(site: Site, observation_ids: Sequence[str], *, suffixes: Sequence[str] = ()) -> list[Wanted]:
    """Name the files of observations."""
    return _of(site, {"paramName": "obs_id", "values": [*observation_ids]}, suffixes, f"of {', '.join(observation_ids)}"[:200])


def _of(site: Site, chosen: dict[str, Any], suffixes: Sequence[str], what: str) -> list[Wanted]:
    found = _invoke(site, "Mast.Caom.Filtered", {"columns": "obsid", "filters": [chosen]})
    ids = [str(row["obsid"]) for row in found]
    files = [row for i in range(0, len(ids), _LOT) for row in _invoke(site, "Mast.Caom.Products", {"obsid": ids[i : i + _LOT]})]
    words = {suffix.lower().lstrip("_") for suffix in suffixes}
    kept = [row["dataURI"] for row in files if not words or str(row["productSubGroupDescription"]).lower() in words]
    if not kept:
        raise BadInput(f"the site has no files {what}", remedy="Look for it there, and give what its search gives (procedure P17).")
    return [_wanted(site, uri) for uri in dict.fromkeys(kept)]


def _invoke(site: Site, service: str, params: dict[str, Any]) -> list[dict[str, Any]]:
    """Ask a service of MAST's portal for all pages."""
    rows: list[dict[str, Any]] = []
    page = pages = 1
    while page <= pages:
        asked = {"service": service, "params": params, "format": "json", "pagesize": _PAGE, "page": page}
        told = answer(site, "POST", "/api/v0/invoke", data={"request": json.dumps(asked)})
        if told.get("status") != "COMPLETE":
            raise BadInput(f"the site refuses to search: {told.get('msg')}")
        rows += told["data"]
        pages, page = int(told["paging"]["pagesFiltered"]), page + 1
    return rows


def of_staged(site: Site, number: str, *, waiting: Waiting | None = None, seconds: float = 3600.0) -> list[Wanted]:
    """Name the files of a staged request, once they are ready.

    Raises
    ------
    Failed
        They are not ready after so many seconds, or the request has ended.
    """
    waited, pause = 0.0, 1.0
    while True:
        told = answer(site, "GET", f"{STAGE}/{quote(number, safe='')}")
        if told["state"] == "ready":
            return [Wanted(name=str(row["name"]), url=str(row["url"]), uri=str(row["uri"])) for row in told["urls"]]
        if told["state"] != "requested" or waited >= seconds:
            why = f": {told['why']}" if told.get("why") else ""
            raise Failed(f"the staged request {number} is {told['state']}{why}", remedy="Make it again, or ask later (procedure P17).")
        if waiting is not None:
            waiting(str(told["state"]))
        site.sleep(pause)
        waited, pause = waited + pause, min(2 * pause, 30.0)


def stage(site: Site, uris: Sequence[str]) -> str:
    """Ask a site to lay files ready; gives the number of the request."""
    return str(answer(site, "POST", STAGE, json={"uris": [*uris]})["id"])
