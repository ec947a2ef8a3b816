"""Somebody who listens to the stream of changes over HTTP, while the test goes on."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

BEAT = ": still here"
PATIENCE = 30  # seconds, on the busiest machine


@dataclass(frozen=True)
class Told:
    """One event as it came."""

    kind: str
    id: str
    data: dict[str, Any]


@dataclass
class Listener:
    """What has come so far; `raw` are the lines as they were sent, `ids` those of messages without an event too."""

    answer: httpx.Response
    raw: list[str] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    has_ended: bool = False
    _news: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, count: int) -> list[Told]:
        """The events, once there are this many."""
        self._wait(lambda: len(self.told) >= count)
        return self.told

    def wait_for_beats(self, count: int) -> None:
        """Go on after this many more heartbeats."""
        wanted = self.raw.count(BEAT) + count
        self._wait(lambda: self.raw.count(BEAT) >= wanted)

    def wait_for_first_beat(self) -> None:
        """Go on once it is known what the reader has seen; the beat may have come already."""
        self._wait(lambda: BEAT in self.raw)

    def wait_for_end(self) -> None:
        """Go on once the server has ended the stream."""
        self._wait(lambda: self.has_ended)

    def listen(self) -> None:
        """Read until the stream ends, or the reader leaves."""
        parts: dict[str, str] = {}
        try:
            for line in self.answer.iter_lines():
                with self._news:
                    self.raw.append(line)
                    name, _, value = line.partition(": ")
                    if name == "id":
                        self.ids.append(value)
                    if name and value:
                        parts[name] = value
                    elif not line and "data" in parts:
                        self.told.append(Told(parts["event"], parts["id"], json.loads(parts["data"])))
                        parts.clear()
                    self._news.notify_all()
        except (httpx.HTTPError, httpx.StreamError):
            return  # the reader has left
        with self._news:
            self.has_ended = True
            self._news.notify_all()

    def _wait(self, condition: Any) -> None:
        with self._news:
            assert self._news.wait_for(condition, PATIENCE), self.raw


@contextmanager
def listening(client: httpx.Client, path: str = "/events", **headers: str) -> Iterator[Listener]:
    """Somebody who listens inside the block, from the moment it begins."""
    named = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    with client.stream("GET", path, headers=named, timeout=httpx.Timeout(PATIENCE)) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        listener = Listener(answer)
        thread = threading.Thread(target=listener.listen, daemon=True)
        thread.start()
        listener.wait_for_first_beat()
        yield listener
        if not listener.has_ended:
            answer.extensions["network_stream"].get_extra_info("socket").shutdown(2)
        thread.join(PATIENCE)
