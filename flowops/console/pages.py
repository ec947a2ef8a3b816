"""Puts the console together: its pages, its assets, and the headers that keep every page to itself."""

from fastapi import FastAPI, Response
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flowops import app as application
from flowops import errors
from flowops.console import (
    access_tokens,
    approvals,
    ask,
    browse,
    dashboard,
    dead,
    decide,
    mailbox,
    many,
    me,
    own,
    people,
    policies,
    render,
    sign_in,
    switch,
    versions,
    write,
)
from flowops.console import errors as pages
from flowops.console.session import PUBLIC

# Scripts and styles from our own files alone, none of them inline, and nothing from elsewhere.
POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def routes(app: application.App) -> list[BaseRoute]:
    """The console under /console, to be served beside the API."""
    return [Route("/console", RedirectResponse("/console/", 308)), Mount("/console", console(app))]


def console(app: application.App) -> FastAPI:
    """The console alone."""
    made = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    made.state.flowops = app
    made.include_router(sign_in.router)
    made.include_router(browse.router)
    made.include_router(dashboard.router)
    of_cases = (many, own, write, ask, decide, versions)
    for module in (*of_cases, approvals, policies, switch, dead, mailbox, people, access_tokens, me):
        made.include_router(module.router)
    made.add_api_route("/static/{digest}/{name:path}", _asset, dependencies=[PUBLIC])
    pages.install(made)
    made.add_middleware(Guarded)
    return made


def refusal(error: errors.FlowOpsError) -> ASGIApp:
    """The page that answers a request which was refused before the console saw it."""
    return Guarded(pages.page(error))


class Guarded:
    """Every answer of the console carries its security headers, and pages are kept by nobody."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""

        async def guard(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, guard)


def _asset(digest: str, name: str) -> Response:
    if digest != render.DIGEST or name not in render.ASSETS:
        raise HTTPException(404)
    media_type, content = render.ASSETS[name]
    return Response(content, media_type=media_type, headers={"Cache-Control": "public, max-age=31536000, immutable"})
