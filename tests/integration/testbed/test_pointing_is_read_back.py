"""The pointing telemetry, read by the calibration software's own functions, gives the attitude that it was made from."""

from dataclasses import replace

import numpy as np
import pytest

from dmsops.core.config import enter_runtime
from dmsops.interfaces.fos.packets import POINTING_MNEMONICS
from dmsops.testbed import orbit, pointing
from dmsops.testbed.sizes import as_size
from dmsops.testbed.visits import load_visit, shipped


@pytest.fixture(scope="module", params=["small", "real"])
def flown(request, settings):
    enter_runtime(settings)
    visit = pointing.with_guide_star(as_size(load_visit(shipped()["wfsc_sensing_only"]), request.param))
    return visit, pointing.telemetry(visit, orbit.velocity)


def values(samples, exposure):
    """Give every mnemonic's mean over an exposure."""
    start, end = exposure.start.timestamp(), exposure.end.timestamp()
    return {name: value[(times >= start - 0.3) & (times <= end + 0.3)].mean() for name, (times, value) in samples.items()}


def read_back(visit, exposure, samples):
    """Ask the calibration software for RA, Dec (degrees) and V3 position angle of the exposure's aperture reference point."""
    from jwst.lib import set_telescope_pointing as software
    from jwst.lib.siafdb import SiafDb

    now, database = values(samples, exposure), SiafDb()
    aperture = "NRCA3_SUB320" if exposure.subarray == "SUB320" else "NRCA3_FULL"
    parameters = software.TransformParameters(
        siaf=database.get_wcs(aperture),
        siaf_db=database,
        jwst_velocity=orbit.velocity(exposure.start + (exposure.end - exposure.start) / 2),
        guide_star_wcs=software.WCSRef(visit.guide_star.ra, visit.guide_star.dec, None),
        j2fgs_transpose=True,
        pointing=software.Pointing(
            q=np.array([now[f"SA_ZATTEST{i}"] for i in (1, 2, 3, 4)]),
            j2fgs_matrix=np.array([now[f"SA_ZRFGS2J{i}{j}"] for i in (1, 2, 3) for j in (1, 2, 3)]),
            fsmcorr=np.zeros(2),
            gs_commanded=np.array([now["SA_ZFGGSCMDX"], now["SA_ZFGGSCMDY"]]),
            gs_position=np.array([now["SA_ZFGGSPOSX"], now["SA_ZFGGSPOSY"]]),
            fgsid=int(now["SA_ZFGDETID"]),
        ),
    )
    parameters.method = software.Methods.TRACK_TR_202111
    found, _, _ = software.calc_wcs(parameters)
    return found, aperture


def test_every_exposure_is_read_back_to_a_milliarcsecond(flown):
    from dmsops.testbed.focal_plane import siaf

    visit, samples = flown
    for exposure in visit.exposures:
        found, name = read_back(visit, exposure, samples)
        reference = siaf()[name]
        ra, dec = pointing.telescope_to_sky(pointing.attitude(visit, exposure), reference.V2Ref, reference.V3Ref)
        away = np.hypot((found.ra % 360 - ra) * np.cos(np.radians(dec)), found.dec - dec) * 3.6e6
        assert away < 1.0, exposure.name


def test_all_mnemonics_are_sampled_together_four_times_a_second(flown):
    visit, samples = flown
    times = samples["SA_ZATTEST1"][0]
    assert set(samples) == set(POINTING_MNEMONICS)
    assert all(np.array_equal(when, times) for when, _ in samples.values())
    assert set(np.diff(times)) == {0.25}
    assert times[0] < visit.exposures[0].start.timestamp()
    assert times[-1] > visit.exposures[-1].end.timestamp()


def test_no_element_of_the_matrix_is_exactly_zero(flown):
    _, samples = flown
    assert all((samples[f"SA_ZRFGS2J{i}{j}"][1] != 0).all() for i in (1, 2, 3) for j in (1, 2, 3))


def test_a_guide_star_on_the_second_guider_is_read_back_too(flown):
    from dmsops.testbed.focal_plane import siaf

    visit, _ = flown
    other = pointing.with_guide_star(replace(visit, guide_star=replace(visit.guide_star, guider=2)))
    samples = pointing.telemetry(other, orbit.velocity)
    exposure = other.exposures[-1]
    found, name = read_back(other, exposure, samples)
    ra, dec = pointing.telescope_to_sky(pointing.attitude(other, exposure), siaf()[name].V2Ref, siaf()[name].V3Ref)
    assert np.hypot((found.ra % 360 - ra) * np.cos(np.radians(dec)), found.dec - dec) * 3.6e6 < 2.0
