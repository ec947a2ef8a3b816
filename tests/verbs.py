"""What people do with cases, each in a unit of its own, for tests about what comes of it."""

from datetime import datetime, timedelta

from flowops.actions import conversation, handoffs, ownership
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor
from flowops.domain.facts import Message
from flowops.domain.handoffs import Outcome, Priority, WaitingFor
from flowops.queries import handoffs as answers
from flowops.queries.audit import Entry
from flowops.storage import tables

LEASE = timedelta(minutes=15)


def claim(app: App, who: Actor, ref: str) -> tables.Handoff:
    with app.unit(who) as unit:
        return ownership.claim(unit, ref, lease=LEASE)


def take_next(app: App, who: Actor, queue: str | None = None) -> tables.Handoff | None:
    with app.unit(who) as unit:
        return ownership.take_next(unit, lease=LEASE, queue=queue)


def release(app: App, who: Actor, ref: str) -> tables.Handoff:
    with app.unit(who) as unit:
        return ownership.release(unit, ref)


def assign(app: App, who: Actor, ref: str, owner: Actor) -> tables.Handoff:
    with app.unit(who) as unit:
        return ownership.assign(unit, ref, str(owner.id), "You know them.")


def wait(app: App, who: Actor, ref: str, until: datetime | None = None) -> tables.Handoff:
    with app.unit(who) as unit:
        return ownership.wait(unit, ref, WaitingFor.CUSTOMER, until, lease=LEASE)


def resume(app: App, who: Actor, ref: str) -> tables.Handoff:
    with app.unit(who) as unit:
        return ownership.resume(unit, ref, lease=LEASE)


def escalate(app: App, who: Actor, ref: str) -> tables.Handoff:
    with app.unit(who) as unit:
        return ownership.escalate(unit, ref, "They threaten to sue.")


def prioritise(app: App, who: Actor, ref: str, priority: Priority) -> tables.Handoff:
    with app.unit(who) as unit:
        return handoffs.set_priority(unit, ref, priority, "A big customer.", lease=LEASE)


def resolve(app: App, who: Actor, ref: str, outcome: Outcome = Outcome.ANSWERED) -> tables.Handoff:
    with app.unit(who) as unit:
        return handoffs.resolve(unit, ref, outcome, "Explained the charge.")


def reopen(app: App, who: Actor, ref: str) -> tables.Handoff:
    with app.unit(who) as unit:
        return handoffs.reopen(unit, ref, "It was charged again.")


def note(app: App, who: Actor, ref: str) -> tables.Handoff:
    with app.unit(who) as unit:
        return conversation.note(unit, ref, "Called them.", lease=LEASE)


def write(app: App, who: Actor, ref: str, text: str = "Any news?") -> tables.Handoff:
    """Add a message of the customer."""
    with app.unit(who) as unit:
        message = Message(role="customer", text=text, at=unit.now)
        return conversation.receive(unit, ref, message, lease=LEASE)


def draft(app: App, who: Actor, ref: str, body: str = "Dear Ada,", version: int = 0) -> tables.Draft:
    with app.unit(who) as unit:
        return conversation.save_draft(unit, ref, "Your invoice", body, version, lease=LEASE)


def sweep(app: App, limit: int = 100) -> int:
    """Let what was due happen, and say how many cases it happened to."""
    with app.unit(SYSTEM) as unit:
        return ownership.expire_due(unit, limit) + ownership.resume_due(unit, limit, lease=LEASE)


def read(app: App, ref: str) -> tables.Handoff:
    with app.view() as view:
        return answers.get(view, ref).handoff


def entries(app: App, ref: str) -> list[Entry]:
    with app.view() as view:
        return list(answers.timeline(view, ref, limit=200).items)


def happened(app: App, ref: str) -> list[str]:
    return [entry.row.event for entry in entries(app, ref)]
