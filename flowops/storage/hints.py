"""Tells those who wait for jobs, in this process and in others, that there may be some.

A hint is given after the commit, may come for nothing, and may be lost: who waits looks for themselves now and then.
On PostgreSQL it is a NOTIFY of its own and not part of the transaction, which would queue every commit behind the
notifying one before it. Other processes on one SQLite file see that its version changed.
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

CHANNEL = "flowops_jobs"
# In seconds.
LOOK = 0.005  # between two looks at SQLite's version; a look takes no lock
LISTEN = 0.2  # before a listener sees that it is to stop
AGAIN = 1.0  # between two tries to listen to a lost database


class Hints:
    """The hints of one database."""

    def __init__(self, engine: Engine, is_sqlite: bool) -> None:
        self._engine, self._is_sqlite = engine, is_sqlite
        self._wakes: set[Callable[[], None]] = set()
        self._given, self._closing = threading.Event(), threading.Event()
        self._mutex = threading.Lock()
        self._teller: threading.Thread | None = None

    def give(self) -> None:
        """There may be a job."""
        for wake in tuple(self._wakes):
            wake()
        if not self._is_sqlite:
            self._given.set()
            with self._mutex:
                if self._teller is None and not self._closing.is_set():
                    self._teller = threading.Thread(target=self._tell, name="hints", daemon=True)
                    self._teller.start()

    @contextmanager
    def heard_by(self, wake: Callable[[], None]) -> Iterator[None]:
        """Call `wake` whenever a hint is given, by this process or another one, until the block ends."""
        stop = threading.Event()
        thread = threading.Thread(target=self._listen, args=(wake, stop), name="listener", daemon=True)
        self._wakes.add(wake)
        thread.start()
        try:
            yield
        finally:
            self._wakes.discard(wake)
            stop.set()
            thread.join(LISTEN * 5)

    def close(self) -> None:
        """Give no more of them."""
        self._closing.set()
        self._given.set()
        with self._mutex:
            if self._teller is not None:
                self._teller.join()

    def _tell(self) -> None:
        """Tell the other processes, once for all the hints that were given meanwhile."""
        while self._given.wait() and not self._closing.is_set():
            self._given.clear()
            with suppress(DBAPIError, NoConnection), self._engine.begin() as connection:
                connection.exec_driver_sql(f"NOTIFY {CHANNEL}")

    def _listen(self, wake: Callable[[], None], stop: threading.Event) -> None:
        hear = self._hear_sqlite if self._is_sqlite else self._hear_postgresql
        while not stop.is_set():
            with suppress(DBAPIError, NoConnection, psycopg.Error, sqlite3.Error):
                pooled = self._engine.raw_connection()
                try:
                    hear(pooled.driver_connection, wake, stop)
                finally:
                    pooled.invalidate()
            stop.wait(AGAIN)

    @staticmethod
    def _hear_sqlite(connection: Any, wake: Callable[[], None], stop: threading.Event) -> None:
        seen = None
        while not stop.wait(LOOK):
            version = connection.execute("PRAGMA data_version").fetchone()
            if version != seen:
                seen = version
                wake()

    @staticmethod
    def _hear_postgresql(connection: Any, wake: Callable[[], None], stop: threading.Event) -> None:
        connection.autocommit = True
        connection.execute(f"LISTEN {CHANNEL}")
        while not stop.is_set():
            for _ in connection.notifies(timeout=LISTEN, stop_after=1):
                wake()
