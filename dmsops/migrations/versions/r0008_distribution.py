"""Distribution: accounts, tokens and grants, who was given what, subscriptions and notices, asynchronous queries, staged requests."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

LOSSES = (
    ("account", "", "accounts of astronomers and partners"),
    ("account_token", "", "their tokens"),
    ("access_grant", "", "who may read which program's exclusive data"),
    ("access_record", "", "who was given which file, and who was refused"),
    ("subscription", "", "subscriptions"),
    ("notice", "", "what subscribers were told"),
    ("notice_delivery", "", "which subscriber got which notice"),
    ("uws_job", "", "asynchronous queries"),
    ("staging", "", "large requests that were staged"),
    ("partner_refusal", "", "what partners could not take"),
    ("distribution_mark", "", "up to when releases were told"),
)
_TABLES = (
    "distribution_mark",
    "partner_refusal",
    "staging",
    "uws_job",
    "notice_delivery",
    "notice",
    "subscription",
    "access_record",
    "access_grant",
    "account_token",
    "account",
)


def upgrade() -> None:
    _make_accounts()
    _make_notices()
    _make_requests()


def _make_accounts() -> None:
    op.create_table(
        "account",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("display_name", sa.String(length=128), server_default="", nullable=False),
        sa.Column("email", sa.String(length=254), server_default="", nullable=False),
        sa.Column("files", sa.String(length=16), server_default="public", nullable=False),
        sa.Column("made_at", sa.String(length=27), nullable=False),
        sa.Column("closed_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_account")),
    )
    op.create_table(
        "account_token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=64), server_default="", nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.String(length=27), nullable=False),
        sa.Column("expires_at", sa.String(length=27), nullable=False),
        sa.Column("revoked_at", sa.String(length=27), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.name"], name=op.f("fk_account_token_account_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_token")),
        sa.UniqueConstraint("sha256", name=op.f("uq_account_token_sha256")),
    )
    op.create_index(op.f("ix_account_token_account"), "account_token", ["account"], unique=False)
    op.create_table(
        "access_grant",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("program", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("granted_by", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.String(length=27), nullable=False),
        sa.Column("until", sa.String(length=27), nullable=True),
        sa.Column("revoked_at", sa.String(length=27), nullable=True),
        sa.Column("revoked_by", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["account"], ["account.name"], name=op.f("fk_access_grant_account_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_grant")),
    )
    op.create_index(op.f("ix_access_grant_account"), "access_grant", ["account"], unique=False)
    op.create_index(op.f("ix_access_grant_program"), "access_grant", ["program"], unique=False)
    op.create_table(
        "access_record",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("route", sa.String(length=32), nullable=False),
        sa.Column("uri", sa.String(length=255), nullable=False),
        sa.Column("verdict", sa.String(length=16), nullable=False),
        sa.Column("why", sa.String(length=255), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_record")),
    )
    op.create_index(op.f("ix_access_record_at"), "access_record", ["at"], unique=False)
    op.create_index(op.f("ix_access_record_uri"), "access_record", ["uri"], unique=False)
    op.create_index(op.f("ix_access_record_verdict"), "access_record", ["verdict"], unique=False)
    op.create_index(op.f("ix_access_record_who"), "access_record", ["who"], unique=False)


def _make_notices() -> None:
    op.create_table(
        "subscription",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("program", sa.String(length=16), server_default="", nullable=False),
        sa.Column("target", sa.String(length=128), server_default="", nullable=False),
        sa.Column("instrument", sa.String(length=32), server_default="", nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("address", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("made_at", sa.String(length=27), nullable=False),
        sa.Column("after_notice", sa.Integer(), nullable=False),
        sa.Column("failing_since", sa.String(length=27), nullable=True),
        sa.Column("ended_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscription")),
    )
    op.create_index(op.f("ix_subscription_owner"), "subscription", ["owner"], unique=False)
    op.create_index(op.f("ix_subscription_program"), "subscription", ["program"], unique=False)
    op.create_index(op.f("ix_subscription_state"), "subscription", ["state"], unique=False)
    op.create_table(
        "notice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=16), nullable=False),
        sa.Column("observation_id", sa.String(length=120), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("program", sa.String(length=16), server_default="", nullable=False),
        sa.Column("target", sa.String(length=128), server_default="", nullable=False),
        sa.Column("instrument", sa.String(length=32), server_default="", nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
        sa.UniqueConstraint("event", "observation_id", "version", name=op.f("uq_notice_event_observation_id_version")),
    )
    op.create_index(op.f("ix_notice_at"), "notice", ["at"], unique=False)
    op.create_index(op.f("ix_notice_observation_id"), "notice", ["observation_id"], unique=False)
    op.create_table(
        "notice_delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("notice_id", sa.Integer(), nullable=False),
        sa.Column("subscription_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", sa.String(length=27), nullable=True),
        sa.Column("delivered_at", sa.String(length=27), nullable=True),
        sa.Column("error", sa.String(length=255), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["notice_id"], ["notice.id"], name=op.f("fk_notice_delivery_notice_id_notice")),
        sa.ForeignKeyConstraint(["subscription_id"], ["subscription.id"], name=op.f("fk_notice_delivery_subscription_id_subscription")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_delivery")),
        sa.UniqueConstraint("notice_id", "subscription_id", name=op.f("uq_notice_delivery_notice_id_subscription_id")),
    )
    op.create_index("ix_notice_delivery_state_next_at", "notice_delivery", ["state", "next_at"], unique=False)
    op.create_index(op.f("ix_notice_delivery_subscription_id"), "notice_delivery", ["subscription_id"], unique=False)


def _make_requests() -> None:
    op.create_table(
        "uws_job",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("phase", sa.String(length=16), nullable=False),
        sa.Column("run_id", sa.String(length=64), server_default="", nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("made_at", sa.String(length=27), nullable=False),
        sa.Column("started_at", sa.String(length=27), nullable=True),
        sa.Column("ended_at", sa.String(length=27), nullable=True),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("destruction", sa.String(length=27), nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("content_type", sa.String(length=128), server_default="", nullable=False),
        sa.Column("beat_at", sa.String(length=27), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uws_job")),
    )
    op.create_index(op.f("ix_uws_job_owner"), "uws_job", ["owner"], unique=False)
    op.create_index(op.f("ix_uws_job_phase"), "uws_job", ["phase"], unique=False)
    op.create_table(
        "staging",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("uris", sa.JSON(), nullable=False),
        sa.Column("refused", sa.JSON(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.String(length=27), nullable=False),
        sa.Column("ready_at", sa.String(length=27), nullable=True),
        sa.Column("expires_at", sa.String(length=27), nullable=True),
        sa.Column("error", sa.String(length=255), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_staging")),
    )
    op.create_index(op.f("ix_staging_owner"), "staging", ["owner"], unique=False)
    op.create_index(op.f("ix_staging_state"), "staging", ["state"], unique=False)
    op.create_table(
        "partner_refusal",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("partner", sa.String(length=64), nullable=False),
        sa.Column("uri", sa.String(length=255), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("first_at", sa.String(length=27), nullable=False),
        sa.Column("last_at", sa.String(length=27), nullable=False),
        sa.Column("closed_by", sa.String(length=64), nullable=True),
        sa.Column("closed_reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["partner"], ["account.name"], name=op.f("fk_partner_refusal_partner_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partner_refusal")),
        sa.UniqueConstraint("partner", "uri", name=op.f("uq_partner_refusal_partner_uri")),
    )
    op.create_index(op.f("ix_partner_refusal_state"), "partner_refusal", ["state"], unique=False)
    op.create_table(
        "distribution_mark",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_distribution_mark")),
    )


def downgrade() -> None:
    for name in _TABLES:
        op.drop_table(name)
