"""Jobs as XML (UWS 1.1's schema, which asks for its elements in order)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dmsops.core.clock import iso
from dmsops.distribution import uws
from dmsops.distribution.votable import writable

_UWS, _XLINK, _XSI = "http://www.ivoa.net/xml/UWS/v1.0", "http://www.w3.org/1999/xlink", "http://www.w3.org/2001/XMLSchema-instance"
_NAMES = {"uws": _UWS, "xlink": _XLINK, "xsi": _XSI}


def _root(name: str, *, version: bool = False) -> Any:
    from lxml import etree

    element = etree.Element(f"{{{_UWS}}}{name}", nsmap=_NAMES)
    if version:
        element.set("version", "1.1")
    return element


def _add(parent: Any, name: str, text: str | None, *, optional: bool = False, **attributes: str) -> None:
    """Add an element; without a text it is nil, or left out where it may be."""
    from lxml import etree

    if text is None and optional:
        return
    element = etree.SubElement(parent, f"{{{_UWS}}}{name}", attributes)
    if text is None:
        element.set(f"{{{_XSI}}}nil", "true")
    else:
        element.text = writable(text)


def _written(element: Any) -> bytes:
    from lxml import etree

    return bytes(etree.tostring(element, xml_declaration=True, encoding="UTF-8"))


def job(of: uws.Job, address: str) -> bytes:
    """Describe a job."""
    root = _root("job", version=True)
    _add(root, "jobId", of.id)
    _add(root, "runId", of.run_id or None, optional=True)
    _add(root, "ownerId", of.owner_name or None)
    _add(root, "phase", of.phase)
    _add(root, "quote", None)
    _add(root, "creationTime", iso(of.made_at))
    _add(root, "startTime", iso(of.started_at) if of.started_at else None)
    _add(root, "endTime", iso(of.ended_at) if of.ended_at else None)
    _add(root, "executionDuration", str(of.seconds))
    _add(root, "destruction", iso(of.destruction))
    root.append(_parameters(of))
    root.append(_results(of, address))
    if of.phase == uws.ERROR:
        _add_error(root, of)
    return _written(root)


def _add_error(root: Any, of: uws.Job) -> None:
    from lxml import etree

    element = etree.SubElement(root, f"{{{_UWS}}}errorSummary", {"type": "fatal", "hasDetail": "true"})
    _add(element, "message", of.error)


def _parameters(of: uws.Job) -> Any:
    root = _root("parameters")
    for name, value in of.parameters:
        _add(root, "parameter", value, id=writable(name))
    return root


def _results(of: uws.Job, address: str) -> Any:
    root = _root("results")
    if of.phase == uws.COMPLETED:
        from lxml import etree

        found = {
            "id": "result",
            f"{{{_XLINK}}}type": "simple",
            f"{{{_XLINK}}}href": f"{address}/results/result",
            "mime-type": of.content_type,
        }
        etree.SubElement(root, f"{{{_UWS}}}result", found)
    return root


def parameters(of: uws.Job) -> bytes:
    """List a job's parameters."""
    return _written(_parameters(of))


def results(of: uws.Job, address: str) -> bytes:
    """List a job's results."""
    return _written(_results(of, address))


def job_list(jobs: Sequence[uws.Job], address: str) -> bytes:
    """List jobs."""
    from lxml import etree

    root = _root("jobs", version=True)
    for of in jobs:
        element = etree.SubElement(
            root, f"{{{_UWS}}}jobref", {"id": of.id, f"{{{_XLINK}}}type": "simple", f"{{{_XLINK}}}href": f"{address}/{of.id}"}
        )
        _add(element, "phase", of.phase)
        _add(element, "runId", of.run_id or None, optional=True)
        _add(element, "ownerId", of.owner_name or None)
        _add(element, "creationTime", iso(of.made_at))
    return _written(root)
