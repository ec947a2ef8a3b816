"""What people do in the demonstration: the actions behind the API, each in a unit of its own."""

from typing import TYPE_CHECKING, Any

from flowops.actions import effects, handoffs
from flowops.app import App
from flowops.domain.access import Actor
from flowops.domain.effects import OPEN
from flowops.domain.handoffs import Outcome
from flowops.queries import effects as effect_queries
from flowops.queries import handoffs as handoff_queries

if TYPE_CHECKING:
    from flowops.storage import tables


def claim(app: App, who: Actor, ref: str) -> "tables.Handoff":
    """Make the case their own."""
    with app.unit(who) as unit:
        return handoffs.claim(unit, ref, lease=app.settings.claim_lease)


def release(app: App, who: Actor, ref: str) -> None:
    """Give the case back to the queue."""
    with app.unit(who) as unit:
        handoffs.release(unit, ref)


def note(app: App, who: Actor, ref: str, text: str) -> None:
    """Write something down for their colleagues."""
    with app.unit(who) as unit:
        handoffs.note(unit, ref, text, lease=app.settings.claim_lease)


def propose(app: App, who: Actor, ref: str, kind: str, params: dict[str, Any]) -> None:
    """Put up an effect of their own."""
    with app.view(who) as view:
        asked = effect_queries.proposal(handoff_queries.get(view, ref).handoff, kind, params)
    records = app.fetch(asked)
    with app.unit(who) as unit:
        effects.propose(unit, ref, asked, records, app.policy, app.settings)


def approve(app: App, who: Actor, ref: str) -> "tables.Effect":
    """Approve the effect that waits, as it is."""
    waiting = open_effect(app, who, ref)
    records = app.fetch(waiting.facts.asked)
    with app.unit(who) as unit:
        answer = effects.Answer(waiting.effect.content_sha256)
        return effects.approve(unit, waiting.effect.id, answer, records, app.policy, app.settings)


def decline(app: App, who: Actor, ref: str, reason: str) -> None:
    """Say no to the effect that waits."""
    waiting = open_effect(app, who, ref)
    with app.unit(who) as unit:
        effects.decline(unit, waiting.effect.id, reason, app.settings)


def resolve(
    app: App, who: Actor, ref: str, outcome: Outcome, notes: str, duplicate_of: str | None = None
) -> "tables.Handoff":
    """Finish the case."""
    with app.unit(who) as unit:
        return handoffs.resolve(unit, ref, outcome, notes, duplicate_of)


def open_effect(app: App, who: Actor, ref: str) -> effect_queries.Proposal:
    """The effect of the case that waits for somebody's decision."""
    with app.view(who) as view:
        handoff = handoff_queries.get(view, ref).handoff
        found = effect_queries.search(view, handoff_id=handoff.id).items
    return next(proposal for proposal in found if proposal.effect.status in OPEN)
