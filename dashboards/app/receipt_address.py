"""What the receipt board's address says: which list, which words, which row's story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import param

VIEWS = ("visits", "gaps", "requests", "quarantine", "deliveries", "ephemerides", "messages")
"""The lists of the board, in the order of what usually needs a person; the first one needs no word in the address."""


class Address(param.Parameterized):
    """The address's parts; an empty one is left out of it."""

    view = param.String(default="", doc="The list shown.")
    text = param.String(default="", doc="Words that rows must hold.")
    row = param.String(default="", doc="Key of the row whose story is open.")

    NAMES = ("view", "text", "row")

    def read(self, arguments: Mapping[str, Sequence[bytes]]) -> None:
        """Take what the address said when the page was opened."""
        given = {name: values[-1].decode(errors="replace")[:300] for name, values in arguments.items() if values}
        self.param.update(**{name: given.get(name, "") for name in self.NAMES})

    @property
    def query(self) -> str:
        """Write it back as the address's query, without what is empty."""
        return urlencode({name: getattr(self, name) for name in self.NAMES if getattr(self, name)})

    @property
    def shown(self) -> str:
        """The list that is shown."""
        return self.view if self.view in VIEWS else VIEWS[0]
