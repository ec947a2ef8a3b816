"""Pages to read: a list, a list with a case beside it, and a case alone."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from flowops import app as application
from flowops.console import answer, case, queue, render
from flowops.console.answer import Answer
from flowops.console.queue import Listing
from flowops.console.session import App, Visit, requires
from flowops.domain.access import Permission
from flowops.domain.handoffs import Outcome, Priority, Status
from flowops.queries import handoffs

router = APIRouter()
Reader = Annotated[Visit, requires(Permission.CASES_READ)]


@router.get("/")
def start(_: Reader) -> Response:
    """Where everybody begins."""
    return RedirectResponse("/console/q/needs-a-person", 303)


@router.get("/q/{view}")
def show_list(request: Request, app: App, visit: Reader, view: str, case: str = "") -> Response:
    """A list of cases, with one of them open beside it."""
    return page(app, visit, Listing.read(view, request.query_params), case or None)


@router.get("/case/{ref}")
def show_case(app: App, visit: Reader, ref: str) -> Response:
    """One case alone: the address to share."""
    return page(app, visit, None, ref)


def page(
    app: application.App,
    visit: Visit,
    listing: Listing | None,
    ref: str | None,
    said: Answer = answer.NONE,
    status: int = 200,
) -> Response:
    """A list, a case, or both, as they are now; `said` is what the last action had to say."""
    with app.view(visit.actor) as view:
        shown = {
            "now": view.now,
            "counts": handoffs.counts(view),
            "pane": case.read(view, ref) if ref else None,
            "page": listing.rows(view) if listing else None,
        }
    return render.html(
        "queue.html" if listing else "case.html",
        status,
        visit=visit,
        views=queue.VIEWS,
        current=listing.view if listing else None,
        listing=listing,
        choices=_choices(visit),
        outcomes=list(Outcome),
        act=listing.act if listing else "/console/case/{}/{}".format,
        answer=said,
        **shown,
    )


def _choices(visit: Visit) -> dict[str, dict[str, str]]:
    """What each filter of a list offers."""
    return {
        "status": {status: status.capitalize() for status in Status},
        "priority": {priority: priority.capitalize() for priority in reversed(Priority)},
        "queue": {name: name for name in sorted(visit.actor.queues)},
        "assignee": {"me": "Me", "none": "Nobody"},
    }
