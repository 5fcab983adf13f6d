"""The notebook of trends on mnemonics that are not plain: states, a gap, a name that is none."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from dmsops.core.people import Role, put_person, system_user
from dmsops.ops import Ops
from dmsops.procedures.engine import kernel_options
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site
from tests.browser.engineering_site import ATTITUDE, WHEEL, recorded
from tests.engineering_files import take

TRENDS = Path(__file__).resolve().parents[3] / "notebooks" / "engineering_trends.ipynb"


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ops]:
    """Give a site with forty minutes of telemetry; its attitude has a gap."""
    ops = small_site(tmp_path_factory.mktemp("trends") / "site", START + timedelta(hours=6))
    with ops.db.begin() as c:
        put_person(c, system_user(), Role.VIEWER)
    take(ops, recorded())
    yield ops
    ops.db.dispose()


def drawn(ops: Ops, mnemonic: str) -> str:
    """Execute the notebook up to its picture; gives what was drawn."""
    book = nbformat.read(TRENDS, as_version=4)
    last = next(n for n, cell in enumerate(book.cells) if cell.id == "trend")
    book.cells = book.cells[: last + 1]
    (given,) = (cell for cell in book.cells if cell.id == "parameters")
    given.source += f'\nmnemonic = "{mnemonic}"'
    around: dict[str, Any] = {
        "resources": {"metadata": {"path": str(TRENDS.parent)}},
        **kernel_options({"DMSOPS_SITE": str(ops.settings.site)}),
    }
    NotebookClient(book, kernel_name="python3", timeout=120, **around).execute()
    return "".join(str(output.get("data", {}).get("text/html", "")) for output in book.cells[-1].outputs)


def test_states_are_named_on_the_axis(held: Ops) -> None:
    assert "FILTER1" in drawn(held, WHEEL)


def test_a_gap_is_coloured(held: Ops) -> None:
    assert "lightblue" in drawn(held, ATTITUDE)


def test_a_name_that_is_none_is_said_in_words(held: Ops) -> None:
    with pytest.raises(CellExecutionError, match="there is no mnemonic 'NOPE' in the telemetry database"):
        drawn(held, "NOPE")
