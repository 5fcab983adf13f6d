"""The XML of an Observatory Status File as it is written (layout 2); `dmsops.interfaces.fos.osf` reads it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from dmsops.core.plain import to_plain

if TYPE_CHECKING:
    from lxml.etree import _Element

    from dmsops.interfaces.fos.osf import ExposureRecord, StatusFile

LAYOUT = 2


def document(report: StatusFile) -> _Element:
    """Give the XML of a status file, in layout 2."""
    from lxml import etree

    root = etree.Element("observatory_status", _attributes(layout=LAYOUT, written=report.written, issue=report.issue))
    facts = _attributes(
        id=report.visit_id.v,
        visit_type=report.visit_type,
        status=report.status,
        end_reason=report.end_reason,
        start=report.start,
        end=report.end,
        target_acquisition=report.target_acquisition,
    )
    element = etree.SubElement(root, "visit", facts)
    parts: list[tuple[str, Any]] = [("guide_star", report.guide_star), ("guiding", report.guiding)]
    parts += [("acquisition", a) for a in report.acquisitions]
    for tag, record in parts:
        if record is not None:
            etree.SubElement(element, tag, _attributes(**to_plain(record)))
    for exposure in report.exposures:
        _write_exposure(element, exposure)
    for move in report.mirror_moves:
        etree.SubElement(element, "mirror_move", _attributes(at=move.at, group=move.group))
    for antenna in report.antenna_moves:
        etree.SubElement(element, "hga_move", _attributes(start=antenna.start, end=antenna.end))
    return root


def _write_exposure(parent: _Element, exposure: ExposureRecord) -> None:
    from lxml import etree

    facts = _attributes(name=exposure.name, exp_type=exposure.exp_type, status=exposure.status, start=exposure.start, end=exposure.end)
    element = etree.SubElement(parent, "exposure", facts)
    for detector in exposure.detectors:
        etree.SubElement(element, "detector").text = detector
    etree.SubElement(element, "dither", _attributes(**to_plain(exposure.dither)))


def _attributes(**facts: Any) -> dict[str, str]:
    """Write facts as attributes; what is not known is left out."""
    known = {key: value for key, value in facts.items() if value is not None}
    return {key: format(Decimal(repr(value)), "f") if isinstance(value, float) else str(to_plain(value)) for key, value in known.items()}
