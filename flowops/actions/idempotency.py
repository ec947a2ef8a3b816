"""The keys under which callers repeat a request; a key is kept with its answer, in the unit of the change."""

from datetime import timedelta

from sqlalchemy import delete, select, tuple_
from sqlalchemy.exc import IntegrityError, OperationalError

from flowops import errors
from flowops.storage import tables
from flowops.storage.unit import Unit

KEPT = timedelta(hours=48)
AT_ONCE = 1000  # keys that are forgotten in one unit
LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL, Appendix A: what a wait that reached lock_timeout ends with


def reserve(unit: Unit, key: str, request_sha256: str) -> tables.IdempotencyKey | None:
    """Take the key for this unit; None when an earlier request has been answered under it.

    While another unit holds the key this waits for its end, and raises IdempotencyInProgress when that takes too long.
    """
    row = tables.IdempotencyKey(caller_id=unit.actor.id, key=key, request_sha256=request_sha256, created_at=unit.now)
    try:
        with unit.session.begin_nested():
            unit.session.add(row)
    except IntegrityError:
        return None
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
            raise errors.IdempotencyInProgress() from error
        raise
    return row


def purge(unit: Unit) -> int:
    """Forget keys that are older than two days, for repeats come within minutes; how many, and at most AT_ONCE."""
    row = tables.IdempotencyKey
    old = select(row.caller_id, row.key).where(row.created_at < unit.now - KEPT).limit(AT_ONCE)
    gone = unit.session.execute(delete(row).where(tuple_(row.caller_id, row.key).in_(old)).returning(row.key))
    return len(gone.all())
