"""A row of the benchmark table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement: ours and the other side in ``unit``, their ratio, the goal, and the peak memory of a process.

    What could not be measured is None, and ``why`` says why; ``met`` None means that there is no goal.
    """

    row: str
    ours: float | None
    against: float | None
    against_what: str
    ratio: float | None
    goal: str
    met: bool | None
    peak_mb: float | None = None
    unit: str = "s"
    why: str = ""

    def plain(self) -> dict[str, Any]:
        """Give the row as data."""
        return asdict(self)

    def line(self) -> str:
        """Write the row for eyes."""
        if self.ours is None or self.against is None:
            return f"{self.row}: not measured against {self.against_what}: {self.why}"
        verdict = {True: "met", False: "NOT MET", None: "no goal"}[self.met]
        parts = [f"{self.row}: {_short(self.ours)} {self.unit} against {_short(self.against)} {self.unit} ({self.against_what}): "]
        if self.ratio is not None:
            parts.append(f"ratio {self.ratio:.1f}, " if self.ratio >= 1 else f"ratio 1/{1 / self.ratio:.1f}, ")
        parts.append(f"goal {self.goal}: {verdict}")
        parts += [f"; peak {self.peak_mb:.0f} MB"] if self.peak_mb else []
        return "".join(parts) + (f"; {self.why}" if self.why else "")


def _short(value: float) -> str:
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"
