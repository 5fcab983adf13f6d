"""The pointing telemetry: which mnemonics level 1b is pointed with."""

from __future__ import annotations

POINTING_MNEMONICS = (
    *(f"SA_ZATTEST{i}" for i in (1, 2, 3, 4)),
    *(f"SA_ZRFGS2J{i}{j}" for i in (1, 2, 3) for j in (1, 2, 3)),
    "SA_ZADUCMDX",
    "SA_ZADUCMDY",
    "SA_ZFGGSCMDX",
    "SA_ZFGGSCMDY",
    "SA_ZFGDETID",
    "SA_ZFGGSPOSX",
    "SA_ZFGGSPOSY",
)
"""The mnemonics that the pointing of an exposure is computed from, in the order of the packet."""
