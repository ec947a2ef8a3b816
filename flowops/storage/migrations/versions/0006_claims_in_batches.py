"""Jobs in batches: a job's own row tells of its running try, and what waits for another job is set apart."""

import sqlalchemy as sa
from alembic import op

from flowops.storage import migrations
from flowops.storage.types import UtcTime

revision = "0006"
down_revision = "0005"
downgrade = migrations.refuse

# Of the one try that is still running, or that did the job, the job's own row tells.
TOLD = "(SELECT a.{column} FROM job_attempts a WHERE a.job_id = {table}.id AND {which})"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("waits", sa.String(40), nullable=True))
    op.add_column("jobs", sa.Column("started_at", UtcTime(), nullable=True))
    for column in (
        sa.Column("claim_token", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("started_at", UtcTime(), nullable=True),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("receipt", sa.String(), nullable=True),
    ):
        op.add_column("finished_jobs", column)
    running = TOLD.format(column="started_at", table="jobs", which="a.outcome IS NULL")
    op.execute(f"UPDATE jobs SET started_at = {running} WHERE status = 'processing'")
    for name in ("claim_token", "started_at", "worker"):
        did_it = TOLD.format(column=name, table="finished_jobs", which="a.outcome = 'done'")
        op.execute(f"UPDATE finished_jobs SET {name} = {did_it} WHERE status = 'done'")
    op.execute("DELETE FROM job_attempts WHERE outcome IS NULL OR outcome = 'done'")
    with op.batch_alter_table("finished_jobs") as table:
        table.alter_column("claim_token", server_default=None)
    with op.batch_alter_table("job_attempts") as table:
        table.alter_column("finished_at", nullable=False)
        table.alter_column("outcome", nullable=False)
    op.create_table(
        "pruned_attempts",
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(40), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "outcome", name="pk_pruned_attempts"),
    )
    for name, table_name in (
        ("ix_jobs_claimable", "jobs"),
        ("ix_finished_jobs_topic_finished", "finished_jobs"),
        ("ix_finished_jobs_topic_status", "finished_jobs"),
    ):
        op.drop_index(name, table_name)
    op.create_index("ix_finished_jobs_topic_status_finished", "finished_jobs", ["topic", "status", "finished_at"])
    for name, columns, where in (
        ("ix_jobs_claimable", ["topic", "run_at", "seq"], "status = 'pending' AND waits IS NULL"),
        ("ix_jobs_waits", ["waits", "key", "seq"], "waits IS NOT NULL"),
    ):
        op.create_index(name, "jobs", columns, postgresql_where=sa.text(where), sqlite_where=sa.text(where))
    if op.get_bind().dialect.name == "postgresql":
        # Every job leaves three dead rows behind, so they are swept up by their number and not by the table's size.
        op.execute("ALTER TABLE jobs SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000)")
