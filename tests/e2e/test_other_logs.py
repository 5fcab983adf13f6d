"""Other event logs fly too: longer visits with mirror moves, aborted exposures, visits that never happened."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dmsops.archive import queries as archived
from dmsops.core.names import CombinedProduct
from tests.e2e.desk import Desk

STAMP = "%Y-%m-%d %H:%M:%S.%f"


@pytest.fixture(scope="module")
def log(shared_data: Path) -> str:
    """Give the real log's text."""
    return (shared_data / "oss_logs" / "V02726402001.txt").read_text()


def rehearse(tmp_path: Path, crds: Path, text: str) -> tuple[Desk, dict[str, Any]]:
    (tmp_path / "log.txt").write_text(text)
    desk = Desk(tmp_path / "site", crds)
    return desk, desk.json("rehearse", "wavefront", "--log", str(tmp_path / "log.txt"))


def later(lines: list[str], by: timedelta) -> list[str]:
    """Move lines in time."""
    return [(datetime.strptime(line[:22], STAMP).replace(tzinfo=UTC) + by).strftime(STAMP)[:22] + line[22:] for line in lines]


def controlled(text: str) -> str:
    """Make a sensing and control visit of the sensing visit: after the pairs the mirrors move, and two pairs more are taken.

    The second sensing stands in activities 07 and 0I (base 36), as in longer visits.
    """
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if "0003104:NRCMAIN" in line and "activated" in line)
    moved = next(i for i, line in enumerate(lines) if "SCWFCMAIN" in line and "activated" in line)
    end = next(i for i, line in enumerate(lines) if "Seq V02726402001:P00000000:03:1 ended" in line)
    sensing = lines[first:moved]
    gap = timedelta(hours=1)
    again = [re.sub(r"\b104(00\d)", r"107\1", line).replace("0003104:", "0003107:") for line in later(sensing, gap)]
    again = [re.sub(r"\b105(00\d)", r"10I\1", line).replace("0003105:", "000310I:") for line in again]
    at = lines[moved][:22]
    move = [
        lines[moved],
        f"{at} \t WFC initiating group 1 from file ram:/V02726402001.w",
        *later([f"{at} \t WFC group 1 from file ram:/V02726402001.w has completed"], timedelta(minutes=35)),
        *later([f"{at} \t Script terminated: V02726402001P0000000003106:SCWFCMAIN:Proceed"], timedelta(minutes=36)),
    ]
    tail = lines[end:]
    stamped = [line for line in tail if re.match(r"\d{4}-", line)]
    over = datetime.strptime(lines[-1].split(" at ")[-1], "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=UTC) + gap
    closing = f"VISIT V02726402001 END FOUND at {over.strftime('%Y-%m-%dT%H:%M:%S.%f')[:23]}"
    return "\n".join([*lines[:moved], *move, *again, *later(stamped, gap), closing]) + "\n"


def test_a_visit_with_a_mirror_move_between_two_sensings(tmp_path: Path, crds: Path, exercise: object, log: str) -> None:
    desk, report = rehearse(tmp_path, crds, controlled(log))
    assert {s: report["products"][s] for s in ("uncal", "rate", "cal", "wfscmb")} == {"uncal": 42, "rate": 41, "cal": 41, "wfscmb": 20}
    assert report["missing"] == report["problems"] == []
    assert report["delivery"]["state"] == "acknowledged"
    names = [CombinedProduct.parse(r["name"]) for r in archived.products(desk.open(), prefix="jw02726-")]
    assert Counter(n.activity for n in names) == {"04": 5, "05": 5, "07": 5, "0i": 5}


def test_an_exposure_that_was_aborted_leaves_its_pair_out_and_says_so(tmp_path: Path, crds: Path, exercise: object, log: str) -> None:
    text = "\n".join(line for line in log.splitlines() if "105002 NRC_IMAGE completed" not in line)
    _, report = rehearse(tmp_path, crds, text)
    assert (report["products"]["uncal"], report["products"]["wfscmb"]) == (17, 5)
    assert any("jw02726402001_03105_00002 was aborted" in problem for problem in report["problems"])
    assert (report["delivery"]["state"], report["clock"]["state"]) == ("acknowledged", "met")


def test_a_visit_that_was_skipped_ends_in_a_report_and_not_in_an_error(tmp_path: Path, crds: Path, exercise: object, log: str) -> None:
    lines = log.splitlines()
    guiding = next(i for i, line in enumerate(lines) if "achieved closed-loop" in line)
    at = lines[guiding][:22]
    skipped = [
        *lines[:guiding],
        f"{at} \t FGS acquisition failed on all attempts",
        f"{at} \t VISIT V02726402001 - FGS GUIDE STAR ACQUISITION FAILED, SKIPPED",
        "VISIT V02726402001 END FOUND at 2022-12-04T03:39:30.000",
    ]
    _, report = rehearse(tmp_path, crds, "\n".join(skipped) + "\n")
    assert report["visit_status"] == "SKIPPED"
    assert report["products"] == {}
    assert report["clock"]["state"] == "not started"
