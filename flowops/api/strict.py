"""What a request may carry: bounded bodies, JSON that every reader understands alike, and text without traps."""

import json
import re
from email.message import Message as Header
from functools import lru_cache
from typing import Annotated, Any

from anyio import CapacityLimiter, to_thread
from fastapi import Request
from pydantic import AfterValidator, Field, JsonValue
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from flowops import errors
from flowops.domain.money import MAX_INTEGER

LARGEST = 2**20  # bytes of a body
DEEPEST = 64  # levels of a JSON value
LONG = 2**14  # bytes of a body that takes longer to read than others should wait
PARSERS = 2  # of those at once: anybody can send them, and none may take threads that others need

_TRAP = re.compile("[\0\ud800-\udfff]")

JsonObject = dict[str, JsonValue]
# What somebody wrote: a message, a reply, a note.
Text = Annotated[str, Field(min_length=1, max_length=20_000, pattern=r"\S")]
# A title or subject, which may be empty or not; its line breaks become spaces.
AnyLine = Annotated[str, AfterValidator(lambda text: " ".join(text.split())), Field(max_length=200)]
Line = Annotated[AnyLine, Field(min_length=1)]


async def read(scope: Scope, receive: Receive, parsers: CapacityLimiter) -> bytes:
    """The whole body of a request, once nothing in body, path and query can hurt who reads it.

    This comes before anybody knows who asks, so a long body keeps nobody else waiting: it is parsed in a thread, of
    which there are as many as `parsers` says.

    Raises BodyTooLarge, and for JSON what `parse` raises; a NUL, which no database takes, is Invalid anywhere.
    """
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect  # half a request may not be taken for a whole one
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST:
            raise errors.BodyTooLarge(limit=LARGEST)
    if is_json(scope):
        if len(body) > LONG:
            await to_thread.run_sync(parse, bytes(body), limiter=parsers)
        elif body:
            parse(bytes(body))
    elif b"\0" in body or b"%00" in body:
        raise _invalid("a NUL character")
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise _invalid("a NUL character")
    return bytes(body)


def is_json(scope: Scope) -> bool:
    """Does the request say that its body is JSON?"""
    return _names_json(Headers(scope=scope).get("content-type", ""))


@lru_cache(maxsize=100)  # asked twice for every request, and most say the same
def _names_json(content_type: str) -> bool:
    header = Header()
    header["content-type"] = content_type
    return re.fullmatch(r"application/(.+\+)?json", header.get_content_type()) is not None


async def only_json(request: Request) -> None:
    """Refuse, as NotJson, a body of another kind before anybody guesses what it means."""
    if await request.body() and not is_json(request.scope):
        raise errors.NotJson(given=request.headers.get("content-type", "of no stated type")[:100])


async def only_described(request: Request) -> None:
    """Refuse, as Invalid, a query parameter that the route's description does not name.

    A misspelled filter would widen a list in silence.
    """
    if request.query_params and request.scope["route"].include_in_schema:
        await run_in_threadpool(_refuse_undescribed, request)  # the description takes its time, once


def _refuse_undescribed(request: Request) -> None:
    route = request.scope["route"]
    operation = request.app.openapi()["paths"][route.path][request.method.lower()]
    known = [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"]
    unknown = next((name for name in request.query_params if name not in known), None)
    if unknown is not None:
        there = f"There are {', '.join(known)}" if known else "There are none here"
        raise errors.Invalid(
            reason=f"There is no query parameter {unknown[:100]!r}. Nothing was done; correct it and repeat. {there}."
        )


def parse(body: bytes) -> Any:
    """A JSON value, where RFC 8259 leaves nothing open (its sections 4, 6 and 8).

    Raises MalformedJson for what is not JSON in UTF-8, and Invalid for what readers understand differently: a name
    twice in one object, integers beyond 2^53-1, numbers that are none or infinite, lone surrogates, NUL, and nesting
    beyond 64 levels.

    >>> parse(b'{"a": [1, 2.5]}')
    {'a': [1, 2.5]}
    >>> parse(b'{"a": NaN}')
    Traceback (most recent call last):
    flowops.errors.Invalid: The request holds NaN. Nothing was done; correct it and repeat.
    """
    try:
        value = json.loads(
            body.decode(),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_constant,
        )
    except UnicodeDecodeError as wrong:
        raise errors.MalformedJson(reason="it is not UTF-8", position=wrong.start) from None
    except json.JSONDecodeError as wrong:
        raise errors.MalformedJson(reason=wrong.msg, position=wrong.pos) from None
    except RecursionError:
        raise _invalid(f"more than {DEEPEST} levels") from None
    _check(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise _invalid("a name twice in one object")
    return made


def _integer(digits: str) -> int:
    # Checked by length first: the time to read a number grows with the square of its digits.
    if len(digits) > 17 or abs(number := int(digits)) > MAX_INTEGER:
        raise _invalid("an integer beyond 2^53-1, which not every reader keeps exact")
    return number


def _number(digits: str) -> float:
    if abs(number := float(digits)) == float("inf"):
        raise _invalid("a number too large")
    return number


def _constant(name: str) -> Any:
    raise _invalid(name)


def _check(value: Any) -> None:
    level, depth = [value], 1  # level by level, which is quick: a megabyte holds half a million values
    while level:
        if depth > DEEPEST:
            raise _invalid(f"more than {DEEPEST} levels")
        for item in level:
            if isinstance(item, str) and (trap := _TRAP.search(item)):
                raise _invalid("a NUL character" if trap[0] == "\0" else "half of a surrogate pair")
        objects = [item for item in level if isinstance(item, dict)]
        level = [part for item in level if isinstance(item, list) for part in item]
        level += [part for item in objects for pair in item.items() for part in pair]
        depth += 1


def _invalid(what: str) -> errors.Invalid:
    return errors.Invalid(reason=f"The request holds {what}. Nothing was done; correct it and repeat.")
