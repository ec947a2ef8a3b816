"""Tells those who wait for jobs, in this process and in others, that there may be some.

A hint is given after the commit, may come for nothing, and may be lost: who waits looks for themselves now and then.
On PostgreSQL it is a NOTIFY of its own and not part of the transaction, which would queue every commit behind the
notifying one before it. Other processes on one SQLite file see that its version changed.
"""

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

CHANNEL = "flowops_jobs"
# In seconds.
LOOK = 0.003  # between two looks at SQLite's version; a look takes no lock, and looking costs 3 % of a core
LISTEN = 0.2  # before a listener sees that it is to stop
AGAIN = 1.0  # between two tries to listen to a lost database

_LOST = (DBAPIError, NoConnection, psycopg.Error, sqlite3.Error)  # the connection, or what was to be one
Wake = Callable[[Collection[str] | None], object]


class Hints:
    """The hints of one database."""

    def __init__(self, engine: Engine, is_sqlite: bool) -> None:
        self._engine, self._is_sqlite = engine, is_sqlite
        self._wakes: set[Wake] = set()
        self._untold: set[str] = set()
        self._given, self._closing = threading.Event(), threading.Event()
        self._mutex = threading.Lock()
        self._teller: threading.Thread | None = None

    def give(self, topics: Collection[str]) -> None:
        """There may be jobs of these topics; never raises, for what they come from is committed."""
        for wake in tuple(self._wakes):
            wake(topics)
        if not self._is_sqlite:
            self._untold.update(topics)
            self._given.set()
            with self._mutex, suppress(RuntimeError):  # there can be no more threads now
                if self._teller is None and not self._closing.is_set():
                    teller = threading.Thread(target=self._tell, name="hints", daemon=True)
                    teller.start()
                    self._teller = teller

    @contextmanager
    def heard_by(self, wake: Wake) -> Iterator[None]:
        """Call `wake` whenever a hint is given, by this process or another one, until the block ends.

        It is told the topics, or None when only a look can tell.
        """
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
        """Give no more of them; a teller that a lost database holds is left behind."""
        with self._mutex:
            self._closing.set()
            self._given.set()
        if self._teller is not None:
            self._teller.join(LISTEN * 5)

    def _tell(self) -> None:
        """Tell the other processes, once for all the hints that were given meanwhile."""
        while not self._closing.is_set():
            with suppress(*_LOST), self._own_connection() as connection:
                # A NOTIFY has a transaction's number, so its commit would wait for the disk; a lost hint loses nothing.
                connection.execute("SET synchronous_commit = off")
                while self._given.wait() and not self._closing.is_set():
                    self._given.clear()
                    topics = []
                    while self._untold:
                        topics.append(self._untold.pop())
                    connection.execute("SELECT pg_notify(%s, %s)", (CHANNEL, " ".join(topics)))
            self._closing.wait(AGAIN)

    def _listen(self, wake: Wake, stop: threading.Event) -> None:
        hear = self._hear_sqlite if self._is_sqlite else self._hear_postgresql
        while not stop.is_set():
            with suppress(*_LOST), self._own_connection() as connection:
                hear(connection, wake, stop)
            stop.wait(AGAIN)

    @contextmanager
    def _own_connection(self) -> Iterator[Any]:
        """The driver's connection, for a thread that keeps it until the block ends."""
        pooled = self._engine.raw_connection()
        try:
            if not self._is_sqlite:
                cast(psycopg.Connection, pooled.driver_connection).autocommit = True
            yield pooled.driver_connection
        finally:
            pooled.invalidate()

    @staticmethod
    def _hear_sqlite(connection: Any, wake: Wake, stop: threading.Event) -> None:
        seen = None
        while not stop.wait(LOOK):
            version = connection.execute("PRAGMA data_version").fetchone()
            if version != seen:
                seen = version
                wake(None)

    @staticmethod
    def _hear_postgresql(connection: Any, wake: Wake, stop: threading.Event) -> None:
        connection.execute(f"LISTEN {CHANNEL}")
        while not stop.is_set():
            for hint in connection.notifies(timeout=LISTEN, stop_after=1):
                wake(hint.payload.split())
