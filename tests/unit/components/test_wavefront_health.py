"""Wavefront support says how it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dmsops.components import health
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site

IN_TIME = "Every wavefront clock is in time."
SIMULATED = (
    'The answers of WSS are simulated: no hand-over is known to have reached the wavefront team. Set wss_answers = "team" in site.toml.'
)


@pytest.mark.parametrize(
    ("settings", "state", "waiting", "sentence"),
    [
        ({"mode": "live"}, "attention", 1, f"{IN_TIME} {SIMULATED}"),
        ({"mode": "live", "wss_answers": "team"}, "good", 0, IN_TIME),
        ({"mode": "rehearsal"}, "good", 0, IN_TIME),
    ],
)
def test_a_live_site_says_that_the_answers_of_wss_are_simulated(
    tmp_path: Path, settings: dict[str, Any], state: str, waiting: int, sentence: str
) -> None:
    ops = small_site(tmp_path / "site", START, **settings)
    (found,) = [one for one in health(ops) if one.component.id == "C11"]
    assert (found.state, found.waiting, found.sentence) == (state, waiting, sentence)
    ops.db.dispose()
