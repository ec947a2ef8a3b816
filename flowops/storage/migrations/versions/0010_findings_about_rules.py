"""What decisions showed about their rules, and decisions in the order they were taken."""

import sqlalchemy as sa
from alembic import op

from flowops.storage import migrations
from flowops.storage.types import UtcTime

revision = "0010"
down_revision = "0009"
downgrade = migrations.refuse


def upgrade() -> None:
    op.create_table(
        "rule_findings",
        sa.Column("decision_id", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("finding", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name="fk_rule_findings_decision_id"),
        sa.PrimaryKeyConstraint("decision_id", "rule", "finding", name="pk_rule_findings"),
    )
    op.create_index("ix_rule_findings_rule", "rule_findings", ["rule", "finding", "decision_id"])
