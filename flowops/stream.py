"""The stream of changes as server-sent events: which cases changed, for who may see them; never what changed."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from flowops import errors
from flowops.app import STREAMS, App
from flowops.domain.access import Actor, Permission
from flowops.queries.feed import Change, Recent

if TYPE_CHECKING:
    from flowops.storage.unit import View

Who = Callable[["View"], Actor | None]

# In seconds.
POLL = 1.0
BEAT = 15.0  # so that nothing between us and the reader takes the connection for dead, and nobody reads on unknown


class EventStream(StreamingResponse):
    """An answer that goes on until its reader or this process ends (WHATWG HTML, "Server-sent events")."""

    media_type = "text/event-stream"

    def __init__(self, app: App, events: AsyncIterator[str]) -> None:
        # A proxy that collects answers would hold every event back.
        super().__init__(events, headers={"X-Accel-Buffering": "no"})
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the stream, and make room for another."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._app.streams.release()


def response(app: App, who: Who, last_event_id: str | None) -> EventStream:
    """A stream that begins now, or after the last event its reader has had; Unavailable when too many are open.

    An event may come twice, and none is left out: who was away too long to be told what they missed is told to
    `reload`. `who` is asked again with every heartbeat: the stream ends with the session or token it was opened with.
    """
    if not app.streams.acquire(blocking=False):
        raise errors.Unavailable(what="The stream", reason=f"{STREAMS} are open already")
    return EventStream(app, _events(app, who, last_event_id))


async def _events(app: App, who: Who, last_event_id: str | None) -> AsyncIterator[str]:
    clock = asyncio.get_running_loop().time
    place, beat_at = None, clock()
    yield f"retry: {int(POLL * 3000)}\n\n"
    while not app.stopping.is_set():
        try:
            # In threads of the loop's own: readers without end must not take those of the endpoints.
            recent = await asyncio.to_thread(app.changes.recent, app.view)
            if clock() >= beat_at:
                reader = await asyncio.to_thread(_ask, app, who)
                beat_at = clock() + BEAT
                yield ": still here\n\n"
        except errors.Unavailable:
            return  # the reader comes back by itself, and is told why
        if reader is None:
            return
        news = recent.since(place) if place is not None else _missed(recent, last_event_id)
        for change in news or ():
            if reader.sees(change.queue, change.created_by):
                yield _event(recent, change)
        if news is None:
            yield f"id: {min(recent.missing, default=recent.read_to + 1) - 1}\nevent: reload\ndata: {{}}\n\n"
        place = recent.end
        await asyncio.sleep(POLL)


def _missed(recent: Recent, last_event_id: str | None) -> Sequence[Change] | None:
    if last_event_id is None:
        return ()
    return recent.after(int(last_event_id)) if re.fullmatch("[0-9]{1,18}", last_event_id) else None


def _ask(app: App, who: Who) -> Actor | None:
    """Who reads, as long as they are known and may."""
    with app.view() as view:
        reader = who(view)
    may = reader is not None and (reader.may(Permission.CASES_READ) or reader.may(Permission.CASES_READ_OWN))
    return reader if may else None


def _event(recent: Recent, change: Change) -> str:
    data = json.dumps({"id": change.handoff_id, "number": change.number, "kind": change.kind})
    return f"id: {recent.told(change)}\nevent: case-changed\ndata: {data}\n\n"
