"""What became of each exposure: plan, report and telemetry brought together. Nothing here reads or writes."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from dmsops.core import counting

Rows = Mapping[str, Mapping[str, Any]]
"""Exposure name to what a plan or report says of it: ``exp_type``, ``detectors``, ``start``, ``end``, of a report ``status``."""
Came = Mapping[tuple[str, str], bool]
"""(Exposure, detector) to whether its packets are complete."""
TOLERANCE = timedelta(minutes=1)
"""A time that differs by less from the plan is as planned (ours)."""


class Verdict(enum.StrEnum):
    """What became of one exposure on one detector."""

    EXECUTED = "executed"
    MISSING = "missing"
    ABORTED = "aborted"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNPLANNED = "unplanned"
    UNREPORTED = "unreported"
    AWAITED = "awaited"


SENTENCES: dict[Verdict, str] = {
    Verdict.EXECUTED: "Taken as planned; all its packets are here.",
    Verdict.MISSING: "Reported as completed, and its packets are not all here.",
    Verdict.ABORTED: "Begun, and broken off.",
    Verdict.FAILED: "Begun, and reported as failed.",
    Verdict.SKIPPED: "Planned, and not begun.",
    Verdict.UNPLANNED: "Reported, and not in the plan.",
    Verdict.UNREPORTED: "Packets of it came, and no status file speaks of it.",
    Verdict.AWAITED: "Planned; no status file speaks of its visit yet, and no packet of it came.",
}
_BEGUN = {"aborted": Verdict.ABORTED, "failed": Verdict.FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What became of one exposure on one detector, with a sentence."""

    exposure: str
    detector: str
    exp_type: str
    verdict: Verdict
    words: str


def judge(planned: Rows, reported: Rows, came: Came, *, has_report: bool, end_reason: str = "") -> tuple[Found, ...]:
    """Bring plan, report and telemetry together.

    Parameters
    ----------
    has_report : bool
        Whether there is a status file at all; without one nothing is skipped or missing.
    end_reason : str
        Why the visit ended, as reported: the reason of what was not begun or broken off.

    Returns
    -------
    tuple of Found
        By exposure and detector.
    """
    keys = {(name, d) for rows in (planned, reported) for name, row in rows.items() for d in row["detectors"]} | set(came)
    return tuple(_judge(key, planned, reported, came, has_report=has_report, end_reason=end_reason) for key in sorted(keys))


def _judge(key: tuple[str, str], planned: Rows, reported: Rows, came: Came, *, has_report: bool, end_reason: str) -> Found:
    name, detector = key
    plan, report = planned.get(name), reported.get(name)
    verdict, more = _verdict(key, plan, report, came, has_report=has_report)
    if verdict in (Verdict.SKIPPED, Verdict.ABORTED, Verdict.FAILED) and end_reason:
        more = f"The visit ended: {end_reason}."
    exp_type = str((report or plan or {}).get("exp_type", ""))
    return Found(exposure=name, detector=detector, exp_type=exp_type, verdict=verdict, words=f"{SENTENCES[verdict]} {more}".strip())


def _verdict(key: tuple[str, str], plan: Any, report: Any, came: Came, *, has_report: bool) -> tuple[Verdict, str]:
    detector = key[1]
    if report is None or detector not in report["detectors"]:
        if key in came:
            return Verdict.UNREPORTED, "" if plan else "It is not in the plan either."
        if not has_report:
            return Verdict.AWAITED, ""
        return Verdict.SKIPPED, f"Its exposure was taken without {detector}." if report else ""
    if plan is None or detector not in plan["detectors"]:
        return Verdict.UNPLANNED, _packets(key, came)
    if report["status"] in _BEGUN:
        return _BEGUN[report["status"]], ""
    return (Verdict.EXECUTED, "") if came.get(key) else (Verdict.MISSING, _packets(key, came))


def _packets(key: tuple[str, str], came: Came) -> str:
    return {None: "No packet of it came.", False: "Some packets of it came.", True: "All its packets are here."}[came.get(key)]


def counted(found: Iterable[Found]) -> dict[str, int]:
    """Count by verdict, in the order of the verdicts; those that did not happen are left out."""
    n = Counter(f.verdict for f in found)
    return {verdict.value: n[verdict] for verdict in Verdict if n[verdict]}


def differences(plan: Mapping[str, Any] | None, report: Mapping[str, Any] | None, planned: Rows, reported: Rows) -> tuple[str, ...]:
    """Say in sentences what was otherwise than planned: times of more than a minute, exposures, detectors, exposure types."""
    if plan is None or report is None:
        return ()
    return tuple(_of_visit(plan, report, planned, reported)) + tuple(
        text for name in sorted(planned.keys() & reported.keys()) for text in _of_exposure(name, planned[name], reported[name])
    )


def _of_visit(plan: Mapping[str, Any], report: Mapping[str, Any], planned: Rows, reported: Rows) -> Iterator[str]:
    for word in ("start", "end"):
        yield from _late(f"the visit's {word}", plan[word], report[word])
    if len(planned) != len(reported):
        were = counting.counted(len(planned), "exposure was", "exposures were")
        yield f"{were} planned, {counting.counted(len(reported), 'is', 'are')} reported"


def _of_exposure(name: str, plan: Mapping[str, Any], report: Mapping[str, Any]) -> Iterator[str]:
    yield from _late(f"the start of {name}", plan["start"], report["start"])
    if plan["exp_type"] != report["exp_type"]:
        yield f"{name} was planned as {plan['exp_type']} and taken as {report['exp_type']}"
    wanted, taken = set(plan["detectors"]), set(report["detectors"])
    if wanted - taken:
        yield f"{name} was taken without {', '.join(sorted(wanted - taken))}"
    if taken - wanted:
        yield f"{name} was taken also with {', '.join(sorted(taken - wanted))}"


def _late(what: str, planned: Any, reported: Any) -> Iterator[str]:
    by = reported - planned
    if abs(by) >= TOLERANCE:
        minutes = counting.counted(round(abs(by).total_seconds() / 60), "minute")
        yield f"{what} was {minutes} {'later' if by > timedelta() else 'earlier'} than planned"
