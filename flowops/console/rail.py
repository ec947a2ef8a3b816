"""The rail beside every page: where whoever looks may go, and how much waits there."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flowops.console import queue
from flowops.console.session import Visit
from flowops.domain.access import Permission
from flowops.queries import dead, effects, handoffs, switch

if TYPE_CHECKING:
    from flowops.settings import Settings
    from flowops.storage.unit import View


@dataclass(frozen=True)
class Place:
    """A page of the rail, beside the lists of cases, and the permission it needs."""

    title: str
    address: str
    permission: Permission


# By the name of their icon.
PLACES = {
    "approvals": Place("For approval", "/console/approvals", Permission.EFFECTS_APPROVE),
    "dashboard": Place("Dashboard", "/console/dash", Permission.METRICS_READ),
    "effect": Place("Effects", "/console/effects", Permission.EFFECTS_PAUSE),
    "dead": Place("Dead letters", "/console/dead", Permission.JOBS_MANAGE),
    "policy": Place("Policies", "/console/policies", Permission.CASES_READ),
    "mail": Place("Sandbox mail", "/console/mail", Permission.JOBS_MANAGE),
    "people": Place("People", "/console/admin/people", Permission.PEOPLE_MANAGE),
    "tokens": Place("Tokens", "/console/admin/tokens", Permission.PEOPLE_MANAGE),
}
# The letters that lead there after a G.
KEYS = {"needs-a-person": "Q", "mine": "M", "sla-at-risk": "S", "dashboard": "D", "dead": "L", "policy": "P"}


def read(view: "View", visit: Visit, settings: "Settings", current: str | None) -> dict[str, Any]:
    """What the templates of every page with a rail need; `current` is the view or place the page belongs to."""
    absent = {"mail"} if settings.smtp_url else set()
    may = {name: place for name, place in PLACES.items() if visit.actor.may(place.permission) and name not in absent}
    waiting = {"approvals": effects.count_for_approval(view)} if "approvals" in may else {}
    letters = {"dead": dead.count(view)} if "dead" in may else {}
    return {
        "visit": visit,
        "now": view.now,
        "views": queue.VIEWS,
        "places": may,
        "keys": KEYS,
        "counts": handoffs.counts(view) | waiting | letters,
        "current": current,
        "switch": switch.read(view),
    }
