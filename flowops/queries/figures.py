"""The dashboard's figures about cases, each with the cases behind it: first responses, promises, and drafts judged."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, case, func, literal, or_, select

from flowops import errors
from flowops.domain import artifacts, events, sla
from flowops.queries import spans
from flowops.queries.spans import Query, Span
from flowops.storage import tables
from flowops.storage.types import seconds_between
from flowops.storage.unit import View

OWNED = (events.HandoffClaimed.name, events.HandoffAssigned.name)


@dataclass(frozen=True)
class Promises:
    """How many promises were decided: kept when their clock ended in time, broken when the deadline passed."""

    kept: int
    broken: int


@dataclass(frozen=True)
class Behind:
    """One of the cases behind a figure: when it counted, and as what."""

    number: int
    title: str
    at: datetime
    value: Any


def response(view: View, span: Span) -> timedelta | None:
    """The median time from a case's creation to its first owner; None when no case got its first one in the span."""
    waits = _responses(span).subquery()
    return spans.medians(view, select(literal("all"), waits.c.value)).get("all", (0, None))[1]


def promises(view: View, span: Span) -> Promises:
    """The promises decided in the span."""
    decided = spans.tally(view, select(_decided(span).subquery().c.value))
    return Promises(decided.get("kept", 0), decided.get("broken", 0))


def drafts(view: View, span: Span) -> dict[artifacts.Judgement, int]:
    """How many reply drafts people judged in the span, by their last word on each."""
    judged = spans.tally(view, select(_reviews(span).subquery().c.value))
    return {verdict: judged.get(verdict, 0) for verdict in artifacts.Judgement}


def behind(view: View, span: Span, figure: str, limit: int) -> list[Behind]:
    """The cases behind a figure, the newest first: `response` (its seconds), `promises` (kept, broken) or `drafts`.

    Raises NotFound for another figure.
    """
    queries = {"response": _responses, "promises": _decided, "drafts": _reviews}
    if figure not in queries:
        raise errors.NotFound(kind="figure", id=figure)
    found, row = queries[figure](span).subquery(), tables.Handoff
    query = select(row.number, row.title, found.c.at, found.c.value).join(row, row.id == found.c.handoff_id)
    newest = query.order_by(found.c.at.desc(), row.number.desc()).limit(limit)
    return [Behind(*values) for values in view.session.execute(newest)]


def _responses(span: Span) -> Query:
    """The cases that somebody owned for the first time in the span, and how many seconds they had waited."""
    entry, row = tables.AuditEntry, tables.Handoff
    is_owned = entry.event.in_(OWNED)
    lately = select(entry.handoff_id).where(is_owned, span.holds(entry.at))
    first = select(entry.handoff_id, func.min(entry.at).label("at")).where(is_owned, entry.handoff_id.in_(lately))
    owned = first.group_by(entry.handoff_id).subquery()
    return (
        select(owned.c.handoff_id, owned.c.at, seconds_between(row.created_at, owned.c.at).label("value"))
        .join(row, row.id == owned.c.handoff_id)
        .where(span.holds(owned.c.at), span.sees(row.queue))
    )


def _decided(span: Span) -> Query:
    """The promises kept or broken in the span; what follows a break decides nothing any more.

    A deadline that was met and then broken, since the case was opened again before it passed, counts as broken alone.
    """
    mark, row = tables.SlaMark, tables.Handoff
    turns = (sla.Kind.STARTED, sla.Kind.BREACHED, sla.Kind.STOPPED)
    lately = select(mark.handoff_id).where(span.holds(mark.at))
    last, then = (
        turn(mark.kind, type_=mark.kind.type).over(partition_by=mark.handoff_id, order_by=mark.position)
        for turn in (func.lag, func.lead)
    )
    marks = (
        select(mark.handoff_id, mark.at, mark.kind, last.label("last"), then.label("then"))
        .where(mark.kind.in_(turns), mark.handoff_id.in_(lately))
        .subquery()
    )
    is_broken = marks.c.kind == sla.Kind.BREACHED
    is_kept = and_(
        marks.c.last == sla.Kind.STARTED,
        or_(marks.c.kind == sla.Kind.STARTED, marks.c.then.is_(None), marks.c.then != sla.Kind.BREACHED),
    )
    return (
        select(marks.c.handoff_id, marks.c.at, case((is_broken, "broken"), else_="kept").label("value"))
        .join(row, row.id == marks.c.handoff_id)
        .where(or_(is_broken, is_kept), span.holds(marks.c.at), span.sees(row.queue))
    )


def _reviews(span: Span) -> Query:
    """The last word on each reply draft, when it was said in the span."""
    review, artifact, row = tables.ArtifactReview, tables.Artifact, tables.Handoff
    newest = (review.created_at.desc(), review.id.desc())
    place = func.row_number().over(partition_by=review.artifact_id, order_by=newest)
    ranked = select(review.artifact_id, review.created_at, review.verdict, place.label("place")).subquery()
    return (
        select(artifact.handoff_id, ranked.c.created_at.label("at"), ranked.c.verdict.label("value"))
        .join(artifact, artifact.id == ranked.c.artifact_id)
        .join(row, row.id == artifact.handoff_id)
        .where(
            ranked.c.place == 1, artifact.kind == artifacts.DRAFT, span.holds(ranked.c.created_at), span.sees(row.queue)
        )
    )
