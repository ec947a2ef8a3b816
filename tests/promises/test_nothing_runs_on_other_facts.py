"""Every field of every record an effect rests on: changed after the approval it stops the effect and is shown."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from flowops.actions import execution
from flowops.app import App
from flowops.domain import effects as kinds
from flowops.domain.access import SYSTEM, Role
from flowops.domain.effects import Status
from flowops.domain.facts import RECORDS, Account, Fact, Invoice, Payout, Plan, Records
from flowops.domain.money import Money
from flowops.queries import effects as queries
from flowops.storage import tables
from tests import cases, delivery, world
from tests.conftest import NOW, Clock

HELD = {"money": {"amount": 18_000, "currency": "EUR"}, "payoutId": "po_123"}
PARAMS: dict[str, dict[str, Any]] = {
    "refund": world.REFUND,
    "reply": {"body": "We are looking into it."},
    "account_suspend": {"reason": "stolen card"},
    "payout_release": HELD,
}
# Another value for each field of each record; one that is missing here fails the test below.
OTHER: dict[str, dict[str, Any]] = {
    "account": {
        "id": "cust_9",
        "email": "eve@example.com",
        "name": "Eve",
        "plan": Plan.FREE,
        "status": "suspended",
        "created_at": NOW - timedelta(days=400),
    },
    "invoice": {
        "id": "inv_9",
        "customer_id": "cust_9",
        "status": "void",
        "total": Money(amount=4901, currency="EUR"),
        "refundable": Money(amount=4899, currency="EUR"),
        "paid_at": NOW - timedelta(days=4),
    },
    "payout": {
        "id": "po_9",
        "customer_id": "cust_9",
        "status": "cancelled",
        "amount": Money(amount=18_001, currency="EUR"),
        "created_at": NOW - timedelta(days=3),
    },
}
CHANGES = [
    (kind, record, field) for kind, known in kinds.KINDS.items() for record in known.records for field in OTHER[record]
]


def test_every_field_of_every_record_is_changed_and_every_kind_is_tried() -> None:
    models: dict[str, type[Fact]] = {"account": Account, "invoice": Invoice, "payout": Payout}
    assert OTHER.keys() == models.keys() == set(RECORDS)
    for record, model in models.items():
        assert OTHER[record].keys() == model.model_fields.keys(), record
    assert PARAMS.keys() == kinds.KINDS.keys()
    assert {record for _, record, _ in CHANGES} == set(RECORDS)


@dataclass(frozen=True)
class Approved:
    effect: tables.Effect
    records: Records


def approved(app: App, clock: Clock, kind: str) -> Approved:
    """An effect that is due, with the records as they were when it was approved."""
    app.sandbox.seed(NOW)
    effect = world.proposed(app, world.service(app), kind=kind, params=PARAMS[kind])
    world.approve(app, cases.person(app, "Sue", Role.SUPERVISOR), effect)
    clock.forward(seconds=app.settings.undo_seconds)
    with app.view() as view:
        return Approved(world.now(app, effect), app.fetch(queries.asked(view, effect.id)))


@pytest.mark.parametrize(("kind", "record", "field"), CHANGES)
def test_a_changed_field_stops_the_effect_is_shown_and_gives_one_case_to_a_person(
    app: App, clock: Clock, kind: str, record: str, field: str
) -> None:
    known = approved(app, clock, kind)
    other = getattr(known.records, record).model_copy(update={field: OTHER[record][field]})
    changed = known.records.model_copy(update={record: other})
    with app.unit(SYSTEM) as unit:
        assert not execution.start(unit, known.effect.id, changed, app.policy, app.settings)
    with app.view() as view:
        found = queries.get(view, known.effect.id)
        open_cases = view.session.scalar(select(func.count()).select_from(tables.Handoff))
        why = str(view.session.scalars(select(tables.Handoff.issues)).one())
    assert (found.effect.status, open_cases) == (Status.HELD, 1)
    assert "verification_failed" in why
    name = f"{record}.{type(other).model_fields[field].alias or field}"
    assert found.difference is not None
    [line] = found.difference
    assert line["field"] == name
    assert line["before"] != line["after"]
    delivery.deliver(app)
    assert world.now(app, known.effect).status is Status.HELD
    assert "effect.started" not in world.events_of(app, known.effect)


@pytest.mark.parametrize("kind", kinds.KINDS)
def test_on_the_facts_that_were_approved_it_begins(app: App, clock: Clock, kind: str) -> None:
    known = approved(app, clock, kind)
    with app.unit(SYSTEM) as unit:
        assert execution.start(unit, known.effect.id, known.records, app.policy, app.settings)
