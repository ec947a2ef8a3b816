"""The stream of changes as server-sent events: which cases changed, for who may see them; never what changed.

That effects were paused or resumed is told to everybody.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from flowops import errors
from flowops.app import App
from flowops.domain.access import Actor, Permission
from flowops.queries.feed import NAMED, Change, Position, Recent

if TYPE_CHECKING:
    from flowops.storage.unit import View

Who = Callable[["View"], Actor | None]

LONGEST_ID = 19 * (NAMED + 1)  # characters

# In seconds.
POLL = 1.0
BEAT = 15.0  # so that nothing between us and the reader takes the connection for dead, and nobody reads on unknown


class EventStream(StreamingResponse):
    """An answer that goes on until its reader or this process ends (WHATWG HTML, "Server-sent events")."""

    media_type = "text/event-stream"

    def __init__(self, app: App, reader: str, events: AsyncIterator[str]) -> None:
        # A proxy that collects answers would hold every event back.
        super().__init__(events, headers={"X-Accel-Buffering": "no"})
        self._app, self._reader = app, reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the stream, and make room for another."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._app.seats.leave(self._reader)


def response(app: App, reader: Actor, who: Who, last: str | None) -> EventStream:
    """A stream that begins now, or after the `last` id its reader has had; refused when too many are open.

    It begins with an id, so that nothing is left out even if it breaks before the first event. An event may come twice.
    Who was away too long to be told what they missed is told to `reload`. `who` is asked again with every heartbeat and
    before anything is told: the stream ends with the session or token it was opened with.
    """
    name = reader.id or reader.name
    app.seats.take(name)
    return EventStream(app, name, _events(app, who, last))


async def _events(app: App, who: Who, last: str | None) -> AsyncIterator[str]:
    clock = asyncio.get_running_loop().time
    place, reader, beat_at = None, None, clock()
    yield f"retry: {int(POLL * 3000)}\n\n"
    while not app.stopping.is_set():
        try:
            # In threads of the loop's own: readers without end must not take those of the endpoints.
            recent = await asyncio.to_thread(app.changes.recent, app.view)
            begins, beats = place is None, clock() >= beat_at
            if place is None:
                begun, recent, news = await asyncio.to_thread(_begin, app, recent, last)
            else:
                news = recent.since(place)
            if beats or _visible(news, reader):
                reader = await asyncio.to_thread(_ask, app, who)
        except errors.Unavailable:
            return  # the reader comes back by itself, and is told why
        if reader is None:
            return
        told = _visible(news, reader)
        if begins:
            yield f"id: {begun}\n\n"
        for change in told:
            yield _event(recent, change)
        if news is None:
            yield f"id: {recent.position}\nevent: reload\ndata: {{}}\n\n"
        if beats:
            beat_at = clock() + BEAT
            yield f"id: {recent.position}\n: still here\n\n"
        elif told:
            yield f"id: {recent.position}\n\n"
        place = recent.end
        await asyncio.sleep(POLL)


def _begin(app: App, recent: Recent, last: str | None) -> tuple[Position, Recent, Sequence[Change] | None]:
    """Where a stream begins, and what its reader missed before; None when that cannot be said."""
    if last is None:
        return recent.position, recent, ()
    told = Position.read(last)
    if told and told.read_to > recent.read_to:
        recent = app.changes.now(app.view)  # another process may have told more than this one had read
    missed = recent.after(told) if told else None
    return recent.position if told is None or missed is None else told, recent, missed


def _visible(news: Sequence[Change] | None, reader: Actor | None) -> list[Change]:
    return [change for change in news or () if reader and _may_know(reader, change)]


def _may_know(reader: Actor, change: Change) -> bool:
    return change.handoff_id is None or reader.sees(change.queue, change.created_by)


def _ask(app: App, who: Who) -> Actor | None:
    """Who reads, as long as they are known and may."""
    with app.view() as view:
        reader = who(view)
    may = reader is not None and (reader.may(Permission.CASES_READ) or reader.may(Permission.CASES_READ_OWN))
    return reader if may else None


def _event(recent: Recent, change: Change) -> str:
    about = {"id": change.handoff_id, "number": change.number} if change.handoff_id else {}
    name = "case-changed" if change.handoff_id else "effects-changed"
    data = json.dumps(about | {"kind": change.kind})
    return f"id: {recent.told(change)}\nevent: {name}\ndata: {data}\n\n"
