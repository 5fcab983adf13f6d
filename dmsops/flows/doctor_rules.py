"""The doctor's work on documents: each read from the store and held against the rules of one observation, in processes beside ours."""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dmsops.catalogue.library import quiet_library
from dmsops.catalogue.registry import RULES, Case, Finding
from dmsops.core.errors import DmsError, Failed, NotFound

if TYPE_CHECKING:
    from dmsops.core.config import Settings
    from dmsops.ops import Ops
    from dmsops.storage.base import Store

_CHUNK = 100
_ALONE = 300
"""So few observations are looked at here: to start processes costs more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What the archive knows of an observation beside its description."""

    observation_id: str
    collection: str
    sha256: str
    archived_at: datetime | None
    exclusive_days: int | None

    @property
    def uri(self) -> str:
        """Its name."""
        return f"caom:{self.collection}/{self.observation_id}"


@dataclass(slots=True)
class Seen:
    """What was seen of some observations."""

    findings: list[Finding] = field(default_factory=list)
    seconds: Counter[str] = field(default_factory=Counter)
    blind: list[tuple[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    looked_at: int = 0


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
    from dmsops.flows.doctor import load_checks
    from dmsops.storage import open_store

    load_checks()
    _store["open"] = open_store(settings.store, settings)


def _look(rules: Sequence[str], charts: Sequence[Chart]) -> Seen:
    return look(_store["open"], rules, charts)


@quiet_library()
def look(store: Store, rules: Sequence[str], charts: Sequence[Chart]) -> Seen:
    """Hold the documents of some observations against rules."""
    seen = Seen(looked_at=len(charts))
    for chart in charts:
        began = time.process_time()
        case = _case(store, chart, seen)
        seen.seconds["reading"] += time.process_time() - began
        if case is None:
            seen.blind.append(("*", chart.observation_id))
            continue
        for number in rules:
            _apply(number, case, chart, seen)
    return seen


def _case(store: Store, chart: Chart, seen: Seen) -> Case | None:
    """Read an observation's document; what keeps us from it is a finding."""
    from dmsops.catalogue.xml import from_xml

    try:
        document = store.path(chart.sha256).read_bytes()
    except NotFound:
        return _lost(seen, chart, "C11", f"document {chart.sha256[:12]}... in the store", "it is not there")
    except (DmsError, OSError) as error:
        seen.problems.append(f"the document of {chart.observation_id} could not be read: {error}")
        return None
    found = hashlib.sha256(document).hexdigest()
    if found != chart.sha256:
        return _lost(seen, chart, "C14", f"sha256:{chart.sha256}", f"its document has sha256:{found}")
    try:
        described: Any = from_xml(document, source=f"{chart.observation_id}_caom.xml")
    except DmsError as error:
        return _lost(seen, chart, "C01", "a CAOM 2.4 document", error.message[:500])
    except Exception as error:  # noqa: BLE001 - whatever the library makes of a document, it is a finding about the document
        return _lost(seen, chart, "C01", "a CAOM 2.4 document", f"{type(error).__name__}: {str(error)[:300]}")
    return Case(observation=described, document=document, archived_at=chart.archived_at, exclusive_days=chart.exclusive_days)


def _lost(seen: Seen, chart: Chart, check: str, expected: str, observed: str) -> None:
    rule = RULES.get(check)
    if rule is None:
        seen.problems.append(f"{chart.uri}: {observed}, expected {expected}")
    else:
        seen.findings.append(rule.finding(chart.observation_id, chart.uri, expected, observed))


def _apply(number: str, case: Case, chart: Chart, seen: Seen) -> None:
    rule = RULES[number]
    began = time.process_time()
    try:
        found = [rule.finding(chart.observation_id, *one) for one in rule.case(case)]  # type: ignore[misc]
    except Exception as error:  # noqa: BLE001 - a rule that breaks on one observation is said, and the others still run
        seen.blind.append((number, chart.observation_id))
        seen.problems.append(f"check {number} could not run on {chart.observation_id}: {type(error).__name__}: {str(error)[:200]}")
        found = []
    seen.findings += found
    seen.seconds[number] += time.process_time() - began
