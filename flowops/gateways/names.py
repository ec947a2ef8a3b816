"""Looks up the addresses of a host for somebody who has no time to wait until the resolver gives up."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


def look_up(host: str) -> Sequence[str]:
    """Every address the system knows for a name; raises OSError."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise OSError(f"{host!r} can be no name") from None
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def aside(ask: Callable[[], T]) -> "Future[T]":
    """Ask a resolver in a thread of its own.

    Nothing ends a look-up, and a resolver has limits of its own. So who asked waits for the answer as long as it may
    and then leaves the thread alone, and so does a process that stops.
    """
    answer: Future[T] = Future()
    answer.set_running_or_notify_cancel()  # from now on nobody can call it off

    def run() -> None:
        try:
            answer.set_result(ask())
        except (OSError, UnicodeError) as fault:
            answer.set_exception(fault)

    threading.Thread(target=run, daemon=True).start()
    return answer


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that looks names up aside; the usual one waits at its end for each look-up it began."""

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        return await asyncio.wrap_future(
            aside(partial(socket.getaddrinfo, host, port, family, type, proto, flags)), loop=self
        )


def run(call: Coroutine[Any, Any, T]) -> T:
    """Do a call in an event loop of its own; a deadline inside it bounds all of it, looking up names included."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(call)
