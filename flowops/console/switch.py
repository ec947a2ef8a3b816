"""The switch that keeps every effect from starting, as a page; and the banner that everybody sees meanwhile."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from flowops import app as application
from flowops.actions import switch as actions
from flowops.console import answer, forms, rail, render
from flowops.console.answer import Answer
from flowops.console.session import App, Change, Visit, changes, requires
from flowops.domain.access import Permission
from flowops.queries import effects, switch

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.storage.unit import Unit

router = APIRouter(prefix="/effects", route_class=forms.Route)
Reader = Annotated[Visit, requires(Permission.CASES_READ)]
Keeper = Annotated[Visit, requires(Permission.EFFECTS_PAUSE)]
Decider = Annotated[Change, changes(Permission.EFFECTS_PAUSE)]
Written = Annotated[str, Form()]
HERE = "/console/effects"


@router.get("")
def show(app: App, visit: Keeper) -> Response:
    """Whether effects start, and how many there are to start or on their way."""
    return _page(app, visit)


@router.get("/banner")
def show_banner(app: App, visit: Reader) -> Response:
    """The banner alone, as it is now, for pages that were made before; nothing while effects start."""
    with app.view(visit.actor) as view:
        return render.html("banner.html", visit=visit, switch=switch.read(view))


@router.post("/pause")
def pause(change: Decider, reason: Written = "") -> Response:
    """Let no effect start from here on, and say why."""
    if wrong := forms.unfit(reason, "Say why."):
        return _page(change.app, change, answer.missing({"reason": wrong}, {"reason": reason}), 422)
    return _do(change, lambda unit: actions.pause(unit, forms.lines(reason)), reason)


@router.post("/resume")
def resume(change: Decider, reason: Written = "") -> Response:
    """Let effects start again; why is for whoever does it to say or not."""
    if reason.strip() and (wrong := forms.unfit(reason, "")):
        return _page(change.app, change, answer.missing({"reason": wrong}, {"reason": reason}), 422)
    return _do(change, lambda unit: actions.resume(unit, forms.lines(reason) or None), reason)


def _do(change: Change, work: "Callable[[Unit], object]", reason: str) -> Response:
    return change.lead(
        work,
        HERE,
        lambda refused, status: _page(change.app, change, answer.plain(refused, {"reason": reason}), status),
    )


def _page(app: application.App, visit: Visit, said: Answer = answer.NONE, status: int = 200) -> Response:
    with app.view(visit.actor) as view:
        return render.html(
            "effects.html",
            status,
            answer=said,
            underway=effects.underway(view),
            **rail.read(view, visit, app.settings, "effect"),
        )
