"""Answers about promises: how much time a case has left, and why its deadline is what it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest

from sqlalchemy import func, select

from flowops.domain import sla
from flowops.domain.sla import Clock, Interval, Kind, Mark, State
from flowops.storage import tables
from flowops.storage.unit import View


@dataclass(frozen=True)
class Standing:
    """How the running clock of a case stands, or of a resolved case the one that ran last.

    While it is paused there is no deadline, and what is `remaining` stands still; it is less than nothing once the
    promise is broken.
    """

    policy: str
    clock: Clock
    started_at: datetime
    due_at: datetime | None
    warn_at: datetime | None
    paused_at: datetime | None
    breached_at: datetime | None
    elapsed: timedelta
    remaining: timedelta


@dataclass(frozen=True)
class Run:
    """One clock of a case from its start to its end: what was promised, and the time that was spent on it.

    Unless the deadline was moved to the moment of a change, it is the start, the target and what was paused together.
    """

    clock: Clock
    target: timedelta
    started_at: datetime
    ended_at: datetime | None
    due_at: datetime
    breached_at: datetime | None
    counted: timedelta
    paused: timedelta


@dataclass(frozen=True)
class Change:
    """Something that happened to a clock, and the deadline that held before and from then on."""

    mark: Mark
    due_before: datetime | None


@dataclass(frozen=True)
class Explanation:
    """Everything behind a case's deadlines, oldest first; empty for a case that was promised nothing."""

    standing: Standing | None
    runs: Sequence[Run]
    intervals: Sequence[Interval]
    changes: Sequence[Change]


def standings(view: View, handoffs: Sequence[tables.Handoff]) -> dict[str, Standing]:
    """How the clocks of these cases stand, by the cases' ids; one that was promised nothing is left out."""
    marks = _marks(view, [handoff.id for handoff in handoffs])
    return {h.id: _standing(h, marks[h.id], view.now) for h in handoffs if h.id in marks}


def begun(view: View, handoff: tables.Handoff) -> Standing | None:
    """How the clock stands of a case that was opened in this unit; None where nothing is promised."""
    if handoff.sla_clock is None or handoff.sla_started_at is None or handoff.sla_due_at is None:
        return None
    start = Mark(handoff.sla_started_at, Kind.STARTED, handoff.sla_clock, handoff.priority, handoff.sla_due_at)
    return _standing(handoff, [start], view.now)


def explain(view: View, handoff: tables.Handoff) -> Explanation:
    """Why the deadline of a case is what it is: both its clocks, every stretch of time and every change."""
    marks = _marks(view, [handoff.id]).get(handoff.id, [])
    runs = list(sla.runs(marks))
    return Explanation(
        standing=_standing(handoff, marks, view.now) if marks else None,
        runs=[
            _run(handoff, run, after[0].at if after else None, view.now) for run, after in zip_longest(runs, runs[1:])
        ],
        intervals=list(sla.intervals(marks)),
        changes=[
            Change(mark, before.due_at if before else None)
            for run in runs
            for mark, before in zip(run, [None, *run[:-1]], strict=True)
        ],
    )


def unmarked(view: View) -> timedelta:
    """How long the oldest deadline has passed that nobody has marked as broken; zero when there is none."""
    row = tables.Handoff
    open_ = (row.sla_due_at < view.now, row.sla_breached_at.is_(None), row.resolved_at.is_(None))
    since = view.session.scalar(select(func.min(row.sla_due_at)).where(*open_))
    return view.now - since if since else timedelta(0)


def _marks(view: View, ids: Sequence[str]) -> dict[str, list[Mark]]:
    row, marks = tables.SlaMark, dict[str, list[Mark]]()
    for found in view.session.scalars(select(row).where(row.handoff_id.in_(ids)).order_by(row.position)):
        marks.setdefault(found.handoff_id, []).append(found.value)
    return marks


def _standing(handoff: tables.Handoff, marks: Sequence[Mark], now: datetime) -> Standing:
    *_, run = sla.runs(marks)
    assert handoff.sla_policy is not None
    assert handoff.sla_clock is not None
    assert handoff.sla_started_at is not None
    return Standing(
        policy=handoff.sla_policy,
        clock=handoff.sla_clock,
        started_at=handoff.sla_started_at,
        due_at=handoff.sla_due_at,
        warn_at=handoff.sla_warn_at,
        paused_at=handoff.sla_paused_at,
        breached_at=handoff.sla_breached_at,
        elapsed=sla.spent(run, now),
        remaining=sla.left(run, now),
    )


def _run(handoff: tables.Handoff, run: Sequence[Mark], until: datetime | None, now: datetime) -> Run:
    first, last = run[0], run[-1]
    ended_at = last.at if last.kind is Kind.STOPPED else until
    # A case of ours may have begun with the caller's own deadline, which no target gives.
    ours = handoff.sla_policy == sla.OURS and first.due_at - first.at == sla.TARGETS[first.priority][first.clock]
    return Run(
        clock=first.clock,
        target=sla.TARGETS[last.priority][last.clock] if ours else first.due_at - first.at,
        started_at=first.at,
        ended_at=ended_at,
        due_at=last.due_at,
        breached_at=next((mark.at for mark in run if mark.kind is Kind.BREACHED), None),
        counted=sla.spent(run, ended_at or now),
        paused=sla.spent(run, ended_at or now, State.PAUSED),
    )
