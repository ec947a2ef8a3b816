"""A job that tells an endpoint of something says which one, so that what was delivered to it is found by an index."""

import sqlalchemy as sa
from alembic import op

from flowops.storage import migrations

revision = "0008"
down_revision = "0007"
downgrade = migrations.refuse


def upgrade() -> None:
    for table in ("jobs", "finished_jobs"):
        op.add_column(table, sa.Column("webhook_id", sa.String(), nullable=True))
        # The key is the topic, the endpoint's id of 30 characters, and the case.
        op.execute(f"UPDATE {table} SET webhook_id = substr(key, 17, 30) WHERE topic = 'webhook.deliver'")
    where = sa.text("webhook_id IS NOT NULL")
    op.create_index(
        "ix_finished_jobs_webhook_id",
        "finished_jobs",
        ["webhook_id", "id"],
        postgresql_where=where,
        sqlite_where=where,
    )
