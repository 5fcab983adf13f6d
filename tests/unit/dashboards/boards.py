"""A board in a person's hand, and the whole way of a deed on it, without a browser."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import pytest

from dashboards.app.hub import Hub
from dmsops.core.people import find
from dmsops.ops import Ops
from tests.browser import toy_site


def opened(kind: Callable[..., Any], ops: Ops, name: str = "otto", /, **address: str) -> Any:
    """Open a board of a site as a person, at an address."""
    view = kind(Hub(ops), find(ops.db, name))
    view.open({key: [value.encode()] for key, value in address.items()})
    return view


def board_fixtures(kind: Callable[..., Any], make: Callable[[Path], Ops]) -> tuple[Any, Any]:
    """Give two fixtures: ``site``, made in an empty folder, and ``board``, which opens its board as a person, at an address."""

    @pytest.fixture
    def site(tmp_path: Path) -> Iterator[Ops]:
        ops = make(tmp_path / "site")
        yield ops
        ops.db.dispose()

    @pytest.fixture
    def board(site: Ops) -> Callable[..., Any]:
        return partial(opened, kind, site)

    return site, board


def assert_empty_lists_say_what_to_do(kind: Callable[..., Any], part: str, lists: Mapping[str, Any], folder: Path, *, of: str = "") -> None:
    """Open the board of a part on a site where nothing is: nothing needs a person, and each list says how something gets into it."""
    ops = toy_site.empty(folder)
    view = opened(kind, ops, "lena")
    assert f"Nothing of {of or part} needs a person now." in view.top.html
    for shown, one in lists.items():
        view._pick(f"view {shown}")
        assert escape(one.empty) in view.list.html
    assert view.frame.wire.beat["attention"][part] == 0
    ops.db.dispose()


def drawn_again(view: Any) -> None:
    """Let the hub read anew, and draw what it read."""
    view.hub.forget()
    view.draw(view.hub.poll())


def do(view: Any, key: str, count: int = 1, reason: str = "it has to be") -> str:
    """Go the whole way of a deed: button, preview, reason, count, confirmation; gives what the person reads.

    A count of 0 says that none is asked for.
    """
    begun, pane = view._pick(f"deed {key}"), view.pane
    assert begun is not None
    asyncio.run(begun)
    assert pane.view.visible, view.frame.wire.said
    pane.reason.value_input = reason
    assert pane.missing.html == (f'<p class="soft">Type {count} to confirm.</p>' if count else ""), pane.missing.html
    if count:
        pane.count.value_input = str(count)
    assert not pane.confirm.disabled, pane.missing.html + pane.preview.html
    asyncio.run(pane.carry_out())
    return str(view.frame.wire.said["text"])
