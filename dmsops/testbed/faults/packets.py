"""F10 to F12: what happens to packets on the way down, before the sender sums the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dmsops.core.counting import counted
from dmsops.core.files import write_bytes
from dmsops.interfaces.fos import layout
from dmsops.interfaces.fos.chain import read_chain
from dmsops.testbed.faults.registry import fault

LOST_FRACTION = 0.05
REPEATED_FRACTION = 0.2


@fault("F10", "packets are lost between the recorder and the ground", stage="sending", found_by="level 1", repaired_by="P04")
def lose_packets(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Take a run of packets with pixels out of a file."""
    packets, pixels = _packets(file)
    count = max(1, int(LOST_FRACTION * len(pixels)))
    first = int(rng.integers(max(1, len(pixels) - count + 1)))
    lost = {int(i) for i in pixels[first : first + count]}
    write_bytes(file, b"".join(p for i, p in enumerate(packets) if i not in lost))
    return f"{len(lost)} of {len(pixels)} packets with pixels are missing from {file.name}"


@fault("F11", "packets are sent twice", stage="sending", found_by="level 1", repaired_by="P04")
def repeat_packets(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Repeat a run of packets, some way behind the first time."""
    packets, pixels = _packets(file)
    count = max(1, int(REPEATED_FRACTION * len(pixels)))
    first = int(rng.integers(max(1, len(pixels) - count + 1)))
    again = [packets[i] for i in pixels[first : first + count].tolist()]
    place = int(rng.integers(int(pixels[first]), len(packets))) + 1
    write_bytes(file, b"".join([*packets[:place], *again, *packets[place:]]))
    return f"{counted(len(again), f'packet of {file.name} is', f'packets of {file.name} are')} there twice"


@fault("F12", "packets are out of order, within a file and across files", stage="sending", found_by="level 1", repaired_by="P04")
def disorder_packets(delivery: Path, file: Path, rng: np.random.Generator) -> str:
    """Shuffle a file's packets, and change some of them for packets of another file where there is one."""
    packets, _ = _packets(file)
    others = sorted(p for p in delivery.glob("S0000_*.out") if p != file)
    mixed = [packets[i] for i in rng.permutation(len(packets))]
    if not others:
        write_bytes(file, b"".join(mixed))
        return f"the {len(mixed)} packets of {file.name} are out of order"
    other = others[int(rng.integers(len(others)))]
    theirs, _ = _packets(other)
    half = min(len(mixed), len(theirs)) // 2
    write_bytes(file, b"".join([*theirs[:half], *mixed[half:]]))
    write_bytes(other, b"".join([*mixed[:half], *theirs[half:]]))
    return f"the {len(mixed)} packets of {file.name} are out of order, and {half} of them have changed places with packets of {other.name}"


def _packets(file: Path) -> tuple[list[bytes], np.ndarray]:
    """Give a file's packets, and the numbers of those that carry pixels."""
    chain = read_chain(file)
    kinds = chain.heads(layout.HEAD_DTYPE)["kind"]
    packets = [chain.content[a:b].tobytes() for a, b in zip(chain.starts.tolist(), chain.ends.tolist(), strict=True)]
    return packets, np.flatnonzero(np.isin(kinds, layout.PIXELS))
