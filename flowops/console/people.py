"""People and services: who may act, as what, and on which queues."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from flowops import app as application
from flowops import errors
from flowops.actions import operators
from flowops.console import answer, forms, rail, render
from flowops.console.answer import Answer
from flowops.console.session import App, Change, Visit, changes, requires
from flowops.domain.access import Permission, Role
from flowops.queries import operators as known

if TYPE_CHECKING:
    from collections.abc import Callable

    from flowops.storage.unit import Unit

router = APIRouter(prefix="/admin/people", route_class=forms.Route)
Admin = Annotated[Visit, requires(Permission.PEOPLE_MANAGE)]
Manager = Annotated[Change, changes(Permission.PEOPLE_MANAGE)]
Written = Annotated[str, Form()]
HERE = "/console/admin/people"
ROLES = [role for role in Role if role is not Role.SERVICE]
LONGEST = 1000  # characters of a list of queues, as its field says


@router.get("")
def show(app: App, visit: Admin) -> Response:
    """Everybody, and a form to add somebody."""
    return _list(app, visit)


@router.post("")
def add(change: Manager, name: Written = "", email: Written = "", role: Written = "", queues: Written = "") -> Response:
    """Add a person, who signs in with a link at first."""
    typed = {"name": name, "email": email, "role": role, "queues": queues}
    wrong = _too_long(queues) | ({} if role in ROLES else {"role": "Choose a role."})
    if wrong:
        return _list(change.app, change, answer.missing(wrong, typed), 422)
    return change.lead(
        lambda unit: operators.add_person(unit, name, email.strip(), Role(role), _names(queues)),
        HERE,
        lambda refused, status: _list(change.app, change, answer.plain(refused, typed), status),
    )


@router.get("/{user_id}")
def show_one(app: App, visit: Admin, user_id: str) -> Response:
    """One person or service, and what can be decided about them."""
    return _one(app, visit, user_id)


@router.post("/{user_id}/role")
def change_role(change: Manager, user_id: str, role: Written = "") -> Response:
    """Give a person another role."""
    if role not in ROLES:
        return _one(change.app, change, user_id, answer.missing({"role": "Choose a role."}, {}), 422)
    return _do(change, user_id, lambda unit: operators.change_role(unit, user_id, Role(role)))


@router.post("/{user_id}/queues")
def set_queues(change: Manager, user_id: str, queues: Written = "") -> Response:
    """Choose the queues somebody sees."""
    if wrong := _too_long(queues):
        return _one(change.app, change, user_id, answer.missing(wrong, {}), 422)
    return _do(change, user_id, lambda unit: operators.set_queues(unit, user_id, _names(queues)), queues=queues)


@router.post("/{user_id}/password")
def set_password(change: Manager, user_id: str, password: Written = "") -> Response:
    """Give a person a password and sign them out everywhere."""
    try:
        kept = operators.hashed(password)
    except errors.Invalid as refused:
        return _one(change.app, change, user_id, answer.plain(refused), 422)
    return _do(change, user_id, lambda unit: operators.set_password(unit, user_id, kept))


@router.post("/{user_id}/sign-out")
def sign_out(change: Manager, user_id: str) -> Response:
    """Sign a person out everywhere."""
    return _do(change, user_id, lambda unit: operators.sign_out_everywhere(unit, user_id))


@router.post("/{user_id}/disable")
def disable(change: Manager, user_id: str) -> Response:
    """End somebody's access."""
    return _do(change, user_id, lambda unit: operators.disable(unit, user_id))


@router.post("/{user_id}/link")
def make_link(change: Manager, user_id: str) -> Response:
    """Make a one-time sign-in link and show it, for the only time."""
    return change.reveal(
        lambda unit: operators.make_sign_in_link(unit, user_id),
        lambda secret: _one(change.app, change, user_id, link=f"{change.app.settings.origin}/console/link/{secret}"),
        lambda refused, status: _one(change.app, change, user_id, answer.plain(refused), status),
    )


def _do(change: Change, user_id: str, work: "Callable[[Unit], object]", **typed: str) -> Response:
    return change.lead(
        work,
        f"{HERE}/{user_id}",
        lambda refused, status: _one(change.app, change, user_id, answer.plain(refused, typed), status),
    )


def _too_long(queues: str) -> dict[str, str]:
    return {"queues": f"{LONGEST:,} characters are the most."} if len(queues) > LONGEST else {}


def _names(queues: str) -> list[str]:
    """The queues in a field, with commas or spaces between.

    >>> _names("default, billing ,")
    ['default', 'billing']
    """
    return queues.replace(",", " ").split()


def _list(app: application.App, visit: Visit, said: Answer = answer.NONE, status: int = 200) -> Response:
    with app.view(visit.actor) as view:
        return render.html(
            "admin/people.html",
            status,
            answer=said,
            members=known.users(view),
            roles=ROLES,
            queues=known.queues(view),
            **rail.read(view, visit, app.settings, "people"),
        )


def _one(
    app: application.App,
    visit: Visit,
    user_id: str,
    said: Answer = answer.NONE,
    status: int = 200,
    link: str | None = None,
) -> Response:
    with app.view(visit.actor) as view:
        return render.html(
            "admin/person.html",
            status,
            answer=said,
            member=known.member(view, user_id),
            sessions=known.sessions(view, user_id),
            roles=ROLES,
            queues=known.queues(view),
            link=link,
            **rail.read(view, visit, app.settings, "people"),
        )
