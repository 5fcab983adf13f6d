"""Queries to begin with (DALI examples, in RDFa)."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from dmsops.services.web import Call

if TYPE_CHECKING:
    from starlette.responses import Response

EXAMPLES = (
    (
        "cone",
        "What was observed near a place",
        (
            "SELECT TOP 50 obs_id, instrument_name, t_min, access_url FROM ivoa.obscore"
            " WHERE 1 = CONTAINS(POINT('ICRS', s_ra, s_dec), CIRCLE('ICRS', 83.8, -5.4, 0.5))"
        ),
    ),
    (
        "footprint",
        "Whose footprint holds a place",
        "SELECT TOP 50 obs_id, s_region FROM ivoa.obscore WHERE 1 = INTERSECTS(POINT('ICRS', 83.8, -5.4), s_region)",
    ),
    (
        "program",
        "How much there is of each instrument in a program",
        (
            "SELECT instrument_name, COUNT(*) AS n, SUM(t_exptime) AS seconds FROM ivoa.obscore"
            " WHERE proposal_id = '02726' GROUP BY instrument_name"
        ),
    ),
    (
        "files",
        "The files of an observation",
        (
            "SELECT a.uri, a.contentLength FROM caom2.Plane AS p JOIN caom2.Artifact AS a ON a.planeID = p.planeID"
            " WHERE p.obsID = 'jw02726402001_03104_00001_nrca3'"
        ),
    ),
)
_HEAD = '<html xmlns="http://www.w3.org/1999/xhtml"><head><meta charset="utf-8"/><title>Examples of TAP queries</title></head>'


def examples(_call: Call) -> Response:
    """Give the page."""
    from starlette.responses import HTMLResponse

    parts = [
        f'<div typeof="example" id="{name}" resource="#{name}"><h2 property="name">{escape(title)}</h2>'
        f'<pre property="query">{escape(query)}</pre></div>'
        for name, title, query in EXAMPLES
    ]
    body = f'<body vocab="http://www.ivoa.net/rdf/examples#"><h1>Examples of TAP queries</h1>{"".join(parts)}</body></html>'
    return HTMLResponse(f"<!DOCTYPE html>{_HEAD}{body}")
