"""Everything the dashboard shows, counted by the database: of the queues the viewer may see, in a span of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from flowops.domain import artifacts, effects, events, handoffs, jobs
from flowops.domain.policy import Outcome
from flowops.queries import figures, spans
from flowops.queries.figures import Promises
from flowops.queries.spans import Pair, Query, Span
from flowops.storage import tables
from flowops.storage.types import seconds_between
from flowops.storage.unit import View

SOON = timedelta(minutes=30)
AGES = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=4), timedelta(hours=24))
# What can become of an effect that was asked for: approved by policy alone or by people, and so on.
OUTCOMES = ("policy", "people", "denied", "declined", "withdrawn", "undecided")


@dataclass(frozen=True)
class Dead:
    """The jobs that lie dead, of every queue: how many, how long the oldest, and how many were buried in the span."""

    lying: int
    oldest: timedelta | None
    buried: Pair[int]


@dataclass(frozen=True)
class Step:
    """A part of the span: when it began, and how many cases arrived and were resolved in it."""

    since: datetime
    arrived: int
    resolved: int


@dataclass(frozen=True)
class Operator:
    """Somebody who owns cases or resolved some; `handled` is the median time from their claim to their last word."""

    name: str
    open: int
    resolved: int
    handled: timedelta | None


@dataclass(frozen=True)
class Written:
    """What the assistant wrote of one kind, usable or not, what it cost, and the median time it took."""

    kind: str
    usable: int
    unusable: int
    input_tokens: int
    output_tokens: int
    took: timedelta | None


@dataclass(frozen=True)
class Dashboard:
    """Everything the dashboard shows; `ages` are those of the waiting cases as AGES divides them.

    What is past its deadline is `overdue`, whatever its age.
    """

    span: Span
    waiting: Pair[int]
    due_soon: int
    overdue: int
    response: Pair[timedelta | None]
    promises: Pair[Promises]
    drafts: Pair[dict[artifacts.Judgement, int]]
    dead: Dead
    flow: Sequence[Step]
    ages: Sequence[int]
    operators: Sequence[Operator]
    reasons: dict[handoffs.Reason, int]
    outcomes: dict[str, int]
    assistant: Sequence[Written]


def read(view: View, span: Span) -> Dashboard:
    """Everything the dashboard shows of the span, and what waits now."""
    *ages, overdue = _ages(view, span)
    waiting = sum(ages) + overdue
    soon = tables.Handoff.sla_due_at.between(view.now, view.now + SOON)
    return Dashboard(
        span=span,
        waiting=Pair(waiting, waiting - _growth(view, span)),
        due_soon=spans.count(view, select(tables.Handoff.id).where(*_waits(span), soon)),
        overdue=overdue,
        response=Pair(figures.response(view, span), figures.response(view, span.before)),
        promises=Pair(figures.promises(view, span), figures.promises(view, span.before)),
        drafts=Pair(figures.drafts(view, span), figures.drafts(view, span.before)),
        dead=_dead(view, span),
        flow=_flow(view, span),
        ages=ages,
        operators=_operators(view, span),
        reasons=_reasons(view, span),
        outcomes=_outcomes(view, span),
        assistant=_assistant(view, span),
    )


def _waits(span: Span) -> tuple[ColumnElement[bool], ...]:
    return tables.Handoff.is_open(), span.sees(tables.Handoff.queue)


def _arrived(span: Span) -> Query:
    row = tables.Handoff
    return select(row.created_at).where(span.holds(row.created_at), span.sees(row.queue))


def _happened(span: Span, event: type[events.Event]) -> Query:
    """When something of this kind happened to a case."""
    entry, row = tables.AuditEntry, tables.Handoff
    query = select(entry.at).join(row, row.id == entry.handoff_id)
    return query.where(entry.event == event.name, span.holds(entry.at), span.sees(row.queue))


def _growth(view: View, span: Span) -> int:
    """How many more cases wait now than when the span began: whatever opens or closes one is recorded."""
    opened = spans.count(view, _arrived(span)) + spans.count(view, _happened(span, events.HandoffReopened))
    return opened - spans.count(view, _happened(span, events.HandoffResolved))


def _flow(view: View, span: Span) -> list[Step]:
    arrived = spans.per_step(view, span, _arrived(span))
    resolved = spans.per_step(view, span, _happened(span, events.HandoffResolved))
    return [Step(*step) for step in zip(span.edges[:-1], arrived, resolved, strict=True)]


def _ages(view: View, span: Span) -> Sequence[int]:
    """How many cases wait by age, the youngest first, and how many past their deadline."""
    row = tables.Handoff
    in_time = or_(row.sla_due_at.is_(None), row.sla_due_at >= view.now)
    bounds = [view.now - age for age in AGES]
    ages = [
        row.created_at > bounds[0],
        *(and_(row.created_at <= younger, row.created_at > older) for younger, older in pairwise(bounds)),
        row.created_at <= bounds[-1],
    ]
    counts = (*(func.count().filter(in_time, age) for age in ages), func.count().filter(~in_time))
    return view.session.execute(select(*counts).where(*_waits(span))).one()


def _dead(view: View, span: Span) -> Dead:
    """Jobs belong to no queue, so these are everybody's."""
    attempt, job = tables.JobAttempt, tables.Job
    ended = attempt.outcome == jobs.AttemptOutcome.DEAD
    buried = [
        spans.count(view, select(attempt.job_id).where(ended, s.holds(attempt.finished_at)))
        for s in (span, span.before)
    ]
    last = select(func.max(attempt.finished_at).label("at")).join(job, job.id == attempt.job_id)
    lying = last.where(ended, job.status == jobs.Status.DEAD).group_by(job.id).subquery()
    number, oldest = view.session.execute(select(func.count(), func.min(lying.c.at)).select_from(lying)).one()
    return Dead(number, view.now - oldest if oldest else None, Pair(*buried))


def _operators(view: View, span: Span) -> list[Operator]:
    entry, row, user = tables.AuditEntry, tables.Handoff, tables.User
    is_resolved = entry.event == events.HandoffResolved.name
    lately = select(entry.handoff_id).where(is_resolved, span.holds(entry.at))
    last = func.lag(entry.at, type_=entry.at.type).over(partition_by=entry.handoff_id, order_by=entry.seq)
    work = (
        select(entry.handoff_id, entry.event, entry.actor_id, entry.at, last.label("since"))
        .where(entry.event.in_((*figures.OWNED, events.HandoffResolved.name)), entry.handoff_id.in_(lately))
        .subquery()
    )
    handled = (
        select(work.c.actor_id, seconds_between(work.c.since, work.c.at))
        .join(row, row.id == work.c.handoff_id)
        .where(work.c.event == events.HandoffResolved.name, span.holds(work.c.at), span.sees(row.queue))
    )
    resolved = spans.medians(view, handled)
    owned = select(row.claimed_by).where(row.status == handoffs.Status.CLAIMED, span.sees(row.queue))
    open_now = spans.tally(view, owned)
    people = select(user.id, user.name).where(user.id.in_([*resolved, *open_now]))
    found = [
        Operator(name, open_now.get(id, 0), *resolved.get(id, (0, None))) for id, name in view.session.execute(people)
    ]
    return sorted(found, key=lambda operator: (-operator.resolved, -operator.open, operator.name))


def _reasons(view: View, span: Span) -> dict[handoffs.Reason, int]:
    """Why the cases that arrived in the span needed a person, the most frequent reason first."""
    row = tables.Handoff
    found = spans.tally(view, select(row.reason).where(span.holds(row.created_at), span.sees(row.queue)))
    return dict(sorted(found.items(), key=lambda reason: (-reason[1], reason[0])))


def _outcomes(view: View, span: Span) -> dict[str, int]:
    """What became of the effects proposed in the span; a request that policy denied never had one."""
    row, request, status = tables.Effect, tables.Request, tables.Effect.status
    fate = case(
        (status == effects.Status.DECLINED, "declined"),
        (status.in_((effects.Status.CANCELLED, effects.Status.EXPIRED)), "withdrawn"),
        (and_(status.in_(effects.OPEN), tables.Decision.outcome == Outcome.DENY), "denied"),
        (status.in_(effects.OPEN), "undecided"),
        (row.approvals_needed == 0, "policy"),
        else_="people",
    )
    proposed = (
        select(fate)
        .join(request, request.id == row.request_id)
        .join(tables.Decision, tables.Decision.id == row.decision_id)
        .where(span.holds(row.created_at), span.sees(request.queue))
    )
    refused = select(request.id).where(
        request.outcome == "denied", request.mode == "live", span.holds(request.created_at), span.sees(request.queue)
    )
    found = dict.fromkeys(OUTCOMES, 0) | spans.tally(view, proposed)
    return found | {"denied": found["denied"] + spans.count(view, refused)}


def _assistant(view: View, span: Span) -> list[Written]:
    row, handoff = tables.Artifact, tables.Handoff
    asked = (span.holds(row.created_at), span.sees(handoff.queue))
    is_usable = row.status == artifacts.Status.OK
    totals = (
        select(
            row.kind,
            func.count().filter(is_usable),
            func.count().filter(~is_usable),
            func.sum(row.input_tokens),
            func.sum(row.output_tokens),
        )
        .join(handoff, handoff.id == row.handoff_id)
        .where(*asked)
        .group_by(row.kind)
        .order_by(row.kind)
    )
    seconds = select(row.kind, row.latency_ms / 1000.0).join(handoff, handoff.id == row.handoff_id).where(*asked)
    took = spans.medians(view, seconds)
    return [
        Written(kind, usable, unusable, read or 0, written or 0, took[kind][1])
        for kind, usable, unusable, read, written in view.session.execute(totals)
    ]
