"""Does something to each of many rows in one unit, so that one that cannot be done keeps no other from being done."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError

from flowops.storage import tables
from flowops.storage.unit import Unit

log = structlog.get_logger()

Row = TypeVar("Row", tables.Handoff, tables.Effect)


def each(unit: Unit, rows: Sequence[Row], act: Callable[[Row], object]) -> int:
    """Do it to all of them together; if that fails, to one after another, without those that fail. How many were found.

    It is 0 when none could be done: then there is no use in asking for more at once.
    """
    if not rows or _survives(unit, lambda: [act(row) for row in rows]):
        return len(rows)
    ids = [row.id for row in rows]
    done = [_survives(unit, partial(act, row), id) for id, row in zip(ids, rows, strict=True)]
    return len(rows) if any(done) else 0


def _survives(unit: Unit, work: Callable[[], object], id: str | None = None) -> bool:
    """Did this go well? If not, what it did is taken back; a lost database is no fault of a row."""
    try:
        with unit.savepoint():
            work()
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        # Whatever is wrong with one row, promises to everybody else are not to be broken over it.
        if id is not None:
            log.warning("left undone", id=id, error=str(error), exc_info=True)
        return False
    return True
