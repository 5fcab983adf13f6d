"""The whole house as its user runs it: the command in a process of its own, on a site of its own."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.desk import Desk


@pytest.fixture(scope="session")
def crds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the references that all exercises share; the first exercise fills it."""
    return tmp_path_factory.mktemp("references") / "crds"


@pytest.fixture(scope="session")
def exercise(tmp_path_factory: pytest.TempPathFactory, crds: Path) -> tuple[Desk, dict[str, Any]]:
    """Run the WaveFront Exercise once; give its desk and its report. Tests only look at it."""
    desk = Desk(tmp_path_factory.mktemp("exercise") / "site", crds)
    return desk, desk.json("rehearse", "wavefront")


@pytest.fixture
def desk(tmp_path: Path, exercise: tuple[Desk, dict[str, Any]]) -> Desk:
    """Give a fresh rehearsal site in which the visit has been flown and nothing received."""
    flown, _ = exercise
    made = Desk(tmp_path / "site", flown.crds)
    made.json("site", "init", "--mode", "rehearsal")
    shutil.copytree(flown.site / "visits", made.site / "visits", dirs_exist_ok=True)
    return made


@pytest.fixture
def delivery(desk: Desk) -> Path:
    """Give the flown delivery of the fresh site."""
    return next((desk.site / "visits").glob("V*-small")) / "delivery"
