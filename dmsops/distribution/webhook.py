"""Webhooks: addresses that may be told, and one signed POST to one of them.

An address comes from outside, so it could point at the site's own machines: its host is looked up at each telling, only public addresses
are spoken to (or those that the setting ``webhook_private`` names), the connection goes to the very address that was looked at, and
nothing is followed to where an answer points.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import socket
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from dmsops.core.errors import BadInput, BadSetting, DmsError
from dmsops.core.journal import iso_micro
from dmsops.distribution.outcomes import Outcome, Result
from dmsops.distribution.signing import site_key

if TYPE_CHECKING:
    import ssl

    from dmsops.core.config import Settings
    from dmsops.ops import Ops

LONGEST = 2000
SECONDS = 20.0
"""What one telling may take, with all that the receiver sends."""
CONNECT_SECONDS = 10.0
READ_BYTES = 65_536
"""Bytes of an answer that are read; what it says does not matter."""
LOW_PORTS = (80, 443)
"""Ports below 1024 that are spoken to: others are other protocols'."""
FIELD = "address"
_SECRET = "dmsops.webhook"  # noqa: S105 - what the secret is made for
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
_AGAIN = frozenset({401, 403, 404, 405, 407, 408, 425, 429})


def secret(ops: Ops, one: Any) -> str:
    """Give the secret that signs what a subscription (its row) is sent; it is kept nowhere, but made from the site's key."""
    made_for = f"{_SECRET}:{one.id}:{one.owner}:{iso_micro(one.made_at)}"  # a number alone could come back with a restored database
    return hmac.new(site_key(ops), made_for.encode(), hashlib.sha256).hexdigest()


def signature(key: str, timestamp: str, body: bytes) -> str:
    """Sign ``timestamp.body`` by HMAC-SHA256 with the subscription's secret (its text), as the header has it."""
    return "sha256=" + hmac.new(key.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def need_usable(address: str, settings: Settings) -> None:
    """Refuse an address that cannot be told (`BadInput`): another scheme, credentials in it, one that is not public."""
    places(_parsed(address), settings)


def _parsed(address: str) -> SplitResult:
    if len(address) > LONGEST or not address.isascii() or any(letter <= " " or letter == "\x7f" for letter in address):
        raise BadInput(f"field 'address' is longer than {LONGEST} characters, or has other letters than an address", field=FIELD)
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise BadInput("field 'address' is no address: its host or port cannot be read", field=FIELD) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput("field 'address' does not begin with https:// or http:// and a host", field=FIELD)
    if "@" in parts.netloc or parts.fragment or "\\" in address:
        raise BadInput("field 'address' may hold no user name, no password and no fragment", field=FIELD)
    if port is not None and port < 1024 and port not in LOW_PORTS:
        raise BadInput(f"field 'address': port {port} is not spoken to; 80, 443 and those from 1024 are", field=FIELD)
    return parts


def places(parts: SplitResult, settings: Settings) -> list[str]:
    """Look an address's host up, and give the addresses that may be spoken to; refuse it where one of them may not."""
    host = parts.hostname or ""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise BadInput(f"field 'address': the host '{host[:200]}' is not found", field=FIELD) from None
    numbers = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if host.casefold() in {name.casefold() for name in settings.webhook_private}:
        return numbers
    for number in numbers:
        if not _may(ipaddress.ip_address(number.partition("%")[0]), _networks(settings.webhook_private)):
            raise BadInput(f"field 'address': {host[:200]} is not a public address, and those are not told", field=FIELD)
    return numbers


def _may(place: _Address, private: tuple[Any, ...]) -> bool:
    if any(place in network for network in private if network.version == place.version):
        return True
    inner = _inside(place)
    return inner.is_global and not inner.is_multicast and not inner.is_reserved and not inner.is_unspecified


def _inside(place: _Address) -> _Address:
    """Give the IPv4 address that an IPv6 one stands for; any other as it is."""
    if isinstance(place, ipaddress.IPv4Address):
        return place
    if place in _TRANSLATED:
        return ipaddress.IPv4Address(int(place) & 0xFFFFFFFF)
    teredo = place.teredo
    return place.ipv4_mapped or place.sixtofour or (teredo[1] if teredo else place)


@cache
def _networks(private: tuple[str, ...]) -> tuple[Any, ...]:
    found = []
    for text in private:
        try:
            found.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            if "/" in text:
                raise BadSetting(f"field 'webhook_private': '{text}' is no network", field="webhook_private") from None
    return tuple(found)


def post(ops: Ops, one: Any, told: Mapping[str, Any]) -> Outcome:
    """Tell a webhook once; gives what came of it, never an error.

    The body is JSON; the headers ``X-DMSOps-Event-Id``, ``X-DMSOps-Timestamp`` (Unix seconds) and ``X-DMSOps-Signature`` let the
    receiver know it again, and know that it is ours; ``X-DMSOps-Subscription`` says whose secret signed it.
    """
    body = json.dumps(told, sort_keys=True).encode()
    timestamp = str(int(ops.clock.now().timestamp()))
    try:
        parts = _parsed(one.address)
        place = places(parts, ops.settings)[0]
        signed = signature(secret(ops, one), timestamp, body)
    except DmsError as error:
        return Outcome(Result.LATER, error.message)
    headers = {
        "Host": parts.netloc, "Content-Type": "application/json", "User-Agent": "dmsops",
        "X-DMSOps-Event-Id": str(told["id"]), "X-DMSOps-Subscription": str(one.id), "X-DMSOps-Timestamp": timestamp,
        "X-DMSOps-Signature": signed,
    }  # fmt: skip
    return _sent(parts, place, headers, body)


def _sent(parts: SplitResult, place: str, headers: dict[str, str], body: bytes) -> Outcome:
    import asyncio

    import httpx2

    host = f"[{place}]" if ":" in place else place
    url = urlunsplit((parts.scheme, f"{host}:{parts.port}" if parts.port else host, parts.path or "/", parts.query, ""))
    try:
        status = asyncio.run(_status(url, parts.hostname or "", headers, body))
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:  # TimeoutError is an OSError
        return Outcome(Result.LATER, f"{type(error).__name__}: {str(error)[:150]}".rstrip(": "))
    return _judged(status)


async def _status(url: str, name: str, headers: dict[str, str], body: bytes) -> int:
    """POST, and give the status of the answer; the name is what a certificate must be made for."""
    import asyncio

    import httpx2

    limits = httpx2.Timeout(SECONDS, connect=CONNECT_SECONDS)
    verify: Any = _tls() if url.startswith("https") else False
    client = httpx2.AsyncClient(verify=verify, trust_env=False, follow_redirects=False, timeout=limits)
    asked = client.build_request("POST", url, headers=headers, content=body, extensions={"sni_hostname": name})
    async with asyncio.timeout(SECONDS), client:
        answer = await client.send(asked, stream=True)
        taken = 0
        async for piece in answer.aiter_raw():
            taken += len(piece)
            if taken > READ_BYTES:
                break
        await answer.aclose()
        return answer.status_code


@cache
def _tls() -> ssl.SSLContext:
    import ssl

    return ssl.create_default_context()


def _judged(status: int) -> Outcome:
    if 200 <= status < 300:
        return Outcome(Result.DONE)
    if status == 410:
        return Outcome(Result.GONE, "the receiver says that it is gone for good (410)")
    if 300 <= status < 400:
        return Outcome(Result.LATER, f"the receiver points elsewhere ({status}), and that is not followed")
    words = f"the receiver answered {status}"
    return Outcome(Result.REFUSED if 400 <= status < 500 and status not in _AGAIN else Result.LATER, words)
