"""Pages to read: a list, a list with a case beside it, and a case alone."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import RedirectResponse, Response

from flowops import app as application
from flowops import stream
from flowops.console import answer, case, rail, render, session, wording
from flowops.console.answer import Answer
from flowops.console.case import Looks
from flowops.console.queue import Listing
from flowops.console.session import App, Visit, requires
from flowops.domain.access import ActorKind, Permission
from flowops.domain.filters import Risk
from flowops.domain.handoffs import Outcome, Priority, Reason, Status, Tier
from flowops.queries import operators

if TYPE_CHECKING:
    from flowops.console.many import Results

router = APIRouter()
Reader = Annotated[Visit, requires(Permission.CASES_READ)]
AS_IT_IS = Looks()


def _looks(text: str = "", who: str = "") -> Looks:
    return Looks(text, who if who in set(ActorKind) else "")


Seen = Annotated[Looks, Depends(_looks)]


@router.get("/")
def start(_: Reader) -> Response:
    """Where everybody begins."""
    return RedirectResponse("/console/q/needs-a-person", 303)


@router.get("/events")
def events(
    request: Request,
    app: App,
    visit: Reader,
    after: Annotated[str | None, Query(max_length=stream.LONGEST_ID)] = None,
    last_event_id: Annotated[str | None, Header(max_length=stream.LONGEST_ID)] = None,
) -> Response:
    """The stream of changes for a page that was made `after` some of them, until the session or the page ends."""
    return stream.response(app, visit.actor, session.reader(request, app), last_event_id or after)


@router.get("/q/{view}")
def show_list(
    request: Request, app: App, visit: Reader, view: str, looks: Seen, case: str = "", select: str = ""
) -> Response:
    """A list of cases, with one of them open beside it; `select=page` picks every case that is shown."""
    listing = Listing.read(view, request.query_params)
    return page(app, visit, listing, case or None, picked=None if select == "page" else frozenset(), looks=looks)


@router.get("/case/{ref}")
def show_case(app: App, visit: Reader, ref: str, looks: Seen) -> Response:
    """One case alone: the address to share."""
    return page(app, visit, None, ref, looks=looks)


def page(
    app: application.App,
    visit: Visit,
    listing: Listing | None,
    ref: str | None,
    said: Answer = answer.NONE,
    status: int = 200,
    *,
    results: "Results | None" = None,
    picked: frozenset[str] | None = frozenset(),
    looks: Looks = AS_IT_IS,
) -> Response:
    """A list, a case, or both, as they are now.

    `said` is what the last action had to say, `results` what an action on many cases did; `picked` are the cases that
    are selected, None for all that are shown. Words that cannot be looked for are told beside their field.
    """
    # Before anything is read, so that what happens meanwhile is told again.
    told = app.changes.now(app.view).position if listing else None
    with app.view(visit.actor) as view:
        rows = listing.rows(view) if listing else None
        shown = {
            **rail.read(view, visit, app.settings, listing.view if listing else None),
            "pane": case.read(view, ref, looks) if ref else None,
            "page": rows,
            "found": listing.found(view) if listing else None,
            "colleagues": operators.colleagues(view) if visit.actor.may(Permission.HANDOFFS_SUPERVISE) else [],
        }
    if listing and listing.wrong and status == 200:
        status = 422
    everything = frozenset(row.handoff.label for row in rows.items) if rows else frozenset()
    return render.html(
        "queue.html" if listing else "case.html",
        status,
        listing=listing,
        choices=_choices(visit),
        outcomes=list(Outcome),
        act=listing.act if listing else "/console/case/{}/{}".format,
        answer=said,
        results=results,
        picked=everything if picked is None else picked,
        told=told,
        **shown,
    )


def _choices(visit: Visit) -> dict[str, dict[str, str]]:
    """What each filter of a list offers."""
    return {
        "status": {status: status.capitalize() for status in Status},
        "priority": {priority: priority.capitalize() for priority in reversed(Priority)},
        "queue": {name: name for name in sorted(visit.actor.queues)},
        "assignee": {"me": "Me", "none": "Nobody"},
        "reason": {reason: wording.sentence(reason) for reason in Reason},
        "tier": {tier: tier.capitalize() for tier in Tier},
        "risk": {risk: risk.capitalize() for risk in Risk},
        "waiting": {"true": "Waiting", "false": "Not waiting"},
        "breached": {"true": "Overdue", "false": "In time"},
    }
