"""Answers about cases: the queue, one case, what happened to it, and what there is to know about it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.orm import joinedload

from flowops import errors
from flowops.domain import artifacts, events, times
from flowops.domain.access import ActorKind
from flowops.domain.handoffs import Priority, Reason, Status
from flowops.queries import artifacts as written
from flowops.queries import audit, paging
from flowops.storage import tables
from flowops.storage.unit import View

_PEOPLE = [joinedload(r) for r in (tables.Handoff.owner, tables.Handoff.resolver, tables.Handoff.customer)]


OPEN = (Status.PENDING, Status.CLAIMED)
_WITH_NOTES = {events.NoteAdded.name, events.HandoffResolved.name}


class Sort(StrEnum):
    """How the queue is ordered: the nearest deadline first (no deadline last), or the newest case first."""

    DUE = "due"
    NEWEST = "-created"


@dataclass(frozen=True)
class Listed:
    """A case as a list shows it; `stale` means somebody wrote after the assistant last read the case."""

    handoff: tables.Handoff
    has_summary: bool
    has_draft: bool
    stale: bool
    last_artifact_at: datetime | None


@dataclass(frozen=True)
class Case(Listed):
    """A case with its conversation and its notes (with their authors), oldest first."""

    messages: Sequence[tables.Message]
    notes: Sequence[tables.Note]


def get(view: View, ref: str) -> Case:
    """The case with this id or number; NotFound also when the viewer may not see it."""
    handoff = _seen(view, ref)
    (listed,) = _with_signals(view, [handoff])
    return Case(**vars(listed), messages=_messages(view, handoff), notes=_notes(view, handoff))


def search(
    view: View,
    *,
    status: Status | None = None,
    priority: Priority | None = None,
    reason: Reason | None = None,
    queue: str | None = None,
    channel: str | None = None,
    assignee: str | None = None,
    customer: str | None = None,
    unresolved: bool = False,
    sort: Sort | str = Sort.DUE,
    cursor: str | None = None,
    limit: int = 50,
) -> paging.Page[Listed]:
    """A page of the cases the viewer may see.

    `assignee` is a user's id, "me" or "none"; `customer` is our id or the one the caller gave. Raises Invalid for a
    cursor that this list in this order did not give.
    """
    row, sort = tables.Handoff, Sort(sort)
    equal = {
        row.status: status,
        row.priority: priority,
        row.reason: reason,
        row.queue: queue,
        row.channel: channel,
    }
    query = select(row).where(_visible(view), *(column == value for column, value in equal.items() if value))
    if unresolved:
        query = query.where(row.status.in_(OPEN))
    if assignee is not None:
        owner = {"me": view.viewer.id, "none": None}.get(assignee, assignee)
        query = query.where(row.claimed_by == owner)
    if customer is not None:
        known = or_(tables.Customer.id == customer, tables.Customer.external_id == customer)
        query = query.where(row.customer_id.in_(select(tables.Customer.id).where(known)))
    if cursor is not None:
        query = query.where(_after(paging.Place.decode(cursor, sort, timed=sort is Sort.NEWEST)))
    if sort is Sort.DUE:
        query = query.order_by(row.sla_due_at.nulls_last(), row.number)
    else:
        query = query.order_by(row.created_at.desc(), row.number.desc())
    found = view.session.scalars(query.limit(limit + 1).options(*_PEOPLE)).all()
    page = paging.cut(found, limit, lambda handoff: _place(sort, handoff))
    return paging.Page(_with_signals(view, page.items), page.next_cursor)


def counts(view: View) -> dict[str, int]:
    """How many open cases the viewer may see: all of them, their own, and those nobody owns."""
    row = tables.Handoff
    total, mine, unassigned = view.session.execute(
        select(
            func.count(),
            func.count().filter(row.claimed_by == view.viewer.id),
            func.count().filter(row.claimed_by.is_(None)),
        ).where(_visible(view), row.status.in_(OPEN))
    ).one()
    return {"needs-a-person": total, "mine": mine, "unassigned": unassigned}


def timeline(
    view: View, ref: str, *, newest_first: bool = False, cursor: str | None = None, limit: int = 50
) -> paging.Page[audit.Entry]:
    """A page of what happened to a case; Invalid for a cursor that this list in this order did not give.

    Notes are internal: a service is told that one was written, and not its text.
    """
    page = audit.of_case(view, _seen(view, ref), newest_first=newest_first, cursor=cursor, limit=limit)
    if view.viewer.kind is not ActorKind.SERVICE:
        return page
    return paging.Page([_without_notes(entry) for entry in page.items], page.next_cursor)


def parts(view: View, handoff_id: str) -> dict[str, Any]:
    """Everything known about a case as plain JSON: what the assistant may be shown."""
    handoff = _find(view, tables.Handoff.id == handoff_id)
    if handoff is None:
        raise errors.NotFound(kind="handoff", id=handoff_id)
    request = view.session.get_one(
        tables.Request, handoff.request_id, options=[joinedload(tables.Request.decision)], populate_existing=True
    )
    facts, verdict = request.decision.facts, request.decision.verdict
    effects = select(tables.Effect).where(tables.Effect.handoff_id == handoff.id).order_by(tables.Effect.id)
    return {
        "handoff": {
            "id": handoff.id,
            "number": handoff.label,
            "title": handoff.title,
            "reason": handoff.reason.value,
            "priority": handoff.priority.value,
            "queue": handoff.queue,
            "channel": handoff.channel,
            "tier": handoff.tier.value,
            "status": handoff.status.value,
            "issues": _issues(view, handoff, request.decision),
            "createdAt": times.rfc3339(handoff.created_at),
            "slaDueAt": times.rfc3339(handoff.sla_due_at) if handoff.sla_due_at else None,
        },
        "customer": {
            "id": handoff.customer.external_id,
            "email": handoff.customer.email,
            "name": handoff.customer.name,
            "plan": handoff.customer.plan,
        },
        "request": {
            "subject": request.subject,
            "channel": request.channel,
            "confidence": request.confidence,
            "escalate": request.escalate,
            "effect": request.effect,
            "metadata": request.meta,
        },
        "messages": [
            {"id": m.id, "role": m.role, "text": m.text, "at": times.rfc3339(m.at)} for m in _messages(view, handoff)
        ],
        "facts": request.facts,
        "records": {name: facts["records"][name] for name in ("account", "invoice", "errors")},
        "verification": {"passed": all(check["passed"] for check in facts["checks"]), "checks": facts["checks"]},
        "verdict": {
            "outcome": verdict["outcome"],
            "rulings": [{name: r[name] for name in ("rule", "outcome", "reason")} for r in verdict["rulings"]],
            "policyVersion": verdict["policyVersion"],
        },
        "effects": [
            {"id": e.id, "kind": e.kind, "status": e.status.value, "params": e.params}
            for e in view.session.scalars(effects.execution_options(populate_existing=True))
        ],
    }


def _without_notes(entry: audit.Entry) -> audit.Entry:
    return replace(entry, personal={}) if entry.row.event in _WITH_NOTES else entry


def _find(view: View, which: ColumnElement[bool]) -> tables.Handoff | None:
    query = select(tables.Handoff).where(which).options(*_PEOPLE)
    return view.session.scalar(query.execution_options(populate_existing=True))


def _seen(view: View, ref: str) -> tables.Handoff:
    handoff = _find(view, tables.Handoff.named(ref))
    if handoff is None or not view.viewer.sees(handoff.queue, handoff.created_by):
        raise errors.NotFound(kind="handoff", id=ref)
    return handoff


def _visible(view: View) -> ColumnElement[bool]:
    """The same rule as `Actor.sees`, in SQL."""
    match view.viewer.kind:
        case ActorKind.PERSON:
            return tables.Handoff.queue.in_(view.viewer.queues)
        case ActorKind.SERVICE:
            return tables.Handoff.created_by == view.viewer.id
    return true()


def _place(sort: Sort, handoff: tables.Handoff) -> paging.Place:
    return paging.Place(sort, handoff.sla_due_at if sort is Sort.DUE else handoff.created_at, handoff.number)


def _after(place: paging.Place) -> ColumnElement[bool]:
    row = tables.Handoff
    if place.order == Sort.NEWEST:
        # One bound first: no database finds a range of its index in an OR.
        return and_(row.created_at <= place.at, or_(row.created_at < place.at, row.number < place.number))
    if place.at is None:
        return and_(row.sla_due_at.is_(None), row.number > place.number)
    later = and_(row.sla_due_at == place.at, row.number > place.number)
    return or_(row.sla_due_at > place.at, later, row.sla_due_at.is_(None))


def _with_signals(view: View, handoffs: Sequence[tables.Handoff]) -> list[Listed]:
    artifact = tables.Artifact
    usable = (
        select(artifact.handoff_id, artifact.kind, artifact.created_at, written.is_outdated())
        .where(artifact.handoff_id.in_([h.id for h in handoffs]), artifact.status == artifacts.Status.OK)
        .order_by(artifact.created_at, artifact.version)
    )
    kinds: dict[str, set[str]] = {}
    stale: dict[str, bool] = {}
    last: dict[str, datetime] = {}
    for id, kind, written_at, outdated in view.session.execute(usable):
        kinds.setdefault(id, set()).add(kind)
        stale[id], last[id] = outdated, written_at
    return [
        Listed(
            handoff=handoff,
            has_summary="handoff_summary.v1" in kinds.get(handoff.id, ()),
            has_draft="reply_draft.v1" in kinds.get(handoff.id, ()),
            stale=stale.get(handoff.id, False),
            last_artifact_at=last.get(handoff.id),
        )
        for handoff in handoffs
    ]


def _messages(view: View, handoff: tables.Handoff) -> Sequence[tables.Message]:
    message = tables.Message
    return view.session.scalars(
        select(message).where(message.handoff_id == handoff.id).order_by(message.position)
    ).all()


def _notes(view: View, handoff: tables.Handoff) -> Sequence[tables.Note]:
    note = tables.Note
    query = select(note).where(note.handoff_id == handoff.id).order_by(note.created_at, note.id)
    return view.session.scalars(query.options(joinedload(note.author)).execution_options(populate_existing=True)).all()


def _issues(view: View, handoff: tables.Handoff, decision: tables.Decision) -> list[dict[str, str]]:
    """Each issue of a case with the sentences behind it: rulings, and what was found later."""
    details: dict[str, list[str]] = {issue: [] for issue in handoff.issues}

    found = [(ruling["issue"], ruling["reason"]) for ruling in decision.verdict["rulings"]]
    entries = audit.issues_found(view, handoff)
    found += [(entry.data["issue"], entry.data["why"]) for entry in entries if "why" in entry.personal]
    for issue, why in found:
        if issue in details:
            details[issue].append(why)
    return [{"code": issue, "detail": "; ".join(why)} for issue, why in details.items()]
