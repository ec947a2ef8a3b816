"""Bearer tokens: made for a person or a service, shown once, and revoked."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from flowops import app as application
from flowops import settings
from flowops.actions import operators
from flowops.console import answer, forms, rail, render
from flowops.console.answer import Answer
from flowops.console.session import App, Change, Visit, changes, requires
from flowops.domain.access import Permission
from flowops.queries import operators as known

if TYPE_CHECKING:
    from flowops.storage.unit import Unit

router = APIRouter(prefix="/admin/tokens", route_class=forms.Route)
Manager = Annotated[Change, changes(Permission.PEOPLE_MANAGE)]
Written = Annotated[str, Form()]
EXPIRIES = {"30d": "30 days", "90d": "90 days", "365d": "365 days", "": "Never"}


@router.get("")
def show(app: App, visit: Annotated[Visit, requires(Permission.PEOPLE_MANAGE)]) -> Response:
    """Every token by its last four characters, and a form to make one."""
    return _page(app, visit)


@router.post("")
def create(change: Manager, owner: Written = "", service: Written = "", expires: Written = "90d") -> Response:
    """Make a token for somebody, or for a new service, and show it, for the only time."""
    typed = {"owner": owner, "service": service, "expires": expires}
    wrong = {} if expires in EXPIRIES else {"expires": "Choose how long it works."}
    if bool(owner) is bool(service.strip()):
        wrong["service"] = "Choose who it is for, or name a new service."
    if wrong:
        return _page(change.app, change, answer.missing(wrong, typed), 422)

    def work(unit: "Unit") -> str:
        user_id = owner or operators.add_service(unit, service.strip()).id
        return operators.create_token(unit, user_id, settings.parse_duration(expires) if expires else None)

    return change.reveal(
        work,
        lambda token: _page(change.app, change, token=token),
        lambda refused, status: _page(change.app, change, answer.plain(refused, typed), status),
    )


@router.post("/{token_id}/revoke")
def revoke(change: Manager, token_id: str) -> Response:
    """Make a token stop working, now."""
    return change.lead(
        lambda unit: operators.revoke_token(unit, token_id),
        "/console/admin/tokens",
        lambda refused, status: _page(change.app, change, answer.plain(refused), status),
    )


def _page(
    app: application.App, visit: Visit, said: Answer = answer.NONE, status: int = 200, token: str | None = None
) -> Response:
    with app.view(visit.actor) as view:
        return render.html(
            "admin/tokens.html",
            status,
            answer=said,
            tokens=[(each, owner, known.token_state(each, owner, view.now)) for each, owner in known.tokens(view)],
            owners=[member.user for member in known.users(view) if member.user.disabled_at is None],
            expiries=EXPIRIES,
            token=token,
            **rail.read(view, visit, app.settings, "tokens"),
        )
