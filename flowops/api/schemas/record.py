"""Entries of the audit log as callers see them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from pydantic.alias_generators import to_camel

from flowops.api.schemas.answer import Answer

if TYPE_CHECKING:
    from flowops.queries import audit


class Actor(Answer):
    kind: str
    id: str | None
    name: str


class Entry(Answer):
    """Something that happened; `data` holds the personal values too, as far as they are not erased."""

    seq: int
    id: str
    at: datetime
    event: str
    actor: Actor
    correlation_id: str | None
    data: dict[str, Any]

    @classmethod
    def of(cls, entry: audit.Entry) -> Self:
        row = entry.row
        return cls(
            seq=row.seq,
            id=row.id,
            at=row.at,
            event=row.event,
            actor=Actor(kind=row.actor_kind, id=row.actor_id, name=entry.actor_name),
            correlation_id=row.correlation_id,
            data={to_camel(name): value for name, value in entry.data.items()},
        )
