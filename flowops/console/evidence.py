"""The facts a decision was taken from as people read them: grouped, with money and times as elsewhere."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from flowops.console import wording
from flowops.domain.facts import Account, Facts, Invoice, Tally
from flowops.domain.money import Money

_IDS = {"id", "customer_id"}


@dataclass(frozen=True)
class Line:
    """One fact: a value that is a text or a moment; `is_code` marks what is an id."""

    label: str
    value: str | datetime
    is_code: bool = False

    @property
    def is_moment(self) -> bool:
        return isinstance(self.value, datetime)


@dataclass(frozen=True)
class Group:
    """Facts that belong together; `absent` says why there are none."""

    key: str
    title: str
    lines: tuple[Line, ...]
    absent: str = ""


def groups(facts: Facts) -> tuple[Group, ...]:
    """What was asked, and what the records said; messages, tools, checks and tallies are lists of their own."""
    return (
        Group("asked", "Asked", tuple(_asked(facts))),
        _record(facts, "account", facts.account, facts.records.errors.get("accounts")),
        _record(facts, "invoice", facts.invoice, facts.records.errors.get("billing")),
        Group("limits", "Limits", tuple(_limits(facts)), "None is configured for this kind and currency."),
    )


def tally(found: Tally) -> str:
    """The money of a tally; a dash when it moved none.

    >>> tally(Tally(kind="refund", days=7, count=1, currency="EUR", amount=4900))
    '49.00 EUR'
    """
    return str(Money(amount=found.amount, currency=found.currency)) if found.currency else "–"


def _asked(facts: Facts) -> Iterator[Line]:
    asked = facts.asked
    yield Line("Effect", wording.sentence(asked.kind) if asked.kind else "None")
    for name, value in asked.params.items():
        yield Line(wording.label(name), _plain(value), is_code=name.endswith("Id"))
    yield Line("Customer", asked.customer_id, is_code=True)
    claimed = {"Name": asked.name, "E-mail": asked.email, "Plan": asked.plan, "Subject": asked.subject}
    yield from (Line(label, value) for label, value in claimed.items() if value)
    yield Line("Channel", asked.channel)
    if asked.mode != "live":
        yield Line("Mode", asked.mode)
    if asked.confidence is not None:
        yield Line("Confidence", f"{asked.confidence}, of which {facts.confidence_floor} is enough")
    yield Line("A person wanted", "Yes" if asked.escalate else "No")
    if asked.sla_due_at:
        yield Line("Wanted until", asked.sla_due_at)


def _record(facts: Facts, name: str, record: Account | Invoice | None, error: str | None) -> Group:
    """What a gateway said, or why there is nothing from it."""
    title = name.capitalize()
    if record is not None:
        values = ((field, getattr(record, field)) for field in type(record).model_fields)
        known = [(field, value) for field, value in values if value is not None]
        lines = [Line(wording.sentence(field), _plain(value), is_code=field in _IDS) for field, value in known]
        return Group(name, title, (*lines, Line("Fetched", facts.records.fetched_at)))
    if error is not None:
        return Group(name, title, (), f"The gateway did not answer: {error}.")
    missing = name in facts.records.missing
    return Group(name, title, (), "The records have none." if missing else "Not asked for: the request names none.")


def _limits(facts: Facts) -> Iterator[Line]:
    if facts.limits is None or facts.money is None:
        return
    currency, limits = facts.money.currency, facts.limits
    for label, amount in (
        ("Without a person up to", limits.automatic),
        ("By an operator up to", limits.operator),
        (f"By {limits.quorum} people from", limits.two_people),
    ):
        yield Line(label, str(Money(amount=amount, currency=currency)))


def _plain(value: Any) -> str | datetime:
    if isinstance(value, datetime | str):
        return value
    try:
        return str(Money.model_validate(value))
    except ValidationError:
        return json.dumps(value, ensure_ascii=False, default=str)
