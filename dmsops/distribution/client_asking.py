"""Asking an archive's site over HTTP: who asks, what went wrong in the site's own words, and when to ask again."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dmsops.core.errors import BadInput, DmsError, Failed, NotAllowed, NotFound, NotSignedIn, Refused, TooMany

if TYPE_CHECKING:
    import httpx2

TRIES, LONGEST_WAIT = 6, 300.0
"""Tries without a byte more than before, and seconds that a site may ask us to wait at a time."""
_AGAIN = frozenset({429, 502, 503, 504})
_KINDS: Mapping[int, type[DmsError]] = {400: BadInput, 401: NotSignedIn, 403: NotAllowed, 404: NotFound, 409: Refused, 429: TooMany}


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A site and who asks it; the token goes to this address only."""

    base: str
    token: str = ""
    sleep: Callable[[float], None] = time.sleep

    def headers(self, url: str) -> dict[str, str]:
        """Give what a request carries: no compression (ranges count plain bytes), and the token where it belongs."""
        mine = self.token and url.startswith(f"{self.base}/")
        return {"Accept-Encoding": "identity"} | ({"Authorization": f"token {self.token}"} if mine else {})


class _Again(Exception):
    """It did not work now; it may later, after so many seconds (None: as long as tries say)."""

    def __init__(self, why: str, seconds: float | None) -> None:
        super().__init__(why)
        self.why, self.seconds = why, seconds


Again = _Again
"""What is caught where it is asked again; nobody else ever sees it."""


@contextmanager
def connected(site: Site) -> Iterator[httpx2.Client]:
    """Open connections to a site; raises `BadInput` where its address is none."""
    import httpx2

    if re.match(r"https?://[^/@]+", site.base) is None:
        raise BadInput(f"'{site.base[:80]}' is no address of a site: give it as https://archive.example", field="server")
    with httpx2.Client(timeout=httpx2.Timeout(60.0, connect=15.0), follow_redirects=False) as client:
        yield client


def why_unanswered(site: Site, error: Exception) -> str:
    """Say why a site gave no answer.

    Raises
    ------
    Failed
        Asking again would not help: the site's certificate is not trusted here.
    """
    why = str(error) or type(error).__name__
    if "CERTIFICATE_VERIFY_FAILED" not in why:
        return f"{site.base} does not answer: {why}"
    _, _, what = why.partition("verify failed: ")
    raise Failed(
        f"this machine does not trust the certificate of {site.base}: {what.partition(' (')[0] or why}",
        remedy="Look whether the address is right. If the site's own authority signed it: SSL_CERT_FILE=its certificate (P17).",
    ) from None


def problem_of(response: httpx2.Response) -> Exception:
    """Give the error of an answer that is none, in the site's own words."""
    response.read()
    message, remedy = _words(response)
    if response.status_code in _AGAIN:
        after = response.headers.get("retry-after", "")
        return Again(message, float(after) if after.isdecimal() else None)
    return _KINDS.get(response.status_code, Failed)(message, remedy=remedy)


def _words(response: httpx2.Response) -> tuple[str, str | None]:
    try:
        error = response.json()["error"]
        return str(error["message"]), str(error["remedy"])
    except (ValueError, KeyError, TypeError):
        return f"the site answered {response.status_code}: {response.text[:200]}", None


def answer(site: Site, method: str, path: str, **given: Any) -> dict[str, Any]:
    """Ask a site for a JSON object; raises the error that it tells, or `Failed` where it does not answer."""
    import httpx2

    url = f"{site.base}{path}"
    with connected(site) as client:
        for turn in range(TRIES):
            try:
                response = client.request(method, url, headers=site.headers(url), **given)
                if response.is_success:
                    return _object(response)
                problem = problem_of(response)
            except httpx2.TransportError as error:
                problem = Again(why_unanswered(site, error), None)
            if not isinstance(problem, Again):
                raise problem
            site.sleep(min(problem.seconds or 2.0**turn, LONGEST_WAIT))
    raise Failed(str(problem), remedy="Look whether the address is right and the site is up, and ask again (procedure P17).")


def _object(response: httpx2.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Failed(f"{response.request.url.copy_with(query=None)} does not answer as an archive's site")
    return found
