"""Whoever is signed in, as FlowOps knows them, and what they may choose for themselves."""

from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import Response

from flowops import app as application
from flowops import errors, tries
from flowops.actions import operators
from flowops.console import answer, forms, rail, render
from flowops.console.answer import Answer
from flowops.console.session import App, Change, Visit, changes, requires
from flowops.domain import passwords
from flowops.domain.access import PERMISSIONS
from flowops.queries import operators as known

router = APIRouter(prefix="/me", route_class=forms.Route)
Myself = Annotated[Change, changes()]
Written = Annotated[str, Form()]
HERE = "/console/me"


@router.get("")
def show(app: App, visit: Annotated[Visit, requires()]) -> Response:
    """Who I am, what I may do, and my settings."""
    return _page(app, visit)


@router.post("/notify")
def notify(change: Myself, by_mail: Annotated[str, Form(alias="byMail")] = "") -> Response:
    """Choose whether I am told by mail of cases that need me."""
    return change.lead(
        lambda unit: operators.set_notify(unit, _id(change), by_mail == "on"),
        HERE,
        lambda refused, status: _page(change.app, change, answer.plain(refused), status),
    )


@router.post("/password")
def change_password(change: Myself, current: Written = "", password: Written = "", again: Written = "") -> Response:
    """Take another password, which ends every session of mine; who has one must know it."""
    wrong = {} if password else {"password": "Choose a new password."}
    wrong |= {"again": "This is not the same."} if password != again else {}
    wrong |= {"current": "No password is that long."} if len(current) > passwords.LONGEST else {}
    if wrong:
        return _page(change.app, change, answer.missing(wrong, {}), 422)
    if not _knows(change, current):
        return _page(change.app, change, answer.missing({"current": "This is not your password."}, {}), 422)
    try:
        kept = operators.hashed(password)
    except errors.Invalid as refused:
        return _page(change.app, change, answer.plain(refused), 422)
    return change.lead(
        lambda unit: operators.set_password(unit, _id(change), kept),
        "/console/login",
        lambda refused, status: _page(change.app, change, answer.plain(refused), status),
    )


@router.post("/sign-out")
def sign_out_everywhere(change: Myself) -> Response:
    """End every session of mine, this one too."""
    return change.lead(
        lambda unit: operators.sign_out_everywhere(unit, _id(change)),
        "/console/login",
        lambda refused, status: _page(change.app, change, answer.plain(refused), status),
    )


def _page(app: application.App, visit: Visit, said: Answer = answer.NONE, status: int = 200) -> Response:
    assert visit.actor.role
    with app.view(visit.actor) as view:
        return render.html(
            "me.html",
            status,
            answer=said,
            member=known.member(view, _id(visit)),
            sessions=known.sessions(view, _id(visit)),
            permissions=sorted(PERMISSIONS[visit.actor.role]),
            **rail.read(view, visit, app.settings, "me"),
        )


def _knows(change: Change, password: str) -> bool:
    """Is this the password of whoever is signed in? True where there is none yet. Too many wrong ones: TooManyTries."""
    address = change.request.client.host if change.request.client else ""
    with change.app.view(change.actor) as view:
        user = known.member(view, _id(change)).user
        claimant = known.claimant(view, user.email or "")
    if user.password_hash is None:
        return True
    try:
        with change.app.tries.trying(tries.SIGN_INS, address):
            known.verify(claimant, password)
    except errors.NotAuthenticated:
        return False
    return True


def _id(visit: Visit) -> str:
    assert visit.actor.id, "only people sign in"
    return visit.actor.id
