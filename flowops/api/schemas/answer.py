"""What every answer is: camelCase names, times in UTC with Z; and the parts that many answers share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

if TYPE_CHECKING:
    from flowops.queries import paging
    from flowops.storage import tables

T = TypeVar("T")
Row = TypeVar("Row")


class Answer(BaseModel):
    """What a caller gets; times are UTC with Z."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True)


class Page(Answer, Generic[T]):
    items: list[T]
    next_cursor: str | None

    @classmethod
    def of(cls, page: paging.Page[Row], show: Callable[[Row], T]) -> Self:
        return cls(items=[show(row) for row in page.items], next_cursor=page.next_cursor)


class Person(Answer):
    id: str
    name: str

    @classmethod
    def of(cls, user: tables.User | None) -> Self | None:
        return cls(id=user.id, name=user.name) if user else None
