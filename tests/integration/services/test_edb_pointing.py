"""The calibration software's own command finds where the telescope looked, in the engineering database of the site."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta

import numpy as np
import pytest
from astropy.io import fits
from jwst.lib.engdb_direct import EngdbDirect
from jwst.lib.engdb_mast import EngdbMast

from dmsops.core.config import Settings, enter_runtime
from dmsops.engineering import queries
from dmsops.engineering.ingest import ingest
from dmsops.interfaces.edb import DictSource
from dmsops.services.edb import make_app
from dmsops.testbed import orbit, pointing, telemetry
from dmsops.testbed.sizes import as_size
from dmsops.testbed.visits import load_visit, shipped
from dmsops.testing.sites import small_site
from tests.serving import serving, token_of

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


@pytest.fixture(scope="module")
def held(flown, tmp_path_factory):
    """Give a site that has ingested the visit's whole telemetry, as it came in recorder files."""
    visit, _ = flown
    place = tmp_path_factory.mktemp("held")
    opened = small_site(place / "site", visit.end + timedelta(minutes=5), mode="rehearsal")
    (place / "files").mkdir()
    for file in telemetry.record(telemetry.telemetry(visit, orbit.velocity), place / "files"):
        ingest(opened, name=file.name, sha256=opened.store.put(file))
    yield opened
    opened.db.dispose()


@pytest.mark.parametrize("form", ["public", "direct"])
def test_the_pointing_command_reads_the_attitude_from_the_sites_engineering_database(held, flown, exposure, uncal, form):
    token = token_of(held)
    with serving(make_app(held)) as address:
        base = address if form == "public" else f"{address}as/{token}/"
        told = point(uncal, ENG_BASE_URL=base, MAST_API_TOKEN=token if form == "public" else "")
    assert fits.getheader(uncal)["ENGQLPTG"] == "CALCULATED_TRACK_TR_202111", told
    assert away(flown, exposure, uncal) < 1.0


@pytest.mark.parametrize("form", [EngdbMast, EngdbDirect])
@pytest.mark.parametrize("name", ["SA_ZATTEST1", "SA_ZFGDETID"])
def test_a_client_gets_what_the_site_holds(held, exposure, form, name):
    token = token_of(held)
    with serving(make_app(held)) as address:
        client = form(address, token=token) if form is EngdbMast else form(f"{address}as/{token}/")
        got = client.get_values(name, exposure.start.isoformat()[:19], exposure.end.isoformat()[:19], include_obstime=True)
    whole = (exposure.start.replace(microsecond=0), exposure.end.replace(microsecond=0))
    rows = queries.samples(held, name, *whole)
    assert [value for _, value in got] == rows.value.tolist()
    assert [round(when.unix * 1000) for when, _ in got] == (rows.time // 1000).tolist()
    assert len(got) > 10


def test_without_a_token_the_pointing_command_leaves_the_file_as_it_is(ops, flown, uncal):
    with serving(make_app(ops, lambda _: flown[1])) as address:
        told = point(uncal, ENG_BASE_URL=address, MAST_API_TOKEN="")
    assert "Cannot retrieve" in told
    assert "ENGQLPTG" not in fits.getheader(uncal)
