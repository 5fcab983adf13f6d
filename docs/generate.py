"""Reference pages written from the code, so that they cannot drift from it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

import dmsops
from dmsops.catalogue import registry
from dmsops.core import config, errors, names
from dmsops.flows import doctor
from dmsops.procedures import index
from dmsops.workflow import steps

ROOT = Path(__file__).resolve().parents[1]
NOT_PARTS = ("migrations",)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    return "\n".join([line(head), "|" + "---|" * len(head), *map(line, rows)]) + "\n"


def first_sentence(text: str | None) -> str:
    """Give the first paragraph of a docstring on one line."""
    paragraph = inspect.cleandoc(text or "").split("\n\n")[0].replace("\n", " ")
    return paragraph.replace("``", "`")


def error_classes() -> list[type[errors.DmsError]]:
    """Give every error class, in the order of the file."""
    found = [item for item in vars(errors).values() if inspect.isclass(item) and issubclass(item, errors.DmsError)]
    return sorted(found, key=lambda item: inspect.getsourcelines(item)[1])


def errors_page() -> str:
    """List every error: code, what it means, what to do."""
    rows = [(f"`{c.code}`", f"`{c.__name__}`", first_sentence(c.__doc__), c.remedy, str(c.exit_code)) for c in error_classes()]
    return _table(("code", "class", "what it means", "what to do", "exit"), rows)


def settings_page() -> str:
    """List every setting: name, kind, default, sentence."""
    rows = []
    for name, field in config.Settings.model_fields.items():
        default = "(required)" if field.is_required() else f"`{field.default!r}`"
        rows.append((f"`{name}`", f"`DMSOPS_{name.upper()}`", default, field.description or ""))
    return _table(("in site.toml", "in the environment", "default", "what it is"), rows)


def names_page() -> str:
    """List the families of names: what they are, their pattern."""
    return "\n".join(f"## {f.__name__}\n\n{first_sentence(f.__doc__)}\n\n```text\n{f.PATTERN}\n```\n" for f in names.FAMILIES)


def steps_page() -> str:
    """List the registered steps."""
    steps.use_modules(config.Settings(site=ROOT).step_modules)
    rows = [
        (f"`{k.name}`", k.title, f"{k.estimate_seconds:g} s", f"{k.memory_mb} MB", "yes" if k.external else "")
        for _, k in sorted(steps.load_kinds().items())
    ]
    return _table(("step", "what it does", "usual time", "memory", "tells a neighbour"), rows)


def caom_rules_page() -> str:
    """List the doctor's checks: number, what each finds, how bad, where the expected value comes from, what to do."""
    doctor.load()
    rows = [
        (r.id, f"{r.title[0].upper()}{r.title[1:]}", r.severity, r.source, "deep audits" if r.deep else "", r.fix or "a person", r.remedy)
        for _, r in sorted(registry.RULES.items())
    ]
    return _table(("check", "what it finds", "severity", "held against", "only in", "repaired by", "what to do"), rows)


def command_group() -> click.Group:
    """Give the command line's root."""
    root = importlib.import_module("dmsops.cli").main
    assert isinstance(root, click.Group)
    return root


def subcommands(group: click.Group) -> dict[str, click.Command]:
    """Give a group's commands by name, also where they are loaded only when asked for."""
    context = click.Context(group)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None and not command.hidden}


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Walk every verb of the command line with the words that call it."""
    for name, command in subcommands(group).items():
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def commands_page() -> str:
    """Show every verb of the command line with its own help."""
    out = []
    for path, command in commands(command_group()):
        words = " ".join(("dmsops", *path))
        context = click.Context(command, info_name=words, terminal_width=100)
        out.append(f"## {words}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(out)


def runbooks_page() -> str:
    """List the runbooks that are there."""
    rows = [(r.id, r.title, r.purpose, r.trigger, r.least_role.word, f"`runbooks/{r.path.name}`") for r in index.list_runbooks()]
    head = ("id", "title", "what it is for", "used when", "least role", "file")
    return _table(head, rows) if rows else "No runbook is written yet.\n"


def parts() -> list[Any]:
    """Import every part of the library (a folder below ``dmsops``)."""
    found = [m.name for m in pkgutil.iter_modules(dmsops.__path__) if m.ispkg and m.name not in NOT_PARTS]
    return [importlib.import_module(f"dmsops.{name}") for name in found]


def parts_page() -> str:
    """Show every part: its charter and its verbs."""
    out = []
    for part in parts():
        charter = re.sub(r"``|`", "`", inspect.cleandoc(part.__doc__ or ""))
        out.append(f"## {part.__name__}\n\n{charter}\n")
        rows = [_verb(name, getattr(part, name)) for name in getattr(part, "__all__", ())]
        if rows:
            out.append(_table(("name", "what it does"), rows))
    return "\n".join(out)


def _verb(name: str, item: Any) -> tuple[str, str]:
    is_function = inspect.isfunction(item)
    arguments = ", ".join(inspect.signature(item).parameters) if is_function else ""
    return f"`{name}({arguments})`" if is_function else f"`{name}`", first_sentence(getattr(item, "__doc__", ""))


PAGES: dict[str, Callable[[], str]] = {
    "caom-rules": caom_rules_page,
    "commands": commands_page,
    "errors": errors_page,
    "names": names_page,
    "parts": parts_page,
    "runbooks": runbooks_page,
    "settings": settings_page,
    "steps": steps_page,
}


def write_all(folder: Path) -> None:
    """Write every page into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / f"{name}.md").write_text(page(), encoding="utf-8")
