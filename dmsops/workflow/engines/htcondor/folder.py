"""A batch's folder: what DAGMan and the nodes are given, on disk."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from dmsops.workflow.engines.htcondor import client, dag, node
from dmsops.workflow.engines.htcondor.dag import Node
from dmsops.workflow.engines.htcondor.warm import socket_of

if TYPE_CHECKING:
    from dmsops.ops import Ops

PATIENCE_SECONDS = 30.0
"""How long a node waits for a warm server before it runs its step itself."""
_LIBRARY = Path(node.__file__).resolve().parents[4]
"""Where this library is: a node that runs on its own must run the same."""
_GIVEN = (dag.DAG, dag.SUBMIT, dag.CONFIG, dag.ADDRESS)


def home(ops: Ops) -> Path:
    """Give the folder of all batches."""
    return ops.settings.folder("work") / "condor"


def write(ops: Ops, batch: int, folder: Path, nodes: Iterable[Node], attributes: dict[str, str]) -> None:
    """Write everything that a batch needs; its folder may be there from a try that was cut short."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    python = sys.executable
    submit = dag.submit_text(
        argv=[python, "-IS", client.__file__, dag.ADDRESS, str(batch), "$(step)", "$(Cluster)"],
        environment={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(Path.home()), "PYTHONPATH": str(_LIBRARY)},
        attributes={**attributes, "DmsStep": "$(step)"},
    )
    alone = [python, "-m", node.__name__, str(ops.settings.site)]
    address = {"socket": str(socket_of(ops)), "patience": PATIENCE_SECONDS, "alone": alone}
    texts = (dag.dag_text(nodes), submit, dag.config_text(), json.dumps(address))
    for name, text in zip(_GIVEN, texts, strict=True):
        (folder / name).write_text(text, encoding="utf-8")


def write_again(old: Path, new: Path, done: Collection[str]) -> None:
    """Write a batch once more, to go on where DAGMan vanished: the nodes named are done."""
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for name in _GIVEN:
        shutil.copyfile(old / name, new / name)
    (new / dag.RESCUE).write_text(dag.rescue_text(done), encoding="utf-8")
