"""What waits for the approval of whoever looks, the oldest first; the decision itself is taken in the case."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response

from flowops.console import answer, rail, render
from flowops.console.session import App, Visit, requires
from flowops.domain.access import Permission
from flowops.queries import effects

router = APIRouter(prefix="/approvals")


@router.get("")
def show(app: App, visit: Annotated[Visit, requires(Permission.EFFECTS_APPROVE)], cursor: str = "") -> Response:
    """The effects that I may approve, each with its case."""
    with app.view(visit.actor) as view:
        return render.html(
            "approvals.html",
            answer=answer.NONE,
            page=effects.for_approval(view, cursor or None),
            cursor=cursor,
            **rail.read(view, visit, app.settings, "approvals"),
        )
