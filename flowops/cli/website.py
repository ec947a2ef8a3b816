"""The server of the API and the console, apart, because no other command needs what serves the web."""

import socket
import threading

import uvicorn

from flowops import web
from flowops.app import App


class Server(uvicorn.Server):
    """A server that stops with the rest of the process; in a thread of its own it leaves the signals alone."""

    def run_until(self, stop: threading.Event, listener: socket.socket) -> None:
        """Serve on this socket until `stop` is set."""
        self._stop = stop
        self.run(sockets=[listener])

    async def on_tick(self, counter: int) -> bool:
        return self._stop.is_set() or await super().on_tick(counter)


def server(app: App) -> Server:
    """The API and the console."""
    return Server(
        uvicorn.Config(
            web.create(app),
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=round(app.settings.stop_grace.total_seconds()),
        )
    )
