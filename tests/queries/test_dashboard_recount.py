"""Whatever happened to some cases, the database counts what a plain recount of the same rows in Python counts."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, pairwise, zip_longest
from statistics import median

import pytest
from hypothesis import given, settings, strategies

from flowops.app import App
from flowops.domain import artifacts, events, sla
from flowops.domain.access import SYSTEM, Actor, ActorKind
from flowops.domain.artifacts import Judgement
from flowops.domain.handoffs import Priority, Reason, Status
from flowops.queries import dashboard, figures, spans
from flowops.queries.dashboard import AGES, SOON
from flowops.queries.figures import Promises
from flowops.queries.spans import Range, Span
from flowops.storage import tables
from tests import cases, world
from tests.conftest import NOW

CLAIMED, ASSIGNED = events.HandoffClaimed.name, events.HandoffAssigned.name
RESOLVED, REOPENED = events.HandoffResolved.name, events.HandoffReopened.name

# Whole minutes, so that what happens meets the edges of steps and spans as often as it can.
Ago = strategies.integers(min_value=0, max_value=130)


@dataclass(frozen=True)
class Made:
    """A case as it is to be written down; times are minutes ago, the earliest first."""

    created: int
    reason: Reason
    due_in: int | None
    events: Sequence[tuple[int, str, int]]  # when, what, who
    marks: Sequence[tuple[int, sla.Kind]]
    reviews: Sequence[Sequence[tuple[int, Judgement]]]  # of each draft

    @property
    def is_open(self) -> bool:
        return not self.events or self.events[-1][1] != RESOLVED


@strategies.composite
def made(draw: strategies.DrawFn) -> Made:
    """A case that was owned, resolved and reopened some times, each after what came before."""
    created = draw(Ago)
    whens = sorted(draw(strategies.lists(strategies.integers(0, created), max_size=7)), reverse=True)
    turn = ([CLAIMED, ASSIGNED], [RESOLVED], [REOPENED])
    happened = [
        (when, draw(strategies.sampled_from(turn[number % 3])), draw(strategies.integers(0, 1)))
        for number, when in enumerate(whens)
    ]
    later = sorted(draw(strategies.lists(strategies.integers(0, created), max_size=5)), reverse=True)
    review = strategies.tuples(strategies.integers(0, created), strategies.sampled_from(Judgement))
    return Made(
        created,
        draw(strategies.sampled_from(Reason)),
        draw(strategies.none() | strategies.integers(-40, 40)),
        happened,
        [(created, sla.Kind.STARTED), *((when, draw(strategies.sampled_from(sla.Kind))) for when in later)],
        draw(strategies.lists(strategies.lists(review, min_size=1, max_size=3, unique_by=lambda r: r[0]), max_size=2)),
    )


def at(ago: int) -> datetime:
    return NOW - timedelta(minutes=ago)


def write(app: App, template: tables.Handoff, people: list[Actor], queue: str, found: Iterable[Made]) -> None:
    """Write the cases down as rows, in one unit; what names a row comes after it."""
    with app.unit(SYSTEM) as unit:
        unit.session.add(tables.Queue(name=queue, created_at=unit.now))
        unit.session.flush()
        pairs = [(case, handoff(case, template, people, queue)) for case in found]
        unit.session.add_all(row for _, row in pairs)
        unit.session.flush()
        drafts = [(reviews, draft(row, number)) for case, row in pairs for number, reviews in enumerate(case.reviews)]
        unit.session.add_all([*(row for _, row in drafts), *(row for pair in pairs for row in history(*pair, people))])
        unit.session.flush()
        unit.session.add_all(
            tables.ArtifactReview(artifact_id=row.id, reviewer_id=people[0].id, verdict=verdict, created_at=at(when))
            for reviews, row in drafts
            for when, verdict in reviews
        )
        unit.record(events.DemoSeeded(cases=len(pairs)))


def handoff(case: Made, template: tables.Handoff, people: list[Actor], queue: str) -> tables.Handoff:
    owned = case.is_open and len(case.events) % 3 == 1
    return tables.Handoff(
        request_id=template.request_id,
        customer_id=template.customer_id,
        queue=queue,
        channel="chat",
        title="Made up",
        status=Status.CLAIMED if owned else Status.PENDING if case.is_open else Status.RESOLVED,
        priority=Priority.LOW,
        reason=case.reason,
        issues=[],
        tier=template.tier,
        resolved_at=None if case.is_open else NOW,
        claimed_by=people[case.events[-1][2]].id if owned else None,
        sla_due_at=None if case.due_in is None else NOW + timedelta(minutes=case.due_in),
        created_at=at(case.created),
        updated_at=NOW,
    )


def history(case: Made, row: tables.Handoff, people: list[Actor]) -> Iterator[tables.AuditEntry | tables.SlaMark]:
    for when, event, who in case.events:
        by = {"actor_kind": ActorKind.PERSON, "actor_id": people[who].id}
        yield tables.AuditEntry(at=at(when), event=event, handoff_id=row.id, data={}, **by)
    promise = {"clock": sla.Clock.RESPONSE, "priority": Priority.LOW, "due_at": NOW}
    for when, kind in case.marks:
        yield tables.SlaMark(handoff_id=row.id, at=at(when), kind=kind, **promise)


def draft(row: tables.Handoff, number: int) -> tables.Artifact:
    return tables.Artifact(
        handoff_id=row.id,
        kind=artifacts.DRAFT,
        version=number + 1,
        status=artifacts.Status.OK,
        provenance={},
        generator="extractive",
        latency_ms=1,
        reasons=[],
        context="{}",
        created_at=row.created_at,
    )


def middle(values: Iterable[int]) -> object:
    """The median of some minutes, as close as two databases' clocks can tell."""
    found = list(values)
    if not found:
        return None
    return pytest.approx(timedelta(minutes=median(found)), abs=timedelta(milliseconds=1))


def inside(span: Span, ago: int) -> bool:
    return span.since < at(ago) <= span.until


def waited(found: Iterable[Made], span: Span) -> list[int]:
    """Of each case that got its first owner in the span, how many minutes it waited."""
    first = [(case.created, next((e[0] for e in case.events if e[1] in figures.OWNED), None)) for case in found]
    return [created - owned for created, owned in first if owned is not None and inside(span, owned)]


def decided(found: Iterable[Made], span: Span) -> Promises:
    """The promises decided in the span."""
    words: Counter[str] = Counter()
    for case in found:
        running = False
        turns = [m for m in case.marks if m[1] in {sla.Kind.BREACHED, sla.Kind.STARTED, sla.Kind.STOPPED}]
        for (when, kind), after in zip_longest(turns, turns[1:]):
            if kind is sla.Kind.BREACHED:
                words["broken"] += inside(span, when)
                running = False
            else:
                lasts = after is None or after[1] is not sla.Kind.BREACHED or kind is sla.Kind.STARTED
                words["kept"] += running and lasts and inside(span, when)
                running = kind is sla.Kind.STARTED
    return Promises(words["kept"], words["broken"])


def judged(found: Iterable[Made], span: Span) -> dict[Judgement, int]:
    """The last words on drafts that were said in the span."""
    last = [min(reviews) for case in found for reviews in case.reviews]
    words = Counter(verdict for when, verdict in last if inside(span, when))
    return {verdict: words[verdict] for verdict in Judgement}


def was_open(case: Made, ago: int) -> bool:
    """Did the case wait that many minutes ago?"""
    known = [what for when, what, _ in case.events if when >= ago]
    return case.created >= ago and not (known and known[-1] == RESOLVED)


def handled(found: Iterable[Made], span: Span, who: int) -> Iterator[int]:
    """How many minutes each resolution of somebody's took, from the claim it ended."""
    for case in found:
        for (claimed, _, _), (when, what, by) in pairwise(case.events):
            if what == RESOLVED and by == who and inside(span, when):
                yield claimed - when


def recount_flow(found: Sequence[Made], span: Span) -> list[tuple[int, int]]:
    resolved = [when for case in found for when, what, _ in case.events if what == RESOLVED]
    steps = [Span(since, until, 1, None) for since, until in pairwise(span.edges)]
    return [
        (sum(inside(step, case.created) for case in found), sum(inside(step, w) for w in resolved)) for step in steps
    ]


def recount_ages(found: Iterable[Made]) -> tuple[list[int], int]:
    waiting = [case for case in found if case.is_open]
    in_time = [case for case in waiting if case.due_in is None or case.due_in >= 0]
    places = Counter(sum(timedelta(minutes=case.created) >= age for age in AGES) for case in in_time)
    return [places[place] for place in range(len(AGES) + 1)], len(waiting) - len(in_time)


def test_the_rollups_are_a_recount_of_the_rows(app: App) -> None:
    template, numbers = cases.case(app, world.service(app)), count()
    people = [cases.person(app, name) for name in ("Ada", "Bob")]

    @settings(max_examples=25)
    @given(found=strategies.lists(made(), max_size=6))
    def compare(found: list[Made]) -> None:
        queue = f"queue {next(numbers)}"
        write(app, template, people, queue, found)
        check(app, people, queue, found)

    compare()


def check(app: App, people: list[Actor], queue: str, found: list[Made]) -> None:
    """Compare every figure of the last hour in this queue with the recount."""
    viewer = Actor(ActorKind.PERSON, "Vera", "usr_vera", people[0].role, frozenset({queue}))
    with app.view(viewer) as view:
        span = spans.last(view, Range.HOUR)
        shown = dashboard.read(view, span)
        behind = {name: figures.behind(view, span, name, 100) for name in ("response", "promises", "drafts")}

    for of, pair in ((span, "now"), (span.before, "before")):
        assert getattr(shown.response, pair) == middle(waited(found, of))
        assert getattr(shown.promises, pair) == decided(found, of)
        assert getattr(shown.drafts, pair) == judged(found, of)
    assert len(behind["response"]) == len(waited(found, span))
    assert len(behind["promises"]) == shown.promises.now.kept + shown.promises.now.broken
    assert len(behind["drafts"]) == sum(shown.drafts.now.values())

    assert shown.waiting.now == sum(case.is_open for case in found)
    assert shown.waiting.before == sum(was_open(case, 60) for case in found)
    assert (list(shown.ages), shown.overdue) == recount_ages(found)
    soon = [
        case for case in found if case.is_open and case.due_in is not None and 0 <= case.due_in * 60 <= SOON.seconds
    ]
    assert shown.due_soon == len(soon)
    assert [(step.arrived, step.resolved) for step in shown.flow] == recount_flow(found, span)
    assert shown.reasons == Counter(case.reason for case in found if inside(span, case.created))
    assert list(shown.reasons.values()) == sorted(shown.reasons.values(), reverse=True)

    operators = {operator.name: operator for operator in shown.operators}
    for who, person in enumerate(people):
        took = list(handled(found, span, who))
        owned = [c for c in found if c.is_open and len(c.events) % 3 == 1 and c.events[-1][2] == who]
        operator = operators.pop(person.name, None)
        assert (operator is not None) is bool(took or owned)
        if operator:
            assert (operator.open, operator.resolved, operator.handled) == (len(owned), len(took), middle(took))
    assert operators == {}
