"""Tables of distribution: who may get what, who was given what, and who is told; written only by its verbs."""

from __future__ import annotations

import sqlalchemy as sa

from dmsops.core.db import UtcTime, metadata

account = sa.Table(
    "account",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("display_name", sa.String(128), nullable=False, server_default=""),
    sa.Column("email", sa.String(254), nullable=False, server_default=""),
    sa.Column("files", sa.String(16), nullable=False, server_default="public"),
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("closed_at", UtcTime),
)
"""Astronomers and partner data centres (``kind``); ``files`` is a partner's policy of file synchronisation: ``public`` or ``all``.
Staff are in ``people``."""

account_token = sa.Table(
    "account_token",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("account", sa.String(64), sa.ForeignKey("account.name"), nullable=False, index=True),
    sa.Column("sha256", sa.String(64), nullable=False, unique=True),
    sa.Column("label", sa.String(64), nullable=False, server_default=""),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False),
    sa.Column("revoked_at", UtcTime),
)
"""Tokens by their sha256: the token itself is kept nowhere."""

access_grant = sa.Table(
    "access_grant",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("account", sa.String(64), sa.ForeignKey("account.name"), nullable=False, index=True),
    sa.Column("program", sa.String(16), nullable=False, index=True),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("granted_by", sa.String(64), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("granted_at", UtcTime, nullable=False),
    sa.Column("until", UtcTime),
    sa.Column("revoked_at", UtcTime),
    sa.Column("revoked_by", sa.String(64)),
)
"""Who may read a program's data before they are public: its PI (``pi``), and whom the PI or staff let (``guest``)."""

access_record = sa.Table(
    "access_record",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", UtcTime, nullable=False, index=True),
    sa.Column("who", sa.String(64), nullable=False, index=True),
    sa.Column("address", sa.String(64), nullable=False),
    sa.Column("route", sa.String(32), nullable=False),
    sa.Column("uri", sa.String(255), nullable=False, index=True),
    sa.Column("verdict", sa.String(16), nullable=False, index=True),
    sa.Column("why", sa.String(255), nullable=False),
    sa.Column("size", sa.BigInteger),
)
"""Every file that was given (``granted``) and every one that was not (``denied``), and why."""

subscription = sa.Table(
    "subscription",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("owner", sa.String(64), nullable=False, index=True),
    sa.Column("events", sa.JSON, nullable=False),
    sa.Column("program", sa.String(16), nullable=False, server_default="", index=True),
    sa.Column("target", sa.String(128), nullable=False, server_default=""),
    sa.Column("instrument", sa.String(32), nullable=False, server_default=""),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("address", sa.Text, nullable=False, server_default=""),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("after_notice", sa.Integer, nullable=False),
    sa.Column("failing_since", UtcTime),
    sa.Column("ended_at", UtcTime),
)
"""What somebody wants to be told, and how (``stream``, ``webhook``, ``email``); an empty filter takes all.
``after_notice`` is the last notice that was there when it was made."""

notice = sa.Table(
    "notice",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("event", sa.String(16), nullable=False),
    sa.Column("observation_id", sa.String(120), nullable=False, index=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("program", sa.String(16), nullable=False, server_default=""),
    sa.Column("target", sa.String(128), nullable=False, server_default=""),
    sa.Column("instrument", sa.String(32), nullable=False, server_default=""),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("at", UtcTime, nullable=False, index=True),
    sa.UniqueConstraint("event", "observation_id", "version"),
)
"""What happened to an observation, once, as it is told to subscribers; ids rise in the order of telling, and are never used again."""

notice_delivery = sa.Table(
    "notice_delivery",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("notice_id", sa.Integer, sa.ForeignKey("notice.id"), nullable=False),
    sa.Column("subscription_id", sa.Integer, sa.ForeignKey("subscription.id"), nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", UtcTime),
    sa.Column("delivered_at", UtcTime),
    sa.Column("error", sa.String(255), nullable=False, server_default=""),
    sa.UniqueConstraint("notice_id", "subscription_id"),
    sa.Index("ix_notice_delivery_state_next_at", "state", "next_at"),
)
"""One row per notice and subscription that it matches: exactly one event for each, however often it goes over the wire."""

uws_job = sa.Table(
    "uws_job",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("owner", sa.String(64), nullable=False, index=True),
    sa.Column("phase", sa.String(16), nullable=False, index=True),
    sa.Column("run_id", sa.String(64), nullable=False, server_default=""),
    sa.Column("parameters", sa.JSON, nullable=False),
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("started_at", UtcTime),
    sa.Column("ended_at", UtcTime),
    sa.Column("seconds", sa.Integer, nullable=False),
    sa.Column("destruction", UtcTime, nullable=False),
    sa.Column("error", sa.Text, nullable=False, server_default=""),
    sa.Column("content_type", sa.String(128), nullable=False, server_default=""),
    sa.Column("beat_at", UtcTime),
)
"""Asynchronous queries (IVOA UWS 1.1): ``seconds`` is the execution duration; ``beat_at`` the last sign of life of who runs it."""

staging = sa.Table(
    "staging",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("owner", sa.String(64), nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("uris", sa.JSON, nullable=False),
    sa.Column("refused", sa.JSON, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("ready_at", UtcTime),
    sa.Column("expires_at", UtcTime),
    sa.Column("error", sa.String(255), nullable=False, server_default=""),
)
"""Large requests: the files of one are laid ready together; ``refused`` are those that the owner may not have, with why."""

partner_refusal = sa.Table(
    "partner_refusal",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("partner", sa.String(64), sa.ForeignKey("account.name"), nullable=False),
    sa.Column("uri", sa.String(255), nullable=False),
    sa.Column("reason", sa.String(255), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Column("first_at", UtcTime, nullable=False),
    sa.Column("last_at", UtcTime, nullable=False),
    sa.Column("closed_by", sa.String(64)),
    sa.Column("closed_reason", sa.Text),
    sa.UniqueConstraint("partner", "uri"),
)
"""What a partner told us that it could not take: an observation or a file, and why."""

distribution_mark = sa.Table(
    "distribution_mark",
    metadata,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
)
"""How far something has been looked at: ``released`` is the time up to which releases were told."""
