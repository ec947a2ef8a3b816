"""Unit and View: one transaction is a change, its audit entries and its jobs; an unaudited change is refused."""

import hashlib
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, cast

import rfc8785
from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Delete,
    Executable,
    Insert,
    Table,
    TextClause,
    Update,
    bindparam,
    delete,
    event,
    func,
    insert,
    inspect,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import ORMExecuteState, Session

from flowops import errors
from flowops.domain.access import Actor
from flowops.domain.events import Event
from flowops.domain.jobs import Job, Status
from flowops.storage import announcing, tables
from flowops.storage.engine import Database, session_on
from flowops.storage.types import new_id

_SUBJECTS = ("handoff_id", "request_id", "effect_id", "customer_id")


@dataclass(frozen=True)
class View:
    """One transaction that can only read; `now` and `viewer` are fixed when it opens."""

    session: Session
    viewer: Actor
    now: datetime

    def execute(self, statement: Executable, **given: Any) -> CursorResult[Any]:
        """Run a statement that was built once, with these parameters, and without what a session does besides."""
        return self.session.connection().execute(statement, given)


@dataclass
class Unit:
    """One transaction that can write; `now` and `actor` are fixed when it opens.

    `correlation_id` is the HTTP request's or the job's id: it stands in every entry this unit records.
    """

    session: Session
    actor: Actor
    now: datetime
    correlation_id: str | None = None
    _changed: set[str] = field(default_factory=set)
    enqueued: set[str] = field(default_factory=set)  # topics
    _recorded: bool = False
    _rows: dict[type[tables.Base], list[dict[str, Any]]] = field(default_factory=dict)
    _public: list[announcing.Entry] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.session.info["unit"] = self

    @property
    def view(self) -> View:
        """What this unit sees, its own uncommitted changes included, for showing an answer."""
        return View(self.session, self.actor, self.now)

    def record(self, event: Event, by: Actor | None = None) -> str:
        """Append what happened to the audit log, in this transaction; `by` names a part of the product that decided.

        Gives the entry's id.

        Personal fields enter the entry as salted SHA-256 commitments over their RFC 8785 bytes; value and salt lie in
        `audit_private`.
        """
        data = event.open_data()
        entry_id = self.append(
            tables.AuditEntry,
            at=self.now,
            event=event.name,
            actor_kind=(by or self.actor).kind,
            actor_id=(by or self.actor).id,
            correlation_id=self.correlation_id,
            **{name: data.get(name) for name in _SUBJECTS},
            data=data,
        )
        for name, value in event.personal_data().items():
            salt, text = secrets.token_hex(16), rfc8785.dumps(value).decode()
            data[name] = {"commitment": "sha256:" + hashlib.sha256((salt + text).encode()).hexdigest()}
            self.append(tables.AuditPrivate, entry_id=entry_id, field=name, value=text, salt=salt)
        self._recorded = True
        return entry_id

    def enqueue(self, job: Job, run_at: datetime | None = None) -> str:
        """Write a job into the outbox, in this transaction, to run at `run_at` or as soon as it is committed."""
        self.enqueued.add(job.topic)
        payload = job.payload
        return self.append(
            tables.Job,
            topic=job.topic,
            key=job.key,
            payload=payload,
            webhook_id=payload.get("webhook_id"),
            status=Status.PENDING,
            run_at=run_at or self.now,
            created_at=self.now,
        )

    def append(self, table: type[tables.Base], **values: Any) -> str:
        """Add a row that this unit only writes, and give its id; every call for a table names the same columns.

        Such rows wait for each other, because many at once cost a fraction of as many entities; a query sees them all.
        """
        row_id = new_id(table.prefix) if table.prefix else ""
        self._rows.setdefault(table, []).append({"id": row_id, **values} if row_id else values)
        return row_id

    def move(
        self,
        source: type[tables.Base],
        target: type[tables.Base],
        where: ColumnElement[bool],
        given: Mapping[str, Any],
        **new: Any,
    ) -> int:
        """Take rows out of a table and put them, with these values, into another that has its columns; how many.

        `given` are the parameters of `where`. What somebody else changed in this moment, so that it is no longer meant,
        stays where it is.
        """
        dialect = self.session.get_bind().dialect.name
        *before, last = _moving(source, target, where, tuple(new), dialect)
        values = {f"new_{name}": value for name, value in new.items()}
        for statement in before:
            self.execute(statement, **given, **values)
        return self.execute(last, **given, **values).rowcount

    def execute(self, statement: Executable, **given: Any) -> CursorResult[Any]:
        """Run a statement that was built once, with these parameters, and without what a session does besides."""
        self.write()
        self.session.flush()
        return self.session.connection().execute(statement, given)

    def add_if_new(self, table: type[tables.Base], key: str, **values: Any) -> bool:
        """Add a row unless there is one of its key, which another unit may be adding in this moment; was it added?"""
        if self.session.get(table, key) is not None:
            return False
        dialects: dict[str, Any] = {"postgresql": postgresql, "sqlite": sqlite}
        (column,) = inspect(table).primary_key
        adding = dialects[self.session.get_bind().dialect.name].insert(table).values({column.name: key, **values})
        return self.session.scalar(adding.on_conflict_do_nothing().returning(column)) is not None

    def write(self) -> None:
        """Send what was appended to the database, after what it refers to; every query does so first."""
        if self._rows:
            rows, self._rows = self._rows, {}
            self.session.flush()
            connection = self.session.connection()
            for table, values in rows.items():
                connection.execute(_insert(table), values)
            self._public += announcing.public(rows.get(tables.AuditEntry, ()))

    def announce(self) -> None:
        """Have those told who registered for what this unit recorded; the last thing it does."""
        self.write()
        self.session.flush()
        if self._public:
            announcing.announce(self, self._public)
            self.write()

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """A part that may fail alone: whatever it changed, recorded and enqueued is taken back when it raises."""
        self.write()
        self.session.flush()  # or what was changed before would be forgotten too
        before = self._recorded, self._changed.copy(), self._public.copy()
        try:
            with self.session.begin_nested():
                yield
                self.write()
        except BaseException:
            self._rows.clear()
            self._recorded, self._changed, self._public = before
            raise

    def lock(self, name: str, *, shared: bool = False) -> None:
        """Let one unit at a time go on with this name, until it ends; locks are to be taken in a fixed order.

        Those that share it go on together, and with none that wants it alone. They queue: whoever wants it alone waits
        for those that have it, and for nobody who comes later.
        """
        if self.session.get_bind().dialect.name == "postgresql":  # SQLite has one writer anyway
            take = func.pg_advisory_xact_lock_shared if shared else func.pg_advisory_xact_lock
            self.session.execute(select(take(func.hashtextextended(name, 0))))

    def watch(self, statement: Any) -> None:
        """Note which business tables a statement changes; refuse raw SQL, which nobody could watch."""
        if isinstance(statement, TextClause):
            raise errors.UnauditedChange(tables="something by raw SQL")
        table = statement.table if isinstance(statement, Insert | Update | Delete) else None
        if isinstance(table, Table) and not table.info.get("bookkeeping"):
            self._changed.add(table.name)

    def refuse_unaudited(self) -> None:
        """Raise UnauditedChange when a business table was changed and no event recorded."""
        if self._changed and not self._recorded:
            raise errors.UnauditedChange(tables=", ".join(sorted(self._changed)))


@cache
def _insert(table: type[tables.Base]) -> Insert:
    """The statement that adds rows, the same one each time: SQLAlchemy need not find out anew what it is."""
    return insert(cast(Table, table.__table__))


@cache
def _moving(
    source: type[tables.Base], target: type[tables.Base], where: ColumnElement[bool], new: tuple[str, ...], dialect: str
) -> tuple[Executable, ...]:
    """The statements that move rows; the last one changes as many as there are."""
    old, row = cast(Table, source.__table__), cast(Table, target.__table__)
    names = [column.name for column in row.c]

    def values(of: Any) -> list[Any]:
        return [bindparam(f"new_{c.name}", type_=c.type) if c.name in new else of[c.name] for c in row.c]

    if dialect == "postgresql":
        gone = delete(old).where(where).returning(*old.c).cte("gone")
        return (insert(row).from_select(names, select(*values(gone.c)).select_from(gone)),)
    # Nobody else writes to SQLite meanwhile.
    copying = insert(row).from_select(names, select(*values(old.c)).where(where))
    return copying, delete(old).where(where)


class _Session(Session):
    """The session of a unit."""


@event.listens_for(_Session, "do_orm_execute")
def _write_first(query: ORMExecuteState) -> None:
    query.session.info["unit"].write()


@contextmanager
def open_unit(database: Database, actor: Actor, correlation_id: str | None = None) -> Iterator[Unit]:
    """Open a unit: leaving the block commits, an exception rolls back everything."""
    with database.writing() as connection, unit_on(connection, database, actor, correlation_id) as unit:
        yield unit
    if unit.enqueued:
        database.hints.give(unit.enqueued)


@contextmanager
def unit_on(
    connection: Connection, database: Database, actor: Actor, correlation_id: str | None = None
) -> Iterator[Unit]:
    """A unit as a part, the last one, of a transaction that was begun already."""
    with session_on(connection, _Session) as session:
        unit = Unit(session, actor, database.now(connection), correlation_id)
        connection.execution_options(watcher=unit.watch)
        yield unit
        unit.announce()
        unit.refuse_unaudited()


@contextmanager
def open_view(database: Database, viewer: Actor) -> Iterator[View]:
    """Open a view: a transaction the database keeps from writing."""
    with database.reading() as connection, session_on(connection) as session:
        yield View(session, viewer, database.now(connection))
