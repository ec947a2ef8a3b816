"""Where errors end: each family has its number, and what nobody expected is answered without a word of the inside."""

import asyncio

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from flowops import boundary, errors


def test_the_nearest_family_gives_the_number() -> None:
    for error, number in (
        (errors.NotFound(kind="handoff", id="H-1"), 404),
        (errors.AlreadyExists(kind="queue", id="default"), 409),
        (errors.StaleVersion(current=3, sent=2), 412),
        (errors.NotAForm(given="x"), 415),
        (errors.LastAdmin(name="Ada"), 409),
    ):
        assert boundary.status(error) == number


def test_a_mistake_of_ours_has_no_number_and_is_raised_again() -> None:
    with pytest.raises(errors.UnauditedChange):
        boundary.status(errors.UnauditedChange(tables="users"))


def answered(begun: bool) -> list[Message]:
    """What a client gets of an application that fails, before or after it has begun to answer."""
    sent: list[Message] = []

    async def fail(scope: Scope, receive: Receive, send: Send) -> None:
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        msg = "a secret of the inside"
        raise RuntimeError(msg)

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    guarded = boundary.Boundary(fail, lambda: PlainTextResponse("Sorry.", 500))
    asyncio.run(guarded({"type": "http"}, receive, send))
    return sent


def test_what_nobody_expected_is_answered_in_the_words_of_the_front_door() -> None:
    start, body = answered(begun=False)
    assert (start["status"], body["body"]) == (500, b"Sorry.")


def test_half_an_answer_is_broken_off() -> None:
    with pytest.raises(RuntimeError):
        answered(begun=True)
