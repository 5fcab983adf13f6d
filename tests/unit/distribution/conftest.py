"""A site with two astronomers, a partner of each policy, and staff of each role; every token by its bearer's name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from dmsops.core.people import Role, put_person, put_token
from dmsops.distribution import accounts, grants
from dmsops.ops import Ops
from dmsops.testing.deliveries import START
from dmsops.testing.sites import small_site

PROGRAM = "02726"


@pytest.fixture
def ops(tmp_path: Path) -> Iterator[Ops]:
    """Give an empty site on a clock that stands still."""
    opened = small_site(tmp_path / "site", START)
    yield opened
    opened.db.dispose()


@pytest.fixture
def tokens(ops: Ops) -> Mapping[str, str]:
    """Make the accounts and people, and give their tokens: pi, other, public-partner, full-partner, viewer, operator."""
    made = {}
    for name, kind, files in (
        ("pi", "astronomer", "public"), ("other", "astronomer", "public"),
        ("public-partner", "partner", "public"), ("full-partner", "partner", "all"),
    ):  # fmt: skip
        accounts.put(ops, name, kind, files=files, reason="test")
        scopes = ("read", "subscribe", "grant") if kind == "astronomer" else ("read", "harvest")
        made[name] = accounts.give_token(ops, name, scopes=scopes, reason="test")
    grants.grant(ops, "pi", PROGRAM, kind="pi", reason="of the program")
    for role in (Role.VIEWER, Role.OPERATOR):
        with ops.db.begin() as c:
            put_person(c, role.word, role)
            made[role.word] = put_token(c, role.word)
    return made
