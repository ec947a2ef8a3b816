"""What goes wrong, as pages."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import quote, urlencode

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match, Route

from flowops import app as application
from flowops import boundary, errors
from flowops.console import forms, render, session
from flowops.domain.access import PERMISSIONS, Permission, Role
from flowops.queries import operators

QUEUE = "/console"
NOTHING: Mapping[str, str] = MappingProxyType({})
_TITLES = {
    401: "Signed out",
    403: "Not allowed",
    404: "Not found",
    405: "Not possible",
    409: "Not changed",
    413: "Too large",
    415: "Not understood",
    422: "Not understood",
}


def page(
    error: errors.FlowOpsError, advice: str = "", typed: Mapping[str, str] = NOTHING, way: str = QUEUE
) -> Response:
    """The page that tells a visitor about an error, and perhaps what to do about it.

    It shows what was `typed`, to be copied, and leads on the `way` that is given.
    """
    number = boundary.status(error)
    made = _page(number, _TITLES.get(number, error.title), str(error), advice, typed, way)
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


async def _known(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.FlowOpsError)
    typed, way = await _typed(request), _way(request, error)
    if isinstance(error, errors.SignedOut):
        sign_in = session.sign_in_page(way if request.method == "POST" else session.asked(request))
        return page(error, typed=typed, way=sign_in) if typed else RedirectResponse(sign_in, 303)
    return page(error, typed=typed, way=way)


async def _denied(request: Request, error: Exception) -> Response:
    """Whatever denied it, somebody tried what they may not: that is recorded before they are told."""
    assert isinstance(error, errors.Denied)
    typed, app = await _typed(request), request.app.state.flowops

    def told() -> Response:
        try:
            session.record(request, app, error)
            advice = _whom_to_ask(app, error) if isinstance(error, errors.NotPermitted) else ""
            return page(error, advice, typed, _way(request, error))
        except errors.Unavailable as unavailable:
            return page(unavailable, typed=typed, way=_way(request, error))

    return await run_in_threadpool(told)


async def _typed(request: Request) -> Mapping[str, str]:
    """What was written in a form that could not even be looked at; of a form of another site nothing is repeated."""
    is_ours = session.is_ours(request, request.app.state.flowops)
    return await forms.texts(request) if request.method == "POST" and is_ours else NOTHING


def _way(request: Request, error: Exception) -> str:
    """Where to go on: to the page a form stands on, if that can be there, and never to where the form was sent."""
    was_sent = request.method == "POST" and not isinstance(error, errors.NotFound)
    return _behind(request) if was_sent else QUEUE


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
    read = {**request.scope, "method": "GET"}
    while (path := path.rpartition("/")[0]) and path != QUEUE:
        if any(route.matches({**read, "path": path})[0] is Match.FULL for route in routes):
            return quote(path) + (f"?{urlencode(query)}" if query else "")
    return QUEUE


def _unexpected() -> Response:
    text = "This should not have happened. What was begun was rolled back; nothing was changed."
    return _page(500, "Something went wrong", text)


def _page(
    number: int, title: str, text: str, advice: str = "", typed: Mapping[str, str] = NOTHING, way: str = QUEUE
) -> Response:
    request_id = structlog.contextvars.get_contextvars().get("request_id", "") if number >= 500 else ""
    return render.html(
        "error.html", number, title=title, text=text, advice=advice, request_id=request_id, typed=typed, way=way
    )
