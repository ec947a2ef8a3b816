"""A provider on loopback that speaks as OpenAI's servers do, or plays a fault, for each call the next of a list."""

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

NAME = "small-model-1"
LATER = {"Retry-After": "1"}


@dataclass
class Provider:
    """What was asked, and what is to be answered; when no answer is left, the last one is given again."""

    answers: deque[Any]
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    url: str = ""
    gone: threading.Event = field(default_factory=threading.Event)

    def next(self) -> Any:
        return self.answers.popleft() if len(self.answers) > 1 else self.answers[0]


@contextmanager
def answering(*answers: Any) -> Iterator[Provider]:
    """A server that gives these: an object or a text is the model's, a number a status, a word a fault."""
    provider = Provider(deque(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            provider.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            provider.keys.append(self.headers["Authorization"])
            _give(self, provider, provider.next())

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    provider.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        provider.gone.set()
        server.shutdown()
        server.server_close()


def refusing() -> str:
    """The address of a server that is not there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/v1"


def _give(handler: BaseHTTPRequestHandler, provider: Provider, answer: Any) -> None:
    match answer:
        case "reset":
            linger = struct.pack("ii", 1, 0)  # closing throws away what was not sent, and says so
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.connection.close()
        case "hang":
            provider.gone.wait(60)
        case "slow":
            provider.gone.wait(2)
            _send(handler, 200, _completion("{}"))
        case "truncated":
            whole = _completion('{"level": "low"}')
            _send(handler, 200, whole[: len(whole) // 2], size=len(whole))
        case "no JSON":
            _send(handler, 200, b"<html>busy</html>")
        case int(status):
            headers = LATER if status == 429 else {}
            _send(handler, status, json.dumps({"error": {"message": "no", "type": "x"}}).encode(), headers)
        case str(text):
            _send(handler, 200, _completion(text))
        case _:
            _send(handler, 200, _completion(json.dumps(answer)))


def _completion(content: str) -> bytes:
    message = {"role": "assistant", "content": content}
    return json.dumps(
        {
            "id": "c1",
            "object": "chat.completion",
            "created": 1,
            "model": NAME,
            "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
        }
    ).encode()


def _send(
    handler: BaseHTTPRequestHandler,
    status: int,
    body: bytes,
    headers: dict[str, str] | None = None,
    size: int | None = None,
) -> None:
    handler.send_response(status)
    sent: Iterable[tuple[str, str]] = (headers or {}).items()
    for name, value in (*sent, ("Content-Type", "application/json"), ("Content-Length", str(size or len(body)))):
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)
    handler.wfile.flush()
    if size is not None:
        handler.close_connection = True
