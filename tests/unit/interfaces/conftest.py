from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dmsops.core.names import ExposureName
from dmsops.core.records import Exposure, GuideStar, MirrorMove, Readout, Target, Visit

AT = datetime(2022, 12, 4, 3, 53, 25, 580000, UTC)


@pytest.fixture
def exposure() -> Exposure:
    return Exposure(
        name=ExposureName.parse("jw02726402001_0310i_00001"),
        exp_type="NRC_IMAGE",
        readouts=(
            Readout(detector="NRCA3", filter="F212N", pupil="WLM8"),
            Readout(detector="NRCALONG", filter="F356W", pupil="CLEAR"),
        ),
        readpatt="RAPID",
        nints=2,
        ngroups=3,
        subarray="SUB64P",
        start=AT,
        end=AT + timedelta(seconds=96.631),
        exposure_seconds=96.631,
        photon_seconds=85.894,
    )


@pytest.fixture
def visit(exposure: Exposure) -> Visit:
    return Visit(
        id=exposure.name.visit,
        visit_type="PRIME_WFSC_SENSING_CONTROL",
        template="WFSC NIRCam Fine Phasing",
        title='A "title" with Ünicode & <marks>',
        category="CAL",
        pi_name="O'Neill",
        priority="HIGH",
        start=AT - timedelta(hours=1),
        end=AT + timedelta(hours=1),
        target=Target(name="STAR", ra=140.213, dec=-21.45, magnitude=10.1),
        position_angle=285.17,
        guide_star=GuideStar(guider=2, x=36.741, y=-1e-9, ra=140.1, dec=-21.3),
        exposures=(exposure,),
        moves=(MirrorMove(at=AT + timedelta(minutes=5), group=1),),
    )
