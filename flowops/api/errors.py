"""What goes wrong, as RFC 9457 problems: the one place where families of error meet HTTP numbers."""

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flowops import errors
from flowops.actions import access

STATUS: dict[type[errors.FlowOpsError], int] = {
    errors.MalformedJson: 400,
    errors.NotAuthenticated: 401,
    errors.Denied: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.StaleVersion: 412,
    errors.BodyTooLarge: 413,
    errors.NotJson: 415,
    errors.Invalid: 422,
    errors.TooManyTries: 429,
    errors.Unavailable: 503,
}
SHOWN = 20  # wrong fields named in one answer

_log = structlog.get_logger(__name__)


def number(error: type[errors.FlowOpsError]) -> int | None:
    """The HTTP status of an error: that of the nearest family that has one; None for what is no client's doing.

    >>> number(errors.AlreadyClaimed), number(errors.StaleVersion), number(errors.UnauditedChange)
    (409, 412, None)
    """
    return next((STATUS[family] for family in error.__mro__ if family in STATUS), None)


def problem(error: errors.FlowOpsError) -> Response:
    """The answer that tells a client about an error, with its facts in camelCase."""
    status = number(type(error))
    if status is None:
        raise error  # no client's doing: for the boundary
    return _answer(status, error.code, error.title, str(error), error.facts, _headers(error))


def install(app: FastAPI) -> None:
    """Make every error of this application a problem."""
    app.add_exception_handler(errors.FlowOpsError, _known)
    app.add_exception_handler(errors.Denied, _denied)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused_by_the_framework)
    app.add_middleware(Boundary)


class Boundary:
    """Where an error nobody expected ends: logged with its traceback, answered without."""

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
                raise  # the server must break the connection: half an answer may not look like a whole one
            detail = "This should not have happened, and what was begun was rolled back. Give the X-Request-Id of this "
            detail += "answer to whoever runs FlowOps: the log has the reason under it."
            await _answer(500, "unexpected", "Unexpected error", detail, {})(scope, receive, send)


def _known(_: Request, error: Exception) -> Response:
    assert isinstance(error, errors.FlowOpsError)
    return problem(error)


def _denied(request: Request, error: Exception) -> Response:
    """Whatever denied it, somebody tried what they may not: that is recorded before they are told."""
    assert isinstance(error, errors.Denied)
    try:
        with request.app.state.flowops.unit(request.state.caller) as unit:
            access.refuse(unit, error.facts.get("permission", error.code), request.method, request.url.path)
    except errors.Unavailable as unavailable:
        return problem(unavailable)
    return problem(error)


def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = error.errors()
    fields = [
        {"in": wrong["loc"][0], "field": ".".join(map(str, wrong["loc"][1:])), "reason": wrong["msg"]}
        for wrong in found[:SHOWN]
    ]
    first = fields[0]["field"] or fields[0]["in"]
    reason = f"{first}: {fields[0]['reason']}" + (f" (and {len(found) - 1} more)" if len(found) > 1 else "")
    return problem(errors.Invalid(reason=f"{reason}. Nothing was done; correct it and repeat.", fields=fields))


def _refused_by_the_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    match error.status_code:
        case 404:
            detail = "There is nothing at this address."
        case 405:
            detail = f"{request.method} is not possible at this address."
        case _:
            detail = f"{error.detail}."
    title = str(error.detail)
    return _answer(error.status_code, title.lower().replace(" ", "_"), title, detail, {}, error.headers)


def _headers(error: errors.FlowOpsError) -> dict[str, str]:
    match error:
        case errors.NotAuthenticated():
            return {"WWW-Authenticate": 'Bearer realm="flowops"'}
        case errors.TooManyTries():
            return {"Retry-After": str(error.facts["seconds"])}
        case errors.Unavailable():
            return {"Retry-After": "5"}
    return {}


def _answer(
    status: int,
    code: str,
    title: str,
    detail: str,
    facts: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
) -> Response:
    told = {to_camel(name): value for name, value in facts.items() if value != detail}
    body = told | {"type": f"/docs#{code}", "title": title, "status": status, "detail": detail, "code": code}
    return Response(to_json(body), status, headers, media_type="application/problem+json")
