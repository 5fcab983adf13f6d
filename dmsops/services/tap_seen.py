"""Who ran a job, and what was theirs, is kept beside its result, which is given only while no less is theirs.

A result is a copy: what it shows was decided when the job ran, and a grant or a role may have ended since. What comes, is released,
superseded or withdrawn is no change of access, and takes no result away.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dmsops.core.errors import NotAllowed
from dmsops.core.files import write_json
from dmsops.distribution import uws
from dmsops.distribution.access import Requester, Rights, Verdict
from dmsops.distribution.audit import Access

if TYPE_CHECKING:
    from dmsops.ops import Ops
    from dmsops.services.web import Call

AGAIN = "Run the job again: its result is then what you may see now."


def keep(ops: Ops, job_id: str, asker: Requester) -> None:
    """Keep what was the asker's when a job's query was asked."""
    write_json(uws.seen_path(ops, job_id), {"everything": asker.everything, "programs": sorted(asker.programs)})


def need_no_less(call: Call, job_id: str, uri: str) -> None:
    """Let pass only whose is now all that was theirs when a job ran; a refusal is put on record under ``uri``.

    Raises
    ------
    NotAllowed
        A program or the whole archive was theirs and is not now, or it is not known what was.
    """
    why = _why_not(call.ops, call.requester, job_id)
    if not why:
        return
    verdict = Verdict(allowed=False, rights=Rights.RESTRICTED, why=f"access has changed since it ran: {why}")
    call.service.recorder.record(Access(requester=call.requester, address=call.address, route="tap", uri=uri, verdict=verdict))
    raise NotAllowed(f"access has changed since job {job_id} ran, and its result may show more than you may see now", remedy=AGAIN)


def _why_not(ops: Ops, asker: Requester, job_id: str) -> str:
    try:
        kept = json.loads(uws.seen_path(ops, job_id).read_text())
    except FileNotFoundError:
        return "what could be seen then is not known"
    if asker.everything:
        return ""
    if kept["everything"]:
        return "everything could be seen then"
    gone = sorted(set(kept["programs"]) - asker.programs)
    return f"no longer theirs: program {', '.join(gone)}" if gone else ""
