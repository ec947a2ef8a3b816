"""Creates and upgrades the database by the migrations that ship with the package."""

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select

from flowops.domain.access import Actor
from flowops.domain.events import DatabaseMigrated
from flowops.storage.engine import Database
from flowops.storage.unit import unit_on

_LOCK = 0x666C6F77  # any number, as long as nobody else takes it


def upgrade(database: Database, by: Actor | None = None, correlation_id: str | None = None) -> tuple[str | None, str]:
    """Bring the database to the newest revision, in one transaction; safe to repeat, also from two hosts at once.

    Gives the revision before and after; a change of it is recorded, unless it is nobody's.
    """
    config = _config()
    with database.writing() as connection:
        if not database.is_sqlite:
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        before = _revision(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        after = newest()
        if by is not None and before != after:
            with unit_on(connection, database, by, correlation_id) as unit:
                unit.record(DatabaseMigrated(before=before, after=after))
        return before, after


def current(database: Database) -> str | None:
    """The revision the database is at; None when it is empty."""
    with database.reading() as connection:
        return _revision(connection)


def newest() -> str:
    """The revision this version of the package needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None, "the package ships without migrations"
    return head


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "flowops.storage:migrations")
    config.set_main_option("path_separator", "os")
    return config
