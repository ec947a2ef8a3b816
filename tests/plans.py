"""How a database means to find what a query asks for."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Select
from sqlalchemy.orm import Session


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


def _plan(connection: Connection, statement: Any) -> str:
    explain = "EXPLAIN " if connection.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
    asked = str(statement.compile(connection, compile_kwargs={"literal_binds": True}))
    lines = connection.exec_driver_sql(explain + asked.replace("%", "%%")).all()
    return "\n".join(str(line[-1]) for line in lines)
