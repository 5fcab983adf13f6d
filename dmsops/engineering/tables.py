"""Tables of the engineering database: what is held, and where; samples themselves are in Parquet files of the store.

Times of samples are microseconds since 1970 (UTC) in the tables as in the files; times of acts are those of the site's clock.
"""

from __future__ import annotations

import sqlalchemy as sa

from dmsops.core.db import UtcTime, metadata

engineering_file = sa.Table(
    "engineering_file",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False, index=True),
    sa.Column("stream", sa.String(1), nullable=False),
    sa.Column("form", sa.String(16), nullable=False),
    sa.Column("origin", sa.String(64), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("reason", sa.Text, nullable=False, server_default=""),
    sa.Column("first_us", sa.BigInteger),
    sa.Column("last_us", sa.BigInteger),
    sa.Column("packets", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("damaged", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("samples", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("new", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("late", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("exact", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("conflict", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("impossible", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("padding", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("texts", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("unknown", sa.JSON, nullable=False),
    sa.Column("definitions", sa.String(64), nullable=False, server_default=""),
    sa.Column("revision", sa.Integer),
    sa.Column("changed_at", UtcTime, nullable=False),
    sa.Column("decided_by", sa.String(64)),
    sa.Column("decided_reason", sa.Text),
    sa.UniqueConstraint("name", "sha256"),
)
"""One row per file that was looked at: its *receipt*. ``samples`` = new + late + exact + conflict + impossible.

``padding``, ``texts`` and ``unknown`` (by what it is) count what a file holds beside samples; ``definitions`` is the version of the
telemetry database that it was read with.
"""

engineering_revision = sa.Table(
    "engineering_revision",
    metadata,
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("what", sa.String(16), nullable=False),
    sa.Column("subject", sa.String(255), nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("at", UtcTime, nullable=False),
)
"""Every change of what is held, in order: two writers cannot make the same one."""

engineering_partition = sa.Table(
    "engineering_partition",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("hour", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False, index=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("first_us", sa.BigInteger, nullable=False),
    sa.Column("last_us", sa.BigInteger, nullable=False),
    sa.Column("made_in", sa.ForeignKey("engineering_revision.revision"), nullable=False),
    sa.Column("retired_in", sa.ForeignKey("engineering_revision.revision")),
    sa.Index("ix_engineering_partition_hour_retired_in", "hour", "retired_in"),
)
"""Immutable Parquet files: ``base`` (compacted), ``delta`` (one ingest), ``conflict`` (every value of contested samples), of one hour.

``hour`` counts from 1970; ``version`` counts the changes of the hour. Current are those that no revision retired; retired ones stay.
"""

engineering_mnemonic = sa.Table(
    "engineering_mnemonic",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("samples", sa.BigInteger, nullable=False),
    sa.Column("latest_us", sa.BigInteger, nullable=False),
    sa.Column("latest_value", sa.Float, doc="None when it is no number."),
    sa.Column("latest_raw", sa.BigInteger),
)
"""The newest sample of every mnemonic that is held, and how many there are."""

engineering_hour = sa.Table(
    "engineering_hour",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("hour", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("samples", sa.BigInteger, nullable=False),
    sa.Column("minimum", sa.Float, nullable=False),
    sa.Column("maximum", sa.Float, nullable=False),
    sa.Column("mean", sa.Float, nullable=False),
    sa.Column("squares", sa.Float, nullable=False),
    sa.Column("first_us", sa.BigInteger, nullable=False),
    sa.Column("last_us", sa.BigInteger, nullable=False),
    sa.Column("yellow", sa.BigInteger, nullable=False),
    sa.Column("red", sa.BigInteger, nullable=False),
    sa.Column("first_violation_us", sa.BigInteger),
    sa.Column("last_violation_us", sa.BigInteger),
    sa.Index("ix_engineering_hour_hour", "hour"),
)
"""Statistics by mnemonic and hour, of values that are numbers: ``samples`` counts these, and is 0 where there is none; the times are those
of all samples. ``squares`` is the sum of squared differences from the mean; ``yellow`` and ``red`` count samples outside those limits (a
red one is not counted as yellow)."""

engineering_suspect = sa.Table(
    "engineering_suspect",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False, index=True),
    sa.Column("first_us", sa.BigInteger, nullable=False),
    sa.Column("last_us", sa.BigInteger, nullable=False),
    sa.Column("conflicts", sa.BigInteger, nullable=False),
    sa.Column("receipts", sa.JSON, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("found_at", UtcTime, nullable=False),
    sa.Column("choice", sa.String(64)),
    sa.Column("decided_at", UtcTime),
    sa.Column("decided_by", sa.String(64)),
    sa.Column("decided_reason", sa.Text),
)
"""Intervals of a mnemonic in which samples are contested; ``open`` until a person says which values stand (``resolved``).

``conflicts`` counts the values that disagree with the one that stands.
"""

engineering_span = sa.Table(
    "engineering_span",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("container", sa.String(64), nullable=False, index=True),
    sa.Column("first_us", sa.BigInteger, nullable=False),
    sa.Column("last_us", sa.BigInteger, nullable=False),
)
"""Times without a gap, by container (the packets that bring mnemonics together); the times between two of them are gaps."""

engineering_gap = sa.Table(
    "engineering_gap",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("first_us", sa.BigInteger, nullable=False),
    sa.Column("last_us", sa.BigInteger, nullable=False),
    sa.Column("decision", sa.String(16), nullable=False),
    sa.Column("times", sa.Integer, nullable=False, server_default="1"),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.UniqueConstraint("first_us", "last_us"),
)
"""What was done about a gap: ``asked`` of the sender, or ``waived``. Whether it is still one, the spans say."""

engineering_change = sa.Table(
    "engineering_change",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("revision", sa.ForeignKey("engineering_revision.revision"), nullable=False, index=True),
    sa.Column("container", sa.String(64), nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("first_us", sa.BigInteger, nullable=False),
    sa.Column("last_us", sa.BigInteger, nullable=False),
    sa.Column("samples", sa.BigInteger, nullable=False),
)
"""What a revision changed, by container: samples that came (``new``, ``late``), became contested (``conflict``) or were settled
(``resolved``). What was made from an interval before it changed is found with it."""
