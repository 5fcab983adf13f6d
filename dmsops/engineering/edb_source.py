"""The engineering database as what the services ask (`dmsops.interfaces.edb.Source`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dmsops.core.db import reading
from dmsops.core.errors import NotFound, StoreDamaged
from dmsops.engineering import reader
from dmsops.engineering.writer import head
from dmsops.interfaces.prds import telemetry_database

if TYPE_CHECKING:
    from dmsops.interfaces.prds import Mnemonic
    from dmsops.ops import Ops


class StoreSource:
    """Samples of the site's engineering database as it was when the source was made, however much comes while it is asked."""

    def __init__(self, ops: Ops) -> None:
        self._ops = ops
        with reading(ops.db) as c:
            self._revision = head(c)

    def mnemonics(self) -> Iterable[Mapping[str, Any]]:
        """Give what the telemetry database says of every mnemonic, in the service's words."""
        return [_words(one) for one in telemetry_database().mnemonics]

    def describe(self, name: str) -> Mapping[str, Any] | None:
        """Give what the telemetry database says of one mnemonic; None when it has none of that name."""
        try:
            return _words(telemetry_database().by_name(name))
        except NotFound:
            return None

    def samples(self, name: str, start_us: int, stop_us: int) -> tuple[np.ndarray, Any]:
        """Give times and values of a mnemonic: both ends inside, and one bracketing sample on each side where there is one.

        Values of an enumeration are its words; one that has no word is given as its number.

        Raises
        ------
        StoreDamaged
            A partition's bytes have changed, or are gone.
        Failed
            The file system does not give them now.
        """
        one = telemetry_database().by_name(name)
        try:
            rows = reader.samples(self._ops, one.number, start_us, stop_us, bracket=True, revision=self._revision)
        except NotFound as error:  # for a client of the service this word means that there is no such mnemonic
            raise StoreDamaged(f"samples of {one.name} cannot be read: {error.message}", **error.facts) from None
        if one.states:
            return rows.time, [one.states.get(v) or f"{v:.17g}" for v in rows.value.tolist()]
        whole = one.sql_type in ("TINYINT", "SMALLINT", "INT", "BIGINT") and np.isfinite(rows.value).all()
        return rows.time, rows.value.astype(np.int64) if whole else rows.value


def _words(one: Mnemonic) -> dict[str, Any]:
    return {
        "TlmMnemonic": one.name,
        "Subsystem": one.subsystem,
        "RawType": one.raw_type,
        "EUType": one.eu_type,
        "SQLType": one.sql_type,
        "AllPoints": int(one.all_points),
        "Description": one.description,
        "Unit": one.unit,
    }
