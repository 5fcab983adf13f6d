"""The engineering database as what the services ask (`dmsops.interfaces.edb.Source`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dmsops.core.errors import NotFound
from dmsops.engineering.queries import samples_between
from dmsops.interfaces.prds import telemetry_database

if TYPE_CHECKING:
    from dmsops.interfaces.prds import Mnemonic
    from dmsops.ops import Ops


class StoreSource:
    """Samples of the site's engineering database, one state of it for each question."""

    def __init__(self, ops: Ops) -> None:
        self._ops = ops

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
        """
        one = telemetry_database().by_name(name)
        rows = samples_between(self._ops, one.number, start_us, stop_us, bracket=True)
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
