"""The guiders' own products: every guide-star function that arrived becomes level 1b and goes into the archive.

The plan does not know them: their packets say which there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dmsops.core.names import GuideStarName, GuideStarProduct
from dmsops.interfaces import pps
from dmsops.processing.guider import suffixes_of
from dmsops.workflow.steps import StepSpec

if TYPE_CHECKING:
    from dmsops.flows.science import Released


def guide_steps(files: Released, problems: list[str]) -> list[StepSpec]:
    """Plan level 1b and archive of every guide-star function whose packets are whole; name the others as problems.

    Calibration (calwebb_guider) needs references of the guiders, which there are not: level 1b is the end.
    """
    specs = []
    for exposure, detector in sorted(files.science):
        if not GuideStarName.matches(exposure):
            continue
        if (exposure, detector) in files.complete:
            specs += _steps(files, GuideStarName.parse(exposure), detector)
        else:
            problems.append(f"{exposure} {detector}: packets are missing; it waits for them (procedure P04)")
    return specs


def _steps(files: Released, name: GuideStarName, detector: str) -> list[StepSpec]:
    science = tuple(sorted(set(files.science[str(name), detector])))
    makes = tuple(str(GuideStarProduct(name, suffix)) for suffix in suffixes_of(name))
    level1b = StepSpec(
        kind="processing.guidestar",
        dataset=str(name),
        needs=(*science, files.osf_name, files.oem_name, *files.engineering),
        makes=makes,
        params={
            "visit": pps.visit_to_dict(files.visit), "osf": files.osf_name, "oem": files.oem_name, "science": list(science),
            "engineering": list(files.engineering), "function": str(name), "detector": detector,
        },
    )  # fmt: skip
    return [level1b, StepSpec(kind="archive.ingest", dataset=str(name), needs=makes, makes=(f"{name}_caom.xml",))]
