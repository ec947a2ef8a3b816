"""Promises about cases as callers see them, in whole seconds."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from pydantic import Field

from flowops.api.schemas.answer import Answer
from flowops.domain import handoffs, sla

if TYPE_CHECKING:
    from flowops.queries import sla as promises


class Sla(Answer):
    """The running clock, or of a resolved case the one that ran last.

    `elapsedSeconds` leaves pauses out; `remainingSeconds` is negative once the deadline has passed. Both stand still
    while the clock is paused, when `dueAt` is null, and for a resolved case.
    """

    policy: str
    clock: sla.Clock
    started_at: datetime
    due_at: datetime | None
    warn_at: datetime | None
    paused_at: datetime | None
    breached_at: datetime | None
    elapsed_seconds: int
    remaining_seconds: int

    @classmethod
    def of(cls, standing: promises.Standing | None) -> Self | None:
        if standing is None:
            return None
        return cls(
            policy=standing.policy,
            clock=standing.clock,
            started_at=standing.started_at,
            due_at=standing.due_at,
            warn_at=standing.warn_at,
            paused_at=standing.paused_at,
            breached_at=standing.breached_at,
            elapsed_seconds=_seconds(standing.elapsed),
            remaining_seconds=-_seconds(-standing.remaining),  # so that both together are the time allowed
        )


class Run(Answer):
    """One clock from its start to its end; `dueAt` is its last deadline."""

    clock: sla.Clock
    target_seconds: int = Field(description="What was promised; a priority changes it.")
    started_at: datetime
    ended_at: datetime | None
    due_at: datetime
    breached_at: datetime | None
    counted_seconds: int
    paused_seconds: int


class Interval(Answer):
    """A stretch of time that was held against a promise (counted) or not (paused); `to` is null while it lasts."""

    clock: sla.Clock
    state: sla.State
    from_: datetime = Field(serialization_alias="from")
    to: datetime | None
    seconds: int


class Change(Answer):
    """What happened to a clock, with the deadline that held before and the one that holds from then on."""

    at: datetime
    what: sla.Kind
    clock: sla.Clock
    priority: handoffs.Priority
    due_before: datetime | None
    due_at: datetime


class Explanation(Answer):
    """The deadline explained, oldest first: the clocks, the stretches of time behind them, and what changed them.

    A deadline is the start, the target and what was paused together, unless a change of priority would have put it
    before the moment of that change: then it is that moment.
    """

    sla: Sla | None
    clocks: list[Run]
    intervals: list[Interval]
    changes: list[Change]

    @classmethod
    def of(cls, found: promises.Explanation, now: datetime) -> Self:
        return cls(
            sla=Sla.of(found.standing),
            clocks=[
                Run(
                    clock=run.clock,
                    target_seconds=_seconds(run.target),
                    started_at=run.started_at,
                    ended_at=run.ended_at,
                    due_at=run.due_at,
                    breached_at=run.breached_at,
                    counted_seconds=_seconds(run.counted),
                    paused_seconds=_seconds(run.paused),
                )
                for run in found.runs
            ],
            intervals=[
                Interval(
                    clock=interval.clock,
                    state=interval.state,
                    from_=interval.started_at,
                    to=interval.ended_at,
                    seconds=_seconds(interval.length(now)),
                )
                for interval in found.intervals
            ],
            changes=[
                Change(
                    at=change.mark.at,
                    what=change.mark.kind,
                    clock=change.mark.clock,
                    priority=change.mark.priority,
                    due_before=change.due_before,
                    due_at=change.mark.due_at,
                )
                for change in found.changes
            ],
        )


def _seconds(duration: timedelta) -> int:
    return duration // timedelta(seconds=1)
