"""Plain builders for tests about access: people and services with a token in their hand."""

from collections.abc import Iterable

from flowops.actions import operators
from flowops.app import App
from flowops.domain.access import SYSTEM, Role


def user(app: App, role: Role = Role.OPERATOR, name: str = "Ada", queues: Iterable[str] = ("default",)) -> str:
    """The id of a new person or service of this role."""
    with app.unit(SYSTEM) as unit:
        if role is Role.SERVICE:
            return operators.add_service(unit, name, queues).id
        return operators.add_person(unit, name, f"{name.lower()}@example.com", role, queues).id


def token(app: App, role: Role = Role.OPERATOR, name: str = "Ada", queues: Iterable[str] = ("default",)) -> str:
    """The token of a new person or service of this role."""
    return token_of(app, user(app, role, name, queues))


def token_of(app: App, user_id: str | None) -> str:
    """A new token of somebody who is there already, an actor's id for instance."""
    assert user_id, "only people and services have tokens"
    with app.unit(SYSTEM) as unit:
        return operators.create_token(unit, user_id)
