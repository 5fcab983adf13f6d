"""What is named in space: visits, exposures and guide-star functions; and the pattern that all names follow (see `names`)."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import ClassVar, Self

from dmsops.core.errors import BadName

BASE36 = r"[0-9a-z]{2}"
STAMP = r"[0-9]{4}(?:[0-2][0-9]{2}|3[0-6][0-9])(?:[01][0-9]|2[0-3])(?:[0-5][0-9]){2}"
"""Year, day of the year, hour, minute, second."""


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """A name that is parsed by `PATTERN` and written by ``str()``."""

    PATTERN: ClassVar[str] = ""
    KIND: ClassVar[str] = "name"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a name.

        Raises
        ------
        BadName
            The text does not follow the pattern.
        """
        match = re.fullmatch(cls.PATTERN, text)
        if match is None:
            raise BadName(f"'{text}' is not a {cls.KIND}", name=text, kind=cls.KIND)
        found = {key: value for key, value in match.groupdict().items() if value is not None}
        return cls._from_parts(found)

    @classmethod
    def _from_parts(cls, parts: dict[str, str]) -> Self:
        known = {f.name for f in fields(cls)}
        return cls(**{key: value for key, value in parts.items() if key in known})

    @classmethod
    def matches(cls, text: str) -> bool:
        """Say whether the text is such a name."""
        return re.fullmatch(cls.PATTERN, text) is not None


@dataclass(frozen=True, slots=True, order=True)
class VisitId(Name):
    """A visit: program, observation, visit; all are strings (``01067`` is not a number)."""

    program: str
    observation: str
    visit: str

    PATTERN: ClassVar[str] = r"V?(?P<program>[0-9]{5})(?P<observation>[0-9]{3})(?P<visit>[0-9]{3})"
    KIND: ClassVar[str] = "visit id (11 digits, as V02726402001)"

    def __str__(self) -> str:
        return f"{self.program}{self.observation}{self.visit}"

    @property
    def v(self) -> str:
        """The id as the observatory writes it: ``V02726402001``."""
        return f"V{self}"


@dataclass(frozen=True, slots=True, order=True)
class ExposureName(Name):
    """One exposure, all its detectors: ``jw02726402001_03104_00001``."""

    visit: VisitId
    group: str
    sequence: str
    activity: str
    number: int

    PATTERN: ClassVar[str] = (
        r"jw(?P<visit>[0-9]{11})_(?P<group>[0-9]{2})(?P<sequence>[1-5])"
        rf"(?P<activity>{BASE36})_(?P<number>[0-9]{{5}})"
    )
    KIND: ClassVar[str] = "exposure name"

    @classmethod
    def _from_parts(cls, parts: dict[str, str]) -> Self:
        return cls(VisitId.parse(parts["visit"]), parts["group"], parts["sequence"], parts["activity"], int(parts["number"]))

    def __str__(self) -> str:
        return f"jw{self.visit}_{self.group}{self.sequence}{self.activity}_{self.number:05d}"

    @property
    def obs_id(self) -> str:
        """The observatory's id of its activity: ``V02726402001P0000000003104``."""
        return f"{self.visit.v}P00000000{self.group}{self.sequence}{self.activity.upper()}"


@dataclass(frozen=True, slots=True, order=True)
class GuideStarName(Name):
    """One guide-star function of a guider: ``jw04556001001_gs-id_1`` (by attempt), ``jw04556001001_gs-fg_2024060040644`` (by its end).

    Names: jwst documentation, *Guide star data products*. ``stamp`` is the attempt's number, or year, day of year, hour,
    minute and second of the function's end.
    """

    visit: VisitId
    function: str
    stamp: str

    PATTERN: ClassVar[str] = rf"jw(?P<visit>[0-9]{{11}})_(?P<step>gs-id_[1-9][0-9]?|gs-(?:acq1|acq2|track|fg)_{STAMP})"
    KIND: ClassVar[str] = "guide-star function's name"

    @classmethod
    def _from_parts(cls, parts: dict[str, str]) -> Self:
        function, _, stamp = parts["step"].partition("_")
        return cls(VisitId.parse(parts["visit"]), function, stamp)

    def __str__(self) -> str:
        return f"jw{self.visit}_{self.function}_{self.stamp}"
