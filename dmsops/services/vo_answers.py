"""What the Virtual Observatory's services share: who may see which tables, a query asked and written down, errors as VOTable."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.archive import published
from dmsops.core.errors import BadInput, DmsError
from dmsops.core.files import make_folder
from dmsops.distribution.access import Requester, may_have
from dmsops.distribution.adql.run import DATABASE, ask
from dmsops.distribution.adql.tables import Table, by_name
from dmsops.distribution.adql.translate import translate
from dmsops.distribution.forms import Form, form_of
from dmsops.distribution.votable import TYPE, Answer, error_document

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.responses import Response

    from dmsops.archive.views import View
    from dmsops.ops import Ops
    from dmsops.services.web import Call

ROWS, MOST_ROWS = 10_000, 1_000_000
"""Rows of an answer: when MAXREC says nothing, and whatever it says."""
IN_MEMORY = 4_000_000
"""Bytes of an answer from which on it goes through a file."""
FOLDER = "tap"
"""Where answers and results lie in the site's work folder."""
_CHUNK = 1 << 18


def told_votable(status: int, error: DmsError) -> Response:
    """Tell an error as DALI has it."""
    from starlette.responses import Response

    return Response(error_document(f"{error.message}. {error.remedy}"), status, media_type=TYPE)


def tables_for(ops: Ops, c: sa.Connection, asker: Requester, now: datetime) -> dict[str, Table]:
    """Give the published tables with the rows that somebody may see now, by names in small letters."""
    return {view.name.lower(): _table(view, c, asker, now) for view in published.views(ops.db.dialect.name)}


def _table(view: View, c: sa.Connection, asker: Requester, now: datetime) -> Table:
    seen = may_have(asker, view.meta_release, view.program, now)
    return Table(
        name=view.name, columns=by_name(view.columns), source=view.source, where=(*view.where, seen), near=published.near(view, c),
        centres=published.centres(view),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A query as a request gives it, looked through."""

    query: str
    rows: int
    form: Form


def asked_of(fields: Mapping[str, str]) -> Asked:
    """Look through the fields of a TAP request (names in capitals).

    Raises
    ------
    BadInput
        One of them cannot be used.
    """
    if fields.get("REQUEST", "doQuery") != "doQuery":
        raise BadInput(f"REQUEST is doQuery, not '{fields['REQUEST'][:40]}'", field="REQUEST")
    if fields.get("LANG", "ADQL").upper() not in {"ADQL", "ADQL-2.0", "ADQL-2.1"}:
        raise BadInput(f"LANG is ADQL, not '{fields['LANG'][:40]}'", field="LANG")
    rows, form = form_wanted(fields)
    query = fields.get("QUERY", "")
    if not query.strip():
        raise BadInput("QUERY is missing", field="QUERY")
    return Asked(query=query, rows=rows, form=form)


def form_wanted(fields: Mapping[str, str]) -> tuple[int, Form]:
    """Read how many rows are wanted in which form; raises `BadInput`, also for a table that comes with the request."""
    if fields.get("UPLOAD"):
        raise BadInput("tables cannot be uploaded here: write their values into the query", field="UPLOAD")
    return rows_of(fields.get("MAXREC", "")), form_of(fields.get("RESPONSEFORMAT") or fields.get("FORMAT", ""))


def rows_of(given: str) -> int:
    """Read MAXREC; raises `BadInput`."""
    if not given.strip():
        return ROWS
    if not (given.strip().isascii() and given.strip().isdigit()):
        raise BadInput(f"MAXREC is a number of rows, not '{given[:40]}'", field="MAXREC")
    return min(int(given.strip()[:12]), MOST_ROWS)


def capitals(fields: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Give the first value of each field, names in capitals."""
    found: dict[str, str] = {}
    for name, value in fields:
        found.setdefault(name.upper(), value)
    return found


def written(
    ops: Ops, asker: Requester, asked: Asked, base: str, *, seconds: float, wanted: Any = None, apart: bool = False
) -> Iterator[bytes]:  # fmt: skip
    """Ask a query and write its answer; raises `DmsError` before the first byte or later. For ``apart`` see `filled`."""
    now = ops.clock.now()
    with ops.db.execution_options(reading=True).connect() as c:
        query = translate(asked.query, tables_for(ops, c, asker, now), ops.db.dialect.name, rows=asked.rows, apart=apart)
    more = {} if wanted is None else {"wanted": wanted}
    lots = ask(ops.db, query, {"now": now, "base": base}, seconds=seconds, **more)
    yield from asked.form.write(Answer(fields=query.fields, lots=lots, limit=asked.rows))


def filled(file: Any, pieces: Iterator[bytes], apart: Callable[[], Iterator[bytes]] | None = None) -> None:
    """Write a query's answer to a file; where rows made it fail, it is asked again with those set apart first that the asker may see.

    A database may put the query's own tests to rows before it finds that they may not be seen, and a number too large, or a text that
    is none, would then tell of them: whoever asked cleverly could read hidden names letter by letter from what fails.
    """
    try:
        file.writelines(pieces)
    except BadInput as error:
        if apart is None or error.facts.get("by") != DATABASE:
            raise
        file.seek(0)
        file.truncate()
        file.writelines(apart())


def spooled(ops: Ops, pieces: Iterator[bytes], apart: Callable[[], Iterator[bytes]] | None = None) -> Any:
    """Take an answer to its end before a byte of it goes out, so that a query that fails late is told as an error."""
    folder = make_folder(ops.settings.folder("work") / FOLDER)
    file: Any = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, dir=str(folder))  # noqa: SIM115 - the response closes it
    try:
        filled(file, pieces, apart)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def sent(file: Any, media_type: str, *, name: str = "") -> Response:
    """Send a file that is open at its beginning, and close it."""
    from starlette.responses import Response, StreamingResponse

    size = file.seek(0, 2)
    file.seek(0)
    headers = {"Content-Length": str(size)} | ({"Content-Disposition": f'inline; filename="{name}"'} if name else {})
    if size <= IN_MEMORY:
        with file:
            return Response(file.read(), media_type=media_type, headers=headers)
    return StreamingResponse(_chunks(file), media_type=media_type, headers=headers)


def packed(file: Any) -> Any:
    """Pack a file as ESA's archive sends FITS tables: its client reads no others."""
    import gzip

    made: Any = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the response closes it
    with file, gzip.GzipFile(fileobj=made, mode="wb", mtime=0) as out:
        shutil.copyfileobj(file, out)
    return made


def _chunks(file: Any) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk


def of_call(call: Call) -> dict[str, str]:
    """Give a request's fields, names in capitals."""
    return capitals(call.fields)
