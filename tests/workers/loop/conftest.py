"""A worker whose jobs can be held, on the real clock."""

import threading
from collections.abc import Iterator

import pytest

from flowops import app as application
from flowops import settings as configuration
from flowops.domain import access
from flowops.workers import handlers
from tests.delivery import Ring

THREADS = 2


class Bells:
    """The handler of `bell.ring`: counts, and holds whoever rings until they may go on."""

    def __init__(self) -> None:
        self.rung: list[str] = []
        self.go_on = threading.Event()
        self.go_on.set()

    def ring(self, app: application.App, job: Ring, fence: handlers.Fence) -> None:
        self.rung.append(job.bell)
        assert self.go_on.wait(30)


@pytest.fixture
def bells(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bells]:
    bells = Bells()
    handler = handlers.Handler(Ring, access.SYSTEM, bells.ring, threads=THREADS)
    monkeypatch.setitem(handlers.TABLE, Ring.topic, handler)
    yield bells
    bells.go_on.set()


@pytest.fixture
def app(database_url: str) -> Iterator[application.App]:
    """The app on the real clock."""
    app = application.build(
        configuration.load(database_url=database_url, secret_key="k" * 32, outbox_lease="1s", stop_grace="1s")
    )
    yield app
    app.close()
