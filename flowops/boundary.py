"""Where errors meet HTTP: the number each family has, and the end of those that nobody expected."""

from collections.abc import Callable

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flowops import errors

STATUS: dict[type[errors.FlowOpsError], int] = {
    errors.MalformedJson: 400,
    errors.NotAuthenticated: 401,
    errors.Denied: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.StaleVersion: 412,
    errors.BodyTooLarge: 413,
    errors.NotJson: 415,
    errors.NotAForm: 415,
    errors.Invalid: 422,
    errors.TooManyTries: 429,
    errors.TooManyStreams: 429,
    errors.Unavailable: 503,
}

_log = structlog.get_logger(__name__)


def number(error: type[errors.FlowOpsError]) -> int | None:
    """The HTTP number of an error: that of the nearest family that has one; None for what is no client's doing.

    >>> number(errors.AlreadyClaimed), number(errors.StaleVersion), number(errors.UnauditedChange)
    (409, 412, None)
    """
    return next((STATUS[family] for family in error.__mro__ if family in STATUS), None)


def status(error: errors.FlowOpsError) -> int:
    """The HTTP number of an error that happened; one that is no client's doing is raised again, for the boundary."""
    found = number(type(error))
    if found is None:
        raise error
    return found


class Boundary:
    """Where an error nobody expected ends: logged with its traceback, answered without, in the words of `answer`."""

    def __init__(self, app: ASGIApp, answer: Callable[[], ASGIApp]) -> None:
        self._app, self._answer = app, answer

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
            await self._answer()(scope, receive, send)
