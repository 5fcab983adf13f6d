"""Channels: how notices that are due go out, and in which parcels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dmsops.distribution import mail, webhook
from dmsops.distribution.notices import Channel
from dmsops.distribution.outcomes import Outcome

if TYPE_CHECKING:
    from dmsops.core.config import Settings
    from dmsops.ops import Ops

DIGEST = 500
"""Notices of one message a day; more make several."""
BATCH = 50
"""Notices that a dispatcher takes of one subscription at once."""


def need_usable(channel: str, address: str, settings: Settings) -> None:
    """Refuse an address that the channel cannot tell (`BadInput`)."""
    if channel == Channel.WEBHOOK:
        webhook.need_usable(address, settings)
    elif channel != Channel.STREAM:
        mail.need_usable(address, settings)


def parcels[T](channel: str, due: Sequence[T]) -> list[Sequence[T]]:
    """Give what goes out together: a digest is one parcel, all else goes one by one."""
    if channel == Channel.DAILY:
        return [due] if due else []
    return [[one] for one in due]


def send(ops: Ops, one: Any, told: Sequence[Mapping[str, Any]]) -> Outcome:
    """Send a parcel of documents to a subscription (its row); gives what came of it, never an error."""
    if one.channel == Channel.WEBHOOK:
        return webhook.post(ops, one, told[0])
    return mail.send(ops, one.id, one.address, told)
