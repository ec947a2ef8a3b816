"""Sign in with a password or a one-time link, and sign out."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from flowops import errors, tries
from flowops.actions import operators
from flowops.console import answer, forms, render, session
from flowops.console.answer import Answer
from flowops.console.session import PUBLIC, App
from flowops.domain import passwords
from flowops.domain.access import SYSTEM
from flowops.queries import operators as known

router = APIRouter(route_class=forms.Route)
EMAIL = 320  # characters


@router.get("/login", dependencies=[PUBLIC])
def show(wanted: Annotated[str, Query(alias="next")] = "/console") -> Response:
    """The sign-in page."""
    return _login(answer.NONE, wanted)


@router.post("/login", dependencies=[PUBLIC])
def sign_in(
    request: Request,
    app: App,
    email: Annotated[str, Form()] = "",
    password: Annotated[str, Form()] = "",
    wanted: Annotated[str, Form(alias="next")] = "/console",
) -> Response:
    """Check a password and begin a session."""
    session.refuse_foreign(request, app)
    address, typed = request.client.host if request.client else "", {"email": email}
    wrong = {"email": "Enter your e-mail address."} if not email.strip() else {}
    wrong |= {"password": "Enter your password."} if not password else {}
    wrong |= {"email": "No e-mail address is that long."} if len(email) > EMAIL else {}
    wrong |= {"password": "No password is that long."} if len(password) > passwords.LONGEST else {}
    if wrong:
        return _login(Answer("Not signed in", "Nothing was checked.", wrong=wrong, typed=typed), wanted, 422)
    try:
        with app.tries.trying(tries.SIGN_INS, address):
            with app.view() as view:
                claimant = known.claimant(view, email.strip())
            user_id = known.verify(claimant, password)
            with app.unit(SYSTEM) as unit:
                operators.sign_out(unit, request.cookies.get(session.cookie(app), ""))
                secret = operators.sign_in(unit, user_id)
    except errors.NotAuthenticated as error:
        wrong = {"password": "Check this and the e-mail address."}
        return _login(Answer("Not signed in", str(error), "danger", wrong, typed), wanted, 401)
    except errors.TooManyTries as error:
        return _login(Answer("Too many tries", _wait(error), "danger", typed=typed), wanted, 429)
    return _begin(app, secret, wanted)


@router.get("/link/{secret}", dependencies=[PUBLIC])
def ask() -> Response:
    """Ask for a click before the link is used up: programs that preview links open them too."""
    return render.html("link.html", answer=answer.NONE)


@router.post("/link/{secret}", dependencies=[PUBLIC])
def sign_in_by_link(request: Request, app: App, secret: str) -> Response:
    """Use up a one-time link and begin a session."""
    session.refuse_foreign(request, app)
    address = request.client.host if request.client else ""
    try:
        with app.tries.trying(tries.SIGN_INS, address), app.unit(SYSTEM) as unit:
            operators.sign_out(unit, request.cookies.get(session.cookie(app), ""))
            begun = operators.sign_in_by_link(unit, secret)
    except errors.NotAuthenticated as error:
        return render.html("link.html", 401, answer=Answer("Not signed in", str(error), "danger"))
    except errors.TooManyTries as error:
        return render.html("link.html", 429, answer=Answer("Too many tries", _wait(error), "danger"))
    return _begin(app, begun, "/console")


@router.post("/logout")
def sign_out(change: Annotated[session.Change, session.changes()]) -> Response:
    """End the session, here and in the database."""
    with change.app.unit(change.actor) as unit:
        operators.sign_out(unit, change.request.cookies[session.cookie(change.app)])
    response = RedirectResponse("/console/login", 303)
    session.end(response, change.app)
    return response


def _begin(app: App, secret: str, wanted: str) -> Response:
    response = RedirectResponse(session.way_back(wanted), 303)
    session.begin(response, app, secret)
    return response


def _login(said: Answer, wanted: str, status: int = 200) -> Response:
    return render.html("login.html", status, answer=said, next=session.way_back(wanted))


def _wait(error: errors.TooManyTries) -> str:
    return f"Nothing was checked. Again in {error.facts['seconds']} s."
