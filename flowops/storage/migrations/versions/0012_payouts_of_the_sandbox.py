"""Payouts of the sandbox, and what it did beside refunds."""

import sqlalchemy as sa
from alembic import op

from flowops.storage import migrations
from flowops.storage.types import UtcTime

revision = "0012"
down_revision = "0011"
downgrade = migrations.refuse


def upgrade() -> None:
    op.create_table(
        "sandbox_payouts",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("customer_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sandbox_payouts"),
    )
    op.create_index("ix_sandbox_payouts_customer_id", "sandbox_payouts", ["customer_id"])
    op.create_table(
        "sandbox_deeds",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_sandbox_deeds"),
        sa.UniqueConstraint("reference", name="uq_sandbox_deeds_reference"),
    )
