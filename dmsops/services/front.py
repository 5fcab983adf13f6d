"""The front page: what is served here, and how the clients that astronomers have are pointed at it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from dmsops.services.web import Route

if TYPE_CHECKING:
    from starlette.responses import Response

    from dmsops.services.web import Call

_SERVED = (
    ("Search and download (MAST's forms)", ("/api/v0/invoke", "/search/jwst/api/v0.1/search", "/api/v0.1/Download/file")),
    ("Virtual Observatory", ("/tap", "/sia2/query", "/datalink/links", "/tap/examples")),
    ("Events and subscriptions", ("/api/v0.1/events", "/api/v0.1/events.atom", "/api/v0.1/subscriptions")),
    ("Partner archives (CAOM)", ("/caom/observations/JWST", "/caom/deletions/JWST", "/caom/capabilities")),
)
_CLIENTS = (
    ("astroquery", "from astroquery.mast import conf; conf.server = '{base}'  # before Observations is imported"),
    ("pyvo", "pyvo.dal.TAPService('{base}/tap').search('SELECT TOP 5 * FROM ivoa.obscore')"),
    ("TOPCAT, STILTS", "stilts tapquery tapurl={base}/tap adql='SELECT TOP 5 * FROM ivoa.obscore'"),
    ("dmsops", "dmsops get --server {base} --program 02726"),
)
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>body{{font:16px/1.5 sans-serif;max-width:50em;margin:2em auto;padding:0 1em;color-scheme:light dark}}
code{{font-family:monospace;overflow-wrap:anywhere}}.rehearsal{{background:#e69f00;color:#000;padding:.3em .6em}}</style></head>
<body><h1>{title}</h1>{mode}
<p>Descriptions are everybody's. Files are their program's for its exclusive access period, then everybody's.</p>
{served}<h2>Clients</h2><dl>{clients}</dl>
<p>A token opens what is yours: <code>Authorization: token ...</code>. You are <b>{who}</b>; it is {now} UTC.</p></body></html>
"""
_REHEARSAL = '<p class="rehearsal">REHEARSAL: everything here is simulated.</p>'


def routes() -> list[Route]:
    """Give the route of the front page."""
    return [Route(path="/", handler=_front, methods=("GET", "HEAD"))]


def _front(call: Call) -> Response:
    from starlette.responses import HTMLResponse

    settings = call.ops.settings
    page = _PAGE.format(
        title=escape(f"The archive of {settings.name}"),
        mode=_REHEARSAL if settings.mode == "rehearsal" else "",
        served="".join(_part(title, paths) for title, paths in _SERVED),
        clients="".join(f"<dt>{name}</dt><dd><code>{escape(words.format(base=call.base))}</code></dd>" for name, words in _CLIENTS),
        who=escape(call.requester.name),
        now=f"{call.now:%Y-%m-%d %H:%M:%S}",
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"})


def _part(title: str, paths: tuple[str, ...]) -> str:
    return f"<h2>{title}</h2><p>{' · '.join(f'<code>{path}</code>' for path in paths)}</p>"
