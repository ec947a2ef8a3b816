"""Audit entries, artifacts and decisions can only be added; the default queue exists."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from flowops.storage import migrations
from flowops.storage.types import UtcTime

revision = "0003"
down_revision = "0002"
downgrade = migrations.refuse

# Every unique key of each table: SQLite's REPLACE deletes the row that has one of them, and fires no DELETE trigger.
FROZEN = {
    "audit_entries": ("seq = NEW.seq", "id = NEW.id"),
    "artifacts": ("id = NEW.id", "handoff_id = NEW.handoff_id AND kind = NEW.kind AND version = NEW.version"),
    "decisions": ("id = NEW.id",),
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table, keys in FROZEN.items():
            for verb in ("UPDATE", "DELETE"):
                _sqlite(table, verb, "")
            _sqlite(table, "INSERT", f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {' OR '.join(f'({k})' for k in keys)})")
    else:
        op.execute(
            "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ "
            "BEGIN RAISE EXCEPTION 'rows of % never change', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$"
        )
        for table in FROZEN:
            op.execute(
                f"CREATE TRIGGER {table}_frozen BEFORE UPDATE OR DELETE ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
            )
            op.execute(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
            )
    queues = sa.table("queues", sa.column("name", sa.String), sa.column("created_at", UtcTime()))
    op.bulk_insert(queues, [{"name": "default", "created_at": datetime.now(UTC)}])


def _sqlite(table: str, verb: str, when: str) -> None:
    op.execute(
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} {when} "
        f"BEGIN SELECT RAISE(ABORT, 'rows of {table} never change'); END"
    )
