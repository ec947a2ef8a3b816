"""The HTTP interface as tests call it, over a real socket: served by this process or by one of its own."""

import functools
import os
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import structlog
import structlog.testing
import uvicorn
from fastapi import APIRouter, FastAPI
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.typing import EventDict

from flowops import cli, web
from flowops.app import App
from tests import forking

# Through `logging`, so that pytest shows it beside a failing test. Tracebacks come without the values of variables: to
# collect those takes longer than the request.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(key_order=["event"]),
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
)


@dataclass(frozen=True)
class Api:
    """A client; `as_` is the token of whoever calls, and `key` the Idempotency-Key."""

    client: httpx.Client

    def get(self, path: str, as_: str | None = None, **more: Any) -> httpx.Response:
        return self.send("GET", path, as_, **more)

    def post(self, path: str, as_: str | None = None, **more: Any) -> httpx.Response:
        return self.send("POST", path, as_, **more)

    def send(
        self,
        method: str,
        path: str,
        as_: str | None = None,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> httpx.Response:
        said = dict(headers or {})
        if as_ is not None:
            said["Authorization"] = f"Bearer {as_}"
        if key is not None:
            said["Idempotency-Key"] = key
        return self.client.request(method, path, headers=said, follow_redirects=False, **more)


class Stage:
    """What a server serves now; another application can take its place while it runs."""

    app: ASGIApp | None = None
    running = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app, "no test is calling"
        self.running += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.running -= 1


@functools.cache
def _stage() -> tuple[Stage, str]:
    """The one server of this process and its address: starting and stopping one takes longer than most tests."""
    stage = Stage()
    config = uvicorn.Config(
        stage, "127.0.0.1", 0, log_config=None, access_log=False, proxy_headers=False, lifespan="off", backlog=2048
    )
    running = uvicorn.Server(config)
    threading.Thread(target=running.run, daemon=True).start()
    while not running.started:
        time.sleep(0.01)
    host, port = running.servers[0].sockets[0].getsockname()[:2]
    return stage, f"http://{host}:{port}"


@contextmanager
def log() -> Iterator[list[EventDict]]:
    """What the server of this process logs about the requests made inside, whole when the block ends.

    A line is written after the answer has gone out, so a client may be quicker than the log.
    """
    _quiet()
    with structlog.testing.capture_logs() as lines:
        yield lines
        _quiet()


def _quiet() -> None:
    stage, _ = _stage()
    while stage.running:
        time.sleep(0.005)


@contextmanager
def server(app: App, planted: APIRouter | None = None) -> Iterator[str]:
    """The address of a real server in a thread of this process, with a router of the test's own if it brings one."""
    served = web.create(app)
    if planted:
        mount = served.routes[-1]
        assert isinstance(mount, Mount)
        assert isinstance(mount.app, FastAPI)
        mount.app.include_router(planted)
    stage, address = _stage()
    before, stage.app = stage.app, served
    try:
        yield address
    finally:
        _quiet()  # what follows the answer, such as the log's line, belongs to the request
        stage.app = before


@contextmanager
def in_process(app: App, planted: APIRouter | None = None) -> Iterator[Api]:
    """A client of a server in this process, so that tests can look behind it."""
    with server(app, planted) as address, client(address) as calling:
        yield Api(calling)


def client(address: str) -> httpx.Client:
    """A client without proxies and certificates, which a loopback address does not need."""
    return httpx.Client(base_url=address, trust_env=False, verify=False, timeout=30)  # noqa: S501 - plain HTTP


@contextmanager
def process(database_url: str, folder: Path, **variables: str) -> Iterator[Api]:
    """A client of `flowops up` in a process of its own, with these `variables`, once it says that it is ready."""
    environment = {"FLOWOPS_DATABASE_URL": database_url, "FLOWOPS_SECRET_KEY": "k" * 32, "FLOWOPS_PORT": "0"}
    environment |= variables
    said, log = folder / "up.said", folder / "up.log"
    said.touch()
    running = forking.STARTER.Process(target=_up, args=(folder, environment, said, log))
    running.start()
    try:
        while not (address := re.search(r"http://\S+(?=\s)", said.read_text())):
            assert running.is_alive(), f"flowops up said {said.read_text()!r} and:\n{log.read_text()}"
            time.sleep(0.01)  # a file tells nobody that it grew
        with client(address[0]) as calling:
            while calling.get("/readyz").status_code != 200:
                assert running.is_alive(), log.read_text()
                time.sleep(0.05)
            yield Api(calling)
    finally:
        running.kill()  # stopping cleanly is shown elsewhere, and takes its time
        running.join(timeout=30)


def _up(folder: Path, environment: dict[str, str], said: Path, log: Path) -> None:
    """Become `flowops up`, as if it had been typed in that folder."""
    os.chdir(folder)
    os.environ.update(environment)
    for stream, file in ((sys.stdout, said), (sys.stderr, log)):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND), stream.fileno())
    sys.argv = ["flowops", "up"]
    cli.main()
