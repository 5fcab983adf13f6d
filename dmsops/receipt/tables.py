"""Tables of receipt: written only by its verbs."""

from __future__ import annotations

import sqlalchemy as sa

from dmsops.core.db import UtcTime, metadata

delivery = sa.Table(
    "delivery",
    metadata,
    sa.Column("id", sa.String(200), primary_key=True),
    sa.Column("sender", sa.String(200), nullable=False),
    sa.Column("sequence", sa.BigInteger),
    sa.Column("folder", sa.Text, nullable=False),
    sa.Column("folders", sa.JSON, doc="Every folder that brought it, replays among them: none of them is waiting any more."),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("reason", sa.Text, nullable=False, default=""),
    sa.Column("received_at", UtcTime, nullable=False, index=True),
    sa.Column("acknowledged_at", UtcTime),
    sa.Column("replays", sa.Integer, nullable=False, default=0),
)

delivered_file = sa.Table(
    "delivered_file",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("delivery_id", sa.ForeignKey("delivery.id"), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("announced_size", sa.BigInteger),
    sa.Column("announced_sha256", sa.String(64)),
    sa.Column("size", sa.BigInteger),
    sa.Column("sha256", sa.String(64), index=True),
    sa.Column("version", sa.Integer),
    sa.Column("duplicate_of", sa.String(255), doc="A file of another name that brought the same bytes earlier."),
    sa.Column("fault", sa.String(16)),
    sa.Column("reason", sa.Text),
    sa.Column("visit", sa.String(11), index=True),
    sa.Column("covers_from", UtcTime),
    sa.Column("covers_to", UtcTime),
    sa.Column("changed_at", UtcTime, nullable=False),
    sa.UniqueConstraint("delivery_id", "name"),
    sa.UniqueConstraint("name", "version"),
)
"""One row per file and delivery; only rows that brought new bytes have a version."""

rerequest = sa.Table(
    "rerequest",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("delivery_id", sa.ForeignKey("delivery.id"), nullable=False),
    sa.Column("name", sa.String(255), nullable=False, index=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("requested_at", UtcTime, nullable=False),
    sa.Column("due", UtcTime, nullable=False),
    sa.Column("number", sa.Integer),
    sa.Column("times", sa.Integer, nullable=False, server_default="1"),
    sa.Column("sent_at", UtcTime),
    sa.Column("raised_at", UtcTime, doc="When it was left to a person: asked for as often as the site asks, and it did not come."),
    sa.Column("closed_at", UtcTime),
    sa.Column("closed_by", sa.String(240)),
    sa.UniqueConstraint("delivery_id", "name"),
)

science_part = sa.Table(
    "science_part",
    metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("exposure", sa.String(40), primary_key=True),
    sa.Column("detector", sa.String(12), primary_key=True),
    sa.Column("visit", sa.String(11), nullable=False, index=True),
    sa.Column("packets", sa.Integer, nullable=False),
    sa.Column("expected", sa.BigInteger),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("complete_frames", sa.Integer, nullable=False),
    sa.Column("duplicates", sa.Integer, nullable=False),
    sa.Column("bad_crc", sa.Integer, nullable=False),
    sa.Column("complete", sa.Boolean, nullable=False),
    sa.Column("first_at", UtcTime),
    sa.Column("last_at", UtcTime),
    sa.Column("nints", sa.Integer),
    sa.Column("ngroups", sa.Integer),
    sa.Column("frame_rows", sa.Integer),
    sa.Column("frame_columns", sa.Integer),
    sa.Column("coverage", sa.JSON),
)
"""What one science recorder file holds of one exposure and detector; tied to the bytes, not to a name.

``coverage`` is which packets it holds, so that several files of one exposure can be put together without reading them.
"""

gap_decision = sa.Table(
    "gap_decision",
    metadata,
    sa.Column("exposure", sa.String(40), primary_key=True),
    sa.Column("detector", sa.String(12), primary_key=True),
    sa.Column("visit", sa.String(11), nullable=False, index=True),
    sa.Column("decision", sa.String(16), nullable=False),
    sa.Column("missing", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
)
"""What was decided about an exposure whose packets did not all come: use it with gaps, or give it up."""

planned_exposure = sa.Table(
    "planned_exposure",
    metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("exposure", sa.String(40), primary_key=True),
    sa.Column("visit", sa.String(11), nullable=False, index=True),
    sa.Column("exp_type", sa.String(24), nullable=False),
    sa.Column("detectors", sa.JSON, nullable=False),
    sa.Column("start", UtcTime, nullable=False),
    sa.Column("end", UtcTime, nullable=False),
)
"""What a plan says is to be taken; tied to the plan's bytes."""

reported_visit = sa.Table(
    "reported_visit",
    metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("visit", sa.String(11), nullable=False, index=True),
    sa.Column("issue", sa.Integer, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("end_reason", sa.Text, nullable=False),
    sa.Column("target_acquisition", sa.String(16), nullable=False),
    sa.Column("guiding", sa.String(16), nullable=False),
    sa.Column("attempt", sa.Integer),
    sa.Column("acquisitions", sa.JSON, nullable=False),
    sa.Column("start", UtcTime, nullable=False),
    sa.Column("end", UtcTime, nullable=False),
    sa.Column("written", UtcTime, nullable=False),
)
"""What an Observatory Status File says of its visit; tied to the file's bytes. ``guiding`` is empty when it does not say."""

reported_exposure = sa.Table(
    "reported_exposure",
    metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("exposure", sa.String(40), primary_key=True),
    sa.Column("visit", sa.String(11), nullable=False, index=True),
    sa.Column("exp_type", sa.String(24), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("detectors", sa.JSON, nullable=False),
    sa.Column("start", UtcTime, nullable=False),
    sa.Column("end", UtcTime, nullable=False),
)
"""What an Observatory Status File says of each exposure."""

reconciliation = sa.Table(
    "reconciliation",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("visit", sa.String(11), nullable=False, index=True),
    sa.Column("status_sha256", sa.String(64)),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("counts", sa.JSON, nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
)
"""Each time a visit's plan, report and telemetry were brought together: what came of it and who did it."""

ephemeris_file = sa.Table(
    "ephemeris_file",
    metadata,
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("created_at", UtcTime),
    sa.Column("covers_from", UtcTime, nullable=False),
    sa.Column("covers_to", UtcTime, nullable=False),
    sa.Column("vectors", sa.Integer, nullable=False),
    sa.Column("largest_step_seconds", sa.Float, nullable=False),
    sa.Column("checked_at", UtcTime),
    sa.Column("compared_with", sa.String(64)),
    sa.Column("residual_km", sa.Float),
    sa.Column("residual_km_s", sa.Float),
    sa.Column("doubts", sa.JSON, nullable=False),
    sa.Column("accepted_at", UtcTime),
    sa.Column("accepted_by", sa.String(64)),
    sa.Column("accepted_reason", sa.Text),
)
"""What an ephemeris covers, and how far it is from the one before it where both speak.

Nothing uses an ephemeris before it is checked, nor one that is in doubt before a person has accepted it.
"""
