"""A row of the benchmark table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Row:
    """One measurement: ours and the other side in seconds (or another unit), their ratio, the goal, and the peak memory of a process."""

    row: str
    ours: float
    against: float
    against_what: str
    ratio: float
    goal: str
    met: bool
    peak_mb: float
    unit: str = "s"

    def plain(self) -> dict[str, Any]:
        """Give the row as data."""
        return asdict(self)

    def line(self) -> str:
        """Write the row for eyes."""
        verdict = "met" if self.met else "NOT MET"
        ratio = f"{self.ratio:.1f}" if self.ratio >= 1 else f"1/{1 / self.ratio:.1f}"
        return (
            f"{self.row}: {_short(self.ours)} {self.unit} against {_short(self.against)} {self.unit} ({self.against_what}): "
            f"ratio {ratio}, goal {self.goal}: {verdict}; peak {self.peak_mb:.0f} MB"
        )


def _short(value: float) -> str:
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"
