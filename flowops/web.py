"""The web server's application: the API and the console behind one frame that names, bounds and logs every request."""

import secrets
import time
from http import HTTPMethod

import structlog
from anyio import CapacityLimiter
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from flowops import __version__, errors
from flowops.api import (
    artifacts,
    audit,
    bulk,
    conversation,
    documentation,
    effects,
    handoffs,
    intake,
    outbox,
    ownership,
    policies,
    search,
    strict,
    switch,
    system,
    webhooks,
)
from flowops.api import errors as problems
from flowops.app import App
from flowops.console import pages
from flowops.domain import tokens

_log = structlog.get_logger(__name__)
_METHODS = set(HTTPMethod)  # any other word is a label that clients could make up without end

# What an answer says unless it has its own word: show nothing, guess nothing, keep nothing.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def create(app: App) -> Starlette:
    """Everything that is served, for an ASGI server."""
    return Starlette(
        routes=[*pages.routes(app), Mount("/", api(app))],
        middleware=[
            Middleware(ProxyHeadersMiddleware, trusted_hosts=list(app.settings.trusted_proxies)),
            Middleware(Frame),
        ],
        # For a path that no mount takes, one with a line break in it for instance.
        exception_handlers={HTTPException: problems.refused_by_the_framework},
    )


def api(app: App) -> FastAPI:
    """The JSON interface alone."""
    made = FastAPI(
        title="FlowOps",
        version=__version__,
        dependencies=[Depends(strict.only_json), Depends(strict.only_described)],
        responses=documentation.PROBLEMS,
        openapi_url=None,  # we serve document and page ourselves: declared public, without anybody else's assets
        redirect_slashes=False,
    )
    made.state.flowops = app
    problems.install(made)
    of_cases = (search, handoffs, ownership, conversation, bulk)
    # The switch before what takes `pause` for the id of an effect.
    others = (switch, effects, artifacts, policies, outbox, webhooks, audit, system, documentation)
    for module in (intake, *of_cases, *others):
        made.include_router(module.router)
    return made


class Frame:
    """Gives every request an id, bounds and checks what it carries, and writes one line about how it ended."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._parsers = CapacityLimiter(strict.PARSERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request_id, began, status = secrets.token_hex(16), time.perf_counter(), 499
        took: float | None = None

        async def named(message: Message) -> None:
            nonlocal status, took
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                if headers.get("Content-Type", "").startswith("text/event-stream"):
                    took = time.perf_counter() - began  # how long its reader stays says nothing about us
                headers["X-Request-Id"] = request_id
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                body = await strict.read(scope, receive, self._parsers)
            except ClientDisconnect:
                pass
            except errors.Invalid as refused:
                is_page = scope["path"].startswith("/console/")
                answer = pages.refusal(refused) if is_page else problems.problem(refused)
                await answer(scope, receive, named)
            else:
                await self._app(scope, _replay(body, receive), named)
            finally:
                took = took or time.perf_counter() - began
                route = getattr(scope.get("route"), "path", "none")
                method = scope["method"] if scope["method"] in _METHODS else "other"
                system.REQUEST_SECONDS.labels(method, route, str(status)).observe(took)
                path = tokens.mask(scope["path"])  # a sign-in link, also one that no route takes
                _log.info("request", method=scope["method"], path=path, status=status, ms=round(took * 1000, 1))
        return None


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body as if it had just come in; after it, whatever the client does."""
    unread: list[Message] = [{"type": "http.request", "body": body}]

    async def replayed() -> Message:
        return unread.pop() if unread else await receive()

    return replayed
