"""The command line: ``dmsops <part> <verb>``; one of the three doors to every verb.

Comes in: words typed by a person or a script. Goes out: plain lines, or with ``--json`` one JSON document on
standard output and nothing else. Exit 0 done, 1 failed, 2 refused or bad input.
"""

from __future__ import annotations

import importlib

import click

from dmsops import __version__

PARTS = {
    "site": "Make and look at a site.",
    "people": "Who works on the site, and in which role.",
    "status": "What stands where: the site at a glance.",
    "testbed": "The Observatory Test Bed: fly visits, make references.",
    "receipt": "Deliveries: preview, accept, quarantine, re-requests.",
    "outbox": "What was told to the neighbours: look, lay out what waits.",
    "gaps": "Missing packets: what is known, what was asked for, what was decided.",
    "visit": "Visits: what became of them; reconcile, ask for status files, second issues.",
    "ephemeris": "Ephemerides: coverage, doubts, products to refresh.",
    "engineering": "The engineering database: files, gaps, conflicts, mnemonics and samples.",
    "flow": "Plan work for what has been received.",
    "engine": "Run the site's steps.",
    "workflow": "Workflows and steps: look, hold, release, rescue, and every other verb.",
    "step": "Step kinds; run one by hand.",
    "archive": "The archive: what it holds, what it could not take, versions, search, fixity.",
    "doctor": "Whether the archive can be trusted: examine, findings, repair.",
    "wfsc": "Wavefront support: the 90-minute clock, deliveries to WSS.",
    "subscriptions": "Subscriptions: who is told what, and how; pause, resume, tell again.",
    "notify": "Telling subscribers what happened: run, look, skip.",
    "accounts": "Astronomers and partners: tokens, and whose a program's exclusive data are.",
    "access": "Who was given which file, who was refused; a program's exclusive access.",
    "staging": "Large requests: who asked for which files together; end one.",
    "get": "Fetch files from an archive's site, whole and verified.",
    "partners": "Partner archives: how far they harvested, what they refused, what differs.",
    "serve": "The site's services over HTTP: the archive, the engineering database.",
    "runbook": "The staff procedures.",
    "rehearse": "Exercises on the test bed.",
    "components": "The 14 components and how they are.",
    "fault": "Faults that the test bed can inject.",
    "journal": "The journal of acts and events.",
}


class _Parts(click.Group):
    """Loads a part's commands when they are asked for: `dmsops --help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(PARTS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in PARTS:
            return None
        module = importlib.import_module(f"dmsops.cli.{cmd_name}")
        return module.commands  # type: ignore[no-any-return]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Parts"):
            formatter.write_dl(list(PARTS.items()))


@click.command(cls=_Parts, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="dmsops")
def main() -> None:
    """Operate a space observatory's data: receive, process, archive, distribute, rescue.

    Every command takes --site DIR (default DMSOPS_SITE) and --json.
    """
