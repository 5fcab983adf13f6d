"""F07 to F09: what the sender does after a delivery: sends it twice, or sends other bytes under a name that it used before.

The new bytes are those of the file with its first packet once or twice more at the end: other bytes, and nothing wrong in them.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from dmsops.core.files import make_folder, write_bytes
from dmsops.interfaces.fos import layout
from dmsops.interfaces.fos.manifest import MANIFEST, read_manifest, write_manifest
from dmsops.testbed.faults.registry import fault


@fault("F07", "a delivery is sent twice", stage="after", found_by="receipt", repaired_by="P02")
def replay(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Send the whole delivery again, in another folder under the same id."""
    again = delivery.with_name(f"{delivery.name}-2")
    shutil.copytree(delivery, again)
    return f"{again.name} is {delivery.name} once more"


@fault("F08", "a name comes again with other bytes", stage="after", found_by="receipt", repaired_by="P04")
def change(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Send one file again in a delivery of its own, with other bytes."""
    other = _deliver_again(delivery, file, 1)
    return f"{other.name} brings {file.name} with other bytes"


@fault("F09", "two deliveries bring other bytes under one name", stage="after", found_by="receipt", repaired_by="P04")
def race(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Send one file again in two deliveries, each with bytes of its own."""
    first, second = (_deliver_again(delivery, file, more) for more in (1, 2))
    return f"{first.name} and {second.name} both bring {file.name}, each with other bytes"


def _deliver_again(delivery: Path, file: Path, more: int) -> Path:
    """Write a delivery ``<delivery>-<more + 1>`` with one file, its first packet so many times more at its end."""
    manifest = read_manifest(delivery / MANIFEST)
    kind = next(f.kind for f in manifest.files if f.name == file.name)
    folder = make_folder(delivery.with_name(f"{delivery.name}-{more + 1}"))
    content = file.read_bytes()
    length = layout.PRIMARY.unpack_from(content)[2] + layout.PRIMARY.size + 1
    write_bytes(folder / file.name, content + more * content[:length])
    write_manifest(
        folder, delivery_id=f"{manifest.delivery_id}-{more + 1}", sender=manifest.sender, sequence=manifest.sequence + more,
        created=manifest.created, kinds={file.name: kind},
    )  # fmt: skip
    return folder
