"""``dmsops testbed partner``: a second site that harvests the archive's feed, as partners do."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from dmsops.cli.frame import Answer, notes, table, verb
from dmsops.core.counting import counted
from dmsops.core.private import private_text

FOLDER = click.argument("folder", type=click.Path(file_okay=False, path_type=Path))


@click.group("partner")
def commands() -> None:
    """A partner's archive of our own making: harvest the feed, copy files, validate."""


@FOLDER
@click.option("--feed", required=True, metavar="URL", help="Address of the archive, as http://127.0.0.1:8123.")
@click.option("--collection", default="JWST", show_default=True, help="Collection to harvest.")
@click.option("--files", type=click.Choice(["none", "public", "all"]), default="public", show_default=True, help="Files to copy.")
@click.option("--token-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="0600 file with the partner's token.")
def init(site: str | None, folder: Path, feed: str, collection: str, files: str, token_file: Path | None) -> Answer:
    """Make the second site, or give it other settings."""
    from dmsops.testbed.partner.site import make

    token = private_text(token_file, "token_file") if token_file else ""
    made = make(folder, feed, collection=collection, files=files, token=token)
    return Answer({"folder": str(made)}, [f"A partner's site in {made}", f"Next: dmsops testbed partner harvest {made}"])


@FOLDER
@click.option("--without-files", is_flag=True, help="Take descriptions only.")
@click.option("--every", type=click.FloatRange(min=0.1), metavar="SECONDS", help="Go on until Ctrl-C, with so long a pause.")
def harvest(site: str | None, folder: Path, every: float | None, *, without_files: bool) -> Answer:
    """Harvest what changed since the last time, and copy the files that the policy asks for."""
    done = _once(folder, without_files=without_files)
    try:
        while every is not None:
            notes.print(done["lines"][0], markup=False)
            _open(folder).clock.sleep(every)
            done = _once(folder, without_files=without_files)
    except KeyboardInterrupt:
        pass
    lines = done.pop("lines")
    return Answer(done, lines, exit_code=1 if done["harvest"]["lost"] else 0)


def _open(folder: Path) -> Any:
    from dmsops.testbed.partner.site import open_site

    return open_site(folder)


def _once(folder: Path, *, without_files: bool) -> dict[str, Any]:
    from dmsops.testbed.partner import files, harvest
    from dmsops.testbed.partner.feed import Feed

    here = _open(folder)
    with Feed(here) as feed:
        took = harvest.harvest(here, feed)
        copied = files.Synced() if without_files or here.files == "none" else files.sync(here, feed)
    copies = counted(copied.taken, "file")
    lines = [
        f"{counted(took.listed, 'line')} read, {counted(took.taken, 'document')} taken, {took.deleted} deleted, {took.skipped} skipped",
        f"{copies} copied ({copied.size / 1e6:,.1f} MB), {copied.not_public} not given yet, {copied.cleared} cleared away",
        *(f"lost: {words}" for words in took.lost),
        *copied.failed[:20],
    ]
    return {"harvest": asdict(took), "files": asdict(copied), "lines": lines}


@FOLDER
@click.option("--only-look", is_flag=True, help="Set nothing to be taken again.")
def validate(site: str | None, folder: Path, *, only_look: bool) -> Answer:
    """Compare everything that the archive lists with everything held here; the next harvest takes what differs."""
    from dmsops.testbed.partner import validate
    from dmsops.testbed.partner.feed import Feed

    here = _open(folder)
    with Feed(here) as feed:
        found = validate.validate(here, feed, repair=not only_look)
    rows = [asdict(one) for one in found.anomalies[:40]]
    shown = [table(rows, {"kind": "What", "uri": "Where", "theirs": "Archive", "ours": "Here"})] if rows else []
    return Answer(found, [*found.lines(), *shown], exit_code=1 if found.anomalies else 0)


@FOLDER
def show(site: str | None, folder: Path) -> Answer:
    """Show what is held, what is skipped and why, and how far was harvested."""
    from dmsops.testbed.partner.site import state

    found = state(_open(folder))
    lines: list[Any] = [f"{counted(found['observations'], 'observation')}, {found['files']} of {found['named_files']} files"]
    lines += [f"{name} seen to {at}" for name, at in sorted(found["marks"].items())]
    columns = {"observation_id": "Observation", "kind": "Skipped for", "times": "Times", "try_after": "Again after", "fault": "Why"}
    return Answer(found, [*lines, table(found["skipped"], columns)] if found["skipped"] else lines)


@FOLDER
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write (a partner lays it into inbox/partners).")
def inventory(site: str | None, folder: Path, out: Path | None) -> Answer:
    """Write the inventory of what is held, as partners send it to the archive."""
    from dmsops.core.files import write_bytes
    from dmsops.testbed.partner import validate

    document = validate.inventory(_open(folder))
    if out is not None:
        write_bytes(out, document)
    return Answer({"inventory": document.decode()}, [f"written to {out}"] if out else document.decode().splitlines())


for _name, _function in (("init", init), ("harvest", harvest), ("validate", validate), ("show", show), ("inventory", inventory)):
    verb(commands, _name, opens=False)(_function)
