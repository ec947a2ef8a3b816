"""The switch that keeps effects from starting, with its one row; and since when it is unknown if an effect was done."""

import sqlalchemy as sa
from alembic import op

from flowops.storage import migrations
from flowops.storage.types import UtcTime

revision = "0009"
down_revision = "0008"
downgrade = migrations.refuse


def upgrade() -> None:
    switch = op.create_table(
        "effect_switch",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("is_paused", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("by_id", sa.String(), nullable=True),
        sa.Column("by_name", sa.String(), nullable=True),
        sa.Column("at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["by_id"], ["users.id"], name="fk_effect_switch_by_id"),
        sa.PrimaryKeyConstraint("id", name="pk_effect_switch"),
    )
    op.bulk_insert(switch, [{"id": 1, "is_paused": False}])
    op.add_column("effects", sa.Column("unknown_since", UtcTime(), nullable=True))
    where = sa.text("unknown_since IS NOT NULL")
    op.create_index("ix_effects_unknown", "effects", ["id"], postgresql_where=where, sqlite_where=where)
