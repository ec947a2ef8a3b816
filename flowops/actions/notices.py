"""Tells people of ours about cases: whom, whether by mail, and in which words; the sending is left to a job."""

from sqlalchemy import select

from flowops import errors
from flowops.actions import sla, staff
from flowops.domain import events, jobs
from flowops.domain.handoffs import Status
from flowops.domain.notices import About, Notice
from flowops.domain.sla import Clock, Kind
from flowops.storage import tables
from flowops.storage.types import new_id
from flowops.storage.unit import Unit


def escalate(unit: Unit, handoff_id: str, clock: Clock) -> None:
    """Have the owner and the supervisors of a case told of a broken promise; of a resolved one there is no need.

    Where there is neither, those are told who work on the cases of its queue.
    """
    handoff = _case(unit, handoff_id)
    if handoff.status is Status.RESOLVED:
        return
    owner = [handoff.claimed_by] if handoff.claimed_by else []
    told = [*owner, *staff.supervisors(unit, handoff.queue)] or staff.operators(unit, handoff.queue)
    ids = tuple(dict.fromkeys(told))
    unit.record(events.SlaEscalated(handoff_id=handoff.id, clock=clock, user_ids=ids))
    for user_id in ids:
        unit.enqueue(jobs.NotifyOperator(user_id=user_id, handoff_id=handoff.id, about=About.BREACHED))


def notify(unit: Unit, user_id: str, handoff_id: str, about: About, origin: str) -> None:
    """Tell one person about a case: by mail, unless they switched that off or have no address; `origin` is ours.

    Somebody who was disabled meanwhile, or sees the case's queue no more, is not told.
    """
    user = unit.session.get(tables.User, user_id)
    if user is None:
        raise errors.NotFound(kind="person", id=user_id)
    handoff = _case(unit, handoff_id)
    if user.disabled_at is not None or unit.session.get(tables.QueueMember, (user.id, handoff.queue)) is None:
        return
    address = user.email if user.notify else None
    unit.record(
        events.OperatorNotified(user_id=user.id, handoff_id=handoff.id, about=about, by_mail=address is not None)
    )
    if address is None:
        return
    notice = Notice(
        about=about,
        number=handoff.label,
        title=handoff.title,
        queue=handoff.queue,
        priority=handoff.priority,
        due_at=handoff.sla_due_at,
        broken=next((mark for mark in reversed(sla.marks(unit, handoff)) if mark.kind is Kind.BREACHED), None),
    )
    unit.enqueue(
        jobs.SendMail(
            recipient=address,
            mail_subject=notice.subject,
            body=notice.body(origin),
            idempotency_key=f"{handoff.id}/{new_id('mail')}",
            handoff_id=handoff.id,
        )
    )


def _case(unit: Unit, handoff_id: str) -> tables.Handoff:
    handoff = unit.session.scalar(select(tables.Handoff).where(tables.Handoff.id == handoff_id))
    if handoff is None:
        raise errors.NotFound(kind="handoff", id=handoff_id)
    return handoff
