"""Answers about cases: the queue, one case, what happened to it, and what there is to know about it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, select, true
from sqlalchemy.orm import joinedload

from flowops import errors
from flowops.domain import artifacts, events, times
from flowops.domain.access import ActorKind
from flowops.domain.filters import ALL, Filters, Sort
from flowops.domain.handoffs import Status
from flowops.domain.sla import is_breached
from flowops.queries import artifacts as written
from flowops.queries import audit, filters, paging
from flowops.queries import sla as promises
from flowops.storage import tables
from flowops.storage.unit import View

_PEOPLE = [joinedload(r) for r in (tables.Handoff.owner, tables.Handoff.resolver, tables.Handoff.customer)]
_MESSAGES = (
    select(tables.Message).where(tables.Message.handoff_id == bindparam("handoff_id")).order_by(tables.Message.position)
)
_BEFORE = timedelta(days=30)
_WITH_NOTES = {events.NoteAdded.name, events.HandoffResolved.name}


@dataclass(frozen=True)
class Listed:
    """A case as a list shows it; `stale` means somebody wrote after the assistant read the case for an artifact that
    is still the newest of its kind."""

    handoff: tables.Handoff
    has_summary: bool
    has_draft: bool
    stale: bool
    last_artifact_at: datetime | None
    sla: promises.Standing | None


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


def opened(view: View, handoff: tables.Handoff) -> Case:
    """A case that this very unit opened: but for the messages it came with nobody can have added anything to it yet."""
    return Case(
        handoff=handoff,
        has_summary=False,
        has_draft=False,
        stale=False,
        last_artifact_at=None,
        sla=promises.begun(view, handoff),
        messages=_messages(view, handoff),
        notes=(),
    )


def search(
    view: View,
    wanted: Filters = ALL,
    *,
    q: str = "",
    unresolved: bool = False,
    sort: Sort = Sort.DUE,
    cursor: str | None = None,
    limit: int = 50,
) -> paging.Page[Listed]:
    """A page of the cases the viewer may see; `q` is a line of words and filters as somebody types it.

    Raises Invalid for a line that cannot be read, and for a cursor that this list in this order did not give.
    """
    query = _listed(view, wanted, q, unresolved=unresolved)
    if cursor is not None:
        query = query.where(filters.after(sort, cursor))
    found = view.session.scalars(query.order_by(*filters.ordered(sort)).limit(limit + 1).options(*_PEOPLE)).all()
    page = paging.cut(found, limit, lambda handoff: filters.place(sort, handoff))
    return paging.Page(_with_signals(view, page.items), page.next_cursor)


def count(view: View, wanted: Filters = ALL, *, q: str = "", unresolved: bool = False, most: int = 1000) -> int:
    """How many cases a list holds; one more than `most` where there are more, for nobody reads on to the end of those.

    Raises Invalid for a line that cannot be read.
    """
    found = _listed(view, wanted, q, unresolved=unresolved).with_only_columns(tables.Handoff.number).limit(most + 1)
    return view.session.scalar(select(func.count()).select_from(found.subquery())) or 0


def counts(view: View) -> dict[str, int]:
    """How many open cases the viewer may see: all of them, their own, and those that need attention."""
    row = tables.Handoff
    narrowed = {
        "mine": row.claimed_by == view.viewer.id,
        "unassigned": row.claimed_by.is_(None),
        "sla-at-risk": row.sla_due_at < view.now + timedelta(minutes=30),
        "high-risk": row.risk_level == "high",
        "waiting": row.waiting_for.is_not(None),
    }
    counted = [func.count().filter(condition).label(name) for name, condition in narrowed.items()]
    query = select(func.count().label("needs-a-person"), *counted)
    return dict(view.session.execute(query.where(visible(view), row.is_open())).mappings().one())


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
            "sla": {"clock": handoff.sla_clock and handoff.sla_clock.value, "state": _clock_state(handoff, view.now)},
            "waitingFor": handoff.waiting_for and handoff.waiting_for.value,
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
        "records": {name: facts["records"][name] for name in ("account", "invoice", "missing", "errors")}
        | ({"payout": payout} if (payout := facts["records"].get("payout")) else {}),
        "verification": {"passed": all(check["passed"] for check in facts["checks"]), "checks": facts["checks"]},
        "verdict": {
            "outcome": verdict["outcome"],
            "rulings": [{name: r[name] for name in ("rule", "outcome", "reason")} for r in verdict["rulings"]],
            "policyVersion": verdict["policyVersion"],
        },
        "effects": [_effect(e) for e in view.session.scalars(effects.execution_options(populate_existing=True))],
        "earlierCases": _earlier(view, handoff),
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


def _listed(view: View, wanted: Filters, q: str, *, unresolved: bool) -> Select[tables.Handoff]:
    query = select(tables.Handoff).where(visible(view), *filters.matching(view, wanted, q))
    return query.where(tables.Handoff.is_open()) if unresolved else query


def visible(view: View) -> ColumnElement[bool]:
    """The same rule as `Actor.sees`, in SQL."""
    match view.viewer.kind:
        case ActorKind.PERSON:
            return tables.Handoff.queue.in_(view.viewer.queues)
        case ActorKind.SERVICE:
            return tables.Handoff.created_by == view.viewer.id
    return true()


def _with_signals(view: View, handoffs: Sequence[tables.Handoff]) -> list[Listed]:
    artifact = tables.Artifact
    usable = (
        select(artifact.handoff_id, artifact.kind, artifact.created_at, written.is_outdated())
        .where(artifact.handoff_id.in_([h.id for h in handoffs]), artifact.status == artifacts.Status.OK)
        .order_by(artifact.created_at, artifact.version)
    )
    stale: dict[str, dict[str, bool]] = {}
    last: dict[str, datetime] = {}
    for id, kind, written_at, outdated in view.session.execute(usable):
        stale.setdefault(id, {})[kind] = outdated
        last[id] = written_at
    standings = promises.standings(view, handoffs)
    return [
        Listed(
            handoff=handoff,
            has_summary=artifacts.SUMMARY in stale.get(handoff.id, ()),
            has_draft=artifacts.DRAFT in stale.get(handoff.id, ()),
            stale=any(stale.get(handoff.id, {}).values()),
            last_artifact_at=last.get(handoff.id),
            sla=standings.get(handoff.id),
        )
        for handoff in handoffs
    ]


def _messages(view: View, handoff: tables.Handoff) -> Sequence[tables.Message]:
    return view.session.scalars(_MESSAGES, {"handoff_id": handoff.id}).all()


def _notes(view: View, handoff: tables.Handoff) -> Sequence[tables.Note]:
    note = tables.Note
    query = select(note).where(note.handoff_id == handoff.id).order_by(note.created_at, note.id)
    return view.session.scalars(query.options(joinedload(note.author)).execution_options(populate_existing=True)).all()


def _effect(row: tables.Effect) -> dict[str, Any]:
    receipt = {"reference": row.receipt_reference, "at": times.rfc3339(row.receipt_at)} if row.receipt_at else None
    return {
        "id": row.id,
        "kind": row.kind,
        "status": row.status.value,
        "params": row.params,
        "receipt": receipt,
        "error": row.error,
    }


def _clock_state(handoff: tables.Handoff, now: datetime) -> str | None:
    """How the promise stands, in one word that stays the same for as long as it is true."""
    if handoff.sla_clock is None:
        return None
    if handoff.status is Status.RESOLVED:
        return "stopped"
    if handoff.sla_breached_at or is_breached(handoff.sla_due_at, now):
        return "breached"
    if handoff.sla_warn_at is None:
        return "paused"
    return "near" if handoff.sla_warn_at <= now else "running"


def _earlier(view: View, handoff: tables.Handoff) -> list[dict[str, Any]]:
    """The last cases of the same customer and queue in the 30 days before this one, the newest first."""
    row = tables.Handoff
    query = select(row).where(
        row.customer_id == handoff.customer_id,
        row.queue == handoff.queue,
        row.created_at >= handoff.created_at - _BEFORE,
        row.number < handoff.number,
    )
    return [
        {
            "number": case.label,
            "reason": case.reason.value,
            "status": case.status.value,
            "outcome": case.outcome and case.outcome.value,
            "sameTitle": case.title == handoff.title,
            "createdAt": times.rfc3339(case.created_at),
        }
        for case in view.session.scalars(query.order_by(row.number.desc()).limit(5))
    ]


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
