"""The orders of cases as indexes, so that the first page costs the same however many cases there are.

All rise in every column: SQLite cannot be asked what an index that falls in one is made of. And no index is left that
finds most cases, by queue, by status or by the owner they do not have: SQLite would take it, and sort what it finds.
"""

import sqlalchemy as sa
from alembic import op

from flowops.storage import migrations

revision = "0005"
down_revision = "0004"
downgrade = migrations.refuse

COMPUTED = {
    "turn": "CASE priority WHEN 'urgent' THEN 1 WHEN 'high' THEN 2 WHEN 'medium' THEN 3 ELSE 4 END"
    " - CASE WHEN sla_breached_at IS NULL THEN 0 ELSE 1 END",
    "due_rank": "CASE WHEN sla_due_at IS NULL THEN 1 ELSE 0 END + CASE WHEN resolved_at IS NULL THEN 0 ELSE 2 END",
}
DUE = ("due_rank", "sla_due_at", "number")
INDEXES = {
    "ix_handoffs_open_due": (DUE, "resolved_at IS NULL"),
    "ix_handoffs_open_turn": (("turn", *DUE), "resolved_at IS NULL"),
    "ix_handoffs_open_risk": (("risk", *DUE), "resolved_at IS NULL"),
    "ix_handoffs_free": (("queue", "turn", *DUE), "claimed_at IS NULL AND resolved_at IS NULL"),
    "ix_handoffs_claimed_by": (("claimed_by",), "claimed_by IS NOT NULL"),
}

# What the dashboard and the metrics count, in tables that only grow.
COUNTED = (
    ("ix_sla_marks_at", "sla_marks", ("at", "handoff_id")),
    ("ix_job_attempts_outcome_finished", "job_attempts", ("outcome", "finished_at")),
    ("ix_job_attempts_topic_outcome", "job_attempts", ("topic", "outcome")),
    ("ix_finished_jobs_topic_status", "finished_jobs", ("topic", "status")),
    ("ix_effects_created_at", "effects", ("created_at",)),
    (
        "ix_artifacts_lately",
        "artifacts",
        ("created_at", "handoff_id", "kind", "status", "latency_ms", "input_tokens", "output_tokens"),
    ),
)


def upgrade() -> None:
    for name in ("ix_handoffs_status_urgency", "ix_handoffs_queue_status_due", "ix_handoffs_claimed_by"):
        op.drop_index(name, "handoffs")
    op.drop_column("handoffs", "urgency")
    # Each database has a kind of computed column that the other cannot add or cannot index.
    stored = op.get_bind().dialect.name == "postgresql"
    for name, sql in COMPUTED.items():
        op.add_column("handoffs", sa.Column(name, sa.Integer(), sa.Computed(sql, persisted=stored), nullable=False))
    for name, (columns, where) in INDEXES.items():
        op.create_index(name, "handoffs", columns, postgresql_where=sa.text(where), sqlite_where=sa.text(where))
    for name, columns in {"due": DUE, "turn": ("turn", *DUE), "risk": ("risk", *DUE)}.items():
        op.create_index(f"ix_handoffs_{name}", "handoffs", columns)
    for name, table, columns in COUNTED:
        op.create_index(name, table, columns)
