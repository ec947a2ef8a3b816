"""Reading a body holds up nobody else, whoever sent it: this comes before anybody knows who asks."""

import asyncio
from pathlib import Path

import pytest
from anyio import CapacityLimiter
from starlette.types import ASGIApp, Message, Scope

from flowops import app as application
from flowops import settings as configuration
from flowops import web
from flowops.api import strict

SLOW = b"[" + b"[]," * ((strict.LARGEST - 4) // 3) + b"[]]"  # what takes longest to look through


def scope(method: str, path: str) -> Scope:
    """A request as a server hands it on."""
    said = [(b"host", b"x"), (b"content-type", b"application/json")]
    asked = {"method": method, "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b""}
    return {"type": "http", "http_version": "1.1", "scheme": "http", "headers": said, "client": None} | asked


async def slow() -> Message:
    return {"type": "http.request", "body": SLOW}


async def empty() -> Message:
    return {"type": "http.request", "body": b""}


@pytest.mark.in_process
def test_others_are_answered_while_a_long_body_of_nobody_known_is_parsed(sqlite_template: Path) -> None:
    app = application.build(configuration.load(database_url=f"sqlite:///{sqlite_template}", secret_key="k" * 32))
    answered: list[tuple[str, int]] = []

    async def ask(served: ASGIApp, asked: Scope, body: bytes) -> None:
        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered.append((asked["path"], message["status"]))

        await served(asked, slow if body else empty, send)

    async def both() -> None:
        served = web.create(app)
        await asyncio.gather(
            ask(served, scope("POST", "/nowhere"), SLOW),  # begins first
            ask(served, scope("GET", "/healthz"), b""),
        )

    asyncio.run(both())
    app.close()
    assert answered == [("/healthz", 200), ("/nowhere", 404)]


def test_no_more_long_bodies_are_parsed_at_once_than_there_are_parsers() -> None:
    async def read() -> tuple[set[int], set[int]]:
        parsers = CapacityLimiter(1)
        busy, waiting = set[int](), set[int]()
        reading = [asyncio.ensure_future(strict.read(scope("POST", "/"), slow, parsers)) for _ in range(3)]
        while not all(one.done() for one in reading):
            await asyncio.sleep(0.001)
            busy.add(parsers.statistics().borrowed_tokens)
            waiting.add(parsers.statistics().tasks_waiting)
        assert {one.result() for one in reading} == {SLOW}
        return busy, waiting

    busy, waiting = asyncio.run(read())
    assert max(busy) == 1
    assert max(waiting) == 2
