"""Sends cases over connections that stay open, each as soon as the one before was answered, and times the answers.

Run as `python -m benchmarks.http.load PORT TOKEN CONNECTIONS WARM SECONDS`; prints one line of JSON. It speaks just
enough HTTP/1.1 to cost little beside the server: an answer is its status line and Content-Length.
"""

import asyncio
import json
import random
import sys
import time

CUSTOMERS = 1000
TEXT = "I was charged twice for the same month. Please look into it and tell me when I get the money back. "


def request(token: str, number: int) -> bytes:
    """A case of one of many customers; no two are the same."""
    case = {
        "channel": "chat",
        "customer": {"id": f"bench_{random.randrange(CUSTOMERS)}"},
        "title": f"Charged twice, {number}",
        "reason": "escalated",
        "messages": [{"role": "customer", "text": TEXT * 3}],
    }
    body = json.dumps(case).encode()
    head = f"POST /handoffs HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class Client(asyncio.Protocol):
    """One connection, and the milliseconds each of its answers took from `since` on."""

    def __init__(self, token: str, since: float, until: float) -> None:
        self._token, self._since, self._until = token, since, until
        self._sent, self._number, self._got = 0.0, 0, b""
        self.took: list[float] = []
        self.refused: list[str] = []
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """Count an answer that is whole, and go on."""
        self._got += data
        end = self._got.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._got[:end].lower()
        at = head.find(b"content-length: ") + len(b"content-length: ")
        if len(self._got) < end + 4 + int(head[at:].split(b"\r\n", 1)[0]):
            return
        now = time.perf_counter()
        if not self._got.startswith(b"HTTP/1.1 201"):
            self.refused.append(self._got[:200].decode(errors="replace"))
        elif self._since <= now <= self._until:
            self.took.append((now - self._sent) * 1000)
        self._got = b""
        if now < self._until:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        if exc is not None:
            self.refused.append(str(exc))
        self.ended.set_result(None)

    def _send(self) -> None:
        self._number += 1
        sending = request(self._token, self._number)
        self._sent = time.perf_counter()
        self._transport.write(sending)


async def run(port: int, token: str, connections: int, warm: float, seconds: float) -> dict[str, object]:
    """Load the server; what was answered within the seconds after the warm-up."""
    since = time.perf_counter() + warm
    used = time.process_time()
    clients: list[Client] = []
    for _ in range(connections):
        _, made = await asyncio.get_running_loop().create_connection(
            lambda: Client(token, since, since + seconds), "127.0.0.1", port
        )
        clients.append(made)
    for client in clients:
        await client.ended
    used = (time.process_time() - used) / (warm + seconds)
    took = [each for client in clients for each in client.took]
    return {"took": took, "refused": [each for client in clients for each in client.refused], "ownCores": used}


def main(port: str, token: str, connections: str, warm: str, seconds: str) -> None:
    """Load, and print the outcome."""
    made = asyncio.run(run(int(port), token, int(connections), float(warm), float(seconds)))
    sys.stdout.write(json.dumps(made))


if __name__ == "__main__":
    main(*sys.argv[1:])
