"""``dmsops testbed``: the Observatory Test Bed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from dmsops.cli import testbed_partner
from dmsops.cli.frame import Answer, table, verb
from dmsops.cli.progress import Bar
from dmsops.core.counting import counted
from dmsops.core.files import make_folder
from dmsops.core.records import Visit
from dmsops.ops import Ops

SHARE = click.FloatRange(0.0, 1.0)


@click.group()
def commands() -> None:
    """The Observatory Test Bed: fly visits, make references (all simulated)."""


def visits(site: str | None) -> Answer:
    """List the visit definitions that are shipped."""
    from dmsops.testbed.visits import load_visit, shipped

    rows = []
    for name, path in shipped().items():
        visit = load_visit(path)
        rows.append({"name": name, "visit": visit.id.v, "type": visit.visit_type, "exposures": len(visit.exposures), "file": str(path)})
    return Answer(rows, [table(rows, {"name": "Definition", "visit": "Visit", "type": "Type", "exposures": "Exposures", "file": "File"})])


@click.argument("log", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), help="Definition to write, for several visits their folder (default: beside you, by visit)."
)
def visit_from_log(site: str | None, log: Path, out: Path | None) -> Answer:
    """Make a visit definition of each visit in an event log."""
    from dmsops.testbed.osslog import read_logs

    visits = read_logs(log)
    one = out is not None and len(visits) == 1 and not out.is_dir()
    rows = [_written(visit, out if one and out else (out or Path()) / f"{visit.id.v}.toml") for visit in visits]
    return Answer(rows[0] if len(rows) == 1 else rows, [_said(row) for row in rows])


def _written(visit: Visit, path: Path) -> dict[str, Any]:
    from dmsops.testbed.visits import write_visit

    make_folder(path.parent)
    write_visit(visit, path)
    return {
        "visit": visit.id.v,
        "type": visit.visit_type,
        "status": visit.status,
        "end_reason": visit.end_reason,
        "exposures": len(visit.exposures),
        "detector_exposures": sum(len(e.readouts) for e in visit.exposures),
        "file": str(path),
    }


def _said(row: dict[str, Any]) -> str:
    how = row["status"] + (f": {row['end_reason']}" if row["end_reason"] else "")
    files = f"{counted(row['exposures'], 'exposure')}, {counted(row['detector_exposures'], 'file')} of level 1b"
    return f"{row['visit']} ({row['type']}, {how}): {files}; written to {row['file']}"


@click.argument("visit", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the delivery and the truth.")
@click.option("--size", type=click.Choice(["small", "real"]), default="small")
@click.option("--seed", type=int, default=1)
@click.option("--fault", "faults", multiple=True, help="Fault to inject (see dmsops fault list).")
@click.option("--without-packets", is_flag=True, help="Let exposures that cannot be simulated fly without packets.")
def fly(ops: Ops, visit: Path, out: Path, size: Any, seed: int, faults: tuple[str, ...], *, without_packets: bool) -> Answer:
    """Fly a visit definition: writes a delivery as the observatory would send it, and the truth for tests."""
    from dmsops.testbed import fly as flying
    from dmsops.testbed.sizes import as_size
    from dmsops.testbed.visits import load_visit

    with Bar("Flying the visit") as progress:
        flight = flying.fly(
            as_size(load_visit(visit), size), out, settings=ops.settings, seed=seed, faults=faults, progress=progress,
            without_packets=without_packets,
        )  # fmt: skip
    quiet = [f"{name} sent no packets: the test bed cannot simulate its detectors" for name in flight.silent]
    return Answer(flight, [f"Delivery at {flight.delivery}", *quiet, f"Next: dmsops receipt accept {flight.delivery}"])


@click.argument("date", type=click.DateTime(["%Y-%m-%d"]))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the deliveries and the truth.")
@click.option("--samples", type=click.IntRange(min=1), default=300_000_000, show_default=True, help="Samples of the day, about.")
@click.option("--files", type=click.IntRange(min=2), default=60, show_default=True, help="Files that the day is cut into.")
@click.option("--seconds", type=click.FloatRange(min=0.001), help="Time of a file (default: 24 minutes, less for few samples).")
@click.option("--seed", type=int, default=1)
@click.option("--resent", type=SHARE, default=0.05, show_default=True, help="Share of files that come again.")
@click.option("--conflicts", type=SHARE, default=0.0005, show_default=True, help="Share of samples with two values.")
@click.option("--late", type=SHARE, default=0.05, show_default=True, help="Share of files that come after later ones.")
@click.option("--disordered", type=SHARE, default=0.05, show_default=True, help="Share of files with packets out of order.")
@click.option("--gaps", type=SHARE, default=0.05, show_default=True, help="Share of files in which some time is missing.")
def day(site: str | None, date: datetime, out: Path, samples: int, files: int, seconds: float | None, seed: int, **shares: float) -> Answer:
    """Make a whole day of engineering deliveries, and the truth about each file for tests."""
    from dmsops.testbed.day import fly_day
    from dmsops.testbed.telemetry_day import Shares

    with Bar("Making the day") as progress:
        made = fly_day(
            out, date.date(), samples=samples, files=files, seconds=seconds, shares=Shares(**shares), seed=seed, progress=progress
        )  # fmt: skip
    files_made, held = counted(made.files, "file"), counted(made.samples, "sample", form=",")
    said = f"{files_made} with {held} ({made.size / 1e6:,.1f} MB) in {made.deliveries[0].parent}"
    return Answer(made, [said, f"What each must be found to hold: {made.truth}"])


@click.argument("visit", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--size", type=click.Choice(["small", "real"]), default="small")
def references(ops: Ops, visit: Path | None, size: Any) -> Answer:
    """Make the local calibration references (a CRDS cache of the test bed's own) that a visit needs."""
    from dmsops.testbed import references as refs
    from dmsops.testbed.sizes import as_size
    from dmsops.testbed.visits import load_visit, shipped

    flown = as_size(load_visit(visit or shipped()["wfsc_sensing_only"]), size)
    with Bar("Calibration references") as progress:
        cache = refs.build(ops.settings, refs.sets_for([flown]), progress)
    return Answer({"cache": str(cache)}, [f"CRDS cache at {cache}, context {ops.settings.crds_context}"])


verb(commands, "visits", opens=False)(visits)
verb(commands, "visit-from-log", opens=False)(visit_from_log)
verb(commands, "fly")(fly)
verb(commands, "day", opens=False)(day)
verb(commands, "references")(references)
commands.add_command(testbed_partner.commands)
