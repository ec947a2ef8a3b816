"""The migrations make exactly the tables the code declares, and what must never change cannot."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError

from flowops import app as application
from flowops import errors, settings
from flowops.domain import events
from flowops.domain.access import SYSTEM
from flowops.storage import migrate, tables
from flowops.storage.engine import Database
from flowops.storage.unit import open_unit
from tests.conftest import NOW


def test_a_migrated_database_is_what_the_tables_say(database: Database) -> None:
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, tables.Base.metadata) == []


def test_migrating_again_changes_nothing(database: Database) -> None:
    assert migrate.upgrade(database) == (migrate.newest(), migrate.newest())


def test_an_unmigrated_database_stops_the_start(tmp_path_factory: pytest.TempPathFactory) -> None:
    url = f"sqlite:///{tmp_path_factory.mktemp('empty')}/flowops.db"
    built = application.build(settings.load(database_url=url))
    with pytest.raises(errors.WrongSetting, match="run `flowops migrate` first"):
        built.check()
    built.close()


@pytest.fixture
def written(database: Database) -> Database:
    """A database with one row in every table that never changes."""
    with open_unit(database, SYSTEM) as unit:
        unit.record(events.QueueAdded(queue="claims"))
    policy, request = f"'sha256:0', 'x', '{NOW.isoformat()}'", "'req_1', 'requests', 'live', 'chat', 'default', ''"
    at = f"'{NOW.isoformat()}'"
    for statement in (
        f"INSERT INTO policy_versions (version, source, created_at) VALUES ({policy})",
        "INSERT INTO decisions (id, stage, subject_id, facts, verdict, outcome, rule, policy_version, created_at) "
        f"VALUES ('dec_1', 'intake', 'req_1', '{{}}', '{{}}', 'review', 'default', 'sha256:0', {at})",
        "INSERT INTO customers (id, source, external_id, created_at, updated_at) "
        f"VALUES ('cus_1', 's', 'c', {at}, {at})",
        "INSERT INTO requests (id, endpoint, mode, channel, queue, subject, customer_id, facts, escalate, meta, "
        "outcome, decision_id, created_at) "
        f"VALUES ({request}, 'cus_1', '[]', false, '{{}}', 'handed_off', 'dec_1', {at})",
        "INSERT INTO handoffs (number, id, version, request_id, customer_id, queue, channel, title, status, "
        "priority, reason, issues, tier, created_at, updated_at) "
        f"VALUES (1, 'hnd_1', 1, 'req_1', 'cus_1', 'default', 'chat', 't', "
        f"'pending', 'low', 'other', '[]', 'operator', {at}, {at})",
        "INSERT INTO artifacts (id, handoff_id, kind, version, status, provenance, generator, latency_ms, reasons, "
        "context, created_at) "
        f"VALUES ('art_1', 'hnd_1', 'handoff_summary.v1', 1, 'ok', '{{}}', 'extractive', 1, '[]', '{{}}', {at})",
    ):
        with database.writing() as connection:
            connection.exec_driver_sql(statement)
    return database


@pytest.mark.parametrize("table", ["audit_entries", "artifacts", "decisions"])
@pytest.mark.parametrize("verb", ["update", "delete", "replace", "upsert", "truncate"])
def test_a_row_that_must_never_change_cannot(written: Database, table: str, verb: str) -> None:
    with written.reading() as connection:
        before = connection.exec_driver_sql(f"SELECT * FROM {table}").all()
        columns = [column["name"] for column in inspect(connection).get_columns(table)]
    assert before
    names = ", ".join(columns)
    changed = "event = 'x'" if table == "audit_entries" else "created_at = created_at"
    copied = f"INTO {table} ({names}) SELECT {names} FROM {table}"
    statement = {
        "update": f"UPDATE {table} SET {changed}",
        "delete": f"DELETE FROM {table}",
        "replace": f"REPLACE {copied}",
        "upsert": f"INSERT {copied} WHERE true ON CONFLICT (id) DO UPDATE SET id = 'x'",
        "truncate": f"TRUNCATE {table} CASCADE",
    }[verb]
    if (verb == "replace" and not written.is_sqlite) or (verb == "truncate" and written.is_sqlite):
        expected: str = "syntax error"  # this database does not know the statement at all
    else:
        expected = "never change"
    with pytest.raises((DBAPIError, errors.Unavailable), match=expected), written.writing() as connection:
        connection.exec_driver_sql(statement)
    with written.reading() as connection:
        assert connection.exec_driver_sql(f"SELECT * FROM {table}").all() == before


def test_the_second_unique_key_of_an_artifact_cannot_replace_it_either(written: Database) -> None:
    rest = ", ".join(column.name for column in tables.Base.metadata.tables["artifacts"].c if column.name != "id")
    statement = f"INSERT {{}} INTO artifacts (id, {rest}) SELECT 'art_2', {rest} FROM artifacts"
    with pytest.raises(DBAPIError, match=r"never change|duplicate key"), written.writing() as connection:
        connection.exec_driver_sql(statement.format("OR REPLACE" if written.is_sqlite else ""))
    with written.reading() as connection:
        assert connection.exec_driver_sql("SELECT id FROM artifacts").scalars().all() == ["art_1"]
