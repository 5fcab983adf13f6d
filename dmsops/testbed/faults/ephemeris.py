"""F24: products are made with a predicted ephemeris; the definitive one comes in a later delivery.

With ``F24`` the definitive ephemeris agrees with the prediction as well as it should; with its variant ``F24J`` it is far
from it (a manoeuvre that nobody announced, or another observatory's orbit).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np

from dmsops.interfaces.fdf import Ephemeris, read_oem, write_oem
from dmsops.interfaces.fos.manifest import MANIFEST, read_manifest, write_manifest
from dmsops.testbed import orbit
from dmsops.testbed.faults.registry import fault

LATER = timedelta(days=3)
JUMP_KM, JUMP_KM_S = 4000.0, 0.005
"""A jump that no prediction is off by (ours)."""


@fault(
    "F24",
    "products have a predicted ephemeris, the definitive one comes later",
    stage="after",
    found_by="audit",
    repaired_by="P06",
    hits="JWST_P_*.OEM",
)
def follow(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Send the definitive ephemeris in a further delivery, three days later."""
    return _send(delivery, orbit.corrected(read_oem(file), rng))


@fault(
    "F24J",
    "the definitive ephemeris does not go on from the predicted one",
    stage="after",
    found_by="receipt",
    repaired_by="P06",
    hits="JWST_P_*.OEM",
)
def jump(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Send a definitive ephemeris that is far from the prediction."""
    return _send(delivery, orbit.corrected(read_oem(file), rng, km=JUMP_KM, km_s=JUMP_KM_S))


def _send(delivery: Path, definitive: Ephemeris) -> str:
    before = read_manifest(delivery / MANIFEST)
    further = _next(delivery)
    further.mkdir()
    path = write_oem(definitive, further, created=before.created + LATER)
    number = further.name.rpartition("-")[2]
    write_manifest(
        further,
        delivery_id=f"{before.delivery_id}-E{number}",
        sender=before.sender,
        sequence=before.sequence + int(LATER.total_seconds() // 60) + int(number),
        created=before.created + LATER,
    )
    return f"{path.name} comes in the further delivery {further.name}"


def _next(delivery: Path) -> Path:
    """Give the first free name for a further delivery beside this one."""
    number = 2
    while delivery.with_name(f"{delivery.name}-{number}").exists():
        number += 1
    return delivery.with_name(f"{delivery.name}-{number}")
