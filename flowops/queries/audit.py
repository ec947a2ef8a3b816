"""Answers from the audit log: what happened, who did it, and the personal values as far as they are not erased."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select, true

from flowops.domain.access import ActorKind
from flowops.queries import paging
from flowops.storage import tables
from flowops.storage.unit import View

_BATCH = 500


@dataclass(frozen=True)
class Entry:
    """One entry with its actor's name; `personal` holds (value, salt) of each committed field not erased."""

    row: tables.AuditEntry
    actor_name: str
    personal: dict[str, tuple[Any, str]]

    @property
    def data(self) -> dict[str, Any]:
        """What the entry says, with the personal values in place of the commitments to them."""
        return self.row.data | {name: value for name, (value, _) in self.personal.items()}


def search(
    view: View,
    *,
    handoff: str | None = None,
    actor: str | None = None,
    event: str | None = None,
    after: datetime | None = None,
    before: datetime | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> paging.Page[Entry]:
    """Entries the viewer may see, newest first; `actor` is a user's id or a kind of actor."""
    row = tables.AuditEntry
    query = select(row).where(visible(view)).order_by(row.seq.desc()).limit(limit + 1)
    if handoff is not None:
        query = query.where(row.handoff_id.in_(select(tables.Handoff.id).where(tables.Handoff.named(handoff))))
    if actor is not None:
        query = query.where(row.actor_kind == actor if actor in set(ActorKind) else row.actor_id == actor)
    if event is not None:
        query = query.where(row.event == event)
    if after is not None:
        query = query.where(row.at > after)
    if before is not None:
        query = query.where(row.at < before)
    if cursor is not None:
        query = query.where(row.seq < paging.Place.decode(cursor, "-seq").number)
    return paging.cut(list(entries(view, query)), limit, lambda e: paging.Place("-seq", None, e.row.seq))


def of_case(view: View, handoff: tables.Handoff) -> list[Entry]:
    """Everything that happened to a case and to the request it came from, oldest first."""
    row = tables.AuditEntry
    from_request = and_(row.handoff_id.is_(None), row.request_id == handoff.request_id)
    query = select(row).where(or_(row.handoff_id == handoff.id, from_request)).order_by(row.seq)
    return list(entries(view, query))


def visible(view: View) -> ColumnElement[bool]:
    """Which entries a person sees: those about no case or request, and those of their queues."""
    if view.viewer.kind is not ActorKind.PERSON:
        return true()
    row, handoff, request, effect = tables.AuditEntry, tables.Handoff, tables.Request, tables.Effect
    mine = request.queue.in_(view.viewer.queues)
    of_handoff = select(handoff.id).where(handoff.id == row.handoff_id, handoff.queue.in_(view.viewer.queues))
    of_request = select(request.id).where(request.id == row.request_id, mine)
    of_effect = select(effect.id).join(request, request.id == effect.request_id).where(effect.id == row.effect_id, mine)
    return and_(
        or_(row.handoff_id.is_(None), of_handoff.exists()),
        or_(row.request_id.is_(None), of_request.exists()),
        or_(row.effect_id.is_(None), of_effect.exists()),
    )


def entries(view: View, query: Select[tables.AuditEntry]) -> Iterator[Entry]:
    """The entries a query finds, with names and personal values, read in batches."""
    for rows in view.session.scalars(query.execution_options(yield_per=_BATCH)).partitions():
        names = _names(view, {row.actor_id for row in rows if row.actor_id})
        personal = _personal(view, [row.id for row in rows])
        for row in rows:
            yield Entry(row, names.get(row.actor_id or "", row.actor_kind.value), personal.get(row.id, {}))


def _names(view: View, ids: Iterable[str]) -> dict[str, str]:
    users = view.session.scalars(select(tables.User).where(tables.User.id.in_(ids)))
    return {user.id: user.name for user in users}


def _personal(view: View, ids: list[str]) -> dict[str, dict[str, tuple[Any, str]]]:
    found: dict[str, dict[str, tuple[Any, str]]] = {}
    for kept in view.session.scalars(select(tables.AuditPrivate).where(tables.AuditPrivate.entry_id.in_(ids))):
        found.setdefault(kept.entry_id, {})[kept.field] = json.loads(kept.value), kept.salt
    return found
