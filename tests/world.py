"""Requests and effects as tests need them, made by the same actions the product uses."""

from contextlib import suppress
from typing import Any

from sqlalchemy import select, update

from flowops import errors
from flowops.actions import effects as actions
from flowops.actions import execution, intake
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.facts import Asked, Message
from flowops.queries import effects, handoffs
from flowops.storage import tables
from flowops.storage.unit import Unit
from tests.cases import person
from tests.conftest import NOW

BIG = {"money": {"amount": 60_000, "currency": "EUR"}, "invoiceId": "inv_320"}  # of cust_132
MIDDLE = {"money": {"amount": 25_000, "currency": "EUR"}, "invoiceId": "inv_330"}  # of cust_133
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


def begins(unit: Unit, effect_id: str, *told: Any) -> bool:
    """May the provider be called? Not while the effect can be called back: its job is put off."""
    with suppress(errors.Unavailable):
        return execution.start(unit, effect_id, *told)
    return False


def effect_of(app: App, request: tables.Request) -> tables.Effect:
    """The effect a request came with."""
    with app.view() as view:
        found = effects.request(view, request.id).effect
    assert found is not None
    return found


def proposed(app: App, caller: Actor, **other: Any) -> tables.Effect:
    """An effect that waits for a person: the caller asked to escalate."""
    return effect_of(app, receive(app, caller, **{"escalate": True, **other}))


def propose(app: App, by: Actor, case_id: str, kind: str, params: dict[str, Any]) -> tables.Effect:
    """Put up an effect in a case, as the API does."""
    with app.view(by) as view:
        asked = effects.proposal(handoffs.get(view, case_id).handoff, kind, params)
    records = app.fetch(asked)
    with app.unit(by) as unit:
        return actions.propose(unit, case_id, asked, records, app.policy, app.settings)


def approve(
    app: App, by: Actor, effect: tables.Effect, sha256: str | None = None, read: str | None = None
) -> tables.Effect:
    """Approve an effect as it was when it was read, or with this hash, as the API does."""
    with app.view() as view:
        asked = effects.asked(view, effect.id)
    records = app.fetch(asked)
    answer = actions.Answer(sha256 or effect.content_sha256, read)
    with app.unit(by) as unit:
        return actions.approve(unit, effect.id, answer, records, app.policy, app.settings)


def cancel(app: App, by: Actor, effect: tables.Effect) -> tables.Effect:
    """Call an effect back."""
    with app.unit(by) as unit:
        return actions.cancel(unit, effect.id, app.settings)


def decline(app: App, by: Actor, effect: tables.Effect) -> tables.Effect:
    """Say no to an effect."""
    with app.unit(by) as unit:
        return actions.decline(unit, effect.id, "not ours", app.settings)


def change_invoice(app: App, invoice_id: str = "inv_123", **values: Any) -> None:
    """Let billing say something else from now on."""
    rows = tables.SandboxInvoice
    with app.database.writing() as connection:
        connection.execute(update(rows).where(rows.id == invoice_id).values(**values))


def change_account(app: App, customer_id: str = "cust_123", **values: Any) -> None:
    """Let accounts say something else from now on."""
    rows = tables.SandboxAccount
    with app.database.writing() as connection:
        connection.execute(update(rows).where(rows.id == customer_id).values(**values))


def now(app: App, effect: tables.Effect) -> tables.Effect:
    """The effect as it is now."""
    with app.view() as view:
        return effects.get(view, effect.id).effect


def events_of(app: App, effect: tables.Effect) -> list[str]:
    """What happened to the effect, by the names in the log."""
    with app.view() as view:
        entries = select(tables.AuditEntry.event).where(tables.AuditEntry.effect_id == effect.id)
        return list(view.session.scalars(entries.order_by(tables.AuditEntry.seq)))
