"""Column types that mean the same on SQLite and PostgreSQL, and the making of ids."""

import json
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import (
    ARRAY,
    Boolean,
    ColumnElement,
    DateTime,
    Dialect,
    Enum,
    Float,
    Select,
    String,
    Text,
    TypeDecorator,
    and_,
    any_,
    bindparam,
    func,
    select,
    tuple_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement, GenericFunction
from sqlalchemy.types import TypeEngine

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u


_scan = cast(Any, json.JSONDecoder()).scan_once  # what we wrote ourselves has no blanks around it to look for


def new_id(prefix: str) -> str:
    """An opaque id that sorts by the millisecond it was made in: 48 bits of time, 80 of chance (as in a ULID)."""
    number = time.time_ns() // 1_000_000 << 80 | secrets.randbits(80)
    return f"{prefix}_" + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC time; on SQLite a fixed-width text that sorts as the times do. A naive time is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(String(27) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            msg = f"{value} has no time zone"
            raise ValueError(msg)
        value = value.astimezone(UTC)
        # The offset is +00:00; strftime would say the same in three times the time.
        return value.isoformat(timespec="microseconds")[:-6] + "Z" if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """JSON kept as the text it was written as, so that what was hashed stays what it was; NaN is refused."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else _scan(value, 0)[0]


def enum(members: type[StrEnum]) -> Enum:
    """A column of the enum's values, as text, so that a new member needs no migration."""
    return Enum(members, native_enum=False, length=40, values_callable=lambda e: [m.value for m in e])


def each(column: ColumnElement[Any], *where: ColumnElement[bool]) -> Select[Any]:
    """The different values of a column that begins an index, each found by it however many rows have it."""
    first = select(func.min(column).label("value")).where(*where).cte("each", recursive=True)
    after = select(func.min(column)).where(*where, column > first.c.value).correlate(first).scalar_subquery()
    found = first.union_all(select(after).select_from(first).where(first.c.value.is_not(None)))
    return select(found.c.value).where(found.c.value.is_not(None))


class is_one_of(FunctionElement[bool]):  # noqa: N801 - reads as the SQL function it is
    """Is the column's value one of those that are given by this name when the statement is run?

    However many they are, it is one statement with one parameter.
    """

    type = Boolean()
    inherit_cache = True
    _is_implicitly_boolean = True  # or SQLite would be asked whether it equals 1, and use no index

    def __init__(self, column: ColumnElement[Any], name: str) -> None:
        super().__init__(column, bindparam(name, type_=_Listed(column.type)))


class place_of(FunctionElement[Any]):  # noqa: N801 - reads as the SQL function it is
    """Where the row with this number lies, which no index is needed to go back to.

    On PostgreSQL it means something only within a statement that locked the row.
    """

    inherit_cache = True


class is_found_by(FunctionElement[bool]):  # noqa: N801 - reads as the SQL function it is
    """Is the value one of those that a select finds?

    They are found first and looked up then. As an IN it would be planned as a join: while PostgreSQL believes that a
    table is nearly empty, as one that goes through all of it and through what nobody can clean up during a long
    transaction.
    """

    type = Boolean()
    inherit_cache = True
    _is_implicitly_boolean = True

    def __init__(self, column: ColumnElement[Any], found: Select[Any]) -> None:
        super().__init__(column, found.scalar_subquery())


class is_earlier(FunctionElement[bool]):  # noqa: N801 - reads as the SQL function it is
    """Has a row the same key as another and a smaller number? Given as key, number, the other's key, its number.

    PostgreSQL compares the number as part of a pair, which the index of keys and numbers alone can answer: by the
    number alone it might go through all that ever were. SQLite would not look a pair up.
    """

    type = Boolean()
    inherit_cache = True
    _is_implicitly_boolean = True


class _Listed(TypeDecorator[list[Any]]):
    """Values in one parameter: an array on PostgreSQL, on SQLite a JSON array."""

    impl = Text
    cache_ok = True

    def __init__(self, of: TypeEngine[Any]) -> None:
        self.of = of
        super().__init__()

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else ARRAY(self.of))

    def process_bind_param(self, value: list[Any] | None, dialect: Dialect) -> Any:
        return json.dumps(value) if dialect.name == "sqlite" else value


@compiles(is_one_of)
def _is_one_of(element: is_one_of, compiler: SQLCompiler, **how: Any) -> str:
    column, listed = element.clauses
    is_sqlite = compiler.dialect.name == "sqlite"
    found = select(func.json_each(listed).table_valued("value").c.value)
    return compiler.process(column.in_(found) if is_sqlite else column == any_(listed), **how)


@compiles(place_of)
def _place_of(element: place_of, compiler: SQLCompiler, **how: Any) -> str:
    [number] = cast(Sequence[Any], element.clauses)
    return compiler.process(number, **how) if compiler.dialect.name == "sqlite" else f"{number.table.name}.ctid"


@compiles(is_found_by)
def _is_found_by(element: is_found_by, compiler: SQLCompiler, **how: Any) -> str:
    column, found = cast(Sequence[Any], element.clauses)
    is_sqlite = compiler.dialect.name == "sqlite"
    return compiler.process(column.in_(found.element) if is_sqlite else column == any_(func.array(found)), **how)


@compiles(is_earlier)
def _is_earlier(element: is_earlier, compiler: SQLCompiler, **how: Any) -> str:
    key, number, other_key, other_number = cast(Sequence[Any], element.clauses)
    if compiler.dialect.name == "sqlite":
        return compiler.process(and_(key == other_key, number < other_number), **how)
    pair = tuple_(key, number) < tuple_(other_key, other_number)
    return compiler.process(and_(key == other_key, pair), **how)


class seconds_between(GenericFunction[float]):  # noqa: N801 - reads as the SQL function it is
    """How many seconds lie between two times, the earlier one first."""

    type = Float()
    inherit_cache = True


@compiles(seconds_between)
def _seconds_between(element: seconds_between, compiler: SQLCompiler, **how: Any) -> str:
    earlier, later = (compiler.process(clause, **how) for clause in element.clauses)
    if compiler.dialect.name == "sqlite":
        # A Julian day has room for some 40 microseconds; what is finer than a millisecond would be noise.
        return f"ROUND((julianday({later}) - julianday({earlier})) * 86400, 3)"
    return f"EXTRACT(EPOCH FROM {later} - {earlier})"
