"""``python -m tests.bench.peers``: the comparison with the peers alone; writes ``bench-peers.json``."""

import tempfile
from pathlib import Path

from tests.bench.peers import compare

if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="dmsops-peers-") as place:
        compare.main(Path(place), Path("bench-peers.json"))
