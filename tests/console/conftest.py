"""The console as people meet it: over HTTP, from a real server."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest

from flowops.app import App
from flowops.domain.access import Role
from tests import live
from tests.conftest import Clock
from tests.console import browser, visitor
from tests.console.visitor import Visitor

chromium, open_page = browser.chromium, browser.open_page


@pytest.fixture
def site(app: App, clock: Clock) -> Iterator[str]:
    """The address of a server, with the sandbox's customers behind it."""
    app.sandbox.seed(clock())
    with live.server(app) as address:
        yield address


@pytest.fixture
def open_client(site: str) -> Iterator[Callable[[], httpx.Client]]:
    """Makes a browser without a session."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(httpx.Client(base_url=site, trust_env=False, timeout=30))


@pytest.fixture
def stranger(open_client: Callable[[], httpx.Client]) -> Visitor:
    """Somebody not signed in."""
    return Visitor(open_client())


@pytest.fixture
def sign_in(app: App, open_client: Callable[[], httpx.Client]) -> Callable[..., Visitor]:
    """Makes a person and signs them in."""

    def make(name: str, role: Role = Role.OPERATOR, queues: tuple[str, ...] = ("default",)) -> Visitor:
        return visitor.signed_in(app, open_client(), name, role, queues)

    return make


@pytest.fixture
def ada(sign_in: Callable[..., Visitor]) -> Visitor:
    """An operator, signed in."""
    return sign_in("Ada Byron")


@pytest.fixture
def sue(sign_in: Callable[..., Visitor]) -> Visitor:
    """A supervisor, signed in."""
    return sign_in("Sue Park", Role.SUPERVISOR)
