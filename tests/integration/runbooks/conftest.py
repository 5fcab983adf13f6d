"""The site that runbooks are shown on, for runs that act."""

from __future__ import annotations

from pathlib import Path

import pytest

from dmsops.core.people import Person, Role, system_user
from dmsops.ops import Ops, connect
from tests.runbooks.make_site import make_site


@pytest.fixture
def frozen(tmp_path: Path) -> Ops:
    return connect(make_site(tmp_path / "site"), operator=Person(system_user(), Role.LEAD))
