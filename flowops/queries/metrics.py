"""The product's numbers, counted in the database, so that they are true across processes and restarts."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from sqlalchemy import ColumnElement, Select, Text, cast, func, literal, or_, select, union_all

from flowops.domain import events, handoffs, jobs, sla
from flowops.domain.effects import Status
from flowops.queries import effects as effect_queries
from flowops.queries import figures, outbox, switch
from flowops.storage import tables
from flowops.storage.types import seconds_between
from flowops.storage.unit import View

Labelled = TypeVar("Labelled", GaugeMetricFamily, CounterMetricFamily)

Bounds = tuple[float, ...]  # upper bounds in seconds
_CASES: Bounds = (60, 300, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 259200, 604800)
_ANSWERS: Bounds = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
# What the record calls it, and the status an effect came into by it.
_MOVES = {
    events.EffectProposed.name: Status.PROPOSED,
    events.EffectApproved.name: Status.APPROVED,
    events.EffectStarted.name: Status.EXECUTING,
    events.EffectDone.name: Status.DONE,
    events.EffectDeclined.name: Status.DECLINED,
    events.EffectCancelled.name: Status.CANCELLED,
    events.EffectExpired.name: Status.EXPIRED,
    events.EffectHeld.name: Status.HELD,
    events.EffectFailed.name: Status.FAILED,
}


def summary(metrics: Iterable[Metric]) -> dict[str, list[dict[str, Any]]]:
    """Every number under its Prometheus name: its labels and its value."""
    numbers: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for metric in metrics:
        for sample in metric.samples:
            numbers[sample.name].append({**sample.labels, "value": sample.value})
    return dict(numbers)


def collect(view: View) -> Iterator[Metric]:
    """Every metric whose subject is in the database, for Prometheus to render."""
    yield from _handoffs(view)
    yield from _assistant(view)
    yield from _outbox(view)
    yield _effects(view)
    unknown = effect_queries.count_unknown(view)
    about = "Effects of which nobody knows whether they were done."
    yield GaugeMetricFamily("flowops_effects_unknown", about, value=unknown)
    paused = float(switch.is_paused(view))
    yield GaugeMetricFamily(
        "flowops_effects_paused", "Whether effects are paused: 1 when none may start.", value=paused
    )
    decided = _count(tables.Decision.outcome, tables.Decision.rule)
    yield _counter(view, "decisions", "Verdicts, by the first rule that made them what they are.", decided)


def _handoffs(view: View) -> Iterator[Metric]:
    row = tables.Handoff
    yield _gauge(view, "handoffs", "Cases by status and priority.", _count(row.status, row.priority))
    oldest = view.session.scalar(select(func.min(row.created_at)).where(row.status == handoffs.Status.PENDING))
    age = (view.now - oldest).total_seconds() if oldest else 0
    yield GaugeMetricFamily("flowops_handoff_age_seconds", "Age of the oldest case nobody owns.", value=age)
    entry = tables.AuditEntry
    claims = (
        select(entry.handoff_id, func.min(entry.at).label("first"))
        .where(entry.event.in_(figures.OWNED))
        .group_by(entry.handoff_id)
        .subquery()
    )
    waits = _spread(seconds_between(row.created_at, claims.c.first), _CASES)
    response = view.session.execute(select(*waits).select_from(claims).join(row, row.id == claims.c.handoff_id)).one()
    yield _histogram("handoff_response_seconds", "From a case's creation to its first owner.", _CASES, response)
    # What a case's row says is gone when it is reopened, and a histogram may not fall.
    lives = select(*_spread(seconds_between(row.created_at, entry.at), _CASES)).select_from(entry)
    ended = lives.join(row, row.id == entry.handoff_id).where(entry.event == events.HandoffResolved.name)
    resolution = view.session.execute(ended).one()
    yield _histogram("handoff_resolution_seconds", "From a case's creation to each resolution.", _CASES, resolution)
    mark = tables.SlaMark
    broken = _count(mark.clock, mark.priority).where(mark.kind == sla.Kind.BREACHED)
    yield _counter(view, "sla_breaches", "Promises that were broken.", broken)


def _assistant(view: View) -> Iterator[Metric]:
    row = tables.Artifact
    yield _counter(view, "artifacts", "What the assistant wrote.", _count(row.kind, row.generator, row.status))
    review = tables.ArtifactReview
    reviews = _count(row.kind, review.verdict).join(review, review.artifact_id == row.id)
    yield _counter(view, "artifact_reviews", "What people made of what the assistant wrote.", reviews)
    answers = view.session.execute(select(*_spread(row.latency_ms / 1000.0, _ANSWERS))).one()
    yield _histogram("ai_seconds", "How long generators took to answer.", _ANSWERS, answers)
    tokens = CounterMetricFamily("flowops_ai_tokens", "Tokens that models read and wrote.", labels=["direction"])
    for direction, column in (("input", row.input_tokens), ("output", row.output_tokens)):
        tokens.add_metric([direction], view.session.scalar(select(func.sum(column))) or 0)
    yield tokens


def _outbox(view: View) -> Iterator[Metric]:
    waiting = _gauge(view, "outbox_jobs", "Jobs by topic and status.", _count(tables.Job.topic, tables.Job.status))
    left = _count(tables.FinishedJob.topic, tables.FinishedJob.status)
    yield _add(view, waiting, left)
    age = outbox.oldest_wait(view).total_seconds()
    yield GaugeMetricFamily("flowops_outbox_oldest_seconds", "How long the job due the longest has waited.", value=age)
    row, done, pruned = tables.JobAttempt, tables.FinishedJob, tables.PrunedAttempts
    tries = union_all(
        _count(row.topic, row.outcome),
        select(done.topic, literal(jobs.AttemptOutcome.DONE, row.outcome.type), func.count())
        .where(done.status == jobs.Status.DONE)
        .group_by(done.topic),
        select(pruned.topic, pruned.outcome, pruned.count),
    ).subquery()
    topic, outcome, number = tries.c
    ended = select(topic, outcome, func.sum(number)).group_by(topic, outcome)
    yield _counter(view, "outbox_attempts", "Tries at jobs, by how they ended.", ended)
    dead = select(topic, func.sum(number)).where(outcome == jobs.AttemptOutcome.DEAD).group_by(topic)
    yield _counter(view, "dead_letters", "Jobs that were buried.", dead)


def _effects(view: View) -> Metric:
    """A status is something an effect leaves again, and a counter may not fall: so it is the record that is counted."""
    entry, effect = tables.AuditEntry, tables.Effect
    # One of several approvals moves nothing; the entry says how many are missing.
    is_move = or_(entry.event != events.EffectApproved.name, cast(entry.data, Text).contains('"missing":0,'))
    query = _count(effect.kind, entry.event).join(effect, effect.id == entry.effect_id)
    counted = CounterMetricFamily(
        "flowops_effects", "How often side effects came into a status.", labels=["kind", "status"]
    )
    for kind, event, number in view.session.execute(query.where(entry.event.in_(_MOVES), is_move)):
        counted.add_metric([kind, _MOVES[event].value], number)
    return counted


def _count(*labels: Any) -> Select[Any]:
    return select(*labels, func.count()).group_by(*labels)


def _gauge(view: View, name: str, about: str, query: Select[Any]) -> GaugeMetricFamily:
    return _add(view, GaugeMetricFamily(f"flowops_{name}", about, labels=_labels(query)), query)


def _counter(view: View, name: str, about: str, query: Select[Any]) -> Metric:
    return _add(view, CounterMetricFamily(f"flowops_{name}", about, labels=_labels(query)), query)


def _labels(query: Select[Any]) -> list[str]:
    return [str(column.key) for column in query.selected_columns][:-1]


def _add(view: View, metric: Labelled, query: Select[Any]) -> Labelled:
    for *labels, number in view.session.execute(query):
        metric.add_metric([str(label) for label in labels], number)
    return metric


def _spread(value: ColumnElement[Any], bounds: Bounds) -> list[ColumnElement[Any]]:
    """What a histogram needs to know: how many values, their sum, and how many within each bound."""
    return [func.count(value), func.coalesce(func.sum(value), 0), *(func.count().filter(value <= b) for b in bounds)]


def _histogram(name: str, about: str, bounds: Bounds, spread: Sequence[Any]) -> Metric:
    number, total, *counts = spread
    buckets = [*((str(float(bound)), count) for bound, count in zip(bounds, counts, strict=True)), ("+Inf", number)]
    return HistogramMetricFamily(f"flowops_{name}", about, buckets=buckets, sum_value=float(total))
