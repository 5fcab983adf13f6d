"""Large requests: which ones need a person."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from dmsops.distribution import staging_standing
from dmsops.distribution.tables import staging
from dmsops.testing.deliveries import START


def said(state: str, hours: float, files: int = 1, error: str = "", left: float | None = None) -> str:
    ends = None if left is None else START + timedelta(hours=left)
    row = {"state": state, "made_at": START - timedelta(hours=hours), "files": files, "error": error, "expires_at": ends}
    return staging_standing.standing(row, START)


def test_a_request_that_nobody_lays_ready_is_stuck():
    assert [said("requested", 0.9), said("requested", 1.1)] == ["requested", "stuck"]
    assert [said("ready", 2, left=1), said("ready", 2, error="1 gone", left=1)] == ["ready", "ready in part"]
    assert [said("ended", 2, 0, "2 gone", left=1), said("ended", 2, 0, "2 gone", left=0)] == ["failed", "ended"]


def test_requests_that_need_a_person_are_counted(ops):
    assert staging_standing.trouble(ops) == {"stuck": 0, "failed": 0}
    now, hour = ops.clock.now(), timedelta(hours=1)
    kept = {"ready_at": now, "expires_at": now + hour}
    each = [
        {"state": "requested", "made_at": now - 2 * hour},
        {"state": "requested", "made_at": now},
        {"state": "ready", "error": "1 damaged or gone: procedure P16", **kept},
        {"state": "ended", "error": "1 damaged or gone: procedure P16", "uris": [], **kept},
        {"state": "ended", "error": "1 damaged or gone: procedure P16", "uris": [], "ready_at": now, "expires_at": now},
        {"state": "ended", "expires_at": now},
    ]
    same = {"owner": "ada", "uris": ["mast:JWST/product/a.fits"], "refused": [], "size": 1, "made_at": now - 2 * hour, "error": ""}
    with ops.db.begin() as c:
        for number, row in enumerate(each):
            c.execute(sa.insert(staging).values({"id": str(number), **same, **row}))
    assert staging_standing.trouble(ops) == {"stuck": 1, "failed": 1}
