"""Runs the clocks of a case: started, paused, resumed, aimed anew, stopped; each step leaves a mark that explains it.

Every function takes a case that its caller has locked, and none raises the case's version: that is the caller's.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from flowops.domain import events, jobs, sla, times
from flowops.domain.access import SYSTEM
from flowops.domain.handoffs import Priority, Reason
from flowops.domain.sla import CALLERS, OURS, Clock, Kind, Mark
from flowops.storage import tables
from flowops.storage.unit import Unit


def start(unit: Unit, handoff: tables.Handoff, clock: Clock, due_at: datetime | None = None) -> None:
    """Promise something anew; `due_at` is the caller's own deadline instead of our target."""
    settle(unit, handoff)
    handoff.sla_policy = CALLERS if due_at else OURS
    handoff.sla_clock, handoff.sla_started_at = clock, unit.now
    handoff.sla_paused_at = handoff.sla_warned_at = handoff.sla_breached_at = None
    _aim(handoff, unit.now, (due_at or sla.due_at(handoff.priority, clock, unit.now)) - unit.now)
    _mark(unit, handoff, Kind.STARTED)


def pause(unit: Unit, handoff: tables.Handoff) -> None:
    """Stop counting until `resume`; a clock that does not run is left alone."""
    settle(unit, handoff)
    if handoff.sla_due_at is not None:
        _mark(unit, handoff, Kind.PAUSED)
        handoff.sla_paused_at, handoff.sla_due_at, handoff.sla_warn_at = unit.now, None, None


def resume(unit: Unit, handoff: tables.Handoff) -> None:
    """Count again: the deadline moves by the time that was paused; a clock that is not paused is left alone."""
    if handoff.sla_paused_at is not None:
        run = _run(unit, handoff)
        _aim(handoff, unit.now, sla.left(run, unit.now), sla.spent(run, unit.now))
        handoff.sla_paused_at = None
        _mark(unit, handoff, Kind.RESUMED)


def aim(unit: Unit, handoff: tables.Handoff, priority: Priority) -> None:
    """Give the case another priority and our deadline for it: from the same start, and never before this moment.

    It is warned of anew, because the deadline moved; but a promise that was broken stays broken.
    """
    settle(unit, handoff)
    handoff.priority = priority
    if handoff.sla_policy != OURS:
        return
    run = _run(unit, handoff)
    if handoff.sla_breached_at is None:
        handoff.sla_warned_at = None
    left, spent = sla.left_under(run, priority, unit.now), sla.spent(run, unit.now)
    _aim(handoff, sla.reached(run, unit.now), left, spent)
    _mark(unit, handoff, Kind.RETARGETED)
    if handoff.sla_paused_at is not None:
        handoff.sla_due_at = handoff.sla_warn_at = None


def stop(unit: Unit, handoff: tables.Handoff) -> None:
    """The promise was kept, or broken for good: the clock of a resolved case shows what it showed then."""
    resume(unit, handoff)
    settle(unit, handoff)
    if handoff.sla_due_at is not None:
        _mark(unit, handoff, Kind.STOPPED)


def restart(unit: Unit, handoff: tables.Handoff) -> None:
    """A resolved case needs a person again: we promise a response anew, and the caller's deadline stands as it did.

    A caller's deadline that was kept and has passed stays kept: a response is promised then too. To be called while the
    case is still marked as resolved, so that the time in between is held against nobody.
    """
    was_kept = handoff.sla_breached_at is None and sla.is_breached(handoff.sla_due_at, unit.now)
    if handoff.sla_policy == OURS or was_kept:
        start(unit, handoff, Clock.RESPONSE)
    elif handoff.sla_clock is not None:
        _mark(unit, handoff, Kind.RESUMED)


def settle(unit: Unit, handoff: tables.Handoff) -> None:
    """Mark the breach of a deadline that has passed, before anything happens to its clock; once for each clock.

    The deadline of a resolved case was met or broken before, and stands only to be shown.
    """
    due_at, clock = handoff.sla_due_at, handoff.sla_clock
    if due_at is None or clock is None or handoff.sla_breached_at or handoff.resolved_at is not None:
        return
    if not sla.is_breached(due_at, unit.now):
        return
    handoff.sla_breached_at = unit.now
    handoff.sla_warned_at = handoff.sla_warned_at or unit.now  # there is nothing left to warn of
    _mark(unit, handoff, Kind.BREACHED)
    _find_risk(handoff)
    event = events.SlaBreached(
        handoff_id=handoff.id, clock=clock, priority=handoff.priority, sla_due_at=times.rfc3339(due_at)
    )
    unit.record(event, by=SYSTEM)
    unit.enqueue(jobs.EscalateSla(handoff_id=handoff.id, clock=clock))


def warn(unit: Unit, handoff: tables.Handoff) -> None:
    """Note that the deadline is near; once, unless the deadline moved since."""
    if handoff.sla_due_at is None or handoff.sla_clock is None or handoff.sla_warned_at is not None:
        return
    handoff.sla_warned_at = unit.now
    _mark(unit, handoff, Kind.WARNED)
    _find_risk(handoff)
    due_at = times.rfc3339(handoff.sla_due_at)
    unit.record(events.SlaWarned(handoff_id=handoff.id, clock=handoff.sla_clock, sla_due_at=due_at), by=SYSTEM)


def marks(unit: Unit, handoff: tables.Handoff) -> list[Mark]:
    """What happened to the clocks of a case, oldest first."""
    row = tables.SlaMark
    rows = unit.session.scalars(select(row).where(row.handoff_id == handoff.id).order_by(row.position))
    return [row.value for row in rows]


def _run(unit: Unit, handoff: tables.Handoff) -> Sequence[Mark]:
    """The marks of the clock that runs, or ran last."""
    *_, last = sla.runs(marks(unit, handoff))
    return last


def _aim(handoff: tables.Handoff, at: datetime, left: timedelta, spent: timedelta = timedelta(0)) -> None:
    handoff.sla_due_at = at + left
    handoff.sla_warn_at = sla.warn_at(at + left, spent + left)


def _mark(unit: Unit, handoff: tables.Handoff, kind: Kind) -> None:
    unit.append(
        tables.SlaMark,
        handoff_id=handoff.id,
        at=unit.now,
        kind=kind,
        clock=handoff.sla_clock,
        priority=handoff.priority,
        due_at=handoff.sla_due_at,
    )


def _find_risk(handoff: tables.Handoff) -> None:
    if Reason.SLA_RISK not in handoff.issues:
        handoff.issues = [reason for reason in Reason if reason in {*handoff.issues, Reason.SLA_RISK}]
