"""Tables of the archive: written only by its verbs.

``observation``, ``plane``, ``artifact`` and what hangs on them are the catalogue as it is now: the CAOM documents in the store,
laid out for searching. ``archived_product`` is every version of every product that was ever taken.
"""

from __future__ import annotations

import sqlalchemy as sa

from dmsops.core.db import UtcTime, metadata

archived_product = sa.Table(
    "archived_product",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("observation_id", sa.String(120), nullable=False, index=True),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("suffix", sa.String(32), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False, index=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("current", sa.Boolean, nullable=False),
    sa.Column("archived_at", UtcTime, nullable=False),
    sa.Column("members", sa.JSON),
    sa.UniqueConstraint("name", "version"),
)
"""``members``: the names of the products that a combined one was made from; empty where that is not known."""

observation = sa.Table(
    "observation",
    metadata,
    sa.Column("id", sa.String(120), primary_key=True),
    sa.Column("collection", sa.String(32), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("intent", sa.String(16)),
    sa.Column("type", sa.String(32)),
    sa.Column("algorithm", sa.String(32)),
    sa.Column("proposal_id", sa.String(16), index=True),
    sa.Column("instrument", sa.String(32)),
    sa.Column("target", sa.String(128), index=True),
    sa.Column("target_ra", sa.Float),
    sa.Column("target_dec", sa.Float),
    sa.Column("meta_release", UtcTime),
    sa.Column("meta_checksum", sa.String(40)),
    sa.Column("checksum", sa.String(64)),
    sa.Column("xml_sha256", sa.String(64)),
    sa.Column("changed_at", UtcTime, nullable=False, index=True),
)
"""One row per archived observation, as it is now; ``version`` counts its events, ``checksum`` is its accMetaChecksum
(``md5:`` and 32 hex digits), ``changed_at`` what harvesters call lastModified."""

plane = sa.Table(
    "plane",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("observation_id", sa.String(120), sa.ForeignKey("observation.id"), nullable=False),
    sa.Column("product_id", sa.String(32), nullable=False),
    sa.Column("calibration_level", sa.Integer),
    sa.Column("data_product_type", sa.String(32)),
    sa.Column("meta_release", UtcTime),
    sa.Column("data_release", UtcTime, index=True),
    sa.Column("provenance", sa.String(64)),
    sa.Column("software", sa.String(32)),
    sa.Column("context", sa.String(32)),
    sa.Column("executed_at", UtcTime),
    sa.Column("region", sa.Text),
    sa.Column("ra", sa.Float),
    sa.Column("dec", sa.Float),
    sa.Column("radius", sa.Float),
    sa.Column("time_min", sa.Float),
    sa.Column("time_max", sa.Float),
    sa.Column("exposure", sa.Float),
    sa.Column("em_min", sa.Float),
    sa.Column("em_max", sa.Float),
    sa.Column("bandpass", sa.String(64)),
    sa.Column("meta_checksum", sa.String(40)),
    sa.UniqueConstraint("observation_id", "product_id"),
    sa.Index("ix_plane_time_min", "time_min"),
    sa.Index("ix_plane_em_min", "em_min"),
)
"""``ra``, ``dec``, ``radius``: the smallest circle that we know of round the footprint ``region`` (``POLYGON ICRS ...``), degrees;
times MJD (UTC), ``exposure`` seconds, ``em_min``, ``em_max`` metres, ``software`` CAL_VER, ``context`` CRDS_CTX."""

artifact = sa.Table(
    "artifact",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("plane_id", sa.Integer, sa.ForeignKey("plane.id"), nullable=False, index=True),
    sa.Column("uri", sa.String(200), nullable=False),
    sa.Column("product_type", sa.String(32), nullable=False),
    sa.Column("release_type", sa.String(8), nullable=False),
    sa.Column("content_type", sa.String(64)),
    sa.Column("content_length", sa.BigInteger),
    sa.Column("content_checksum", sa.String(80)),
    sa.Column("content_release", UtcTime),
    sa.Column("meta_checksum", sa.String(40)),
    sa.UniqueConstraint("uri"),
)

observation_member = sa.Table(
    "observation_member",
    metadata,
    sa.Column("observation_id", sa.String(120), sa.ForeignKey("observation.id"), primary_key=True),
    sa.Column("member", sa.String(160), primary_key=True),
)
"""``member`` is the URI of an observation: ``caom:JWST/jw...``."""

plane_input = sa.Table(
    "plane_input",
    metadata,
    sa.Column("plane_id", sa.Integer, sa.ForeignKey("plane.id"), primary_key=True),
    sa.Column("input", sa.String(200), primary_key=True),
)
"""``input`` is the URI of a plane: ``caom:JWST/jw.../level2``."""

proposal = sa.Table(
    "proposal",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("title", sa.Text, nullable=False, server_default=""),
    sa.Column("pi_name", sa.String(128), nullable=False, server_default=""),
    sa.Column("category", sa.String(16), nullable=False, server_default=""),
    sa.Column("exclusive_days", sa.Integer),
    sa.Column("changed_at", UtcTime, nullable=False),
)
"""Five digits as the id. ``exclusive_days`` is what the program chose; empty means what its category gives."""

ingest_error = sa.Table(
    "ingest_error",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("observation_id", sa.String(120), nullable=False, index=True),
    sa.Column("kind", sa.String(24), nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("findings", sa.JSON, nullable=False),
    sa.Column("products", sa.JSON, nullable=False),
    sa.Column("members", sa.JSON, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Column("first_at", UtcTime, nullable=False),
    sa.Column("last_at", UtcTime, nullable=False),
    sa.Column("closed_at", UtcTime),
    sa.Column("closed_by", sa.String(64)),
    sa.Column("closed_reason", sa.Text),
)
"""What could not be ingested: one open row per observation; ``products`` (name to sha256) were offered, made from ``members``."""

finding = sa.Table(
    "finding",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("check", sa.String(4), nullable=False),
    sa.Column("uri", sa.String(255), nullable=False),
    sa.Column("observation_id", sa.String(120), index=True),
    sa.Column("severity", sa.String(8), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("expected", sa.Text, nullable=False),
    sa.Column("observed", sa.Text, nullable=False),
    sa.Column("source", sa.String(64), nullable=False),
    sa.Column("remedy", sa.Text, nullable=False),
    sa.Column("fix", sa.String(24), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Column("first_at", UtcTime, nullable=False),
    sa.Column("last_at", UtcTime, nullable=False),
    sa.Column("last_audit", sa.Integer, nullable=False),
    sa.Column("waived_until", UtcTime),
    sa.UniqueConstraint("check", "uri"),
)
"""What the doctor found, one row per check and thing; ``times`` counts its openings, ``fix`` is empty where a person must act."""

finding_event = sa.Table(
    "finding_event",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("finding_id", sa.Integer, sa.ForeignKey("finding.id"), nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
)
"""The life of a finding: each state that it took, by whom and why."""

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("scope", sa.String(255), nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime, nullable=False),
    sa.Column("looked_at", sa.BigInteger, nullable=False),
    sa.Column("counts", sa.JSON, nullable=False),
    sa.Column("opened", sa.Integer, nullable=False),
    sa.Column("closed", sa.Integer, nullable=False),
)
"""One row per audit that ended: ``kind`` is ``doctor``, ``fixity`` or ``reconciliation``; ``counts`` is its result by check or class."""

fixity = sa.Table(
    "fixity",
    metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("checked_at", UtcTime, nullable=False, index=True),
    sa.Column("outcome", sa.String(24), nullable=False, index=True),
    sa.Column("observed", sa.String(200), nullable=False, server_default=""),
)
"""When each object of the archive was last read again, and what came of it (the names of CADC's artifact validation)."""

tombstone = sa.Table(
    "tombstone",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("observation_id", sa.String(120), nullable=False, index=True),
    sa.Column("products", sa.JSON, nullable=False),
    sa.Column("xml_sha256", sa.String(64)),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("restored_at", UtcTime),
    sa.Column("restored_by", sa.String(64)),
)
"""One row per withdrawal of an observation; its bytes are kept, ``restored_at`` says that it was taken back."""

archive_outbox = sa.Table(
    "archive_outbox",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("event", sa.String(64), nullable=False),
    sa.Column("observation_id", sa.String(120), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("sent_at", UtcTime),
    sa.UniqueConstraint("observation_id", "version"),
)
"""What subscribers and partners are to be told: one event per version of an observation."""
