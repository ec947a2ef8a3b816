"""What goes wrong, as pages."""

import re
from urllib.parse import quote, urlencode

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match, Route

from flowops import app as application
from flowops import boundary, errors
from flowops.console import render, session
from flowops.domain.access import PERMISSIONS, Permission, Role
from flowops.queries import operators

_TITLES = {
    403: "Not allowed",
    404: "Not found",
    405: "Not possible",
    409: "Not changed",
    413: "Too large",
    415: "Not understood",
    422: "Not understood",
}


def page(error: errors.FlowOpsError, advice: str = "") -> Response:
    """The page that tells a visitor about an error, and perhaps what to do about it."""
    number = boundary.status(error)
    made = _page(number, _TITLES.get(number, error.title), str(error), advice)
    if isinstance(error, errors.Unavailable):
        made.headers["Retry-After"] = "5"
    return made


def install(console: FastAPI) -> None:
    """Make every error of the console a page."""
    console.add_exception_handler(errors.FlowOpsError, _known)
    console.add_exception_handler(errors.Denied, _denied)
    console.add_exception_handler(RequestValidationError, _misshapen)
    console.add_exception_handler(HTTPException, _refused_by_the_framework)
    console.add_middleware(boundary.Boundary, answer=_unexpected)


def _known(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.FlowOpsError)
    if isinstance(error, errors.SignedOut):
        return RedirectResponse(session.sign_in_page(request), 303)
    return page(error)


def _denied(request: Request, error: Exception) -> Response:
    """Whatever denied it, somebody tried what they may not: that is recorded before they are told."""
    assert isinstance(error, errors.Denied)
    app = request.app.state.flowops
    try:
        session.record(request, app, error)
        return page(error, _whom_to_ask(app, error) if isinstance(error, errors.NotPermitted) else "")
    except errors.Unavailable as unavailable:
        return page(unavailable)


def _whom_to_ask(app: application.App, error: errors.NotPermitted) -> str:
    roles = [role for role in Role if Permission(error.facts["permission"]) in PERMISSIONS[role]]
    with app.view() as view:
        names = [admin.name for admin in operators.admins(view)][:3]
    who = f"{' or '.join(names)}, who can give people" if names else "an admin for"
    return f"It belongs to the {'role' if len(roles) == 1 else 'roles'} {', '.join(roles)}. Ask {who} another role."


def _misshapen(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _page(422, "Not understood", "The form was not filled in the way it is meant. Nothing was changed.")


def _refused_by_the_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405 and request.method == "GET":
        return RedirectResponse(_behind(request), 303)
    text = {
        404: "There is nothing at this address. It may have been mistyped.",
        405: f"{request.method} is not possible at this address. Nothing was changed.",
    }.get(error.status_code, f"{error.detail}. Nothing was changed.")
    return _page(error.status_code, _TITLES.get(error.status_code, str(error.detail)), text)


def _behind(request: Request) -> str:
    """The page that the form of an address stands on, for who opens the address of a form, from the history perhaps.

    That of a case is the list it was open in, if the address names one.
    """
    path, query = request.scope["path"], dict(request.query_params)
    case = re.match("/console/case/([^/]+)/", path)
    if case and (view := query.pop("in", None)):
        query["case"] = case[1]
        path = f"/console/q/{view}/"
    routes: list[Route] = request.app.router.routes
    while (path := path.rpartition("/")[0]) and path != "/console":
        if any(route.matches({**request.scope, "path": path})[0] is Match.FULL for route in routes):
            return quote(path) + (f"?{urlencode(query)}" if query else "")
    return "/console"


def _unexpected() -> Response:
    text = "This should not have happened. What was begun was rolled back; nothing was changed."
    return _page(500, "Something went wrong", text)


def _page(number: int, title: str, text: str, advice: str = "") -> Response:
    request_id = structlog.contextvars.get_contextvars().get("request_id", "") if number >= 500 else ""
    return render.html("error.html", number, title=title, text=text, advice=advice, request_id=request_id)
