"""SQLite and PostgreSQL made to behave alike: how a transaction begins, ends, waits and what time it is in it."""

import select as sockets
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event, Lock
from typing import Any, cast

import psycopg
from psycopg.errors import ReadOnlySqlTransaction
from sqlalchemy import Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    InternalError,
    InvalidatePoolError,
    NotSupportedError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from flowops import errors, killpoints
from flowops.storage.hints import Hints

WAIT = 10  # seconds a writer waits for another before it gives up
# A plan made for the parameters there are: one for any would be wrong for an outbox that was empty a moment ago.
_PLANS = "-c plan_cache_mode=force_custom_plan"
# Or a server that went away without a word would hold whoever talks to it for minutes; seconds, but for the last.
_ENDING = {
    "connect_timeout": WAIT,
    "keepalives_idle": WAIT,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 3 * WAIT * 1000,
}
Clock = Callable[[], datetime]
_CLOCK = select(func.clock_timestamp())


class Database:
    """One database. `clock` replaces its clock, so that tests can move time.

    `shares_commits` may be set to False, to see what group commit is worth. Raises `errors.WrongSetting` when the
    database would acknowledge what is not yet durable.
    """

    shares_commits = True

    def __init__(self, url: str, clock: Clock | None = None, pool_size: int = 20) -> None:
        try:
            parsed = make_url(url.replace("postgresql://", "postgresql+psycopg://", 1))
        except (ArgumentError, ValueError):  # they may repeat the password
            reason = "FLOWOPS_DATABASE_URL is wrong: it reads like postgresql://user:password@host:5432/name."
            raise errors.WrongSetting(reason=reason) from None
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self._clock = clock
        self._turns = _Turns()  # one writer a process: threads queue here, fairly, and not by polling the file
        self._group: _Group | None = None
        wanted = str(parsed.query.get("synchronous", "FULL"))
        connect_args: dict[str, Any] = (
            {"timeout": WAIT, "check_same_thread": False}
            if self.is_sqlite
            else _ENDING
            | dict(parsed.query)
            | {"options": f"{parsed.query.get('options', '')} -c lock_timeout={WAIT}s {_PLANS}"}
        )
        self.engine: Engine = create_engine(
            parsed.difference_update_query(["synchronous"]),
            connect_args=connect_args,
            pool_size=pool_size,
            max_overflow=pool_size,
            pool_timeout=WAIT,
            isolation_level=None if self.is_sqlite else "READ COMMITTED",
        )
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite(wanted))
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            event.listen(self.engine, "checkout", _refuse_closed)
        event.listen(self.engine, "before_execute", _watch)
        self.hints = Hints(self.engine, self.is_sqlite)

    def close(self) -> None:
        """Give back every connection."""
        self.hints.close()
        self.engine.dispose()

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that may change things: committed when the block ends, rolled back when it raises."""
        with _translated():
            if self.is_sqlite:
                with self._sharing() as connection:
                    yield connection
            else:
                with self.engine.connect() as connection, connection.begin():
                    yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction the database itself keeps from changing anything."""
        with _translated(), self.engine.connect() as connection:
            connection.execution_options(writes=False, postgresql_readonly=True)
            with connection.begin():
                yield connection

    def now(self, connection: Connection | None = None) -> datetime:
        """The database's time, UTC: every process that shares the database shares its clock.

        A SQLite file lies on this host, so its clock is the host's and nobody needs a connection to read it.
        """
        if self._clock is not None:
            return self._clock()
        if self.is_sqlite:
            return datetime.now(UTC)  # noqa: TID251 - this is the clock that unit.now is read from
        if connection is None:
            with self.reading() as connection:
                return self.now(connection)
        now: datetime = connection.execute(_CLOCK).scalar_one()
        return now.astimezone(UTC)

    def check_durability(self) -> None:
        """Raise WrongSetting unless a commit that was acknowledged survives a power cut."""
        with self.reading() as connection:
            if self.is_sqlite:
                return  # every connection was checked when it was made
            if connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "off":
                raise errors.WrongSetting(
                    reason="The PostgreSQL server has synchronous_commit=off: it acknowledges what a crash can lose. "
                    "Nothing was started; switch it on (ALTER SYSTEM SET synchronous_commit = on) and start again."
                )

    @contextmanager
    def _sharing(self) -> Iterator[Connection]:
        """Write in one transaction with all who wait meanwhile, and return when it is durable.

        One sync of the disk serves them all (group commit; DeWitt et al., "Implementation Techniques for Main Memory
        Database Systems", SIGMOD 1984). A block that raises is rolled back alone, and its error too waits for the
        commit: it may be about what others of the group wrote. Raises Unavailable when the group was lost.
        """
        self._turns.take(WAIT)
        if self._group is None:
            with self._beginning() as group:
                yield group.connection
        else:
            group = self._group
            try:
                with group.connection.begin_nested():
                    yield group.connection
            finally:
                self._leave(group)
                group.refuse_lost()

    @contextmanager
    def _beginning(self) -> Iterator["_Group"]:
        """Be the first of a group. Nobody else can have written yet, so a block that raises needs no savepoint."""
        try:
            connection = self.engine.connect().execution_options(writes=True)
            try:
                connection.begin()
                group = _Group(connection)
                yield group
            except BaseException:
                connection.close()  # which rolls back
                raise
        except BaseException:
            self._turns.end()
            raise
        self._leave(group)
        group.refuse_lost()

    def _leave(self, group: "_Group") -> None:
        """Hand the transaction to whoever waits for a turn, and wait for its end; the last one ends it."""
        self._group = group
        if self.shares_commits and group.is_alive and self._turns.pass_on():
            group.ended.wait()
            return
        self._group = None
        try:
            group.end()
        finally:
            self._turns.end()


class _Turns:
    """One thread at a time, in the order they came."""

    def __init__(self) -> None:
        self._mutex = Lock()
        self._is_taken = False
        self._waiting: deque[Event] = deque()

    def take(self, seconds: float) -> None:
        """Wait for a turn; raises Unavailable when it does not come in so many seconds."""
        with self._mutex:
            if not self._is_taken:
                self._is_taken = True
                return
            ticket = Event()
            self._waiting.append(ticket)
        if ticket.wait(seconds):
            return
        with self._mutex:
            if ticket.is_set():  # in the last moment
                return
            self._waiting.remove(ticket)
        raise errors.Unavailable(what=errors.DATABASE, reason=f"other writers kept it busy for {seconds:g} s")

    def pass_on(self) -> bool:
        """Give the turn to the thread that waits the longest; False, and keep it, when none does."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().set()
                return True
            return False

    def end(self) -> None:
        """Give the turn to whoever waits, or back."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._is_taken = False


@dataclass
class _Group:
    """Writers that share a transaction, and what became of it."""

    connection: Connection
    ended: Event = field(default_factory=Event)
    failure: str | None = None

    @property
    def is_alive(self) -> bool:
        """SQLite gives the whole transaction up when, for instance, the disk is full (sqlite.org/lang_transaction)."""
        connection = cast(sqlite3.Connection, self.connection.connection.driver_connection)
        return connection.in_transaction

    def refuse_lost(self) -> None:
        """Raise Unavailable when what was written here is not kept."""
        if self.failure is not None:
            raise errors.Unavailable(what=errors.DATABASE, reason=self.failure) from None

    def end(self) -> None:
        """Commit, unless it was lost before, and tell everybody."""
        try:
            if self.is_alive:
                killpoints.reach("group.uncommitted")
                self.connection.commit()
                killpoints.reach("group.committed")
            else:
                self.failure = "it gave up the transaction, as when its disk is full"
        except DBAPIError as error:
            self.failure = _short(error)
            self.connection.invalidate()  # what SQLite kept open ends with the connection
        except BaseException:
            self.failure = "the commit was interrupted"
            raise
        finally:
            self.ended.set()
            self.connection.close()


def session_on(connection: Connection, kind: type[Session] = Session) -> Session:
    """A session in a transaction that was begun already, and is ended by whoever began it."""
    return kind(connection, expire_on_commit=False, join_transaction_mode="rollback_only")


def _prepare_sqlite(wanted: str) -> Callable[[Any, ConnectionPoolEntry], None]:
    def prepare(connection: Any, _: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves; the driver would say it too late
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={wanted if wanted.isalnum() else 'FULL'}")
        connection.execute("PRAGMA foreign_keys=ON")
        # SQLite's own knows the letters of ASCII alone.
        connection.create_function("lower", 1, lambda text: text and text.lower(), deterministic=True)
        if connection.execute("PRAGMA synchronous").fetchone()[0] < 2:
            raise errors.WrongSetting(
                reason=f"FLOWOPS_DATABASE_URL asks SQLite for synchronous={wanted}, which acknowledges what a power "
                "cut can lose. Nothing was started; remove it (FULL is the default) and start again."
            )

    return prepare


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", True)
    if connection.info.get("writes") is not writes:  # what a connection of the pool was told it remembers
        connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
        connection.info["writes"] = writes
    # IMMEDIATE takes the write lock now: a transaction that reads first and writes later could not be retried.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _refuse_closed(connection: Any, _record: ConnectionPoolEntry, _proxy: Any) -> None:
    """Have the pool connect anew after the server went away.

    A server that closes an idle connection leaves something to read on it, and only then the connection is tried: an
    ordinary ping would cost every transaction a round trip.
    """
    waiting = sockets.poll()
    waiting.register(connection.fileno(), sockets.POLLIN)
    if waiting.poll(0):
        try:
            connection.execute("")
            connection.rollback()
        except psycopg.Error as error:
            raise InvalidatePoolError from error


def _watch(connection: Connection, statement: Any, _multi: Any, _params: Any, _options: Any) -> None:
    if watcher := connection.get_execution_options().get("watcher"):
        watcher(statement)


@contextmanager
def _translated() -> Iterator[None]:
    """A database that is busy, full, gone or restarting is Unavailable; what is our own fault stays what it is."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise errors.Unavailable(what=errors.DATABASE, reason=_short(error)) from error
    except (InternalError, NotSupportedError) as error:
        # After a failover to a server that only reads; PostgreSQL says it in two ways.
        if not isinstance(error.orig, ReadOnlySqlTransaction) and "during recovery" not in str(error.orig):
            raise
        raise errors.Unavailable(what=errors.DATABASE, reason=_short(error)) from error
    except NoConnection as error:
        raise errors.Unavailable(what=errors.DATABASE, reason=f"every connection was busy for {WAIT} s") from error


def _short(error: DBAPIError) -> str:
    return str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else type(error.orig).__name__
