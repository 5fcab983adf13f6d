"""What FOS is told of a visit (JSON documents, ours): packets of executed exposures that are missing, a status file that is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dmsops.core.names import VisitId


def quality_name(visit: VisitId, number: int) -> str:
    """Name the quality feedback that goes with reconciliation ``number``: ``V02726402001_quality_0007.json``."""
    return f"{visit.v}_quality_{number:04d}.json"


def quality_feedback(visit: VisitId, status_file: str, missing: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """Say which exposures were reported as completed while their packets are not all here.

    Parameters
    ----------
    missing : iterable of mapping
        ``exposure``, ``detector``, ``words``.
    """
    return {"visit": visit.v, "status_file": status_file, "missing": [dict(item) for item in missing]}


def status_request_name(visit: VisitId, number: int) -> str:
    """Name the n-th request for a visit's status file: ``V02726402001_osf_request_001.json``."""
    return f"{visit.v}_osf_request_{number:03d}.json"


def status_request(visit: VisitId, number: int, reason: str) -> dict[str, Any]:
    """Ask for the Observatory Status File of a visit."""
    return {"visit": visit.v, "number": number, "wanted": "Observatory Status File", "reason": reason}


def engineering_request_name(start: str, number: int) -> str:
    """Name the n-th request for a time of engineering telemetry: ``engineering_request_20221204T034202580Z_001.json``."""
    digits = "".join(c for c in start if c.isalnum())
    return f"engineering_request_{digits}_{number:03d}.json"


def engineering_request(start: str, stop: str, containers: Iterable[str], number: int, reason: str) -> dict[str, Any]:
    """Ask for the recorded telemetry between two samples that are held (UTC times)."""
    return {
        "number": number,
        "wanted": "recorded engineering",
        "after": start,
        "before": stop,
        "containers": list(containers),
        "reason": reason,
    }
