"""A plan in words, the same for every verb: what would be changed and why, what follows, what is left alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from dmsops.cli.frame import table, word
from dmsops.core.counting import counted, fitting
from dmsops.workflow.plan import Plan

SHOWN = 40
"""Rows of a long list that are shown; `--json` has all of them."""
_COLUMNS = {"step_id": "Step", "kind": "Kind", "dataset": "Dataset", "state": "State", "attempt": "Tries", "why": "Because"}


def plan_lines(planned: Plan, done: str) -> list[Any]:
    """Say all that a plan holds; ``done`` is what its steps would be: held, released."""
    lines: list[Any] = []
    if planned.again:
        lines += [_headline(planned, done), *touched_lines(planned)]
    elif not planned.notes:
        lines += [f"Nothing would be {done}." if planned.untouched else f"No step fits this choice: nothing would be {done}."]
    return [*lines, *_what_follows(planned), *_left_alone(planned.untouched)]


def _headline(planned: Plan, done: str) -> str:
    given = {k: v for k, v in planned.params.items() if k != "changes"}
    extra = f" ({', '.join(f'{name}: {_said(value)}' for name, value in given.items())})" if given else ""
    return f"{counted(len(planned.again), 'step')} would be {done}{word(extra) if extra else ''}:"


def _said(value: Any) -> str:
    return "yes" if value is True else ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def touched_lines(planned: Plan) -> list[Any]:
    """Show the steps of a plan, the first 40 of them."""
    rows = [{name: getattr(item, name) for name in _COLUMNS} for item in planned.again[:SHOWN]]
    return [table(rows, _COLUMNS), *_more(len(planned.again))]


def _more(n: int) -> list[str]:
    return [f"... and {n - SHOWN} more (--json names all)"] if n > SHOWN else []


def _what_follows(planned: Plan) -> Iterator[str]:
    if planned.estimate_seconds or planned.reused:
        alone = f"{counted(planned.reused, 'step')} that ended well {fitting(planned.reused, 'is', 'are')} left alone"
        yield f"Work: about {planned.estimate_seconds:.0f} s; {alone}"
    if planned.stuck:
        yield f"Stuck: {counted(planned.stuck, 'step')} after these cannot go on then"
    if planned.free:
        yield f"Free: {counted(planned.free, 'step')} can go on then"
    yield from _listed("New version", [_version(planned, name) for name in planned.supersedes])
    yield from _listed("Tells a neighbour again", planned.tells)
    yield from _listed("Damaged in the store, set aside", planned.damaged)
    for effect in planned.clocks:
        yield f"Clock{' AT RISK' if effect.at_risk else ''}: {word(effect.words)}"
    for text in planned.notes[:SHOWN]:
        yield f"Note: {word(text)}"
    yield from _more(len(planned.notes))


def _version(planned: Plan, name: str) -> str:
    now = planned.versions.get(name)
    return f"{name} (v{now} to v{now + 1})" if now else name


def _listed(title: str, items: Sequence[str]) -> Iterator[str]:
    if items:
        more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
        yield f"{title}: {word(list(items[:SHOWN]))}{more}"


def _left_alone(untouched: Sequence[tuple[int, str]]) -> Iterator[str]:
    """Give one line for each reason, with the steps that it holds for."""
    reasons: dict[str, list[int]] = {}
    for number, why in untouched:
        reasons.setdefault(why, []).append(number)
    for why, numbers in reasons.items():
        named = [n for n in numbers if n]
        if not named:
            yield f"Not done: {word(why)}"
            continue
        shown = ", ".join(map(str, named[:SHOWN])) + (f" and {len(named) - SHOWN} more" if len(named) > SHOWN else "")
        yield f"Not touched, {counted(len(named), 'step')} ({shown}): {word(why)}"
