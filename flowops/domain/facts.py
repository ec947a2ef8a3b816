"""What was known when a decision was taken, and where each fact came from.

Facts are plain frozen values: a decision stores them as JSON and can be taken again from them, byte for byte.
"""

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from flowops.domain import effects, times
from flowops.domain.money import MAX_INTEGER, Money

Slug = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9]+(?:[_.-][a-z0-9]+)*$")]


Minor = Annotated[int, Field(ge=0, le=MAX_INTEGER)]


class Fact(BaseModel):
    """A frozen value with camelCase JSON names; what it does not know it ignores, so that records may grow."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True, extra="ignore")

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with other values of some fields; what was made of the old ones is made anew."""
        copied = super().model_copy(update=update, deep=deep)
        for name in copied.__dict__.keys() - type(self).model_fields.keys():
            del copied.__dict__[name]
        return copied

    def dump(self) -> dict[str, Any]:
        """This value as JSON types with the names clients see."""
        return self.model_dump(mode="json", by_alias=True)


class Plan(StrEnum):
    FREE = "free"
    PRO = "pro"
    ENTERPRISE = "enterprise"


class Account(Fact):
    """The customer as the system of record knows them."""

    id: str = Field(min_length=1, max_length=200)
    email: str = Field(max_length=320)
    name: str = Field(max_length=200)
    plan: Plan
    status: Literal["active", "suspended", "closed"]
    created_at: AwareDatetime


class Invoice(Fact):
    """One invoice as billing knows it; `refundable` is what is left to give back, never more than `total`."""

    id: str = Field(min_length=1, max_length=200)
    customer_id: str = Field(min_length=1, max_length=200)
    status: Literal["paid", "open", "void", "refunded"]
    total: Money
    refundable: Money
    paid_at: AwareDatetime | None = None


class Payout(Fact):
    """Money on its way to a customer as billing knows it; what is held waits for somebody's word."""

    id: str = Field(min_length=1, max_length=200)
    customer_id: str = Field(min_length=1, max_length=200)
    status: Literal["held", "released", "cancelled"]
    amount: Money
    created_at: AwareDatetime


Record = Literal["account", "invoice", "payout"]
RECORDS: tuple[Record, ...] = get_args(Record)


class Records(Fact):
    """What the gateways answered at `fetched_at`; a gateway that failed is named in `errors` with the reason.

    None and no error: not asked, because the request names no such thing. `missing` names what a gateway said
    does not exist ("account", "invoice", "payout"). `invoices` are all of the customer's, asked for only when a reply
    says something they could support.
    """

    account: Account | None = None
    invoice: Invoice | None = None
    payout: Payout | None = None
    invoices: tuple[Invoice, ...] = ()
    missing: tuple[Record, ...] = ()
    errors: dict[Literal["accounts", "billing"], str] = {}
    fetched_at: AwareDatetime


def difference(before: Records, after: Records) -> tuple[dict[str, str], ...]:
    """Field by field, what the records said and what they say now, for people to read; fetch times do not count."""
    return tuple(
        {"field": f"{name}.{field}", "before": old.get(field, "none"), "after": new.get(field, "none")}
        for name in RECORDS
        for old, new in [(_told(getattr(before, name)), _told(getattr(after, name)))]
        for field in sorted(old.keys() | new.keys())
        if old.get(field) != new.get(field)
    )


def _told(record: Account | Invoice | Payout | None) -> dict[str, str]:
    """What a record says, by the names clients see; a field it leaves empty is left out."""
    if record is None:
        return {}
    values = {field.alias or name: getattr(record, name) for name, field in type(record).model_fields.items()}
    return {
        name: times.rfc3339(value) if isinstance(value, datetime) else str(value)
        for name, value in values.items()
        if value is not None
    }


class ToolOutput(Fact):
    """A fact the caller says a tool gave; shown as claimed by the caller, never trusted."""

    source: str = Field(min_length=1, max_length=200)
    at: AwareDatetime
    data: dict[str, Any]


class Message(Fact):
    """One thing somebody wrote."""

    role: Literal["customer", "automation", "operator", "third_party"]
    text: str
    at: AwareDatetime


class Asked(Fact):
    """The request as it came in: what the caller claims about the customer and what they want done."""

    mode: Literal["live", "shadow"] = "live"
    channel: str
    customer_id: str
    email: str | None = None
    name: str | None = None
    plan: str | None = None
    subject: str = ""
    messages: tuple[Message, ...] = ()
    tools: tuple[ToolOutput, ...] = ()
    confidence: Decimal | None = None
    escalate: bool = False
    kind: str | None = None
    params: dict[str, Any] = {}
    sla_due_at: AwareDatetime | None = None

    @cached_property
    def effect(self) -> effects.Params | None:
        """The parameters as the kind's own type, read once; None when they are wrong, or there is no such kind."""
        return effects.read(self.kind, self.params)


WINDOWS = (1, 7, 30, 90)  # days


class Tally(Fact):
    """How many effects of one kind a customer got within the last days, and the money in minor units of a currency."""

    kind: str
    days: int
    count: int = Field(ge=0)
    currency: str | None = None
    amount: int = Field(default=0, ge=0)


class History(Fact):
    """What this customer asked before and what was done for them; the case or effect in question is not counted.

    Cases are those opened within the last 7 days. Effects are those approved or done within each of `WINDOWS`.
    """

    cases_in_7_days: int = Field(default=0, ge=0)
    effects: tuple[Tally, ...] = ()

    def count(self, kind: str, days: int) -> int:
        """How many effects of a kind there were within the last days; ValueError for days that are none of `WINDOWS`.

        >>> tallies = Tally(kind="reply", days=7, count=2), Tally(kind="reply", days=30, count=3)
        >>> History(effects=tallies).count("reply", 7)
        2
        """
        return sum(tally.count for tally in self._of(kind, days))

    def total(self, kind: str, currency: str, days: int) -> int:
        """How much money of a currency they moved, in minor units; ValueError as above."""
        return sum(tally.amount for tally in self._of(kind, days) if tally.currency == currency)

    def _of(self, kind: str, days: int) -> list[Tally]:
        if days not in WINDOWS:
            msg = f"effects are counted within {', '.join(map(str, WINDOWS))} days, not {days}"
            raise ValueError(msg)
        return [tally for tally in self.effects if tally.kind == kind and tally.days == days]


class Limits(Fact):
    """How much may happen on whose word, in minor units of one currency for one kind of effect.

    From `two_people` on it takes `quorum` different people; decisions of before there was a choice took two.
    """

    automatic: Minor
    operator: Minor
    two_people: Minor
    quorum: int = Field(default=2, ge=2)


class Deed(Fact):
    """An effect of a case: what it is, how far it is, since when, the money it moves and the ids it names."""

    kind: str
    status: str
    at: AwareDatetime
    money: Money | None = None
    ids: tuple[str, ...] = ()


class Case(Fact):
    """What a reply may rest on beside the records: what was done in its case, and what the customer wrote there.

    `mentioned` are the amounts, dates and ids the customer wrote, `at` the moments of the case: when it was opened,
    when somebody wrote, when an answer is due.
    """

    deeds: tuple[Deed, ...] = ()
    mentioned: tuple[str, ...] = ()
    at: tuple[AwareDatetime, ...] = ()


class Check(Fact):
    """One claim held against the records; expected and actual are for people to read."""

    name: str
    passed: bool
    expected: str
    actual: str
    source: str


class Facts(Fact):
    """Everything a rule may read. `checks` are empty until verification has spoken.

    `limits` is None when the effect's kind and currency have none configured (or there is no effect), and `case` when
    the effect is no reply, or belongs to no case yet.
    """

    asked: Asked
    records: Records
    history: History = History()
    limits: Limits | None = None
    case: Case | None = None
    confidence_floor: Decimal = Decimal("0.75")
    checks: tuple[Check, ...] = ()
    now: AwareDatetime

    def verified(self, checks: tuple[Check, ...]) -> Self:
        """The same facts with what verification found."""
        return self.model_copy(update={"checks": checks})

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that did not pass."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def passed(self) -> frozenset[str]:
        """The names of the checks that passed."""
        return frozenset(check.name for check in self.checks if check.passed)

    @property
    def kind(self) -> str | None:
        """The kind of effect that is asked for, as the caller spells it."""
        return self.asked.kind

    @property
    def effect(self) -> effects.Params | None:
        """The parameters as the kind's own type; None when they are wrong, or there is no such kind."""
        return self.asked.effect

    @property
    def money(self) -> Money | None:
        """The money the effect moves; None when it moves none, or says so in a form that is not money."""
        return getattr(self.effect, "money", None)

    @property
    def account(self) -> Account | None:
        return self.records.account

    @property
    def invoice(self) -> Invoice | None:
        return self.records.invoice

    @property
    def payout(self) -> Payout | None:
        return self.records.payout

    @property
    def said(self) -> tuple[str, ...]:
        """The subject and what the customer and third parties wrote, each as a reader sees it.

        Invisible characters are gone; there is one kind of apostrophe and of space.

        >>> asked = Asked(channel="mail", customer_id="c", subject="My\u200b  lawyer\u2019s")
        >>> Facts(asked=asked, records=Records(fetched_at="2026-01-01T00:00Z"), now="2026-01-01T00:00Z").said
        ("My lawyer's",)
        """
        heard = (message.text for message in self.asked.messages if message.role in {"customer", "third_party"})
        return tuple(map(_plain, (self.asked.subject, *heard)))

    def told(self, source: str) -> dict[str, Any] | None:
        """What the tool of this name said last, as the caller claims; None when it said nothing. Never enough alone."""
        said = [tool for tool in self.asked.tools if tool.source == source]
        return max(said, key=lambda tool: tool.at).data if said else None


_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")


def _plain(text: str) -> str:
    seen = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).replace("’", "'")
    return " ".join(seen.split())
