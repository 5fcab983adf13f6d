"""The archive's catalogue in rows: planes, artifacts, members, inputs; ingest errors, findings, audits, tombstones, proposals.

The data step: a description that was refused becomes an open ingest error, and where nothing was ever ingested it is no observation any
more. What an observation's new columns and its planes hold comes from its document in the store, which a database cannot read:
`dmsops site upgrade` rebuilds those rows after this revision.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

LOSSES = (
    ("observation", "state <> 'archived'", "withdrawals; a withdrawn observation becomes one whose description is not sound"),
    ("tombstone", "", "who withdrew what, when and why (the journal keeps it too)"),
    ("ingest_error", "kind <> 'is_valid_fails' OR state <> 'open'", "ingest errors that are closed or not of a description"),
    ("proposal", "", "proposals: title, principal investigator, category, exclusive days"),
    ("finding", "", "what the doctor found"),
    ("finding_event", "", "the life of each finding: who waived what and why"),
    ("audit", "", "audits that were made"),
    ("fixity", "", "when each object of the archive was last read again"),
    (
        "archived_product",
        "members IS NOT NULL AND CAST(members AS TEXT) <> 'null'",
        "members of combined products (their documents name them too)",
    ),
    ("plane", "", "planes, artifacts, members and inputs as rows (made again from the documents by the next upgrade)"),
)

_WITHDRAWN = "withdrawn under schema 0007: "
_NEW: dict[str, sa.types.TypeEngine[Any]] = {
    "state": sa.String(length=16), "intent": sa.String(length=16), "type": sa.String(length=32), "algorithm": sa.String(length=32),
    "proposal_id": sa.String(length=16), "instrument": sa.String(length=32), "target": sa.String(length=128), "target_ra": sa.Float(),
    "target_dec": sa.Float(), "meta_release": sa.String(length=27), "meta_checksum": sa.String(length=40),
}  # fmt: skip
_INDEXED = ("proposal_id", "target", "changed_at")
_X, _Y, _Z = "cos(radians(dec)) * cos(radians(ra))", "cos(radians(dec)) * sin(radians(ra))", "sin(radians(dec))"
_CIRCLE = "scircle(spoint(radians(ra), radians(dec)), radians(least(greatest(radius, 0), 90)))"
_BOX_XY = f"box(point({_X} - radians(radius), {_Y} - radians(radius)), point({_X} + radians(radius), {_Y} + radians(radius)))"
_BOX_Z = f"box(point({_Z} - radians(radius), 0), point({_Z} + radians(radius), 0))"
_INDEX = {
    "sqlite": (
        "CREATE VIRTUAL TABLE plane_sky USING rtree(id, x0, x1, y0, y1, z0, z1)",
        "CREATE VIRTUAL TABLE plane_span USING rtree(id, t0, t1)",
    ),
    "sqlite without rtree": (
        "CREATE TABLE plane_sky (id INTEGER PRIMARY KEY, x0 REAL, x1 REAL, y0 REAL, y1 REAL, z0 REAL, z1 REAL)",
        "CREATE TABLE plane_span (id INTEGER PRIMARY KEY, t0 REAL, t1 REAL)",
    ),
    "postgresql": (
        "CREATE INDEX ix_plane_span ON plane USING gist (box(point(time_min, 0), point(time_max, 0)))",
        f"""
        DO $$ BEGIN
            CREATE EXTENSION IF NOT EXISTS pg_sphere;
            CREATE INDEX ix_plane_circle ON plane USING gist ({_CIRCLE});
        EXCEPTION WHEN OTHERS THEN
            CREATE INDEX ix_plane_sky ON plane USING gist ({_BOX_XY}, {_BOX_Z});
        END $$
        """,
    ),
}
"""The index of the sky and of times, as `dmsops.archive.sky` asks it."""
_NO_INDEX = {
    "sqlite": ("DROP TABLE plane_span", "DROP TABLE plane_sky"),
    "postgresql": ("DROP INDEX ix_plane_span", "DROP INDEX IF EXISTS ix_plane_circle", "DROP INDEX IF EXISTS ix_plane_sky"),
}
_TABLES = (
    "artifact",
    "plane_input",
    "observation_member",
    "plane",
    "finding_event",
    "finding",
    "audit",
    "fixity",
    "tombstone",
    "proposal",
    "ingest_error",
)

_observation = sa.table(
    "observation", *map(sa.column, ("id", "collection", "kind", "version", "state", "xml_sha256", "checksum", "changed_at")),
    sa.column("valid", sa.Boolean), sa.column("findings", sa.JSON),
)  # fmt: skip
_error = sa.table(
    "ingest_error", *map(sa.column, ("observation_id", "kind", "message", "state", "times", "first_at", "last_at")),
    sa.column("findings", sa.JSON), sa.column("products", sa.JSON), sa.column("members", sa.JSON),
)  # fmt: skip
_tombstone = sa.table("tombstone", *map(sa.column, ("id", "observation_id", "reason", "restored_at")))


def upgrade() -> None:
    _make_errors()
    op.add_column("archived_product", sa.Column("members", sa.JSON(), nullable=True))
    for name, kind in _NEW.items():
        op.add_column("observation", sa.Column(name, kind, nullable=True))
    _refused_to_errors()
    with op.batch_alter_table("observation") as batch:
        batch.alter_column("state", existing_type=sa.String(length=16), nullable=False)
        batch.drop_column("valid")
        batch.drop_column("findings")
    for name in _INDEXED:
        op.create_index(op.f(f"ix_observation_{name}"), "observation", [name], unique=False)
    _make_catalogue()
    _make_findings()
    _make_records()
    for text in _INDEX[_dialect()]:
        op.execute(text)


def _dialect() -> str:
    c = op.get_bind()
    if c.dialect.name == "sqlite" and not c.exec_driver_sql("SELECT count(*) FROM pragma_module_list WHERE name = 'rtree'").scalar():
        return "sqlite without rtree"
    return c.dialect.name


def _refused_to_errors() -> None:
    c, o = op.get_bind(), _observation.c
    for row in c.execute(sa.select(_observation).where(o.valid.is_(False)).order_by(o.id)).all():
        findings = list(row.findings or ())
        if findings and str(findings[0]).startswith(_WITHDRAWN):
            c.execute(sa.update(_observation).where(o.id == row.id).values(state="withdrawn"))
            continue
        c.execute(
            sa.insert(_error).values(
                observation_id=row.id, kind="is_valid_fails", message=str(findings[0]) if findings else "the description was not sound",
                findings=findings, products={}, members=[], state="open", times=1, first_at=row.changed_at, last_at=row.changed_at,
            )
        )  # fmt: skip
    c.execute(sa.delete(_observation).where(o.version == 0))
    c.execute(sa.update(_observation).where(o.state.is_(None)).values(state="archived"))


def _make_errors() -> None:
    op.create_table(
        "ingest_error",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("observation_id", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.Column("products", sa.JSON(), nullable=False),
        sa.Column("members", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.String(length=27), nullable=False),
        sa.Column("last_at", sa.String(length=27), nullable=False),
        sa.Column("closed_at", sa.String(length=27), nullable=True),
        sa.Column("closed_by", sa.String(length=64), nullable=True),
        sa.Column("closed_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ingest_error")),
    )
    op.create_index(op.f("ix_ingest_error_observation_id"), "ingest_error", ["observation_id"], unique=False)
    op.create_index(op.f("ix_ingest_error_state"), "ingest_error", ["state"], unique=False)


def _make_catalogue() -> None:
    op.create_table(
        "plane",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("observation_id", sa.String(length=120), nullable=False),
        sa.Column("product_id", sa.String(length=32), nullable=False),
        sa.Column("calibration_level", sa.Integer(), nullable=True),
        sa.Column("data_product_type", sa.String(length=32), nullable=True),
        sa.Column("meta_release", sa.String(length=27), nullable=True),
        sa.Column("data_release", sa.String(length=27), nullable=True),
        sa.Column("provenance", sa.String(length=64), nullable=True),
        sa.Column("software", sa.String(length=32), nullable=True),
        sa.Column("context", sa.String(length=32), nullable=True),
        sa.Column("executed_at", sa.String(length=27), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("ra", sa.Float(), nullable=True),
        sa.Column("dec", sa.Float(), nullable=True),
        sa.Column("radius", sa.Float(), nullable=True),
        sa.Column("time_min", sa.Float(), nullable=True),
        sa.Column("time_max", sa.Float(), nullable=True),
        sa.Column("exposure", sa.Float(), nullable=True),
        sa.Column("em_min", sa.Float(), nullable=True),
        sa.Column("em_max", sa.Float(), nullable=True),
        sa.Column("bandpass", sa.String(length=64), nullable=True),
        sa.Column("meta_checksum", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(["observation_id"], ["observation.id"], name=op.f("fk_plane_observation_id_observation")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plane")),
        sa.UniqueConstraint("observation_id", "product_id", name=op.f("uq_plane_observation_id_product_id")),
    )
    op.create_index(op.f("ix_plane_data_release"), "plane", ["data_release"], unique=False)
    op.create_index("ix_plane_time_min", "plane", ["time_min"], unique=False)
    op.create_index("ix_plane_em_min", "plane", ["em_min"], unique=False)
    op.create_table(
        "artifact",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("plane_id", sa.Integer(), nullable=False),
        sa.Column("uri", sa.String(length=200), nullable=False),
        sa.Column("product_type", sa.String(length=32), nullable=False),
        sa.Column("release_type", sa.String(length=8), nullable=False),
        sa.Column("content_type", sa.String(length=64), nullable=True),
        sa.Column("content_length", sa.BigInteger(), nullable=True),
        sa.Column("content_checksum", sa.String(length=80), nullable=True),
        sa.Column("content_release", sa.String(length=27), nullable=True),
        sa.Column("meta_checksum", sa.String(length=40), nullable=True),
        sa.ForeignKeyConstraint(["plane_id"], ["plane.id"], name=op.f("fk_artifact_plane_id_plane")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_artifact")),
        sa.UniqueConstraint("uri", name=op.f("uq_artifact_uri")),
    )
    op.create_index(op.f("ix_artifact_plane_id"), "artifact", ["plane_id"], unique=False)
    op.create_table(
        "observation_member",
        sa.Column("observation_id", sa.String(length=120), nullable=False),
        sa.Column("member", sa.String(length=160), nullable=False),
        sa.ForeignKeyConstraint(["observation_id"], ["observation.id"], name=op.f("fk_observation_member_observation_id_observation")),
        sa.PrimaryKeyConstraint("observation_id", "member", name=op.f("pk_observation_member")),
    )
    op.create_table(
        "plane_input",
        sa.Column("plane_id", sa.Integer(), nullable=False),
        sa.Column("input", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["plane_id"], ["plane.id"], name=op.f("fk_plane_input_plane_id_plane")),
        sa.PrimaryKeyConstraint("plane_id", "input", name=op.f("pk_plane_input")),
    )


def _make_findings() -> None:
    op.create_table(
        "finding",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("check", sa.String(length=4), nullable=False),
        sa.Column("uri", sa.String(length=255), nullable=False),
        sa.Column("observation_id", sa.String(length=120), nullable=True),
        sa.Column("severity", sa.String(length=8), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.Column("observed", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.Column("fix", sa.String(length=24), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.String(length=27), nullable=False),
        sa.Column("last_at", sa.String(length=27), nullable=False),
        sa.Column("last_audit", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
        sa.UniqueConstraint("check", "uri", name=op.f("uq_finding_check_uri")),
    )
    op.create_index(op.f("ix_finding_observation_id"), "finding", ["observation_id"], unique=False)
    op.create_index(op.f("ix_finding_state"), "finding", ["state"], unique=False)
    op.create_table(
        "finding_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("finding_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.ForeignKeyConstraint(["finding_id"], ["finding.id"], name=op.f("fk_finding_event_finding_id_finding")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding_event")),
    )
    op.create_index(op.f("ix_finding_event_finding_id"), "finding_event", ["finding_id"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("scope", sa.String(length=255), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("started_at", sa.String(length=27), nullable=False),
        sa.Column("ended_at", sa.String(length=27), nullable=False),
        sa.Column("looked_at", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("opened", sa.Integer(), nullable=False),
        sa.Column("closed", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )


def _make_records() -> None:
    op.create_table(
        "fixity",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("checked_at", sa.String(length=27), nullable=False),
        sa.Column("outcome", sa.String(length=24), nullable=False),
        sa.Column("observed", sa.String(length=200), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_fixity")),
    )
    op.create_index(op.f("ix_fixity_checked_at"), "fixity", ["checked_at"], unique=False)
    op.create_index(op.f("ix_fixity_outcome"), "fixity", ["outcome"], unique=False)
    op.create_table(
        "tombstone",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("observation_id", sa.String(length=120), nullable=False),
        sa.Column("products", sa.JSON(), nullable=False),
        sa.Column("xml_sha256", sa.String(length=64), nullable=True),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("restored_at", sa.String(length=27), nullable=True),
        sa.Column("restored_by", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tombstone")),
    )
    op.create_index(op.f("ix_tombstone_observation_id"), "tombstone", ["observation_id"], unique=False)
    op.create_table(
        "proposal",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("pi_name", sa.String(length=128), server_default="", nullable=False),
        sa.Column("category", sa.String(length=16), server_default="", nullable=False),
        sa.Column("exclusive_days", sa.Integer(), nullable=True),
        sa.Column("changed_at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposal")),
    )


def downgrade() -> None:
    for text in _NO_INDEX[op.get_bind().dialect.name]:
        op.execute(text)
    op.drop_column("archived_product", "members")
    op.add_column("observation", sa.Column("valid", sa.Boolean(), nullable=True))
    op.add_column("observation", sa.Column("findings", sa.JSON(), nullable=True))
    _errors_to_refused()
    for name in _INDEXED:
        op.drop_index(op.f(f"ix_observation_{name}"), "observation")
    for name in _TABLES:
        op.drop_table(name)
    with op.batch_alter_table("observation") as batch:
        batch.alter_column("valid", existing_type=sa.Boolean(), nullable=False)
        batch.alter_column("findings", existing_type=sa.JSON(), nullable=False)
        for name in _NEW:
            batch.drop_column(name)


def _errors_to_refused() -> None:
    """Say in the older words what was refused and withdrawn: an observation that is not sound, of version 0 where it never was."""
    c, o = op.get_bind(), _observation.c
    c.execute(sa.update(_observation).values(valid=True, findings=[]))
    collection = c.execute(sa.select(o.collection).limit(1)).scalar() or "JWST"
    there = set(c.execute(sa.select(o.id)).scalars())
    for row in c.execute(sa.select(_error).where(_error.c.kind == "is_valid_fails", _error.c.state == "open")).all():
        findings = [str(f) for f in row.findings] or [row.message]
        if row.observation_id in there:
            c.execute(sa.update(_observation).where(o.id == row.observation_id).values(valid=False, findings=findings))
            continue
        kind = "derived" if row.observation_id[7:8] == "-" else "simple"  # jw02726-o402_... and jw02726402001_...
        refused = {"id": row.observation_id, "collection": collection, "kind": kind, "version": 0, "valid": False, "state": "archived"}
        c.execute(sa.insert(_observation).values(**refused, findings=findings, changed_at=row.last_at))
    for row in c.execute(sa.select(_tombstone).where(_tombstone.c.restored_at.is_(None)).order_by(_tombstone.c.id)).all():
        c.execute(sa.update(_observation).where(o.id == row.observation_id).values(valid=False, findings=[_WITHDRAWN + row.reason]))
