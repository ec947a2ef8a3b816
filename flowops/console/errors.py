"""What goes wrong, as pages: the one place where families of error meet HTTP numbers of the console."""

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flowops import errors
from flowops.console import render, session

_STATUS: dict[type[errors.FlowOpsError], int] = {
    errors.NotAuthenticated: 401,
    errors.Denied: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.StaleVersion: 412,
    errors.BodyTooLarge: 413,
    errors.NotAForm: 415,
    errors.Invalid: 422,
    errors.TooManyTries: 429,
    errors.Unavailable: 503,
}
_TITLES = {
    403: "Not allowed",
    404: "Not found",
    405: "Not possible",
    409: "Not changed",
    413: "Too large",
    415: "Not understood",
    422: "Not understood",
}

_log = structlog.get_logger(__name__)


def status(error: errors.FlowOpsError) -> int:
    """The HTTP number of an error; one that is no visitor's doing is raised again, for the boundary."""
    found = next((_STATUS[family] for family in type(error).__mro__ if family in _STATUS), None)
    if found is None:
        raise error
    return found


def page(error: errors.FlowOpsError) -> Response:
    """The page that tells a visitor about an error."""
    number = status(error)
    made = _page(number, _TITLES.get(number, error.title), str(error))
    if isinstance(error, errors.Unavailable):
        made.headers["Retry-After"] = "5"
    return made


def install(console: FastAPI) -> None:
    """Make every error of the console a page."""
    console.add_exception_handler(errors.FlowOpsError, _known)
    console.add_exception_handler(errors.Denied, _denied)
    console.add_exception_handler(RequestValidationError, _misshapen)
    console.add_exception_handler(HTTPException, _refused_by_the_framework)
    console.add_middleware(Boundary)


class Boundary:
    """Where an error nobody expected ends: logged with its traceback, shown as a page with the id to find it by."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        started = False

        async def watch(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception:
            _log.exception("unexpected error")
            if started:
                raise  # the server must break the connection: half a page may not look like a whole one
            text = "This should not have happened. What was begun was rolled back; nothing was changed."
            await _page(500, "Something went wrong", text)(scope, receive, send)


def _known(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.FlowOpsError)
    if isinstance(error, errors.SignedOut):
        return RedirectResponse(session.sign_in_page(request), 303)
    return page(error)


def _denied(request: Request, error: Exception) -> Response:
    """Whatever denied it, somebody tried what they may not: that is recorded before they are told."""
    assert isinstance(error, errors.Denied)
    try:
        session.record(request, request.app.state.flowops, error)
    except errors.Unavailable as unavailable:
        return page(unavailable)
    return page(error)


def _misshapen(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _page(422, "Not understood", "The form was not filled in the way it is meant. Nothing was changed.")


def _refused_by_the_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    text = {
        404: "There is nothing at this address. It may have been mistyped.",
        405: f"{request.method} is not possible at this address. Nothing was changed.",
    }.get(error.status_code, f"{error.detail}. Nothing was changed.")
    return _page(error.status_code, _TITLES.get(error.status_code, str(error.detail)), text)


def _page(number: int, title: str, text: str) -> Response:
    request_id = structlog.contextvars.get_contextvars().get("request_id", "") if number >= 500 else ""
    return render.html("error.html", number, title=title, text=text, request_id=request_id)
