"""``make bench``: speed as ratios, ours and the peer (or the limit) side by side in one run; writes ``bench.json``.

Rows so far: the real-size wavefront visit against its 90 minutes, undisturbed and with a worker killed on the way;
small exposures on the local engine against one ``strun`` per exposure and stage, as by hand; recorder packets against a bare
read of their file; telemetry against the XTCE library, the engineering database against one HDF5 file per mnemonic; receipt of
deliveries against a plain copy with fsync; the catalogue at a million artifacts against the bare driver;
checks of CAOM descriptions against the public validators; the doctor against a bare reading of the documents;
TAP against the bare query, VOTables against the library's writer;
what boards ask at 100,000 steps, and the workflow board with them in Chromium,
against their limits; the workflow's own cost against Dask, DBOS, Luigi, Prefect and DAGMan (``make peers`` installs them; one
that is missing is named).
Times are of this machine and this moment: only the ratios are meant.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from pathlib import Path

from tests.bench import board, by_hand, caom, catalogue, doctor, engineering, packets, queries, receipt, serving, tap, telemetry, visit
from tests.bench.peers import compare
from tests.bench.row import Row

ROWS = {
    "visit": visit.rows,
    "by-hand": by_hand.rows,
    "packets": packets.rows,
    "telemetry": telemetry.rows,
    "engineering": engineering.rows,
    "receipt": receipt.rows,
    "catalogue": catalogue.rows,
    "caom": caom.rows,
    "doctor": doctor.rows,
    "tap": tap.rows,
    "queries": queries.rows,
    "serving": serving.rows,
    "board": board.rows,
    "peers": compare.rows,
}


def main() -> None:
    """Run the benchmarks that were asked for and print the table."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", choices=sorted(ROWS), action="append", help="only these benchmarks")
    parser.add_argument("--out", type=Path, default=Path("bench.json"))
    given = parser.parse_args()
    found: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="dmsops-bench-") as place:
        for name in given.only or ROWS:
            for row in ROWS[name](Path(place)):
                found.append(row)
                print(row.line(), flush=True)
    given.out.write_text(json.dumps([row.plain() for row in found], indent=2) + "\n")
    print(f"{platform.machine()}, written to {given.out}")


if __name__ == "__main__":
    main()
