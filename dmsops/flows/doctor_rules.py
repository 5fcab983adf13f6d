"""The doctor's work on documents: each read from the store and held against the rules of one observation, in processes beside ours."""

from __future__ import annotations

import itertools
import multiprocessing
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dmsops.archive.rows import stored
from dmsops.catalogue.naming import observation_uri
from dmsops.catalogue.registry import RULES, Case, Finding, Rule
from dmsops.core.errors import DmsError, Failed, NotFound, StoreDamaged, StoreUnreachable

if TYPE_CHECKING:
    from dmsops.core.config import Settings
    from dmsops.ops import Ops
    from dmsops.storage.base import Store

_CHUNK = 100
_ALONE = 300
"""So few observations are looked at here: to start processes costs more."""
SCHEMA = "C01"
"""The rule that reading a document has answered already."""
BROKEN = "Open an anomaly with procedure P21: the check itself is at fault, and what it looks for may be there."


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What the archive knows of an observation beside its description."""

    observation_id: str
    collection: str
    sha256: str | None
    archived_at: datetime | None
    exclusive_days: int | None

    @property
    def uri(self) -> str:
        """Its name."""
        return observation_uri(self.collection, self.observation_id)


@dataclass(slots=True)
class Seen:
    """What was seen of some observations."""

    findings: list[Finding] = field(default_factory=list)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    blind: list[tuple[str, str]] = field(default_factory=list)
    looked_at: int = 0


class _Lost(Exception):
    """A document that gives no description; check, what was expected, what was seen."""

    def __init__(self, check: str, expected: str, observed: str) -> None:
        super().__init__(check)
        self.seen = (check, expected, observed)


def could_not_run(made: Rule, observation_id: str | None, error: Exception) -> Finding:
    """Give what stands for a check that broke: it is not silent, and not a finding of what it looks for."""
    why = error.message if isinstance(error, DmsError) else f"{type(error).__name__}: {error}"
    uri = f"check:{made.id}" + (f"/{observation_id}" if observation_id else "")
    found = made.finding(observation_id, uri, "an answer", f"check {made.id} could not run: {why}"[:500])
    return replace(found, source="doctor", remedy=BROKEN, fix="")


def examined(ops: Ops, rules: Sequence[str], pages: Iterable[Sequence[Chart]], total: int) -> Iterator[Seen]:
    """Hold observations against rules, a chunk at a time; no more chunks are under way than the processes need.

    Raises
    ------
    Failed
        A process ended in the middle of its work (out of memory, killed).
    """
    chunks = (list(chunk) for page in pages for chunk in itertools.batched(page, _CHUNK))
    if total <= _ALONE or ops.settings.workers == 1:
        yield from (look(ops.store, rules, chunk) for chunk in chunks)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(ops.settings.workers, mp_context=spawn, initializer=_begin, initargs=(ops.settings,)) as pool:
        under_way: deque[Future[Seen]] = deque()
        try:
            for chunk in chunks:
                under_way.append(pool.submit(_look, rules, chunk))
                if len(under_way) > 2 * ops.settings.workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except BrokenProcessPool:
            raise Failed("a process of the doctor ended in the middle of its work; nothing was written down",
                         remedy="Give the machine memory, or audit part by part with a prefix (P16).") from None  # fmt: skip
        finally:
            pool.shutdown(cancel_futures=True)


_store: dict[str, Store] = {}


def _begin(settings: Settings) -> None:
    from dmsops.flows.doctor import load
    from dmsops.storage import open_store

    load()
    _store["open"] = open_store(settings.store, settings)


def _look(rules: Sequence[str], charts: Sequence[Chart]) -> Seen:
    return look(_store["open"], rules, charts)


def look(store: Store, rules: Sequence[str], charts: Sequence[Chart]) -> Seen:
    """Hold the documents of some observations against rules."""
    seen = Seen(looked_at=len(charts))
    for chart in charts:
        _look_at(store, rules, chart, seen)
    return seen


def _look_at(store: Store, rules: Sequence[str], chart: Chart, seen: Seen) -> None:
    began = time.process_time()
    try:
        case = _case(store, chart)
    except _Lost as lost:
        check, expected, observed = lost.seen
        seen.findings.append(RULES[check].finding(chart.observation_id, chart.uri, expected, observed))
        seen.blind.append(("*", chart.observation_id))
        return
    finally:
        began = _spent(seen, "reading", began)
    for number in rules:
        _apply(number, case, chart, seen)
        began = _spent(seen, number, began)


def _spent(seen: Seen, what: str, began: float) -> float:
    """Count the time since ``began``; gives the time now (it is asked once for each rule: to ask costs as much as a small rule)."""
    now = time.process_time()
    seen.seconds[what] += now - began
    return now


def _case(store: Store, chart: Chart) -> Case:
    """Read an observation's document; what keeps us from it is a finding."""
    from dmsops.catalogue.xml import from_xml

    document = _document(store, chart)
    try:
        described: Any = from_xml(document, source=f"{chart.observation_id}_caom.xml")
    except DmsError as error:
        raise _Lost(SCHEMA, "a document that follows CAOM-2.4.xsd", error.message[:500]) from None
    except Exception as error:  # noqa: BLE001 - whatever the library makes of a document, it is a finding about the document
        raise _Lost(SCHEMA, "a document that follows CAOM-2.4.xsd", f"{type(error).__name__}: {str(error)[:300]}") from None
    if described.observation_id != chart.observation_id:
        raise _Lost(SCHEMA, f"a document of {chart.observation_id}", f"it describes {described.observation_id}")
    return Case(observation=described, document=document, archived_at=chart.archived_at, exclusive_days=chart.exclusive_days)


def _document(store: Store, chart: Chart) -> bytes:
    if chart.sha256 is None:
        raise _Lost("C11", "a document in the store", "the catalogue names none")
    try:
        return stored(store, chart.sha256)
    except (NotFound, FileNotFoundError):
        raise _Lost("C11", f"object {chart.sha256[:12]}... in the store", "it is not there") from None
    except StoreDamaged as error:
        raise _Lost("C14", f"sha256:{chart.sha256}", f"its bytes have sha256:{error.facts['found']}") from None
    except (DmsError, OSError) as error:
        if is_away(store, error):
            raise
        raise _Lost("C11", f"object {chart.sha256[:12]}... in the store", f"it cannot be read: {str(error)[:300]}") from None


def is_away(store: Store, error: Exception) -> bool:
    """Tell an object that cannot be read from a store that answers nothing at all: then nothing can be said of anything."""
    if not isinstance(error, StoreUnreachable):
        return False
    try:
        store.has("0" * 64)
    except StoreUnreachable:
        return True
    return False


def _apply(number: str, case: Case, chart: Chart, seen: Seen) -> None:
    rule = RULES[number]
    try:
        seen.findings += [rule.finding(chart.observation_id, *one) for one in rule.case(case)]  # type: ignore[misc]
    except Exception as error:  # noqa: BLE001 - a rule that breaks on one observation is said, and the others still run
        seen.blind.append((number, chart.observation_id))
        seen.findings.append(could_not_run(rule, chart.observation_id, error))
