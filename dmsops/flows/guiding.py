"""The guiders' own products: every guide-star function that arrived becomes level 1b and goes into the archive.

The plan does not know them: their packets say which there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmsops.core.names import GuideStarName, GuideStarProduct
from dmsops.interfaces import pps
from dmsops.processing.guider import suffixes_of
from dmsops.receipt import ephemerides, gaps
from dmsops.workflow.steps import StepSpec

if TYPE_CHECKING:
    from dmsops.flows.released import Released


def guide_steps(files: Released, problems: list[str]) -> list[StepSpec]:
    """Plan level 1b and archive of every guide-star function whose packets are whole; name the others as problems.

    Calibration (calwebb_guider) needs references of the guiders, which there are not: level 1b is the end.
    """
    specs: list[StepSpec] = []
    oem = ephemerides.choose(list(files.ephemerides), files.osf.start, files.osf.end)
    for exposure, detector in sorted(files.science):
        if not GuideStarName.matches(exposure):
            continue
        row = files.gaps.get((exposure, detector))
        if row is None or row["state"] != gaps.COMPLETE:
            why = row["reason"] if row is not None else "packets are missing"
            problems.append(f"{exposure} {detector}: {why}; it waits for packets (procedure P04)")
        elif oem is None:
            problems.append(f"{exposure} {detector}: no ephemeris that may be used covers the visit; it waits for one (procedure P06)")
        else:
            specs += _steps(files, GuideStarName.parse(exposure), detector, oem["name"])
    return specs


def _steps(files: Released, name: GuideStarName, detector: str, oem: str) -> list[StepSpec]:
    science = tuple(sorted(set(files.science[str(name), detector])))
    makes = tuple(str(GuideStarProduct(name, suffix)) for suffix in suffixes_of(name))
    level1b = StepSpec(
        kind="processing.guidestar",
        dataset=str(name),
        needs=(*science, files.osf_name, oem, *files.engineering),
        makes=makes,
        params={
            "visit": pps.visit_to_dict(files.visit), "osf": files.osf_name, "oem": oem, "science": list(science),
            "function": str(name), "detector": detector,
        },
        identity=str(name),
    )  # fmt: skip
    return [level1b, StepSpec(kind="archive.ingest", dataset=str(name), needs=makes, makes=(f"{name}_caom.xml",))]
