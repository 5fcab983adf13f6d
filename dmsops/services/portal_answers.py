"""Answers in the shapes of MAST's portal: pages of rows written bit by bit, descriptions of columns, who asks."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dmsops.core.errors import DmsError
from dmsops.services.portal_rows import LARGEST, Rows
from dmsops.services.web import told_json

if TYPE_CHECKING:
    from starlette.responses import Response

    from dmsops.archive.views import Column
    from dmsops.services.web import Call

_AT_ONCE = 500
_TYPES = {"char": "string", "double": "float", "int": "int", "long": "int"}
_TEXT_OF_NUMBER = {"obsid", "obsID", "parent_obsid"}


def answer(found: Rows, paging: dict[str, int]) -> Response:
    """Write a page of rows."""
    fields = [(c.name, "string" if c.name in _TEXT_OF_NUMBER else _TYPES[c.datatype]) for c in found.columns]
    return mashup(fields, found.named(), page_of=paging, total=found.total, number=len(found.rows))


def mashup(fields: list[tuple[str, str]], rows: Any, *, page_of: dict[str, int], total: int, number: int | None = None) -> Response:
    """Write an answer bit by bit: 50,000 rows are some 60 MB of text."""
    from starlette.responses import StreamingResponse

    size = page_of.get("pageSize", LARGEST)
    paging = {
        "page": page_of["page"], "pageSize": size, "pagesFiltered": max(1, math.ceil(total / size)),
        "rows": len(rows) if number is None else number, "rowsFiltered": total, "rowsTotal": total,
    }  # fmt: skip
    head = {"status": "COMPLETE", "msg": "", "fields": [{"name": name, "type": kind} for name, kind in fields], "paging": paging}
    return StreamingResponse(pieces(head, "data", rows), media_type="application/json")


def pieces(head: dict[str, Any], key: str, rows: Any) -> Iterator[bytes]:
    """Give a JSON object with a long list as its last member, in pieces."""
    yield json.dumps(head)[:-1].encode() + f', "{key}": ['.encode()
    first, some = True, []
    for row in rows:
        some.append(json.dumps(row))
        if len(some) == _AT_ONCE:
            yield (("" if first else ",") + ",".join(some)).encode()
            first, some = False, []
    yield ((("" if first else ",") if some else "") + ",".join(some) + "]}").encode()


def configured(column: Column) -> dict[str, Any]:
    """Describe a column as the portal does; numbers that are not whole are filtered by ranges, everything else by values."""
    kind = "long" if column.name in _TEXT_OF_NUMBER else column.datatype
    told = {"text": column.name, "vot.datatype": kind, "vot.ucd": column.ucd, "vot.description": column.description}
    unit = {"vot.unit": column.unit, "unit": column.unit} if column.unit else {}
    return told | unit | ({"separator": ";"} if column.name == "filters" else {})


def whoami(call: Call) -> Response:
    """Say who asks."""
    from starlette.responses import JSONResponse

    asker = call.requester
    attributes = {"display_name": asker.display_name or "anonymous", "internal": asker.everything}
    return JSONResponse(_somebody(asker.name, attributes, sorted(asker.scopes), anonymous=asker.is_anonymous))


def _somebody(name: str, attributes: dict[str, Any], scopes: list[Any], *, anonymous: bool) -> dict[str, Any]:
    eppn = "" if anonymous else name
    return {"anon": anonymous, "attrib": attributes, "eppn": eppn, "ezid": name, "scopes": scopes, "session": None, "token": None}


def told_whoami(status: int, error: DmsError) -> Response:
    """Say of a token that is nobody's that nobody known asks: clients take that for the answer to a login that did not work."""
    from starlette.responses import JSONResponse

    if status != 401:
        return told_json(status, error)
    nobody = _somebody("anonymous", {"display_name": "anonymous"}, [], anonymous=True)
    return JSONResponse(nobody | {"message": error.message})
