"""What the table of steps sends to the page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from dashboards.app.steps_table import COLUMNS, StepsTable
from dmsops.workflow import queries


def test_a_row_that_changed_is_sent_whole_when_its_glow_ends(full: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent while the page still opened may have been lost."""
    sent: list[dict[str, Any]] = []
    table, now = StepsTable(lambda _: None, lambda _: None), full.clock.now()
    rows = queries.steps(full, limit=3)
    table.show(rows, now)
    monkeypatch.setattr(table.widget, "patch", sent.append)
    table.update([{**rows[1], "state": "held"}], now)
    assert set(sent.pop()) < set(COLUMNS)
    table.tick(now + timedelta(seconds=10))
    assert {name: [at for at, _ in cells] for name, cells in sent.pop().items()} == {name: [1] for name in COLUMNS}
    table.tick(now + timedelta(seconds=11))
    assert sent == []
