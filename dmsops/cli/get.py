"""``dmsops get``: files from an archive's site, whole and verified."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from dmsops.cli.frame import Answer, notes, verb
from dmsops.core.config import archive_token
from dmsops.core.counting import counted
from dmsops.core.errors import BadInput
from dmsops.distribution import client_finding as finding
from dmsops.distribution.client import Fetched, Progress, Wanted, fetch
from dmsops.distribution.client_asking import Site
from dmsops.services.server import is_this_machine

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

SERVER = "http://127.0.0.1:8123"
_WORDS = {"got": "fetched", "had": "here already", "failed": "FAILED"}


@click.argument("uris", nargs=-1, metavar="[URI]...")
@click.option("--program", metavar="NUMBER", default="", help="All files of a program.")
@click.option("--observation", "observations", metavar="ID", multiple=True, help="All files of an observation; may be given again.")
@click.option("--staged", metavar="NUMBER", default="", help="The files of a staged request; waits until they are ready.")
@click.option("--stage", "stages", is_flag=True, help="Have the site lay the files ready first (for many and large ones).")
@click.option("--suffix", "suffixes", metavar="WORD", multiple=True, help="Only files with this suffix, as cal; may be given again.")
@click.option("--into", metavar="DIR", type=click.Path(path_type=Path), default=Path(), help="Folder (default: this one).")
@click.option("--server", metavar="URL", default=SERVER, show_default=True, help="The site's address.")
@click.option("--parallel", type=click.IntRange(1, 16), default=4, show_default=True, help="Files at a time.")
@click.option("--token-file", metavar="FILE", type=click.Path(path_type=Path), help="0600 file with your token.")
def get(
    _site: str | None, uris: tuple[str, ...], program: str, observations: tuple[str, ...], staged: str, *, stages: bool,
    suffixes: tuple[str, ...], into: Path, server: str, parallel: int, token_file: Path | None,
) -> Answer:  # fmt: skip
    """Fetch files from an archive's site: by their URIs or names, of a program, of observations, or of a staged request.

    What was begun is gone on with; each file is compared with the sum that the site sends, and appears under its name only then.
    Your token comes from DMSOPS_ARCHIVE_TOKEN, MAST_API_TOKEN or --token-file.
    """
    asked = Site(base=server.rstrip("/"), token=archive_token(token_file))
    _warn(asked)
    wanted = _wanted(asked, uris, program, observations, staged, suffixes)
    if stages:
        number = finding.stage(asked, [uri for one in wanted if (uri := one.uri)])
        wanted = finding.of_staged(asked, number, waiting=lambda state: notes.print(f"staged request {number}: {state}", markup=False))
    with _bars(len(wanted)) as progress:
        found = fetch(asked, wanted, into, parallel=parallel, progress=progress)
    return Answer(found, _lines(found, into), 1 if any(one.state == "failed" for one in found) else 0)


def _warn(asked: Site) -> None:
    parts = urlsplit(asked.base)
    if asked.token and parts.scheme == "http" and not is_this_machine(parts.hostname or ""):
        notes.print("Anyone on the way can read your token: the address does not begin with https.", markup=False)


def _wanted(
    asked: Site, uris: tuple[str, ...], program: str, observations: tuple[str, ...], staged: str, suffixes: tuple[str, ...]
) -> list[Wanted]:  # fmt: skip
    if sum(map(bool, (uris, program, observations, staged))) != 1:
        raise BadInput("say what to fetch, in one way: URIs, --program, --observation or --staged")
    if suffixes and not (program or observations):
        raise BadInput("--suffix chooses among the files of a program or of observations", field="suffix")
    if program:
        return finding.of_program(asked, program, suffixes=suffixes)
    if observations:
        return finding.of_observations(asked, observations, suffixes=suffixes)
    return finding.of_staged(asked, staged) if staged else finding.by_uris(asked, uris)


@contextmanager
def _bars(number: int) -> Iterator[Progress]:
    """Show a bar for each file that is on its way and one for all; on no terminal, nothing."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description:44.44}"), BarColumn(20), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as bars:
        yield _shower(bars, number)


def _shower(bars: Bars, number: int) -> Progress:
    tasks: dict[str, object] = {}
    done: set[str] = set()

    def show(name: str, here: int, total: int | None) -> None:
        task = tasks.get(name)
        if task is None:
            task = tasks[name] = bars.add_task(name, total=total)
        bars.update(task, completed=here, total=total)  # type: ignore[arg-type]
        if total is not None and here >= total and name not in done:
            done.add(name)
            bars.update(task, visible=len(done) == number)  # type: ignore[arg-type]

    return show


def _lines(found: list[Fetched], into: Path) -> list[str]:
    lines = [f"{one.name}: {one.error}\n  What to do: {one.remedy}" for one in found if one.state == "failed"]
    counts = {state: sum(one.state == state for one in found) for state in _WORDS}
    size = sum(one.size for one in found if one.state == "got")
    told = ", ".join(f"{number} {_WORDS[state]}" for state, number in counts.items() if number)
    return [*lines, f"{counted(len(found), 'file')}: {told or 'nothing'}; {size / 1e6:,.1f} MB came, verified, into {into.resolve()}"]


commands = verb(click.Group(), "get", opens=False)(get)
