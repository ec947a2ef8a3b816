"""The five figures at the top of the dashboard, in words: each with its change and the way to what is behind it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from flowops.console import wording
from flowops.domain.access import Actor, Permission
from flowops.domain.artifacts import Judgement
from flowops.queries.spans import Range

if TYPE_CHECKING:
    from flowops.console.dashboard import Asked
    from flowops.queries.dashboard import Dashboard
    from flowops.queries.figures import Promises

_SPANS = {Range.HOUR: "hour", Range.DAY: "24 h", Range.WEEK: "7 days", Range.MONTH: "30 days"}


@dataclass(frozen=True)
class Tile:
    """One figure; `tone` (ok, danger or none) is that of its change, `alarm` a hint that somebody should act upon."""

    title: str
    value: str
    change: str
    tone: str = ""
    hint: str = ""
    alarm: bool = False
    unit: str = ""
    href: str | None = None


def read(found: "Dashboard", asked: "Asked", viewer: Actor) -> list[Tile]:
    """The five figures."""
    before = f"the {_SPANS[asked.range]} before"
    return [
        _waiting(found, asked),
        _response(found, before, asked.url("/response")),
        _promises(found, before, asked.url("/promises")),
        _drafts(found, before, asked.url("/drafts")),
        _dead(found, before, viewer),
    ]


def signed(number: float) -> str:
    """A change, with its sign in front.

    >>> signed(3), signed(-1.25), signed(0)
    ('+3', '−1.2', '±0')
    """
    text = f"{abs(number):.1f}".removesuffix(".0")
    return f"{'+' if number > 0 else '−'}{text}" if text != "0" else "±0"


def share(part: int, whole: int) -> float | None:
    """A part in per cent; None of nothing.

    >>> share(1, 3), share(0, 0)
    (33.3, None)
    """
    return round(100 * part / whole, 1) if whole else None


def _waiting(found: "Dashboard", asked: "Asked") -> Tile:
    hints = ((found.overdue, "overdue"), (found.due_soon, "due soon"))
    return Tile(
        "Need a person now",
        f"{found.waiting.now:,}",
        f"{signed(found.waiting.now - found.waiting.before)} in the last {_SPANS[asked.range]}",
        hint=" · ".join(f"{number} {what}" for number, what in hints if number),
        alarm=True,
        href="/console/q/needs-a-person" + (f"?queue={asked.queue}" if asked.queue else ""),
    )


def _response(found: "Dashboard", before: str, href: str) -> Tile:
    now, then = found.response.now, found.response.before
    if now is None:
        return Tile("First response, median", "–", "No case got its first owner.")
    change, tone = _compared(now - then, before) if then is not None else ("", "")
    return Tile("First response, median", wording.duration(now), change, tone, href=href)


def _compared(change: timedelta, before: str) -> tuple[str, str]:
    if abs(change) < timedelta(seconds=1):
        return f"as in {before}", ""
    slower = change > timedelta(0)
    return f"{'+' if slower else '−'}{wording.duration(abs(change))} vs {before}", "danger" if slower else "ok"


def _promises(found: "Dashboard", before: str, href: str) -> Tile:
    def met(promises: "Promises") -> float | None:
        return share(promises.kept, promises.kept + promises.broken)

    now = met(found.promises.now)
    if now is None:
        return Tile("SLA met", "–", "No promise was decided.")
    change, tone = _points(now, met(found.promises.before), before)
    broken = found.promises.now.broken
    hint = f"{broken} of {broken + found.promises.now.kept} broken"
    return Tile("SLA met", _number(now), change, tone, hint, unit="%", href=href)


def _drafts(found: "Dashboard", before: str, href: str) -> Tile:
    def parts(drafts: dict[Judgement, int]) -> dict[Judgement, float | None]:
        return {verdict: share(number, sum(drafts.values())) for verdict, number in drafts.items()}

    now = parts(found.drafts.now)
    unchanged, edited, rejected = (now[verdict] for verdict in Judgement)
    if unchanged is None or edited is None or rejected is None:
        return Tile("Drafts sent unchanged", "–", "No draft was judged.")
    change, _ = _points(unchanged, parts(found.drafts.before)[Judgement.ACCEPTED], before)
    hint = f"{_number(edited)} % edited · {_number(rejected)} % rejected"
    return Tile("Drafts sent unchanged", _number(unchanged), change, "", hint, unit="%", href=href)


def _dead(found: "Dashboard", before: str, viewer: Actor) -> Tile:
    dead, now = found.dead, found.span.until
    return Tile(
        "Dead letters",
        str(dead.lying),
        f"{dead.buried.now} buried, {dead.buried.before} in {before}",
        hint=f"the oldest {wording.ago(now - dead.oldest, now)}" if dead.oldest is not None else "",
        alarm=True,
        href="/console/dead" if viewer.may(Permission.JOBS_MANAGE) else None,
    )


def _points(now: float, then: float | None, before: str) -> tuple[str, str]:
    """A change in percentage points, and whether more was better."""
    if then is None:
        return "", ""
    change = now - then
    return f"{signed(change)} pts vs {before}", "ok" if change > 0 else "danger" if change < 0 else ""


def _number(share: float) -> str:
    return f"{share:.1f}".removesuffix(".0")
