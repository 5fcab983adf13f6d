"""Who asks, and what of a request may be written down: the same for every service."""

from __future__ import annotations

import re

from dmsops.core.errors import NotSignedIn
from dmsops.core.people import Person, by_token
from dmsops.ops import Ops

REMEDY = "Ask the lead for a token (dmsops people token NAME, procedure P01)."
_TOKEN = re.compile(r"(?:dmsops|mast)_[\w-]+|(?<=/as/)[^/]+|(?<=/signed/)[^/\s?]+", re.ASCII | re.IGNORECASE)


def who_asks(ops: Ops, token: str) -> Person:
    """Find the person that a request's token belongs to.

    Raises
    ------
    NotSignedIn
        There is no token, or it belongs to nobody.
    """
    if not token:
        raise NotSignedIn("this service answers people of the site, and no token was given", remedy=REMEDY)
    try:
        return by_token(ops.db, token)
    except NotSignedIn as error:
        raise NotSignedIn(error.message, remedy=REMEDY) from None


def header_token(authorization: str) -> str:
    """Read the token of a header ``Authorization: token X``; empty when it is of another kind."""
    kind, _, token = authorization.strip().partition(" ")
    return token.strip() if kind.lower() == "token" else ""


def without_tokens(text: str) -> str:
    """Take out of a text what is a token, and what stands where an address has one: a mistyped token is nearly a token."""
    return _TOKEN.sub("(token)", text)
