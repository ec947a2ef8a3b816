"""The people, the service and the case that tests about ownership and effects share."""

import pytest

from flowops.app import App
from flowops.domain.access import Actor, Role
from tests import cases, world
from tests.conftest import NOW


@pytest.fixture
def ada(app: App) -> Actor:
    return cases.person(app, "Ada")


@pytest.fixture
def bob(app: App) -> Actor:
    return cases.person(app, "Bob")


@pytest.fixture
def boss(app: App) -> Actor:
    return cases.person(app, "Sue", Role.SUPERVISOR)


@pytest.fixture
def case(app: App, ada: Actor) -> str:
    return cases.case(app, ada).id


@pytest.fixture
def bot(app: App) -> Actor:
    """An API client; the records behind the gateways are there."""
    app.sandbox.seed(NOW)
    return world.service(app)
