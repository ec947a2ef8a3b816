"""Plain builders for tests about cases: people, and cases opened the way intake opens them."""

from collections.abc import Iterable
from typing import Any

from flowops.actions import intake
from flowops.app import App
from flowops.domain import events
from flowops.domain.access import SYSTEM, Actor, ActorKind, Role
from flowops.domain.facts import Asked, Message, Records
from flowops.domain.handoffs import Priority, Reason
from flowops.storage import tables


def person(app: App, name: str, role: Role = Role.OPERATOR, queues: Iterable[str] = ("default",)) -> Actor:
    """Somebody of this role who is a member of these queues."""
    kind = ActorKind.SERVICE if role is Role.SERVICE else ActorKind.PERSON
    with app.unit(SYSTEM) as unit:
        user = tables.User(kind=kind, name=name, role=role, created_at=unit.now)
        unit.session.add(user)
        unit.record(events.UserAdded(user_id=user.id, kind=kind, role=role, queues=tuple(queues), user_name=name))
        for queue in queues:
            if unit.session.get(tables.Queue, queue) is None:
                unit.session.add(tables.Queue(name=queue, created_at=unit.now))
            unit.session.flush()
            unit.session.add(tables.QueueMember(user_id=user.id, queue=queue))
    return Actor(kind, name, user.id, role, frozenset(queues))


def case(
    app: App,
    by: Actor,
    *,
    queue: str = "default",
    title: str = "Charged twice",
    reason: Reason = Reason.ESCALATED,
    priority: Priority = Priority.HIGH,
    promise: bool = True,
    **asked: Any,
) -> tables.Handoff:
    """A case opened directly by somebody about a customer whom accounts does not know; `asked` is what they ask."""
    with app.unit(by) as unit:
        message = Message(role="customer", text="I was charged twice.", at=unit.now)
        known = {"channel": "chat", "customer_id": "cust_1", "subject": title, "messages": (message,)}
        return intake.open_case(
            unit,
            intake.Incoming(Asked.model_validate(known | asked), queue),
            intake.Case(title, reason, priority, promise),
            Records(missing=("account",), fetched_at=unit.now),
            app.policy,
            app.settings,
        )


def refund(amount: int = 49_00) -> dict[str, Any]:
    """The parameters of a refund, as a caller asks for it."""
    return {"money": {"amount": amount, "currency": "EUR"}, "invoiceId": "inv_1"}
