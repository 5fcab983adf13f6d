"""The header's instrument section: one small function per instrument, as the data model's schema words it.

Marked *ours*: states of mechanisms that neither plan nor status file tell (cover open but for darks, electronics side A,
grating wheel at rest); what is unknown to us stays out of the header.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dmsops.core import modes
from dmsops.processing.detectors import detector

if TYPE_CHECKING:
    from dmsops.core.records import Exposure, Readout


def fill_instrument(model: Any, exposure: Exposure, readout: Readout) -> None:
    """Fill the instrument section: name, detector, optical elements, and what the instrument alone has.

    Raises
    ------
    BadVisit
        The detector is none of the observatory's.
    """
    detector(readout.detector)
    i = model.meta.instrument
    i.name, i.detector = modes.instrument_of(readout.detector), readout.detector
    _INSTRUMENTS[i.name](model, exposure, readout)


def _nircam(model: Any, exposure: Exposure, readout: Readout) -> None:
    i, d = model.meta.instrument, detector(readout.detector)
    i.module, i.channel = d.module, d.channel
    i.filter, i.pupil = readout.filter, readout.pupil
    i.pupil_imaging_lens = False
    _lamp(i, readout)


def _niriss(model: Any, exposure: Exposure, readout: Readout) -> None:
    i = model.meta.instrument
    i.filter, i.pupil = readout.filter, readout.pupil
    _lamp(i, readout)


def _miri(model: Any, exposure: Exposure, readout: Readout) -> None:
    i, x = model.meta.instrument, model.meta.exposure
    i.filter = readout.filter
    i.coronagraph = "NONE"
    i.miri_fpe_side = i.miri_ice_side = "A"
    i.ccc_state = "CLOSED" if modes.exposure_type(exposure.exp_type).light == "none" else "OPEN"
    if readout.detector != "MIRIMAGE":
        i.channel, i.band = ("34" if readout.detector == "MIRIFULONG" else "12"), readout.grating or "SHORT"
    x.miri_fsw_ngroups, x.miri_fsw_nframes = exposure.ngroups, exposure.nframes
    _lamp(i, readout)


def _nirspec(model: Any, exposure: Exposure, readout: Readout) -> None:
    i = model.meta.instrument
    i.filter, i.grating = readout.filter, readout.grating or "MIRROR"
    i.fixed_slit = readout.slit or "NONE"
    i.lamp_state, i.lamp_mode = readout.lamp or "NONE", "NONE"
    i.msa_state = "PRIMARYPARK_ALLCLOSED"
    i.gwa_xtilt = i.gwa_ytilt = 0.0


def _fgs(model: Any, exposure: Exposure, readout: Readout) -> None:
    model.meta.instrument.focus_position = 0.0


def _lamp(instrument: Any, readout: Readout) -> None:
    if readout.lamp:
        instrument.lamp_state = readout.lamp


_INSTRUMENTS: dict[str, Callable[[Any, Exposure, Readout], None]] = {
    "NIRCAM": _nircam,
    "NIRISS": _niriss,
    "MIRI": _miri,
    "NIRSPEC": _nirspec,
    "FGS": _fgs,
}
