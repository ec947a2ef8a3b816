"""Which other case a resolved one repeats; it decides nothing about either."""

from sqlalchemy import select

from flowops import errors
from flowops.domain.handoffs import Outcome
from flowops.storage import tables
from flowops.storage.unit import Unit


def original(unit: Unit, handoff: tables.Handoff, outcome: Outcome, ref: str | None) -> str | None:
    """The id of the case this one repeats.

    Raises Invalid when a duplicate names no other case, itself or its own duplicate, or another outcome names one.
    """
    if (outcome is Outcome.DUPLICATE) is (ref is None):
        raise errors.Invalid(
            reason="The outcome duplicate, and no other, names the other case in duplicateOf. Nothing was changed."
        )
    if ref is None:
        return None
    # Not locked: it is only named, and two locks taken in no fixed order could wait for each other. One at a time
    # names another case, so that no two can name each other.
    unit.lock("duplicates")
    other = unit.session.scalar(select(tables.Handoff).where(tables.Handoff.named(ref)))
    if other is None or not unit.actor.sees(other.queue, other.created_by):
        raise errors.NotFound(kind="handoff", id=ref)
    if other.id == handoff.id:
        raise errors.Invalid(reason="A case is no duplicate of itself. Nothing was changed; name the other case.")
    if other.duplicate_of == handoff.id:
        reason = f"{other.label} is itself a duplicate of this case. Nothing was changed; answer the customer in one."
        raise errors.Invalid(reason=reason)
    return other.id
