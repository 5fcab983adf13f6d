"""The calibration software's own command finds where the telescope looked, in the engineering database of the site."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

from dmsops.core.config import Settings, enter_runtime
from dmsops.interfaces.edb import DictSource
from dmsops.services.edb import make_app
from dmsops.testbed import orbit, pointing
from dmsops.testbed.sizes import as_size
from dmsops.testbed.visits import load_visit, shipped
from tests.integration.services.serving import serving, token_of

APERTURE = "NRCA3_SUB320"


@pytest.fixture(scope="module")
def flown(tmp_path_factory):
    """Give a visit and the telemetry of its pointing."""
    enter_runtime(Settings(site=tmp_path_factory.mktemp("flown")))
    visit = pointing.with_guide_star(as_size(load_visit(shipped()["wfsc_sensing_only"]), "small"))
    return visit, DictSource(pointing.telemetry(visit, orbit.velocity))


@pytest.fixture
def exposure(flown):
    return next(e for e in flown[0].exposures if e.exp_type == "NRC_IMAGE" and e.subarray == "SUB320")


@pytest.fixture
def uncal(flown, exposure, tmp_path):
    """Give an uncal file with all that its pointing is made from, and no pointing."""
    from stdatamodels.jwst.datamodels import Level1bModel

    visit, _ = flown
    model = Level1bModel(data=np.zeros((1, 2, 8, 8), dtype=np.uint16))
    m = model.meta
    begin, end = (moment.timestamp() / 86400 + 40587 for moment in (exposure.start, exposure.end))
    m.exposure.type, m.exposure.start_time, m.exposure.mid_time, m.exposure.end_time = "NRC_IMAGE", begin, (begin + end) / 2, end
    m.instrument.name, m.instrument.detector, m.aperture.name = "NIRCAM", "NRCA3", APERTURE
    m.observation.date, m.observation.time = exposure.start.strftime("%Y-%m-%d %H:%M:%S.000").split()
    m.observation.date_beg, m.observation.date_end = (t.replace(tzinfo=None).isoformat() for t in (exposure.start, exposure.end))
    m.visit.type, m.target.type, m.target.ra, m.target.dec = visit.visit_type, "FIXED", visit.target.ra, visit.target.dec
    m.guidestar.gs_ra, m.guidestar.gs_dec, m.guidestar.gs_pcs_mode = visit.guide_star.ra, visit.guide_star.dec, "FINEGUIDE"
    e = m.ephemeris
    e.velocity_x_bary, e.velocity_y_bary, e.velocity_z_bary = orbit.velocity(exposure.start + (exposure.end - exposure.start) / 2).tolist()
    path = tmp_path / "jw02726402001_03104_00001_nrca3_uncal.fits"
    model.save(path)
    return path


def point(uncal, **environment):
    command = [sys.executable, "-W", "ignore", "-m", "jwst.scripts.set_telescope_pointing", str(uncal)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "ENG_RETRIES": "0", **environment})
    return done.stderr


def away(flown, exposure, uncal):
    """Give how far the file's reference point is from where the telescope looked, in milliarcseconds."""
    from dmsops.testbed.focal_plane import siaf

    visit, _ = flown
    head = fits.getheader(uncal, "SCI")
    ra, dec = pointing.telescope_to_sky(pointing.attitude(visit, exposure), siaf()[APERTURE].V2Ref, siaf()[APERTURE].V3Ref)
    return np.hypot((head["RA_REF"] % 360 - ra) * np.cos(np.radians(dec)), head["DEC_REF"] - dec) * 3.6e6


@pytest.mark.parametrize("form", ["public", "direct"])
def test_the_pointing_command_reads_the_attitude_from_the_service(ops, flown, exposure, uncal, form):
    token = token_of(ops)
    with serving(make_app(ops, lambda _: flown[1])) as address:
        base = address if form == "public" else f"{address}as/{token}/"
        told = point(uncal, ENG_BASE_URL=base, MAST_API_TOKEN=token if form == "public" else "")
    assert fits.getheader(uncal)["ENGQLPTG"] == "CALCULATED_TRACK_TR_202111", told
    assert away(flown, exposure, uncal) < 1.0


def test_without_a_token_the_pointing_command_leaves_the_file_as_it_is(ops, flown, uncal):
    with serving(make_app(ops, lambda _: flown[1])) as address:
        told = point(uncal, ENG_BASE_URL=address, MAST_API_TOKEN="")
    assert "Cannot retrieve" in told
    assert "ENGQLPTG" not in fits.getheader(uncal)
