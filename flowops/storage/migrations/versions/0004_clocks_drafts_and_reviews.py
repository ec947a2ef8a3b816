"""What is needed to wait, pause, warn, draft, review and notify; clocks that run already get their first mark."""

import sqlalchemy as sa
from alembic import op

from flowops.storage import migrations
from flowops.storage.types import Json, UtcTime

revision = "0004"
down_revision = "0003"
downgrade = migrations.refuse

PARTIAL = {
    "ix_handoffs_to_breach": ("sla_due_at", "sla_breached_at IS NULL AND resolved_at IS NULL"),
    "ix_handoffs_to_warn": ("sla_warn_at", "sla_warned_at IS NULL AND resolved_at IS NULL"),
    "ix_handoffs_to_expire": ("claim_expires_at", "claim_expires_at IS NOT NULL"),
    "ix_handoffs_to_resume": ("wait_until", "wait_until IS NOT NULL"),
}
COMPUTED = {
    "urgency": "CASE priority WHEN 'urgent' THEN 3 WHEN 'high' THEN 2 WHEN 'medium' THEN 1 ELSE 0 END"
    " + CASE WHEN sla_breached_at IS NULL THEN 0 ELSE 1 END",
    "risk": "CASE risk_level WHEN 'high' THEN 1 WHEN 'medium' THEN 2 WHEN 'low' THEN 3 ELSE 4 END",
}


def upgrade() -> None:
    op.add_column("users", sa.Column("notify", sa.Boolean(), nullable=False, server_default=sa.true()))
    for name in ("wait_until", "sla_warned_at", "sla_paused_at"):
        op.add_column("handoffs", sa.Column(name, UtcTime(), nullable=True))
    op.add_column("handoffs", sa.Column("claim_left", sa.Interval(), nullable=True))
    # Each database has a kind of computed column that the other cannot add or cannot index.
    stored = op.get_bind().dialect.name == "postgresql"
    for name, sql in COMPUTED.items():
        op.add_column("handoffs", sa.Column(name, sa.Integer(), sa.Computed(sql, persisted=stored), nullable=False))
    op.create_index("ix_handoffs_status_urgency", "handoffs", ["status", "urgency", "sla_due_at"])
    for name, (column, where) in PARTIAL.items():
        op.create_index(name, "handoffs", [column], postgresql_where=sa.text(where), sqlite_where=sa.text(where))
    op.create_table(
        "sla_marks",
        sa.Column(
            "position", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(start=1), nullable=False
        ),
        sa.Column("handoff_id", sa.String(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("clock", sa.String(40), nullable=False),
        sa.Column("priority", sa.String(40), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["handoff_id"], ["handoffs.id"], name="fk_sla_marks_handoff_id"),
        sa.PrimaryKeyConstraint("position", name="pk_sla_marks"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_sla_marks_handoff_id", "sla_marks", ["handoff_id"])
    op.create_index("ix_sla_marks_kind_clock", "sla_marks", ["kind", "clock", "priority"])
    op.execute(
        "INSERT INTO sla_marks (handoff_id, at, kind, clock, priority, due_at) "
        "SELECT id, sla_started_at, 'started', sla_clock, priority, sla_due_at FROM handoffs "
        "WHERE sla_clock IS NOT NULL ORDER BY number"
    )
    # Nobody marked a breach until now: whoever was resolved late would count as a kept promise.
    op.execute(
        "UPDATE handoffs SET sla_breached_at = sla_due_at "
        "WHERE sla_clock IS NOT NULL AND sla_breached_at IS NULL AND resolved_at > sla_due_at"
    )
    op.execute(
        "INSERT INTO sla_marks (handoff_id, at, kind, clock, priority, due_at) "
        "SELECT id, sla_breached_at, 'breached', sla_clock, priority, sla_due_at FROM handoffs "
        "WHERE sla_clock IS NOT NULL AND sla_breached_at IS NOT NULL ORDER BY number"
    )
    op.execute(
        "INSERT INTO sla_marks (handoff_id, at, kind, clock, priority, due_at) "
        "SELECT id, resolved_at, 'stopped', sla_clock, priority, sla_due_at FROM handoffs "
        "WHERE sla_clock IS NOT NULL AND resolved_at IS NOT NULL ORDER BY number"
    )
    op.create_table(
        "drafts",
        sa.Column("handoff_id", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("saved_by", sa.String(), nullable=False),
        sa.Column("saved_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["handoff_id"], ["handoffs.id"], name="fk_drafts_handoff_id"),
        sa.ForeignKeyConstraint(["saved_by"], ["users.id"], name="fk_drafts_saved_by"),
        sa.PrimaryKeyConstraint("handoff_id", name="pk_drafts"),
    )
    op.create_table(
        "artifact_reviews",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("artifact_id", sa.String(), nullable=False),
        sa.Column("reviewer_id", sa.String(), nullable=False),
        sa.Column("verdict", sa.String(40), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("content", Json(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["artifact_id"], ["artifacts.id"], name="fk_artifact_reviews_artifact_id"),
        sa.ForeignKeyConstraint(["reviewer_id"], ["users.id"], name="fk_artifact_reviews_reviewer_id"),
        sa.PrimaryKeyConstraint("id", name="pk_artifact_reviews"),
    )
    op.create_index("ix_artifact_reviews_artifact_id", "artifact_reviews", ["artifact_id"])
    op.create_index("ix_artifact_reviews_verdict", "artifact_reviews", ["verdict"])
    op.create_index("ix_effects_status_expires", "effects", ["status", "expires_at"])
