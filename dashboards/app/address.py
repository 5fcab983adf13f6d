"""What a board's address says: the view is the address, and a pasted link shows another person the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import urlencode

import param

_MOST = 2000
"""As many characters of one part are read."""
_DIGITS = 16
"""Numbers of rows are shorter than this: a longer one would not fit into the database's."""


class BoardAddress(param.Parameterized):
    """The address's parts, each a parameter; an empty one is left out of it.

    Attributes
    ----------
    NAMES : tuple of str
        The parts, in their order.
    VIEWS : tuple of str
        What ``view`` can be; the first one needs no word in the address.
    """

    view = param.String(default="", doc="What is shown.")

    NAMES: ClassVar[tuple[str, ...]] = ("view",)
    VIEWS: ClassVar[tuple[str, ...]] = ("",)

    def read(self, arguments: Mapping[str, Sequence[bytes]]) -> None:
        """Take what the address said when the page was opened; what does not fit is left out."""
        given = {name: values[-1].decode(errors="replace")[:_MOST] for name, values in arguments.items() if values}
        self.param.update(**{name: self._read(name, given.get(name, "")) for name in self.NAMES})

    def _read(self, name: str, word: str) -> str | int:
        if not isinstance(self.param[name], param.Integer):
            return word
        return int(word) if word.isdecimal() and len(word) < _DIGITS else 0

    @property
    def query(self) -> str:
        """Write it back as the address's query, without what is empty."""
        return urlencode({name: getattr(self, name) for name in self.NAMES if getattr(self, name)})

    @property
    def shown(self) -> str:
        """What is shown."""
        return self.view if self.view in self.VIEWS else self.VIEWS[0]


class ListAddress(BoardAddress):
    """The address of a board of lists: which list, which words, which row's story."""

    text = param.String(default="", doc="Words that rows must hold.")
    row = param.String(default="", doc="Key of the row whose story is open.")

    NAMES: ClassVar[tuple[str, ...]] = ("view", "text", "row")
