"""How a moment is written down where no database type does it: in audit entries and contexts."""

from datetime import UTC, datetime
from typing import overload


@overload
def rfc3339(at: datetime) -> str: ...
@overload
def rfc3339(at: datetime | None) -> str | None: ...
def rfc3339(at: datetime | None) -> str | None:
    """A moment as RFC 3339 in UTC, the way every JSON answer writes it; no moment stays none.

    >>> rfc3339(datetime(2026, 11, 22, 10, tzinfo=UTC))
    '2026-11-22T10:00:00Z'
    """
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z") if at else None


def in_words(at: datetime) -> str:
    """A moment as a sentence says it, to the minute.

    >>> in_words(datetime(2026, 11, 22, 10, tzinfo=UTC))
    '2026-11-22 10:00 UTC'
    """
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
