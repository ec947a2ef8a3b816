"""The switch that keeps every effect from starting: thrown in an emergency, and taken back when somebody has looked.

What was approved waits meanwhile, and everything else goes on. Calls that were begun before are not cut off.
"""

from sqlalchemy import select

from flowops import errors
from flowops.domain import events
from flowops.storage import tables
from flowops.storage.unit import Unit

SOON = 2  # seconds after which a job that met the pause may be claimed again
_LOCK = "effects start"
_SWITCH = select(tables.EffectSwitch).execution_options(populate_existing=True)
_IS_PAUSED = select(tables.EffectSwitch.is_paused)


def pause(unit: Unit, reason: str) -> None:
    """From the commit on no effect starts anywhere; changes nothing when they are paused already.

    It waits for those that are starting in this moment, and for none that come after it. Raises Invalid without a
    `reason`: whoever finds everything standing still must be able to read why.
    """
    if not reason.strip():
        raise errors.Invalid(reason="Say why effects are to be paused. Nothing was changed.")
    row = _lock(unit)
    if not row.is_paused:
        _set(unit, row, reason, is_paused=True)
        unit.record(events.EffectsPaused(reason=reason))


def resume(unit: Unit, reason: str | None = None) -> None:
    """Effects start again, in the order in which they became due; changes nothing when they are not paused."""
    row = _lock(unit)
    if row.is_paused:
        _set(unit, row, reason, is_paused=False)
        unit.record(events.EffectsResumed(reason=reason))


def refuse_paused(unit: Unit) -> None:
    """Raise EffectsPaused when no effect may start; until this unit ends nobody can pause them.

    To be called before any row is locked, since whoever pauses waits for this unit. The lock is one that queues. Shared
    locks of the switch's row would not: a new start could always join those that hold one, and a pause would wait for
    as long as there is work.
    """
    unit.lock(_LOCK, shared=True)
    if is_paused(unit):
        raise errors.EffectsPaused(seconds=SOON)


def is_paused(unit: Unit) -> bool:
    """Are effects paused as far as this unit can see? It may change at any moment, unless nothing may start in it."""
    # Without its row nobody knows, and that is an error and no yes.
    paused: bool = unit.execute(_IS_PAUSED).scalar_one()
    return paused


def _lock(unit: Unit) -> tables.EffectSwitch:
    unit.lock(_LOCK)
    return unit.session.scalars(_SWITCH).one()


def _set(unit: Unit, row: tables.EffectSwitch, reason: str | None, *, is_paused: bool) -> None:
    row.is_paused, row.reason, row.at = is_paused, reason, unit.now
    row.by_id, row.by_name = unit.actor.id, unit.actor.name
