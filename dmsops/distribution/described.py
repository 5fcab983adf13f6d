"""How a published column is described, whoever publishes it."""

from __future__ import annotations

from typing import Protocol

TEXT = frozenset({"char", "unicodeChar"})
WHOLE = frozenset({"short", "int", "long"})


class Described(Protocol):
    """A column with what VOTable and TAP_SCHEMA say of it."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def datatype(self) -> str:
        """VOTable's."""

    @property
    def unit(self) -> str:
        """VOUnits."""

    @property
    def ucd(self) -> str:
        """UCD1+."""

    @property
    def utype(self) -> str:
        """Place in a data model."""

    @property
    def xtype(self) -> str:
        """DALI's."""

    @property
    def description(self) -> str:
        """In words."""
