"""What the services that speak JSON share: bodies that say they are JSON and have known fields only, numbers of paths, answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dmsops.core.clock import iso
from dmsops.core.errors import BadInput

if TYPE_CHECKING:
    from starlette.responses import Response

    from dmsops.services.web import Call

ROOT = "/api/v0.1"
HIGHEST = 2**31 - 1
"""The highest number that a database of ours gives."""
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
"""What JSON can write and no database takes for text: NUL, and halves of letters."""


def answer(content: Any, status: int = 200) -> Response:
    """Write an answer; times as `iso` writes them."""
    from starlette.responses import Response as Plain

    told = json.dumps(content, default=lambda value: iso(value) if isinstance(value, datetime) else str(value))
    return Plain(told, status, media_type="application/json")


def number_of(text: str, name: str) -> int:
    """Read the number of a subscription, an event, a grant; raises `BadInput`."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= HIGHEST):
        raise BadInput(f"field '{name}': '{text[:40]}' is not a number of one", field=name)
    return int(text)


def sent_as_json(call: Call) -> dict[str, Any]:
    """Read a body that says it is JSON: a form of another site, sent with a reader's cookie, cannot say so. Raises `BadInput`."""
    if call.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise BadInput("what is changed here is changed by JSON: send Content-Type: application/json", field="content-type")
    return call.json()


def fields_of(call: Call, kinds: Mapping[str, type], needed: Sequence[str] = ()) -> dict[str, Any]:
    """Read a body that is JSON with fields of these kinds; raises `BadInput` for others, and for one that is needed and not there."""
    given = sent_as_json(call)
    unknown = next((key for key in given if key not in kinds), None)
    if unknown is not None:
        raise BadInput(f"field '{unknown[:40]}' is not known; they are {', '.join(kinds)}", field=unknown[:40])
    for key, value in given.items():
        if not isinstance(value, kinds[key]):
            raise BadInput(f"field '{key}' is not of its type", field=key)
        if isinstance(value, str) and _NO_TEXT.search(value):
            raise BadInput(f"field '{key}' has a character that no text has", field=key)
    missing = next((key for key in needed if key not in given), None)
    if missing is not None:
        raise BadInput(f"field '{missing}' is not given", field=missing)
    return given
