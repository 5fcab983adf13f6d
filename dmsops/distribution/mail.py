"""E-mail: one message for a notice, or one for a day's; handed to the relay that the settings name.

A message has the same Message-ID each time that it is sent, made from what it tells: who gets it twice knows it again.
"""

from __future__ import annotations

import hashlib
import re
import smtplib
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from dmsops.core.counting import counted
from dmsops.core.errors import BadInput, BadSetting
from dmsops.distribution.outcomes import Outcome, Result

if TYPE_CHECKING:
    from dmsops.core.config import Settings
    from dmsops.ops import Ops

SECONDS = 20.0
NAMED = 20
"""Products of a notice that a message names."""
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,187}[A-Za-z0-9])?", re.ASCII)
_RELAY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]{1,253})(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
_WORDS = {
    "New": "New data", "First": "The first data", "Reprocessed": "Made again", "Public": "Public now",
    "Held": "Not public after all", "Withdrawn": "Withdrawn", "Restored": "Restored",
}  # fmt: skip


def is_address(text: str) -> bool:
    """Tell whether a text is one e-mail address that a message can be sent to."""
    return _ADDRESS.fullmatch(text) is not None and ".." not in text


def need_usable(address: str, settings: Settings) -> None:
    """Refuse an e-mail address that is none, and every one on a site that sends no e-mail (`BadInput`)."""
    if not is_address(address):
        raise BadInput(f"field 'address': '{address[:80]}' is not an e-mail address", field="address")
    if not (settings.mail_relay and settings.mail_from):
        raise BadInput(
            "this site sends no e-mail: field 'channel' can be webhook or stream",
            field="channel", remedy="Staff may set 'mail_relay' and 'mail_from' (procedure P20).",
        )  # fmt: skip


def send(ops: Ops, number: int, address: str, told: Sequence[Mapping[str, Any]]) -> Outcome:
    """Hand one message of these notices to the relay; gives what came of it, never an error."""
    try:
        host, port = relay(ops.settings.mail_relay)
        message = compose(ops.settings, number, address, told, ops.clock.now())
    except (BadSetting, ValueError, MessageError) as error:
        return Outcome(Result.LATER, str(error)[:200])
    try:
        with smtplib.SMTP(host, port, timeout=SECONDS, local_hostname=_domain(ops.settings)) as connection:
            if ops.settings.mail_tls:
                import ssl

                connection.starttls(context=ssl.create_default_context())
            connection.send_message(message, ops.settings.mail_from, [address])
    except (OSError, ValueError, smtplib.SMTPException) as error:
        return _judged(error)
    return Outcome(Result.DONE)


def relay(text: str) -> tuple[str, int]:
    """Read ``host`` or ``host:port``; raises `BadSetting`."""
    found = _RELAY.fullmatch(text)
    if found is None or int(found["port"] or 25) > 65535:
        raise BadSetting(f"field 'mail_relay': '{text[:80]}' is not a host, or host:port", field="mail_relay")
    return found["host"].strip("[]"), int(found["port"] or 25)


def compose(settings: Settings, number: int, address: str, told: Sequence[Mapping[str, Any]], now: datetime) -> EmailMessage:
    """Write the message; what the archive holds can end no header and begin no other one.

    Parameters
    ----------
    number : int
        The subscription.
    told : sequence of mapping
        Notices' documents, in order; several make a digest.
    """
    message = EmailMessage(policy=SMTP)
    message["Subject"] = _subject(settings.name, told)
    message["From"] = settings.mail_from
    message["To"] = address
    message["Date"] = format_datetime(now)
    message["Message-ID"] = message_id(settings, number, [str(one["id"]) for one in told])
    message["Auto-Submitted"] = "auto-generated"
    message["X-DMSOps-Event-Id"] = str(told[0]["id"]) if len(told) == 1 else f"{told[0]['id']} to {told[-1]['id']}"
    message.set_content("\n".join([*map(_words, told), _FOOT.format(number=number, name=_line(settings.name))]))
    return message


_FOOT = "\n--\nYou get this by subscription {number} at {name}. Ids name events: one that comes twice is the same event."


def message_id(settings: Settings, number: int, ids: Sequence[str]) -> str:
    """Name a message by the notices that it tells."""
    left = ids[0] if len(ids) == 1 else f"day-{hashlib.sha256(' '.join(ids).encode()).hexdigest()[:32]}"
    return f"<{left}.s{number}@{_domain(settings)}>"


def _domain(settings: Settings) -> str:
    return settings.mail_from.rpartition("@")[2] or "localhost"


def _subject(name: str, told: Sequence[Mapping[str, Any]]) -> str:
    if len(told) == 1:
        return f"[{_line(name)}] {told[0]['event']}: {_line(told[0]['observation_id'])}"
    return f"[{_line(name)}] {len(told)} events of the archive"


def _line(text: Any) -> str:
    """Make one line of printable letters of a text."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text))[:200]


def _words(one: Mapping[str, Any]) -> str:
    about = [f"program {one['program']}"] if one.get("program") else []
    about += [_line(one[key]) for key in ("target", "instrument") if one.get(key)]
    products = one.get("products") or []
    lines = [f"{_WORDS.get(one['event'], one['event'])}: {_line(one['observation_id'])} ({', '.join(about)})"]
    lines += [f"  at {one['at']}, version {one['version']}, id {one['id']}"]
    lines += [f"  public from {one['release']}"] if one.get("release") else []
    lines += [f"  {_line(name)}" for name in products[:NAMED]]
    lines += [f"  ... and {counted(len(products) - NAMED, 'more product')}"] if len(products) > NAMED else []
    return "\n".join(lines)


def _judged(error: Exception) -> Outcome:
    words = f"{type(error).__name__}: {_line(error)}"[:200]
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        return Outcome(Result.REFUSED if codes and min(codes) >= 500 else Result.LATER, words)
    if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code in (552, 554):
        return Outcome(Result.REFUSED, words)
    return Outcome(Result.LATER, words)
