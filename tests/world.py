"""Requests and effects as tests need them, made by the same actions the product uses."""

from typing import Any

from flowops.actions import execution, intake
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.facts import Asked, Message
from flowops.queries import effects
from flowops.storage import tables
from tests.cases import person
from tests.conftest import NOW

REFUND = {"money": {"amount": 4900, "currency": "EUR"}, "invoiceId": "inv_123", "reason": "duplicate charge"}


def service(app: App, name: str = "bot") -> Actor:
    """An API client."""
    return person(app, name, Role.SERVICE, ())


def asked(**other: Any) -> Asked:
    """A refund of 49.00 EUR that policy approves alone, unless something is changed."""
    messages = (Message(role="customer", text="I was charged twice.", at=NOW),)
    usual = {"channel": "chat", "customer_id": "cust_123", "subject": "Charged twice", "messages": messages}
    return Asked(**{**usual, "kind": "refund", "params": REFUND, **other})


def receive(app: App, caller: Actor, **other: Any) -> tables.Request:
    """Send a request through intake, as the API does; `external_id`, `queue` and `meta` are the envelope's."""
    envelope = {key: other.pop(key) for key in ("external_id", "queue", "meta") if key in other}
    incoming = intake.Incoming(asked(**other), **{"queue": "default", **envelope})
    records = app.fetch(incoming.asked)
    with app.unit(caller) as unit:
        found = intake.find_repeat(unit, "requests", incoming)
        return found or intake.receive(unit, incoming, records, app.policy, app.settings)


def start(app: App, effect_id: str) -> bool:
    """Verify an effect once more and begin it, as the worker does."""
    with app.view() as view:
        proposal = effects.get(view, effect_id)
    records = app.fetch(proposal.facts.asked)
    with app.unit(SYSTEM) as unit:
        return execution.start(unit, effect_id, records, app.policy, app.settings)
