"""The keys under which callers repeat a request; a key is kept with its answer, in the unit of the change."""

from datetime import timedelta

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError, OperationalError

from flowops import errors
from flowops.storage import tables
from flowops.storage.unit import Unit

KEPT = timedelta(hours=48)
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


def purge(unit: Unit) -> None:
    """Forget the keys that are older than two days: repeats come within minutes."""
    unit.session.execute(delete(tables.IdempotencyKey).where(tables.IdempotencyKey.created_at < unit.now - KEPT))
