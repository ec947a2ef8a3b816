"""What every test can ask for: a clock, a database of each kind, and the app built on it."""

import os
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import hypothesis
import pytest
import structlog
from sqlalchemy import Connection, Engine, event

from flowops import app as application
from flowops import settings as configuration
from flowops.storage import migrate
from flowops.storage.engine import Database
from tests import postgres

# A busy machine is no reason to fail; the same examples every time are what a build server needs.
hypothesis.settings.register_profile("flowops", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("flowops")

# Tracebacks as they are in production; those with the values of variables take seconds to write.
_plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], _plain])

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
_FIRST: dict[str, Engine] = {}


@event.listens_for(Engine, "engine_connect")
def _share(connection: Connection) -> None:
    """Let the engines of this process share what they compiled: each test has one of its own, and to compile the
    statements anew would take longer than most tests."""
    first = _FIRST.setdefault(connection.dialect.name, connection.engine)
    connection.dialect = connection.engine.dialect = first.dialect
    connection.engine._compiled_cache = first._compiled_cache


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all workers of one run share."""
    folder = tmp_path_factory.getbasetemp()
    return folder if worker_id == "master" else folder.parent


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "flowops.db"
    database = Database(f"sqlite:///{path}")
    migrate.upgrade(database)
    database.close()
    return path


@pytest.fixture(scope="session")
def server(shared_folder: Path) -> Iterator[postgres.Server]:
    """The run's PostgreSQL server."""
    server = postgres.start(shared_folder)
    yield server
    server.lease.close()


@pytest.fixture(scope="session")
def postgres_template(server: postgres.Server) -> str:
    """The name of a migrated PostgreSQL database to copy."""
    name = f"template_{uuid.uuid4().hex[:8]}"
    database = Database(server.create_database(name))
    migrate.upgrade(database)
    database.close()
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh migrated database; whatever asks for it runs once on each kind."""
    if request.param == "sqlite":
        path = tmp_path / "flowops.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server: postgres.Server = request.getfixturevalue("server")
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield server.create_database(name, request.getfixturevalue("postgres_template"))
    server.drop_database(name)


@pytest.fixture
def database(database_url: str, clock: Clock) -> Iterator[Database]:
    """The database alone, under a clock that stands still."""
    database = Database(database_url, clock)
    yield database
    database.close()


@pytest.fixture
def settings(database_url: str) -> configuration.Settings:
    return configuration.load(database_url=database_url, secret_key="k" * 32)


@pytest.fixture
def app(settings: configuration.Settings, clock: Clock) -> Iterator[application.App]:
    """The app on a fresh database, with the sandbox behind its gateways and a clock that stands still."""
    built = application.build(settings, clock)
    yield built
    built.close()
