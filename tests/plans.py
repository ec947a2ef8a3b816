"""How a database means to find what a query asks for."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Select, event
from sqlalchemy.orm import Session

from flowops.storage.engine import Database


class Index(Enum):
    """What PostgreSQL may not do instead: with the few rows of a test it would rather read or sort all of them."""

    USED = ("seqscan",)
    WALKED = ("seqscan", "bitmapscan", "sort")


@contextmanager
def noted(session: Session, wanted: Index, count: int = 1) -> Iterator[list[str]]:
    """The plan of the first SELECT of the block, and of as many as `count` says, once it has ended."""
    connection, statements, plans = session.connection(), list[Any](), list[str]()
    if connection.dialect.name == "postgresql":
        for way in wanted.value:
            connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
    before = connection.get_execution_options().get("watcher", lambda _: None)

    def keep(statement: Any) -> None:
        before(statement)
        if isinstance(statement, Select) and len(statements) < count:
            statements.append(statement)

    connection.execution_options(watcher=keep)
    yield plans
    connection.execution_options(watcher=before)
    plans.extend(_plan(connection, statement) for statement in statements)


@contextmanager
def written(database: Database, about: str, *, is_small: bool = True) -> Iterator[list[str]]:
    """The plans of the statements of the block that name a table, writing ones too, once it has ended.

    PostgreSQL would rather read all of a small one, and may not.
    """
    statements: list[tuple[str, Any]] = []

    def keep(_connection: Connection, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if about in statement and not isinstance(parameters, list):
            statements.append((statement, parameters))

    plans: list[str] = []
    event.listen(database.engine, "before_cursor_execute", keep)
    try:
        yield plans
    finally:
        event.remove(database.engine, "before_cursor_execute", keep)
    with database.writing() as connection:
        if is_small and connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plans.extend(_explained(connection, *asked) for asked in statements)


def _plan(connection: Connection, statement: Any) -> str:
    asked = str(statement.compile(connection, compile_kwargs={"literal_binds": True}))
    return _explained(connection, asked.replace("%", "%%"))


def _explained(connection: Connection, statement: str, parameters: Any = None) -> str:
    explain = "EXPLAIN" if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    lines = connection.exec_driver_sql(f"{explain} {statement}", parameters).all()
    return "\n".join(str(line[-1]) for line in lines)
