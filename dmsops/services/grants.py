"""Grants over HTTP: a principal investigator lets others into a program, and ends it; everybody sees the grants that concern them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from dmsops.core.clock import time_of
from dmsops.core.db import mappings
from dmsops.core.errors import BadInput, NotAllowed, NotFound
from dmsops.distribution import grants
from dmsops.distribution.access import Requester, Scope
from dmsops.distribution.accounts import need_scope, stands
from dmsops.distribution.tables import access_grant
from dmsops.services.json_api import ROOT, answer, fields_of, number_of
from dmsops.services.web import Call, Route

if TYPE_CHECKING:
    from starlette.responses import Response

GRANTS = f"{ROOT}/grants"
MOST = 1000
"""Grants of one answer."""
LONGEST = 1000
"""Letters of a reason."""
_g = access_grant.c
_SHOWN = (_g.account, _g.program, _g.kind, _g.granted_at, _g.until, _g.revoked_at)


def routes() -> list[Route]:
    """Give the routes."""
    return [
        Route(path=GRANTS, handler=mine),
        Route(path=GRANTS, handler=make, methods=("POST",), cost=5.0),
        Route(path=f"{GRANTS}/{{number}}", handler=end, methods=("DELETE",), cost=5.0),
    ]


def mine(call: Call) -> Response:
    """List the grants of the programs whose PI asks and those made to who asks, newest first; a reason is shown to who gave it."""
    asker = call.requester
    need_scope(asker, Scope.GRANT, "to see grants")
    reason = sa.case((_g.granted_by == asker.name, _g.reason)).label("reason")
    query = sa.select(_g.id.label("number"), *_SHOWN, reason).where(_concern(asker, call.now)).order_by(_g.id.desc()).limit(MOST)
    return answer({"grants": mappings(call.ops.db, query)})


def _concern(asker: Requester, now: datetime) -> sa.ColumnElement[bool]:
    programs = sa.select(_g.program).where(_g.account == asker.name, _g.kind == "pi", *stands(now)).correlate(None)
    return sa.or_(_g.account == asker.name, _g.program.in_(programs))


def make(call: Call) -> Response:
    """Let an account into a program: JSON with ``account``, ``program``, ``reason``, and ``until`` if it ends by itself."""
    given = fields_of(call, dict.fromkeys(("account", "program", "until", "reason"), str), ("account", "program", "reason"))
    until = time_of(given["until"], "until") if "until" in given else None
    number = grants.grant_as_pi(call.ops, call.requester, given["account"], given["program"], until=until, reason=_reason(given))
    return answer({"number": number}, 201)


def _reason(given: dict[str, Any]) -> str:
    reason = str(given["reason"])
    if len(reason) > LONGEST:
        raise BadInput(f"field 'reason' is longer than {LONGEST} letters", field="reason")
    return reason


def end(call: Call) -> Response:
    """End a guest's grant: JSON with ``reason``. One of another PI's program is answered like one that never was."""
    from starlette.responses import Response as Plain

    need_scope(call.requester, Scope.GRANT, "to end a grant")
    number, reason = number_of(call.path["number"], "number"), _reason(fields_of(call, {"reason": str}, ("reason",)))
    try:
        grants.revoke_as_pi(call.ops, call.requester, number, reason=reason)
    except (NotAllowed, NotFound):
        remedy = f"GET {GRANTS} lists them; the archive staff ends others (procedure P18)."
        raise NotFound(f"no grant {number} to a guest of a program of yours is running", remedy=remedy, grant=number) from None
    return Plain(status_code=204)
