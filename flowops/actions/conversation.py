"""What is written in a case: notes among colleagues, messages that come in later, and the owner's working text."""

from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from flowops import errors
from flowops.actions import handoffs
from flowops.domain import events
from flowops.domain.access import Permission
from flowops.domain.facts import Message
from flowops.domain.handoffs import Status
from flowops.storage import tables
from flowops.storage.unit import Unit

LONGEST = 500  # messages of one case


def note(unit: Unit, ref: str, text: str, *, lease: timedelta, version: int | None = None) -> tables.Handoff:
    """Write an internal note on a case; whoever works on cases may, and the owner's claim is extended by it."""
    unit.actor.require(Permission.HANDOFFS_WORK)
    handoff = handoffs.joined(unit, ref, lease=lease, version=version)
    row = tables.Note(handoff_id=handoff.id, author_id=unit.actor.id, text=text, created_at=unit.now)
    unit.session.add(row)
    handoffs.touch(unit, handoff)
    unit.record(events.NoteAdded(handoff_id=handoff.id, note_id=row.id, text=text))
    return handoff


def receive(unit: Unit, ref: str, message: Message, *, lease: timedelta, version: int | None = None) -> tables.Handoff:
    """Add what the customer or a third party wrote later; the service that opened the case may, and who works on it.

    A waiting case waits no longer, whoever was waited for: its owner has the lease to look at it. A resolved case is
    opened again. What the assistant wrote before is stale from now on. Raises Invalid for a message too many.
    """
    unit.actor.require(Permission.REQUESTS_CREATE)
    handoff = handoffs.joined(unit, ref, lease=lease, version=version)
    count = select(func.count()).select_from(tables.Message).where(tables.Message.handoff_id == handoff.id)
    if unit.session.scalars(count).one() >= LONGEST:
        raise errors.Invalid(reason=f"The case has {LONGEST} messages. Nothing was added; open another case.")
    row = tables.Message(
        request_id=handoff.request_id,
        handoff_id=handoff.id,
        role=message.role,
        text=message.text,
        at=message.at,
        created_at=unit.now,
    )
    unit.session.add(row)
    unit.record(events.MessageReceived(handoff_id=handoff.id, message_id=row.id, role=message.role))
    handoffs.end_wait(unit, handoff, f"{message.role}_wrote", lease)
    if handoff.status is Status.RESOLVED:
        handoffs.open_again(unit, handoff, "new_message")
    handoffs.touch(unit, handoff)
    return handoff


def save_draft(
    unit: Unit,
    ref: str,
    subject: str,
    body: str,
    version: int,
    *,
    lease: timedelta,
    case_version: int | None = None,
) -> tables.Draft:
    """Keep the owner's working text; `version` is that of the text they began to change, 0 for none.

    What was saved since is never overwritten: DraftChanged shows it. Raises what `handoffs.owned` raises.
    """
    handoff = handoffs.owned(unit, ref, lease=lease, version=case_version)
    draft = unit.session.get(tables.Draft, handoff.id, options=[selectinload(tables.Draft.author)])
    current = draft.version if draft else 0
    if version > current:
        raise errors.Invalid(reason=f"The draft is at version {current}. Nothing was saved; read it and repeat.")
    if draft is not None and version < current:
        raise errors.DraftChanged(
            name=draft.author.name,
            current=current,
            sent=version,
            version=current,
            subject=draft.subject,
            body=draft.body,
            saved_by={"id": draft.saved_by, "name": draft.author.name},
            saved_at=draft.saved_at,
        )
    if draft is None:
        draft = tables.Draft(handoff_id=handoff.id)
        unit.session.add(draft)
    draft.subject, draft.body, draft.version = subject, body, version + 1
    draft.author = unit.session.get_one(tables.User, unit.actor.id)
    draft.saved_by, draft.saved_at = draft.author.id, unit.now
    unit.record(events.DraftSaved(handoff_id=handoff.id, version=draft.version))
    return draft


def use_draft(unit: Unit, handoff: tables.Handoff, subject: str, body: str) -> None:
    """Empty the working text once a reply says just that: shown on, it would look as if it had not been proposed.

    Another text stays, and who wrote on from the one that is gone is told so when they save.
    """
    draft = unit.session.get(tables.Draft, handoff.id)
    if draft is None or (draft.subject, draft.body) != (subject, body):
        return
    draft.subject, draft.body, draft.version = "", "", draft.version + 1
    draft.saved_at = unit.now
    unit.record(events.DraftUsed(handoff_id=handoff.id, version=draft.version))
