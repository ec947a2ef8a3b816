"""Answers from the audit log: what happened, who did it, and the personal values as far as they are not erased."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select, true

from flowops.domain import events
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
    query = select(row).where(visible(view))
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
    return _page(view, query, newest_first=True, cursor=cursor, limit=limit)


def of_case(
    view: View, handoff: tables.Handoff, *, newest_first: bool, cursor: str | None, limit: int
) -> paging.Page[Entry]:
    """What happened to a case and to the request it came from."""
    row = tables.AuditEntry
    from_request = and_(row.handoff_id.is_(None), row.request_id == handoff.request_id)
    query = select(row).where(or_(row.handoff_id == handoff.id, from_request))
    return _page(view, query, newest_first=newest_first, cursor=cursor, limit=limit)


def issues_found(view: View, handoff: tables.Handoff) -> list[Entry]:
    """The reasons for a person to look that a case got since it was opened, oldest first."""
    row = tables.AuditEntry
    query = select(row).where(row.handoff_id == handoff.id, row.event == events.IssueFound.name).order_by(row.seq)
    return list(entries(view, query))


def visible(view: View) -> ColumnElement[bool]:
    """Which entries the viewer sees: those about no customer, case or request, and those about what they see.

    Of a customer a person sees what is on record once there is a request in a queue of theirs; a service, once it
    has made one itself.
    """
    row, handoff, request, effect = tables.AuditEntry, tables.Handoff, tables.Request, tables.Effect
    my_case: ColumnElement[bool]
    mine: ColumnElement[bool]
    match view.viewer.kind:
        case ActorKind.PERSON:
            my_case, mine = handoff.queue.in_(view.viewer.queues), request.queue.in_(view.viewer.queues)
        case ActorKind.SERVICE:
            my_case, mine = handoff.created_by == view.viewer.id, request.caller_id == view.viewer.id
        case _:
            return true()
    of_effect = select(effect.id).join(request, request.id == effect.request_id).where(effect.id == row.effect_id, mine)
    return and_(
        or_(row.customer_id.is_(None), select(request.id).where(request.customer_id == row.customer_id, mine).exists()),
        or_(row.handoff_id.is_(None), select(handoff.id).where(handoff.id == row.handoff_id, my_case).exists()),
        or_(row.request_id.is_(None), select(request.id).where(request.id == row.request_id, mine).exists()),
        or_(row.effect_id.is_(None), of_effect.exists()),
    )


def entries(view: View, query: Select[tables.AuditEntry]) -> Iterator[Entry]:
    """The entries a query finds, with names and personal values, read in batches."""
    for rows in view.session.scalars(query.execution_options(yield_per=_BATCH)).partitions():
        names = _names(view, {row.actor_id for row in rows if row.actor_id})
        personal = _personal(view, [row.id for row in rows])
        for row in rows:
            yield Entry(row, names.get(row.actor_id or "", row.actor_kind.value), personal.get(row.id, {}))


def _page(
    view: View, query: Select[tables.AuditEntry], *, newest_first: bool, cursor: str | None, limit: int
) -> paging.Page[Entry]:
    seq, order = tables.AuditEntry.seq, "-seq" if newest_first else "seq"
    if cursor is not None:
        last = paging.Place.decode(cursor, order).number
        query = query.where(seq < last if newest_first else seq > last)
    query = query.order_by(seq.desc() if newest_first else seq).limit(limit + 1)
    return paging.cut(list(entries(view, query)), limit, lambda entry: paging.Place(order, None, entry.row.seq))


def _names(view: View, ids: Iterable[str]) -> dict[str, str]:
    users = view.session.scalars(select(tables.User).where(tables.User.id.in_(ids)))
    return {user.id: user.name for user in users}


def _personal(view: View, ids: list[str]) -> dict[str, dict[str, tuple[Any, str]]]:
    found: dict[str, dict[str, tuple[Any, str]]] = {}
    for kept in view.session.scalars(select(tables.AuditPrivate).where(tables.AuditPrivate.entry_id.in_(ids))):
        found.setdefault(kept.entry_id, {})[kept.field] = json.loads(kept.value), kept.salt
    return found
