"""Notebooks in canonical form: executed on the frozen site, written the same on every machine.

``python -m dmsops.procedures.canonical build --site DIR runbooks notebooks`` executes and rewrites;
``python -m dmsops.procedures.canonical check runbooks notebooks`` proves in milliseconds, without a kernel, that
each is canonical and wholly executed (a notebook without outputs would pass a comparison of outputs unseen).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from dmsops.core.errors import DmsError, Failed
from dmsops.core.files import write_bytes

MAX_BYTES = 100_000
MAX_CODE_LINES = 12
MAX_PARAMETERS = 20
"""The cell of parameters holds one assignment a line, and nothing that could hide logic."""
KEPT_TYPES = ("text/plain", "text/markdown")
UNCHECKED = "nbval-ignore-output"
_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def canonical(document: Mapping[str, Any]) -> dict[str, Any]:
    """Give a notebook (nbformat 4, as plain data) in canonical form.

    Cell ids come from the cell's ``step`` metadata or its first line; counts run from 1; only tags and ``dmsops``
    metadata stay; outputs keep text and markdown, and are empty where the cell is tagged ``nbval-ignore-output``.
    """
    seen: set[str] = set()
    counts = iter(range(1, 10_000))
    cells = [_cell(cell, seen, counts) for cell in document["cells"]]
    own = {"dmsops": document["metadata"]["dmsops"]} if "dmsops" in document["metadata"] else {}
    return {"cells": cells, "metadata": {**own, **_METADATA}, "nbformat": 4, "nbformat_minor": 5}


def _cell(cell: Mapping[str, Any], seen: set[str], counts: Iterable[int]) -> dict[str, Any]:
    metadata = {key: cell["metadata"][key] for key in ("dmsops", "step", "tags") if cell["metadata"].get(key)}
    source = "".join(cell["source"]).rstrip()
    lines = source.splitlines(keepends=True)
    plain: dict[str, Any] = {"cell_type": cell["cell_type"], "id": _cell_id(metadata, source, seen), "metadata": metadata, "source": lines}
    if cell["cell_type"] == "code":
        count = next(iter(counts)) if cell.get("execution_count") is not None else None
        silent = UNCHECKED in metadata.get("tags", [])
        outputs = [] if silent else [_output(o, count) for o in _joined(cell.get("outputs", []))]
        plain |= {"execution_count": count, "outputs": outputs}
    return plain


def _cell_id(metadata: Mapping[str, Any], source: str, seen: set[str]) -> str:
    first = metadata.get("step") or next(iter(source.splitlines()), "cell")
    base = re.sub(r"[^a-z0-9]+", "-", first.lower()).strip("-")[:40].strip("-") or "cell"
    name, number = base, 2
    while name in seen:
        name, number = f"{base}-{number}", number + 1
    seen.add(name)
    return name


def _joined(outputs: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Join neighbouring pieces of one stream: how a stream is cut is chance."""
    joined: list[dict[str, Any]] = []
    for output in outputs:
        text = "".join(output.get("text", ""))
        if joined and output["output_type"] == "stream" and joined[-1].get("name") == output["name"]:
            joined[-1]["text"] += text
        else:
            joined.append({**output, "text": text} if output["output_type"] == "stream" else dict(output))
    return joined


def _output(output: Mapping[str, Any], count: int | None) -> dict[str, Any]:
    kind = output["output_type"]
    if kind == "stream":
        return {"name": output["name"], "output_type": kind, "text": output["text"].splitlines(keepends=True)}
    if kind == "error":
        return {"ename": output["ename"], "evalue": output["evalue"], "output_type": kind, "traceback": []}
    data = {mime: "".join(value).splitlines(keepends=True) for mime, value in output["data"].items() if mime in KEPT_TYPES}
    number = {"execution_count": count} if kind == "execute_result" else {}
    return {"data": data, **number, "metadata": {}, "output_type": kind}


def dumps(document: Mapping[str, Any]) -> bytes:
    """Write a notebook as JupyterLab would: one space, sorted keys, a newline at the end."""
    return (json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def faults(path: Path) -> list[str]:
    """Say what keeps a notebook from being canonical, whole and thin; empty when nothing does."""
    content = path.read_bytes()
    try:
        document = json.loads(content)
        written = dumps(canonical(document))
    except (ValueError, KeyError, TypeError) as error:
        return [f"{path.name}: not a notebook ({error})"]
    found = [] if written == content else ["not in canonical form: run `make notebooks`"]
    found += [f"{len(content)} bytes; at most {MAX_BYTES}"] if len(content) > MAX_BYTES else []
    for cell in (c for c in document["cells"] if c["cell_type"] == "code"):
        found += [f"cell '{cell['id']}': {text}" for text in _cell_faults(cell)]
    return [f"{path.name}: {text}" for text in found]


def _cell_faults(cell: Mapping[str, Any]) -> list[str]:
    lines = [line for line in "".join(cell["source"]).splitlines() if line.strip() and not line.lstrip().startswith("#")]
    found = [] if cell["execution_count"] is not None else ["was not executed"]
    limit = MAX_PARAMETERS if "parameters" in cell["metadata"].get("tags", ()) else MAX_CODE_LINES
    found += [f"{len(lines)} code lines; at most {limit}"] if len(lines) > limit else []
    found += (
        ["defines functions or classes: they belong in the library"] if any(re.match(r"(async )?(def|class) ", ln) for ln in lines) else []
    )
    for output in cell["outputs"]:
        if output["output_type"] == "error":
            found.append(f"ended with {output['ename']}")
        if output.get("name") == "stderr":
            found.append("wrote to stderr")
    return found


def build(path: Path, site: Path | None = None, *, timeout: float = 120.0) -> bool:
    """Execute a notebook (on ``site``, told to its kernel as ``DMSOPS_SITE``) and rewrite it; True when it changed.

    Raises
    ------
    Failed
        A cell stopped with an error; the file is left as it was.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    from dmsops.procedures.engine import kernel_options

    before = path.read_bytes()
    notebook = nbformat.reads(before.decode(), as_version=4)  # type: ignore[no-untyped-call]
    kernel = kernel_options({"DMSOPS_SITE": str(site.resolve())} if site else {})
    resources = {"metadata": {"path": str(path.resolve().parent)}}
    try:
        NotebookClient(notebook, kernel_name="python3", record_timing=False, timeout=timeout, resources=resources, **kernel).execute()
    except CellExecutionError as error:
        raise Failed(f"{path.name}: {error.ename}: {error.evalue}", file=str(path)) from None
    after = dumps(canonical(json.loads(nbformat.writes(notebook))))  # type: ignore[no-untyped-call]
    if after != before:
        write_bytes(path, after)
    return after != before


def notebooks_of(paths: Iterable[Path]) -> list[Path]:
    """Give the notebooks among files and folders, in order."""
    found = [sorted(path.glob("*.ipynb")) if path.is_dir() else [path] for path in paths]
    return [path for group in found for path in group]


@click.group()
def main() -> None:
    """Keep notebooks executed and canonical."""


_paths = click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))


@main.command("build")
@_paths
@click.option("--site", type=click.Path(exists=True, path_type=Path), help="Site to run on; default DMSOPS_SITE.")
def _build(paths: tuple[Path, ...], site: Path | None) -> None:
    """Execute notebooks and rewrite them in canonical form."""
    try:
        for path in notebooks_of(paths):
            click.echo(f"{path}: {'rewritten' if build(path, site) else 'unchanged'}")
    except DmsError as error:
        click.echo(f"{error.message}\nWhat to do: {error.remedy}", err=True)
        sys.exit(error.exit_code)


@main.command("check")
@_paths
def _check(paths: tuple[Path, ...]) -> None:
    """Say what is not canonical, not executed, or too long; exit 1 if anything."""
    found = [text for path in notebooks_of(paths) for text in faults(path)]
    for text in found:
        click.echo(text)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
