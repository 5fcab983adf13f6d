"""``dmsops rehearse``: exercises on the test bed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from dmsops.cli.engine import failure_lines
from dmsops.cli.frame import Answer, verb
from dmsops.cli.progress import Bar, StepBar
from dmsops.core.counting import counted
from dmsops.ops import Ops


@click.group()
def commands() -> None:
    """Exercises on the test bed."""


class Terminal:
    """Shows an exercise's progress on standard error."""

    def phase(self, title: str) -> Bar:
        """Begin a phase with a bar of its own."""
        return Bar(title)

    def engine(self) -> StepBar:
        """Begin processing."""
        return StepBar()


@click.option("--log", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Fly the event log of a real visit.")
@click.option("--visit", "definition", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Fly a visit definition.")
@click.option("--size", type=click.Choice(["small", "real"]), default="small", help="small: subarrays; real: full frames.")
@click.option("--workers", type=click.IntRange(1, 64), default=2, help="Steps at once, when the site is made.")
@click.option("--engine", type=click.Choice(["local", "htcondor"]), default="local", help="What runs the steps, when the site is made.")
@click.option("--seed", type=int, default=1, help="Seed of the simulated sky, detectors and noise.")
def wavefront(site: str | None, log: Path | None, definition: Path | None, size: Any, workers: int, engine: str, seed: int) -> Answer:
    """Run the WaveFront Exercise: fly a visit, process it, deliver to WSS within 90 minutes.

    Makes the rehearsal site when it is not there; given again, it goes on where it stopped.
    """
    from dmsops.rehearsal import wavefront as exercise

    visit = exercise.wanted_visit(log, definition, size)
    ops = exercise.open_site(site, workers=workers, engine=engine)
    done = exercise.run(ops, visit, Terminal(), seed=seed)
    return Answer(done.report, report_lines(ops, done.report), 0 if done.good else 1)


def report_lines(ops: Ops, report: dict[str, Any]) -> list[Any]:
    """Put the exercise's report into words."""
    products, clock, delivery, caom = report["products"], report["clock"], report["delivery"], report["caom"]
    lines: list[Any] = [
        "",
        f"WaveFront Exercise, visit {report['visit']}: {report['visit_status']} {report['end_reason']}".rstrip(),
        f"  received   {counted(report['received']['files'], 'file')} in delivery {report['received']['delivery']}",
        "  products   " + (", ".join(f"{n} {suffix}" for suffix, n in products.items()) or "none"),
        f"  archive    {counted(caom['observations'], 'CAOM observation')}, {caom['invalid']} invalid",
        f"  to WSS     {delivery['state']}, {counted(delivery['files'], 'file')}",
        f"  clock      {_minutes(clock['used_minutes'])} used of {clock['limit_minutes']:.0f} min",
        f"  engine     {report['engine']['seconds']} s, peak {report['engine']['peak_mb']} MB for one step",
    ]
    for title, names in (
        ("quarantined", report["received"]["quarantined"]),
        ("missing", report["missing"]),
        ("problem", report["problems"]),
    ):
        lines += [f"  {title}: {name}" for name in names]
    lines += failure_lines(ops) if report["steps"]["failed"] else []
    return [*lines, "", "Where to look", *_where_to_look(ops.settings.site)]


def _where_to_look(site: Path) -> list[str]:
    """Give the commands to type next, the program named as it was called."""
    called = Path(sys.argv[0])
    program = str(called) if called.name == "dmsops" else "dmsops"
    commands = {
        f"{program} workflow steps --site {site}": "every step, failed first",
        f"{program} people add NAME --role lead --password --site {site}": "who may sign in to the boards",
        f"make boards SITE={site}": "the OWL board in a browser",
        f"make lab SITE={site}": "JupyterLab with the notebooks",
        f"{program} runbook run P10 --site {site}": "the wavefront procedure",
    }
    width = max(map(len, commands))
    return [f"  {command:{width}}   {what}" for command, what in commands.items()]


def _minutes(used: float | None) -> str:
    return "not started" if used is None else f"{used:.1f} min"


verb(commands, "wavefront", opens=False)(wavefront)
