"""Checks of CAOM descriptions: defects found by ours and by the public validators, false alarms, random mutations, speed.

``python -m tests.bench.caom`` prints which random mutations slip through, field by field.
"""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from dmsops.archive.ingest import product_of
from dmsops.catalogue import check, describe, from_xml, to_xml
from dmsops.catalogue.checksums import write_sums
from dmsops.catalogue.compare import differences
from dmsops.catalogue.registry import Case
from dmsops.testing.mutations import FROM_THE_LIST, MUTATIONS, Mutation
from dmsops.testing.observations import clean
from dmsops.testing.products import write_product
from tests.bench.peers.compare import HERE, PYTHON
from tests.bench.row import Row

ROOT = "jw02726402001_03104_00001_nrca3"
COMBINED = "jw02726-o402_t001_nircam_f212n-wlm8-nrca3_wfscmb-04.fits"
ARCHIVED = datetime(2022, 12, 5, tzinfo=UTC)
CLEAN = 1000
RANDOM = 2000
GOAL_FOUND = 0.9
STALE, WRITTEN = "sums left stale", "sums computed anew"


def rows(place: Path) -> Iterator[Row]:
    """Measure all of it."""
    yield _defects(place)
    yield _false_alarms()
    yield from _random_rows()
    yield _speed()


def sound(place: Path, on: str = "exposure") -> Case:
    """Give a sound observation of a program with exclusive access."""
    names = [COMBINED] if on == "combined" else [f"{ROOT}_{suffix}.fits" for suffix in ("uncal", "cal")]
    members = [f"{ROOT}_cal.fits", f"{ROOT.replace('00001', '00002')}_cal.fits"] if on == "combined" else []
    products = [product_of(write_product(place / on / name, CATEGORY="GO")) for name in names]
    return Case(
        observation=describe(products, members=members, archived_at=ARCHIVED, exclusive_days=90), archived_at=ARCHIVED, exclusive_days=90
    )


def _again(observation: Any) -> None:
    """Compute the sums as the program would that wrote it wrongly; where it cannot, it leaves them."""
    with contextlib.suppress(TypeError, ValueError, AttributeError):
        write_sums(observation)


def _defects(place: Path) -> Row:
    documents = place / "documents"
    documents.mkdir()
    ours = 0
    unwritable = []
    for number, mutation in enumerate(MUTATIONS[:FROM_THE_LIST]):
        case = sound(place, mutation.on)
        mutation.change(case.observation)
        if mutation.check != "C47":
            _again(case.observation)
        ours += mutation.check in {f.check for f in check(case)}
        try:
            (documents / f"{number:02d}.xml").write_bytes(to_xml(case.observation))
        except (TypeError, ValueError, AttributeError):
            unwritable.append(mutation)
    theirs, why = _validators(documents, unwritable)
    return Row(
        row=f"{FROM_THE_LIST} kinds of defect in a description, found",
        ours=float(ours),
        against=theirs,
        against_what="caom2 reader with schema, its own checks, caom2utils.validate",
        ratio=ours / theirs if theirs else None,
        goal=f"{FROM_THE_LIST}",
        met=ours == FROM_THE_LIST,
        unit="",
        why=why,
    )


def _validators(documents: Path, unwritable: list[Mutation]) -> tuple[float | None, str]:
    """Count what the public validators find; what cannot even be written counts as found."""
    if not PYTHON.exists():
        return None, "`make peers` installs caom2utils"
    done = subprocess.run([PYTHON, HERE / "caom_validate.py", documents], capture_output=True, text=True, check=False)
    if done.returncode:
        return None, done.stderr.strip().splitlines()[-1][:200]
    said = json.loads(done.stdout)
    found = [MUTATIONS[int(name[:2])].name for name, words in said.items() if words]
    return float(len(found) + len(unwritable)), f"theirs: {', '.join(found)}"


def _false_alarms() -> Row:
    counted = Counter(f.check for o in clean(CLEAN) for f in check(Case(observation=o, document=to_xml(o))))
    return Row(
        row=f"findings on {CLEAN:,} sound observations",
        ours=float(counted.total()),
        against=0.0,
        against_what="none",
        ratio=None,
        goal="0",
        met=not counted,
        unit="",
        why=", ".join(f"{n} {c}" for c, n in counted.items()),
    )


@dataclass(frozen=True)
class Field:
    """A field of a description that can be changed: where it is, its name, its value."""

    place: str
    owner: Any
    name: str
    value: Any


def fields_of(observation: Any) -> list[Field]:
    """Give every field with a plain value in the tree of a description, by walking its attributes."""
    found: list[Field] = []
    _walk(observation, type(observation).__name__, found, set())
    return found


_SUMS = ("meta_checksum", "acc_meta_checksum", "last_modified", "max_last_modified")


def _walk(thing: Any, place: str, found: list[Field], seen: set[int]) -> None:
    if id(thing) in seen or not hasattr(thing, "__dict__") or _is_term(thing):
        return
    seen.add(id(thing))
    for key, value in sorted(vars(thing).items()):
        name = _plain(key)
        if name in _SUMS or key == "_id" or isinstance(value, type):
            continue
        if (
            isinstance(value, str | int | float | datetime | None)
            or (hasattr(value, "uri") and not hasattr(value, "parts"))
            or _is_term(value)
        ):
            found.append(Field(place, thing, key, value))
        else:
            for child in _below(value):
                _walk(child, f"{place}.{name}", found, seen)


def _plain(key: str) -> str:
    return key.rpartition("__")[2].lstrip("_")


def _below(value: Any) -> Iterator[Any]:
    if hasattr(value, "items"):
        yield from value.values()
    elif isinstance(value, Iterable):
        yield from value
    else:
        yield value


def _is_uri(value: Any) -> bool:
    return hasattr(value, "uri") and not hasattr(value, "parts")


def _is_term(value: Any) -> bool:
    return hasattr(value, "value") and hasattr(type(value), "__members__")


def mutated(field: Field, chance: random.Random) -> Any:
    """Give another value of the same kind, or nothing; what is not there stays so."""
    value = field.value
    if value is None or chance.random() < 0.2:
        return None
    kind = next((kind for kind in _OTHERS if isinstance(value, kind)), None)
    if kind is not None:
        return _OTHERS[kind](value, chance)
    return chance.choice([term for term in type(value) if term is not value]) if _is_term(value) else None


_OTHERS: dict[type, Callable[[Any, random.Random], Any]] = {
    datetime: lambda v, chance: v.replace(year=v.year + chance.choice((-1, 1)), day=min(v.day, 28)),
    float: lambda v, chance: v * chance.choice((-1.0, 1.5, 1e6)) + chance.choice((0.0, 0.37)),
    int: lambda v, chance: v + chance.choice((-1, 1, 1000)),
    str: lambda v, chance: chance.choice((v[::-1], v + "x", v[:-1], "")),
}


def random_mutations(times: int, seed: int = 1) -> dict[str, dict[str, tuple[int, int]]]:
    """Change one field at random, many times; gives for each way of looking: field to (found, tried).

    A change that leaves the written document as it was is none.
    """
    chance = random.Random(seed)
    sounds = [to_xml(o) for o in islice(clean(200), 100, 200)]
    found: dict[str, dict[str, list[int]]] = {way: defaultdict(lambda: [0, 0]) for way in (STALE, WRITTEN)}
    tried = 0
    while tried < times:
        document = chance.choice(sounds)
        before, observation = from_xml(document), from_xml(document)
        field = chance.choice(fields_of(observation))
        setattr(field.owner, field.name, mutated(field, chance))
        seen = _seen(before, observation)
        if seen is None:
            continue
        tried += 1
        for way, by in seen.items():
            counted = found[way][f"{field.place}.{_plain(field.name)}"]
            counted[0] += by
            counted[1] += 1
    return {way: {place: (n[0], n[1]) for place, n in fields.items()} for way, fields in found.items()}


def _seen(before: Any, observation: Any) -> dict[str, bool] | None:
    """Say by which ways of looking a change is seen; None when it changes nothing."""
    try:
        differs = bool(differences(before, observation))
    except Exception:  # noqa: BLE001 - what cannot be written is seen by whoever writes it
        return dict.fromkeys((STALE, WRITTEN), True)
    if not differs:
        return None
    stale = _finds(observation)
    _again(observation)
    return {STALE: stale, WRITTEN: _finds(observation)}


def _finds(observation: Any) -> bool:
    try:
        return bool(check(Case(observation=observation, archived_at=None)))
    except Exception:  # noqa: BLE001 - a rule that breaks is told as such by the doctor
        return True


def _random_rows() -> Iterator[Row]:
    found = random_mutations(RANDOM)
    for way, fields in found.items():
        hit, tried = (sum(n[i] for n in fields.values()) for i in (0, 1))
        worst = sorted(((n[1] - n[0], place) for place, n in fields.items() if n[0] < n[1]), reverse=True)[:6]
        yield Row(
            row=f"{tried:,} random changes of one field, {way}, found",
            ours=100.0 * hit / tried,
            against=100.0,
            against_what="all",
            ratio=None,
            goal=f">= {GOAL_FOUND:.0%}",
            met=hit / tried >= GOAL_FOUND,
            unit="%",
            why="slip through: " + ", ".join(f"{place} {n}" for n, place in worst) if worst else "",
        )


def _speed() -> Row:
    """Compare checking a description with reading it, which whoever checks it must do."""
    documents = [to_xml(o) for o in islice(clean(300), 100, 300)]
    began = time.process_time()
    read = [from_xml(d) for d in documents]
    reading = time.process_time() - began
    began = time.process_time()
    for observation, document in zip(read, documents, strict=True):
        check(Case(observation=observation, document=document))
    checking = time.process_time() - began
    return Row(
        row="checking an observation with every rule",
        ours=1e3 * checking / len(documents),
        against=1e3 * reading / len(documents),
        against_what="the library reads it",
        ratio=reading / checking,
        goal="<= 2 ms",
        met=checking / len(documents) <= 2e-3,
        unit="ms of CPU",
    )


def main() -> None:
    """Print the table, and every field whose changes slip through."""
    with tempfile.TemporaryDirectory() as place:
        for row in rows(Path(place)):
            print(row.line(), flush=True)
    for way, fields in random_mutations(RANDOM).items():
        for place, (hit, tried) in sorted(fields.items()):
            if hit < tried:
                print(f"{way}: {place}: {tried - hit} of {tried} slip through")


if __name__ == "__main__":
    main()
