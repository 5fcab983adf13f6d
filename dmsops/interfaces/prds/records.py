"""Records of the telemetry database: mnemonics with their limits, containers with their fields, series of samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dmsops.core.errors import NotFound

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits in engineering units; None: there is no such limit. Yellow lies inside red."""

    red_low: float | None
    yellow_low: float | None
    yellow_high: float | None
    red_high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mnemonic:
    """One measured quantity.

    Attributes
    ----------
    container : str
        Name of the container that brings it.
    raw_type, eu_type, sql_type : str
        As the observatory's metadata (RawType, EUType, SQLType): UI8 UI16 SI16 UI32 FL32 FL64; DS is an enumeration,
        CS a text. Texts are counted, never stored.
    all_points : bool
        True: sent at a fixed rate; False: when it changes.
    period_seconds : float
        Nominal time between two samples; 0 for one that is sent when it changes.
    states : mapping
        Of an enumeration: number to word; else empty.
    """

    number: int
    name: str
    subsystem: str
    description: str
    unit: str
    container: str
    raw_type: str
    eu_type: str
    sql_type: str
    all_points: bool
    period_seconds: float
    states: Mapping[int, str] = field(hash=False)
    limits: Limits | None

    @property
    def text(self) -> bool:
        """Whether its samples are texts."""
        return self.raw_type == "CS"

    @property
    def counts(self) -> bool:
        """Whether packets carry it as counts (else as the engineering value itself, a float, or as text)."""
        return self.raw_type[:2] in {"UI", "SI"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A place in a packet.

    Attributes
    ----------
    bit, width : int
        First bit, from 0 at the packet's start, and number of bits. A text's bit is -1 when it has no fixed place,
        its width 0 when another field gives its length.
    kind : str
        unsigned, signed (two's complement), float (IEEE 754) or text; all big-endian.
    calibration : Polynomial, Spline or None
        From counts to engineering units; None: they are the same.
    length_of : str
        For an integer: name of the text whose length in bytes it gives; else empty.
    """

    name: str
    bit: int
    width: int
    kind: str
    calibration: Any = None
    mnemonic: Mnemonic | None = None
    length_of: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A layout of packets.

    Attributes
    ----------
    size : int
        Bytes of a packet; 0 when packets of it are of different length.
    criteria : mapping
        Field to number: what a packet of this application id must hold besides to be of this layout.
    """

    name: str
    apid: int
    size: int
    period_seconds: float
    criteria: Mapping[str, int] = field(hash=False)
    fields: tuple[Field, ...]

    @property
    def measured(self) -> tuple[Field, ...]:
        """The fields that are samples of mnemonics, texts left out."""
        return tuple(f for f in self.fields if f.mnemonic is not None and f.kind != "text")

    @property
    def texts(self) -> tuple[Field, ...]:
        """The fields that are texts of mnemonics."""
        return tuple(f for f in self.fields if f.mnemonic is not None and f.kind == "text")

    def field(self, name: str) -> Field:
        """Give a field by name."""
        return next(f for f in self.fields if f.name == name)


@dataclass(frozen=True, kw_only=True)
class TelemetryDatabase:
    """What is known of the observatory's telemetry; ``sha256`` is that of its file, ``definition`` the library's own object."""

    version: str
    sha256: str
    mnemonics: tuple[Mnemonic, ...]
    containers: tuple[Container, ...]
    definition: Any = field(repr=False, compare=False)

    def by_name(self, name: str) -> Mnemonic:
        """Find a mnemonic, its letters small or large; raises `NotFound`."""
        found = self._names.get(name.upper())
        if found is None:
            problem = f"there is no mnemonic '{name}' in the telemetry database (version {self.version})"
            raise NotFound(problem, remedy="`dmsops engineering mnemonics PATTERN` finds them (procedure P03).", mnemonic=name)
        return found

    def by_number(self, number: int) -> Mnemonic | None:
        """Find a mnemonic by its number."""
        return self._numbers.get(number)

    def container(self, name: str) -> Container:
        """Find a container; raises `NotFound`."""
        found = self._containers.get(name)
        if found is None:
            raise NotFound(f"there is no container '{name}' in the telemetry database (version {self.version})", container=name)
        return found

    def of_apid(self, apid: int) -> tuple[Container, ...]:
        """Give the layouts that packets of an application id may have; none when it is not known."""
        return self._apids.get(apid, ())

    @cached_property
    def _names(self) -> dict[str, Mnemonic]:
        return {m.name: m for m in self.mnemonics}

    @cached_property
    def _numbers(self) -> dict[int, Mnemonic]:
        return {m.number: m for m in self.mnemonics}

    @cached_property
    def _containers(self) -> dict[str, Container]:
        return {c.name: c for c in self.containers}

    @cached_property
    def _apids(self) -> dict[int, tuple[Container, ...]]:
        apids = {c.apid for c in self.containers}
        return {apid: tuple(c for c in self.containers if c.apid == apid) for apid in apids}


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The samples of one mnemonic in one file, in the order of the file.

    Attributes
    ----------
    times : ndarray, shape (N,)
        Microseconds since 1970-01-01 UTC; series of one container may share the array.
    values : ndarray, shape (N,)
        Engineering units; of an enumeration its number.
    raw : ndarray, shape (N,), or None
        Counts; None where packets carry the engineering value itself.
    """

    mnemonic: Mnemonic
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    raw: NDArray[np.int64] | None
