"""F01 to F06: what happens to a delivery's files, and to its manifest, on the ground."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from dmsops.core.files import write_bytes, write_json
from dmsops.interfaces.fos.manifest import MANIFEST
from dmsops.testbed.faults.registry import fault

FLIPPED_BYTES = 64
EXTRA_FILE = "S0000_2022001000000_999.out"


@fault("F01", "a file is cut short", found_by="receipt", repaired_by="P04")
def truncate(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Keep the first 40 to 90 % of a file."""
    content = file.read_bytes()
    kept = int(len(content) * rng.uniform(0.4, 0.9))
    write_bytes(file, content[:kept])
    return f"{file.name} ends after {kept} of {len(content)} bytes"


@fault("F02", "bytes of a file are changed", found_by="receipt", repaired_by="P04")
def flip(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Turn one bit over in each of some bytes; the size stays."""
    content = bytearray(file.read_bytes())
    places = rng.choice(len(content), min(FLIPPED_BYTES, len(content)), replace=False)
    for place in places.tolist():
        content[place] ^= 1 << int(rng.integers(8))
    write_bytes(file, bytes(content))
    return f"{len(places)} bytes of {file.name} are changed"


@fault("F03", "a file is empty", found_by="receipt", repaired_by="P04")
def empty(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Take all content out of a file."""
    write_bytes(file, b"")
    return f"{file.name} is empty"


@fault("F04", "a file that the manifest names is not there", found_by="receipt", repaired_by="P04")
def lose(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Take a file out of the delivery."""
    file.unlink()
    return f"{file.name} is missing"


@fault("F05", "a file that the manifest does not name is there", found_by="receipt", repaired_by="P04")
def add(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Put a copy of a file into the delivery under a name of its own kind."""
    write_bytes(delivery / EXTRA_FILE, file.read_bytes())
    return f"{EXTRA_FILE} is not in the manifest"


@fault("F06", "the manifest gives a wrong sum", found_by="receipt", repaired_by="P04")
def misstate(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Change a file's sum in the manifest; the file stays as it is."""
    document = json.loads((delivery / MANIFEST).read_text(encoding="utf-8"))
    for entry in document["files"]:
        if entry["name"] == file.name:
            entry["sha256"] = rng.bytes(32).hex()
    write_json(delivery / MANIFEST, document)
    return f"the manifest's sum of {file.name} is wrong"
