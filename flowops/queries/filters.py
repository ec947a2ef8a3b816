"""Which cases a list holds, in which order, and where its next page begins: filters, words and places in SQL."""

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, String, and_, cast, false, or_, select, union_all
from sqlalchemy.orm import aliased

from flowops.domain import filters
from flowops.domain.filters import Filters, Risk, Sort, Waiting
from flowops.domain.handoffs import Status, WaitingFor
from flowops.queries.paging import Place
from flowops.storage import tables
from flowops.storage.unit import View

DUE_RANKS = 4  # how many there are; a place holds what comes before and this in one number


def matching(view: View, wanted: Filters, typed: str = "") -> Iterator[ColumnElement[bool]]:
    """The conditions a case must meet: every filter, and every filter and word of what somebody typed.

    Raises Invalid for what cannot be read.
    """
    more, words = filters.parse(typed)
    yield from _conditions(view, wanted)
    yield from _conditions(view, more)
    yield from map(_mentions, words)


def ordered(sort: Sort) -> list[ColumnElement[Any]]:
    """What to sort by; the number last, so that no two cases are equal."""
    row = tables.Handoff
    if sort is Sort.NEWEST:
        return [row.created_at.desc(), row.number.desc()]
    return [*_rank(row, sort), *row.nearest_first()]


def place(sort: Sort, handoff: tables.Handoff) -> Place:
    """Where a case stands in this order."""
    if sort is Sort.NEWEST:
        return Place(sort, handoff.created_at, handoff.number)
    (first,) = _rank(handoff, sort) or (0,)
    return Place(sort, handoff.sla_due_at, handoff.number, first * DUE_RANKS + handoff.due_rank)


def after(sort: Sort, cursor: str) -> ColumnElement[bool]:
    """Which cases come after the place of a cursor; Invalid unless this order gave it."""
    row, last = tables.Handoff, Place.decode(cursor, sort, timed=sort is Sort.NEWEST)
    # One bound first: no database finds a range of its index in an OR.
    if sort is Sort.NEWEST:
        return and_(row.created_at <= last.at, or_(row.created_at < last.at, row.number < last.number))
    later = row.number > last.number
    if last.at is not None:
        later = or_(row.sla_due_at > last.at, and_(row.sla_due_at == last.at, later))
    first, due_rank = divmod(last.rank, DUE_RANKS)
    for column, seen in [(row.due_rank, due_rank), *((rank, first) for rank in _rank(row, sort))]:
        later = and_(column >= seen, or_(column > seen, later))
    return later


def _rank(of: Any, sort: Sort) -> list[Any]:
    """What comes before the deadline in this order, least first; of a case, or of the table as its column."""
    match sort:
        case Sort.PRIORITY:
            return [of.turn]
        case Sort.RISK:
            return [of.risk]
    return []


def _conditions(view: View, wanted: Filters) -> Iterator[ColumnElement[bool]]:
    row, customer = tables.Handoff, tables.Customer
    for name in ("status", "priority", "queue", "channel", "tier"):
        if value := getattr(wanted, name):
            yield getattr(row, name) == value
    if wanted.reason is not None:  # which is among the issues, a list of codes kept as text
        yield cast(row.issues, String).contains(f'"{wanted.reason}"', autoescape=True)
    if wanted.status in {Status.PENDING, Status.CLAIMED}:
        yield row.is_open()
    if wanted.assignee is not None:
        yield row.claimed_by == {"me": view.viewer.id, "none": None}.get(wanted.assignee, wanted.assignee)
    if wanted.risk is not None:
        yield row.risk_level == (None if wanted.risk is Risk.NONE else wanted.risk.value)
    if wanted.customer is not None:
        known = or_(customer.id == wanted.customer, customer.external_id == wanted.customer)
        yield row.customer_id.in_(select(customer.id).where(known))
    if wanted.breached is not None:
        yield row.sla_breached_at.is_not(None) if wanted.breached else row.sla_breached_at.is_(None)
    match wanted.waiting:
        case Waiting.YES:
            yield row.waiting_for.is_not(None)
        case Waiting.NO:
            yield row.waiting_for.is_(None)
        case Waiting():
            yield row.waiting_for == WaitingFor(wanted.waiting)
    if wanted.due is not None:
        moment = view.now + filters.span(wanted.due)
        yield row.sla_due_at < moment if wanted.due.startswith("<") else row.sla_due_at > moment


def _mentions(word: str) -> ColumnElement[bool]:
    """Is the word the case's number, or found in its title, its customer or its messages, in upper or lower case?"""
    row, customer, message = aliased(tables.Handoff), tables.Customer, tables.Message
    number = re.fullmatch("(?:H-)?([1-9][0-9]{0,14})", word, re.IGNORECASE)
    itself = or_(row.number == int(number[1]) if number else false(), row.title.icontains(word, autoescape=True))
    about = [known.icontains(word, autoescape=True) for known in (customer.external_id, customer.name, customer.email)]
    # One list for all three: in an OR, PostgreSQL would search a long list from its beginning for every case.
    found: CompoundSelect[str | None] = union_all(
        select(row.id).where(itself),
        select(row.id).join(customer, customer.id == row.customer_id).where(or_(*about)),
        select(message.handoff_id).where(message.text.icontains(word, autoescape=True)),
    )
    return tables.Handoff.id.in_(found)
