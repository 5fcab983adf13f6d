"""``dmsops testbed``: the Observatory Test Bed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dmsops.cli.frame import Answer, table, verb
from dmsops.cli.progress import Bar
from dmsops.ops import Ops


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
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Definition to write (default: beside you, named by the visit)."
)
def visit_from_log(site: str | None, log: Path, out: Path | None) -> Answer:
    """Make a visit definition from the event log of a flown visit."""
    from dmsops.testbed.osslog import read_log
    from dmsops.testbed.visits import write_visit

    visit = read_log(log)
    path = out or Path(f"{visit.id.v}.toml")
    write_visit(visit, path)
    files = sum(len(e.readouts) for e in visit.exposures)
    data = {
        "visit": visit.id.v,
        "type": visit.visit_type,
        "exposures": len(visit.exposures),
        "detector_exposures": files,
        "file": str(path),
    }
    return Answer(
        data, [f"{visit.id.v} ({visit.visit_type}): {len(visit.exposures)} exposures, {files} files of level 1b; written to {path}"]
    )


@click.argument("visit", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the delivery and the truth.")
@click.option("--size", type=click.Choice(["small", "real"]), default="small")
@click.option("--seed", type=int, default=1)
@click.option("--fault", "faults", multiple=True, help="Fault to inject (see dmsops fault list).")
def fly(ops: Ops, visit: Path, out: Path, size: Any, seed: int, faults: tuple[str, ...]) -> Answer:
    """Fly a visit definition: writes a delivery as the observatory would send it, and the truth for tests."""
    from dmsops.testbed import fly as flying
    from dmsops.testbed.sizes import as_size
    from dmsops.testbed.visits import load_visit

    with Bar("Flying the visit") as progress:
        flight = flying.fly(as_size(load_visit(visit), size), out, settings=ops.settings, seed=seed, faults=faults, progress=progress)
    return Answer(flight, [f"Delivery at {flight.delivery}", f"Next: dmsops receipt accept {flight.delivery}"])


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
verb(commands, "references")(references)
