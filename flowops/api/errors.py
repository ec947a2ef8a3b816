"""What goes wrong, as RFC 9457 problems."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from flowops import boundary, errors
from flowops.actions import access

SHOWN = 20  # wrong fields named in one answer


def problem(error: errors.FlowOpsError) -> Response:
    """The answer that tells a client about an error, with its facts in camelCase."""
    return _answer(boundary.status(error), error.code, error.title, str(error), error.facts, _headers(error))


def install(app: FastAPI) -> None:
    """Make every error of this application a problem."""
    app.add_exception_handler(errors.FlowOpsError, _known)
    app.add_exception_handler(errors.Denied, _denied)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, refused_by_the_framework)
    app.add_middleware(boundary.Boundary, answer=_unexpected)


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


def refused_by_the_framework(request: Request, error: Exception) -> Response:
    """What no route takes, as a problem like every other."""
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


def _unexpected() -> Response:
    detail = "This should not have happened, and what was begun was rolled back. Give the X-Request-Id of this "
    detail += "answer to whoever runs FlowOps: the log has the reason under it."
    return _answer(500, "unexpected", "Unexpected error", detail, {})


def _headers(error: errors.FlowOpsError) -> dict[str, str]:
    match error:
        case errors.NotAuthenticated():
            return {"WWW-Authenticate": 'Bearer realm="flowops"'}
        case errors.TooManyTries():
            return {"Retry-After": str(error.facts["seconds"])}
        case errors.TooManyStreams() | errors.Unavailable():
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
