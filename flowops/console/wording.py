"""Turns times, names and codes into what people read; knows nothing of pages."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from flowops.domain import sla
from flowops.domain.handoffs import Status

if TYPE_CHECKING:
    from flowops.storage import tables


@dataclass(frozen=True)
class Clock:
    """A promise as the console shows it: `state` is ok, warn, breached, none (nothing promised) or over.

    `used` is the part of the time that is gone, in whole per cent up to 100; `overdue` is the label once it is late.
    """

    state: str
    text: str
    label: str = ""
    used: int = 0
    overdue: str = ""


def clock(handoff: "tables.Handoff", now: datetime) -> Clock:
    """The running promise of a case at this moment."""
    if handoff.status is Status.RESOLVED:
        return Clock("over", "Resolved")
    if handoff.sla_paused_at is not None:
        return Clock(
            "paused", "Paused", f"Waits {ago(handoff.sla_paused_at, now)} for the {words(handoff.waiting_for or '')}"
        )
    started_at, due_at = handoff.sla_started_at, handoff.sla_due_at
    if started_at is None or due_at is None:
        return Clock("none", "No deadline")
    promise = "Claim" if handoff.sla_clock == sla.Clock.RESPONSE else "Resolution"
    overdue = f"{promise} overdue by"
    if sla.is_breached(due_at, now):
        return Clock("breached", f"−{span(now - due_at)}", overdue, 100)
    state = "warn" if handoff.sla_warn_at is not None and now >= handoff.sla_warn_at else "ok"
    used = int(100 * max(timedelta(0), now - started_at) / max(timedelta(seconds=1), due_at - started_at))
    return Clock(state, span(due_at - now), f"{promise} due in", min(used, 100), overdue)


def span(length: timedelta) -> str:
    """A length of time, to the precision people act on.

    >>> span(timedelta(minutes=12, seconds=39)), span(timedelta(hours=2, minutes=2)), span(timedelta(days=2, hours=4))
    ('12:39', '2h 02m', '2d 4h')
    """
    minutes, seconds = divmod(int(length.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d {hours}h"
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}:{seconds:02}"


def duration(length: timedelta) -> str:
    """How long something took; under a minute in seconds, under a second in thousandths.

    >>> duration(timedelta(milliseconds=34)), duration(timedelta(seconds=1.26)), duration(timedelta(minutes=3))
    ('34 ms', '1.3 s', '3:00')
    """
    seconds = length.total_seconds()
    if seconds >= 60:
        return span(length)
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def ago(at: datetime, now: datetime) -> str:
    """How long ago something was, in its largest unit; what is not yet is now.

    >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    >>> ago(noon, noon + timedelta(seconds=4)), ago(noon, noon + timedelta(minutes=90)), ago(noon, noon)
    ('4 s ago', '1 h ago', 'just now')
    """
    seconds = int((now - at).total_seconds())
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return "just now"


def moment(at: datetime) -> str:
    """A time in full.

    >>> moment(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2 Jan 2026, 03:04:05 UTC'
    """
    return f"{at.day} {at.astimezone(UTC):%b %Y, %H:%M:%S} UTC"


def short_time(at: datetime, now: datetime) -> str:
    """A time to the minute; with its day, unless that is today.

    >>> noon = datetime(2026, 1, 2, 12, tzinfo=UTC)
    >>> short_time(noon, noon + timedelta(hours=1)), short_time(noon, noon + timedelta(days=1))
    ('12:00 UTC', '2 Jan, 12:00 UTC')
    """
    at = at.astimezone(UTC)
    day = "" if at.date() == now.astimezone(UTC).date() else f"{at.day} {at:%b}, "
    return f"{day}{at:%H:%M} UTC"


def words(code: str) -> str:
    """A code as plain words.

    >>> words("refunds.amount_limit"), words("handoff_summary.v1"), words("sla_risk")
    ('refunds: amount limit', 'handoff summary', 'SLA risk')
    """
    plain = re.sub(r"\.v\d+$", "", code).replace("_", " ").replace(".", ": ")
    return re.sub(r"\bsla\b", "SLA", plain)


def sentence(code: str) -> str:
    """A code as plain words with a capital at the front.

    >>> sentence("verification_failed")
    'Verification failed'
    """
    text = words(code)
    return text[:1].upper() + text[1:]


def sentence_of(text: str) -> str:
    """Some words with a capital at the front; their other capitals stay.

    >>> sentence_of("the reply says 59.00 EUR")
    'The reply says 59.00 EUR'
    """
    return text[:1].upper() + text[1:]


def label(name: str) -> str:
    """The name of a JSON field as plain words with a capital at the front.

    >>> label("keyFacts"), label("overview")
    ('Key facts', 'Overview')
    """
    return re.sub("[A-Z]", lambda found: f" {found[0].lower()}", name).capitalize()


def fold(text: str) -> tuple[str, str]:
    """The beginning of a long text and its rest; a text that is read at a glance has no rest.

    >>> fold("short")
    ('short', '')
    >>> [len(part) for part in fold("word " * 300)]
    [599, 899]
    """
    lines = text.splitlines(keepends=True)
    if len(text) <= 900 and len(lines) <= 14:
        return text, ""
    cut = min(len("".join(lines[:10])), 600)
    space = max(text.rfind(" ", 0, cut), text.rfind("\n", 0, cut))
    cut = space if space > cut // 2 else cut
    return text[:cut], text[cut:].strip()


def initials(name: str) -> str:
    """At most two letters that stand for a name.

    >>> initials("Priya van Nair"), initials("bot"), initials(" ")
    ('PN', 'B', '?')
    """
    parts = name.split()
    letters = [part[0] for part in (parts[0], *parts[1:][-1:])] if parts else ["?"]
    return "".join(letters).upper()


def short_name(name: str) -> str:
    """A name for a narrow column.

    >>> short_name("Priya van Nair"), short_name("bot")
    ('Priya N.', 'bot')
    """
    parts = name.split()
    return f"{parts[0]} {parts[-1][0]}." if len(parts) > 1 else name


def first_name(name: str) -> str:
    """What colleagues call somebody.

    >>> first_name("Priya Nair")
    'Priya'
    """
    return (name.split() or [name])[0]
