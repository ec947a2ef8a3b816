"""Everything on record about a customer, a case or a span of time, one plain record after another."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, undefer

from flowops import errors
from flowops.domain import times
from flowops.domain.access import ActorKind
from flowops.domain.jobs import DeliverWebhook
from flowops.queries import audit
from flowops.storage import tables
from flowops.storage.unit import View

_BATCH = 500
# A job's key is its topic, a colon, and first of all the id of its case or request, which in a delivery's comes after
# the webhook's.
_ID_LENGTH = len("hnd_") + 26
Record = dict[str, Any]
Column = InstrumentedAttribute[Any]


@dataclass(frozen=True)
class Subject:
    """What an export is about: a customer and a case by our ids, and a span of time; None is no restriction."""

    customer_id: str | None = None
    handoff_id: str | None = None
    after: datetime | None = None
    before: datetime | None = None

    @property
    def filters(self) -> dict[str, str]:
        """The restrictions as the audit log may keep them: nothing here identifies a person."""
        return {name: str(_plain(value)) for name, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class _Part:
    """The rows of one table that belong to the subject: their order and their moment."""

    name: str
    row: type[tables.Base]
    key: Column
    at: Column
    belongs: ColumnElement[bool]


def find(
    view: View, customer: str | None, handoff: str | None, after: datetime | None, before: datetime | None
) -> Subject:
    """The subject somebody names: a customer by our id or the caller's, a case by its id or number.

    Raises NotFound for a case the viewer may not see, and for a customer of whom they may see no request.
    """
    case = select(tables.Handoff.id).where(tables.Handoff.named(handoff or ""))
    known = or_(tables.Customer.id == customer, tables.Customer.external_id == customer)
    subject = Subject(
        view.session.scalar(select(tables.Customer.id).where(known)) if customer else None,
        view.session.scalar(case) if handoff else None,
        after,
        before,
    )
    seen = view.session.scalar(_requests(view, subject).limit(1)) is not None
    for kind, named, id in (("customer", customer, subject.customer_id), ("handoff", handoff, subject.handoff_id)):
        if named and not (id and seen):
            raise errors.NotFound(kind=kind, id=named)
    return subject


def records(view: View, subject: Subject) -> Iterator[Record]:
    """Each row about the subject that the viewer may see, with its `type`; the entries of the audit log come last.

    Read in batches, so that an export of everything needs no memory of its own.
    """
    requests = _requests(view, subject)
    for part in _parts(requests):
        query: Select[Any] = select(part.row).where(part.belongs, *_span(part.at, subject)).order_by(part.key)
        query = query.options(undefer("*"))
        for row in view.session.scalars(query.execution_options(yield_per=_BATCH)):
            yield {"type": part.name, **_values(row)}
    for entry in audit.entries(view, _entries(view, subject, requests)):
        personal = {name: {"value": value, "salt": salt} for name, (value, salt) in entry.personal.items()}
        yield {"type": "entry", **_values(entry.row), "actor_name": entry.actor_name, "personal": personal}


def _requests(view: View, subject: Subject) -> Select[str]:
    """The ids of the requests the subject stands for."""
    row = tables.Request
    query = select(row.id)
    if view.viewer.kind is ActorKind.PERSON:
        query = query.where(row.queue.in_(view.viewer.queues))
    if subject.customer_id is not None:
        query = query.where(row.customer_id == subject.customer_id)
    if subject.handoff_id is not None:
        case = select(tables.Handoff.request_id).where(tables.Handoff.id == subject.handoff_id)
        query = query.where(row.id.in_(case))
    return query


def _parts(requests: Select[str]) -> list[_Part]:
    handoffs = select(tables.Handoff.id).where(tables.Handoff.request_id.in_(requests))
    effects = select(tables.Effect.id).where(tables.Effect.request_id.in_(requests))
    customers = select(tables.Request.customer_id).where(tables.Request.id.in_(requests))
    artifacts = select(tables.Artifact.id).where(tables.Artifact.handoff_id.in_(handoffs))
    reviewed = tables.ArtifactReview.artifact_id
    decided = tables.Decision.subject_id
    t = tables
    parts = [
        _Part("customer", t.Customer, t.Customer.id, t.Customer.created_at, t.Customer.id.in_(customers)),
        _Part("request", t.Request, t.Request.id, t.Request.created_at, t.Request.id.in_(requests)),
        _Part("message", t.Message, t.Message.position, t.Message.created_at, t.Message.request_id.in_(requests)),
        _Part("handoff", t.Handoff, t.Handoff.number, t.Handoff.created_at, t.Handoff.id.in_(handoffs)),
        _Part("note", t.Note, t.Note.id, t.Note.created_at, t.Note.handoff_id.in_(handoffs)),
        _Part("artifact", t.Artifact, t.Artifact.id, t.Artifact.created_at, t.Artifact.handoff_id.in_(handoffs)),
        _Part("review", t.ArtifactReview, t.ArtifactReview.id, t.ArtifactReview.created_at, reviewed.in_(artifacts)),
        _Part("effect", t.Effect, t.Effect.id, t.Effect.created_at, t.Effect.request_id.in_(requests)),
        _Part("approval", t.Approval, t.Approval.effect_id, t.Approval.at, t.Approval.effect_id.in_(effects)),
        _Part(
            "decision",
            t.Decision,
            t.Decision.id,
            t.Decision.created_at,
            or_(decided.in_(requests), decided.in_(handoffs), decided.in_(effects)),
        ),
    ]
    for row in (t.Job, t.FinishedJob):
        before = case((row.topic == DeliverWebhook.topic, _ID_LENGTH + 1), else_=0)
        about = func.substr(row.key, func.length(row.topic) + 2 + before, _ID_LENGTH)
        parts.append(_Part("job", row, row.id, row.created_at, or_(about.in_(handoffs), about.in_(requests))))
    return parts


def _entries(view: View, subject: Subject, requests: Select[str]) -> Select[tables.AuditEntry]:
    row = tables.AuditEntry
    query = select(row).where(audit.visible(view), *_span(row.at, subject)).order_by(row.seq)
    if subject.customer_id is None and subject.handoff_id is None:
        return query
    about: list[ColumnElement[bool]] = [
        row.request_id.in_(requests),
        row.handoff_id.in_(select(tables.Handoff.id).where(tables.Handoff.request_id.in_(requests))),
        row.effect_id.in_(select(tables.Effect.id).where(tables.Effect.request_id.in_(requests))),
    ]
    if subject.handoff_id is None:
        about.append(row.customer_id == subject.customer_id)
    return query.where(or_(*about))


def _span(at: Column, subject: Subject) -> list[ColumnElement[bool]]:
    after = [at >= subject.after] if subject.after else []
    before = [at < subject.before] if subject.before else []
    return [*after, *before]


def _values(row: tables.Base) -> Record:
    """The columns of a row as JSON values."""
    return {column.key: _plain(getattr(row, column.key)) for column in row.__table__.columns}


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return times.rfc3339(value)
        case StrEnum():
            return value.value
    return value
