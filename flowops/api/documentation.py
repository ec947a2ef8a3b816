"""The OpenAPI document and a page made from it; the page loads nothing but one style sheet of ours."""

import functools
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from flowops import boundary, errors
from flowops.api import deps

_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
    },
}
_ANSWER = {"description": "A problem (RFC 9457).", "content": {"application/problem+json": {"schema": _PROBLEM}}}
# What every operation may answer instead; 422 is named because FastAPI would document its own form otherwise.
PROBLEMS: dict[int | str, dict[str, Any]] = {422: _ANSWER, "default": _ANSWER}

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)

router = APIRouter(include_in_schema=False, dependencies=[deps.PUBLIC])


@router.get("/openapi.json")
def openapi(request: Request) -> dict[str, Any]:
    """What this API offers, for programs."""
    document: dict[str, Any] = request.app.openapi()
    return document


@router.get("/docs")
def page(request: Request) -> HTMLResponse:
    """The same, for people, with every problem the API knows."""
    document = request.app.openapi()
    text = _TEMPLATES.get_template("docs.html").render(
        document=document, operations=list(_operations(document)), problems=_problems()
    )
    return HTMLResponse(text, headers={"Content-Security-Policy": "default-src 'none'; style-src 'self'"})


@router.get("/docs/style.css")
def style() -> Response:
    """How the page looks."""
    return Response(_TEMPLATES.get_template("docs.css").render(), media_type="text/css")


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


@functools.cache
def _problems() -> list[tuple[int, str, str]]:
    """Number, code and meaning of each error that reaches a client."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.FlowOpsError)]
    numbers = [(boundary.number(kind), kind.code, inspect.getdoc(kind) or "") for kind in kinds]
    return sorted((status, code, meaning) for status, code, meaning in numbers if status)
