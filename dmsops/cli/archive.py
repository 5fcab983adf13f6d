"""``dmsops archive``: what the archive holds, and what a person decides about it (`dmsops.cli.archive_acts`)."""

from __future__ import annotations

from typing import Any

import click

from dmsops.archive import errors as faults
from dmsops.archive import queries
from dmsops.archive.duplicates import listed as duplicates_listed
from dmsops.archive.rows import document
from dmsops.cli.archive_acts import add_acts
from dmsops.cli.archive_store import add_store
from dmsops.cli.frame import Answer, table, verb, word
from dmsops.cli.plans import SHOWN
from dmsops.core.counting import counted
from dmsops.core.errors import BadInput
from dmsops.ops import Ops

OBSERVATIONS = {
    "id": "Observation",
    "state": "State",
    "version": "Version",
    "products": "Products",
    "bytes": "Bytes",
    "changed_at": "Changed",
}
PRODUCTS = {"name": "Product", "version": "Version", "current": "Current", "size": "Bytes", "archived_at": "Archived", "sha256": "sha256"}
PLANES = {
    "product_id": "Plane", "calibration_level": "Level", "data_release": "Public from", "software": "Software", "context": "Context",
    "from": "MJD from", "exposure": "Seconds", "bandpass": "Filter",
}  # fmt: skip
ERRORS = {
    "id": "No.", "observation_id": "Observation", "kind": "Class", "times": "Times", "last_at": "Last", "state": "State",
    "why": "Because",
}  # fmt: skip
FINDINGS = {"id": "No.", "check": "Check", "severity": "Severity", "state": "State", "fault": "Seen"}


PLACES = {
    "observation_id": "Observation", "product_id": "Plane", "instrument": "Instrument", "target": "Target", "from": "MJD from",
    "exposure": "Seconds", "bandpass": "Filter", "data_release": "Public from",
}  # fmt: skip


@click.group()
def commands() -> None:
    """What the archive holds, and what is decided about it."""


def shown(rows: list[Any], columns: dict[str, str], nothing: str) -> list[Any]:
    """Draw the first rows of a list, and say how many more there are."""
    more = [f"... and {len(rows) - SHOWN} more (--json names all)"] if len(rows) > SHOWN else []
    return [table(rows[:SHOWN], columns), *more] if rows else [nothing]


@click.option("--prefix", default="", help="Only products whose name begins so.")
def summary(ops: Ops, prefix: str) -> Answer:
    """Count products by suffix, observations with their validity, and open ingest errors by class."""
    data = {"products": queries.counts_by_suffix(ops, prefix=prefix), "caom": queries.caom_summary(ops), "errors": faults.counts(ops)}
    lines = [", ".join(f"{n} {suffix}" for suffix, n in data["products"].items()) or "The archive is empty."]
    lines += [f"{counted(data['caom']['observations'], 'CAOM observation')}, {data['caom']['invalid']} invalid"]
    waits = {kind: counted(n, "ingest error waits", "ingest errors wait") for kind, n in data["errors"].items()}
    lines += [f"{words}: {kind}, {faults.KINDS[kind]} (P15)" for kind, words in waits.items()]
    return Answer(data, lines)


@click.option("--prefix", default="", help="Only those whose id begins so.")
@click.option("--search", default="", help="Only those with this in their id, target or instrument.")
@click.option("--withdrawn/--no-withdrawn", default=True, help="Also those that were withdrawn (default).")
def observations(ops: Ops, prefix: str, search: str, *, withdrawn: bool) -> Answer:
    """List CAOM observations."""
    rows = queries.observations(ops, prefix=prefix, withdrawn=withdrawn)
    fields = ("id", "target", "instrument", "proposal_id")
    rows = [row for row in rows if any(search.lower() in str(row[f] or "").lower() for f in fields)]
    return Answer(rows, shown(rows, OBSERVATIONS, "No observation."))


@click.argument("observation")
def show(ops: Ops, observation: str) -> Answer:
    """Show an observation whole: planes, files, versions, events, ingest errors, findings, withdrawals."""
    data = queries.story(ops, observation)
    lines: list[Any] = _head(data["observation"], observation)
    artifacts = [{**a, "plane": p["product_id"]} for p in data["planes"] for a in p["artifacts"]]
    columns = {"plane": "Plane", "uri": "File", "product_type": "Kind", "content_length": "Bytes", "release_type": "Release"}
    parts: tuple[tuple[str, list[Any], dict[str, str]], ...] = (
        ("Planes", [{**row, "from": _mjd(row["time_min"])} for row in data["planes"]], PLANES),
        ("Files", artifacts, columns),
        ("Made from", [{"member": m} for m in data["members"]], {"member": "Observation"}),
        ("Versions", data["products"], PRODUCTS),
        ("Events", data["events"], {"version": "Version", "event": "Event", "created_at": "At", "sent_at": "Told"}),
        ("Ingest errors", [{**row, "why": row["message"]} for row in data["errors"]], ERRORS),
        ("Findings", [{**row, "fault": row["observed"]} for row in data["findings"]], FINDINGS),
        ("Withdrawals", data["withdrawals"], {"at": "At", "actor": "By", "reason": "Why", "restored_at": "Restored"}),
    )
    for title, rows, names in parts:
        lines += ["", title, *shown(rows, names, "")] if rows else []
    return Answer(data, lines)


def _mjd(day: float | None) -> str | None:
    return None if day is None else f"{day:.6f}"


def _head(row: Any, observation: str) -> list[str]:
    if row is None:
        return [f"{word(observation)} is not archived: its ingest failed"]
    position = "" if row["target_ra"] is None else f" at {row['target_ra']:.5f} {row['target_dec']:+.5f}"
    return [
        f"{row['id']}: {row['kind']}, {row['state']}, version {row['version']}, changed {word(row['changed_at'])}",
        f"{word(row['instrument'])} {word(row['type'])}, {word(row['intent'])}, target {word(row['target'])}{position}",
        f"Program {word(row['proposal_id'])}",
        f"accMetaChecksum {word(row['checksum'])}, document {word(row['xml_sha256'])}",
    ]


@click.option("--observation", default=None, help="Only this observation's.")
@click.option("--prefix", default="", help="Only those whose name begins so.")
@click.option("--all", "superseded", is_flag=True, help="All versions, not only the current ones.")
def products(ops: Ops, observation: str | None, prefix: str, *, superseded: bool) -> Answer:
    """List products with version, size and sum."""
    rows = queries.products(ops, observation_id=observation, prefix=prefix, superseded=superseded)
    return Answer(rows, shown(rows, PRODUCTS, "No product."))


@click.argument("name")
def versions(ops: Ops, name: str) -> Answer:
    """Show every version of a product, by its file name."""
    rows = [row for row in queries.products(ops, prefix=name, superseded=True) if row["name"] == name]
    return Answer(rows, shown(rows, PRODUCTS, f"The archive never had a product '{word(name)}'."))


@click.argument("observation")
def xml(ops: Ops, observation: str) -> Answer:
    """Print an observation's CAOM document as it lies in the store."""
    text = document(ops, observation).decode("utf-8", errors="replace")
    return Answer({"observation": observation, "xml": text}, [word(text.rstrip())])


@click.option("--all", "every", is_flag=True, help="Also those that are closed.")
@click.option("--prefix", default="", help="Only observations whose id begins so.")
def errors(ops: Ops, prefix: str, *, every: bool) -> Answer:
    """List what could not be taken into the archive."""
    rows = faults.listed(ops, states=() if every else ("open",), prefix=prefix)
    return Answer(rows, shown([{**row, "why": row["message"]} for row in rows], ERRORS, "No ingest error is open."))


@click.argument("number", type=int)
def error(ops: Ops, number: int) -> Answer:
    """Show an ingest error whole, by its number: findings, products offered, what repairs it."""
    from dmsops.procedures.ingest_problem import REPAIRS, error_of

    row = error_of(ops, number)
    lines: list[Any] = [
        f"{row['observation_id']}: {row['kind']}, {faults.KINDS[row['kind']]}",
        word(row["message"]),
        *map(word, row["findings"]),
    ]
    lines += [f"{counted(row['times'], 'time')}, first {word(row['first_at'])}, last {word(row['last_at'])}; {row['state']}"]
    lines += [f"Closed by {word(row['closed_by'])}: {word(row['closed_reason'])}"] if row["closed_at"] else []
    offered = [{"name": name, "sha256": sha256} for name, sha256 in sorted(row["offered"].items())]
    lines += [table(offered, {"name": "Offered", "sha256": "sha256"}), f"What repairs it: {REPAIRS[row['kind']]}"]
    return Answer(row, lines)


def duplicates(ops: Ops) -> Answer:
    """List products that two associations made, and that wait for a decision (P13)."""
    rows = duplicates_listed(ops)
    seen = [{**row, "products": sorted(row["products"]), "why": row["message"]} for row in rows]
    columns = {"observation_id": "Observation", "products": "Products", "times": "Times", "last_at": "Last", "why": "Because"}
    return Answer(rows, shown(seen, columns, "No product name is claimed twice."))


def numbers(text: str | None, count: int, option: str) -> tuple[float, ...] | None:
    """Read numbers with commas between; raises `BadInput`."""
    if text is None:
        return None
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if len(found) != count or any(number != number for number in found):  # noqa: PLR0124 - not a number differs from itself
        raise BadInput(f"--{option} takes {count} numbers with commas between, not '{text}'", field=option)
    return found


@click.option("--cone", metavar="RA,DEC,RADIUS", help="Footprints that touch this circle; degrees.")
@click.option("--time", "span", metavar="FROM,TO", help="Exposed within these times; MJD, UTC.")
@click.option("--energy", metavar="FROM,TO", help="Wavelengths that overlap these; metres.")
@click.option("--proposal", help="Of this program, five digits.")
@click.option("--target", help="Of this target.")
@click.option("--instrument", help="By this instrument.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=500, show_default=True, help="At most so many.")
def search(
    ops: Ops,
    cone: str | None,
    span: str | None,
    energy: str | None,
    proposal: str | None,
    target: str | None,
    instrument: str | None,
    limit: int,
) -> Answer:
    """Search by sky, time, energy, program, target: one line for each plane."""
    given: dict[str, Any] = {
        "cone": numbers(cone, 3, "cone"), "time": numbers(span, 2, "time"), "energy": numbers(energy, 2, "energy"),
        "proposal": proposal, "target": target, "instrument": instrument,
    }  # fmt: skip
    from dmsops.archive.search import search as find

    page = find(ops, limit=limit, **{k: v for k, v in given.items() if v is not None})
    rows = [{**row, "from": _mjd(row["time_min"])} for row in page.rows]
    more = ["There are more: narrow it, or raise --limit."] if page.more else []
    return Answer({"rows": page.rows, "more": page.more}, [*shown(rows, PLACES, "Nothing was found."), *more])


for _name, _function in (
    ("summary", summary), ("observations", observations), ("show", show), ("products", products), ("versions", versions),
    ("search", search), ("xml", xml), ("errors", errors), ("error", error), ("duplicates", duplicates),
):  # fmt: skip
    verb(commands, _name)(_function)
add_acts(commands)
add_store(commands)
