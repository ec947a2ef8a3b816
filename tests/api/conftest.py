"""The API as every endpoint test calls it; `--live` runs the same tests against `flowops up` as a real process."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flowops import app as application
from flowops.settings import Settings
from tests import live
from tests.conftest import Clock

MOVED_CLOCK = "in_process: moves the clock or looks inside the server, which another process does not allow"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--live", action="store_true", help="call `flowops up`, started as a process of its own")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MOVED_CLOCK)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--live"):
        inside = [item for item in items if item.get_closest_marker("in_process")]
        config.hook.pytest_deselected(items=inside)
        items[:] = [item for item in items if item not in inside]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.getoption("--live"):
        terminalreporter.write_line(f"Not called live: tests marked {MOVED_CLOCK}.")


@pytest.fixture
def app(settings: Settings, clock: Clock, request: pytest.FixtureRequest) -> Iterator[application.App]:
    """The app, with a clock that stands still, or, when the server is another process, the real one."""
    if request.config.getoption("--live"):
        clock.now = datetime.now(UTC)
    built = application.build(settings, None if request.config.getoption("--live") else clock)
    yield built
    built.close()


@pytest.fixture
def api(app: application.App, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[live.Api]:
    """A client of a fresh server on the app's database."""
    if request.config.getoption("--live"):
        calling = live.process(app.settings.database_url, tmp_path)
    else:
        calling = live.in_process(app)
    with calling as client:
        yield client
