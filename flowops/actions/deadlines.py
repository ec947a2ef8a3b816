"""Sweeps over deadlines: finds the promises that are broken or nearly so and marks them, a batch at a time.

Any number of processes may sweep at once: each passes over the cases that another one, or a person, holds locked.
"""

from collections.abc import Callable

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute

from flowops.actions import handoffs, sla, sweeping
from flowops.storage import tables
from flowops.storage.unit import Unit

_ROW = tables.Handoff


def breach_due(unit: Unit, limit: int) -> int:
    """Mark the promises whose deadline has passed, the oldest deadline first; how many, and no more than `limit`."""
    return _each(unit, limit, _ROW.sla_due_at, _ROW.sla_due_at < unit.now, _ROW.sla_breached_at, sla.settle)


def warn_due(unit: Unit, limit: int) -> int:
    """Note the deadlines that are near, the nearest warning first; how many, and no more than `limit`."""
    return _each(unit, limit, _ROW.sla_warn_at, _ROW.sla_warn_at <= unit.now, _ROW.sla_warned_at, sla.warn)


def _each(
    unit: Unit,
    limit: int,
    order: InstrumentedAttribute[object],
    is_due: ColumnElement[bool],
    done_at: InstrumentedAttribute[object],
    act: Callable[[Unit, tables.Handoff], None],
) -> int:
    # The conditions of the partial indexes, so that it costs what is due and not what is open.
    due = select(_ROW).where(is_due, done_at.is_(None), _ROW.resolved_at.is_(None)).order_by(order).limit(limit)
    found = unit.session.scalars(due.with_for_update(of=_ROW, skip_locked=True, key_share=True)).all()

    def settle(handoff: tables.Handoff) -> None:
        act(unit, handoff)
        handoffs.touch(unit, handoff)

    return sweeping.each(unit, found, settle)
