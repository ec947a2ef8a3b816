"""What the demonstration tells: who asked for what, and what people did about it; every word of it is made up.

The stories lie in `data/`, a file for each trade. A case says how long ago it came in, and each of its steps how much
later, by whom and what, with the arguments of the function of that name in `acts`: `["12m", "tom", "note", "Asked."]`.
An argument that begins with @ stands for the id of that person, or of the case of that key. So the queue looks like a
week of work whenever it is opened.
"""

import tomllib
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict

from flowops import settings
from flowops.domain.facts import Account, Asked, Invoice, Message, Plan, ToolOutput
from flowops.domain.handoffs import Priority, Reason
from flowops.domain.money import Money


def span(text: str | timedelta) -> timedelta:
    """How long, in words of a number and a unit; a timedelta passes through.

    >>> span("1d 2h 30m")
    datetime.timedelta(days=1, seconds=9000)
    """
    if isinstance(text, timedelta):
        return text
    return sum((settings.parse_duration(word) for word in text.split()), timedelta(0))


Span = Annotated[timedelta, BeforeValidator(span)]


class Customer(NamedTuple):
    """A customer of the sandbox; `age` of the account in days."""

    id: str
    email: str
    name: str
    plan: Plan
    status: str
    age: int

    def account(self, today: datetime) -> Account:
        """The record of them."""
        return Account.model_validate(self._asdict() | {"created_at": today - timedelta(days=self.age)})


class Bill(NamedTuple):
    """An invoice of the sandbox, in minor units; paid so many days ago."""

    id: str
    customer_id: str
    status: str
    total: int
    refundable: int
    currency: str
    paid: int

    def invoice(self, today: datetime) -> Invoice:
        """The record of it."""
        money = {name: Money(amount=getattr(self, name), currency=self.currency) for name in ("total", "refundable")}
        return Invoice.model_validate(self._asdict() | money | {"paid_at": today - timedelta(days=self.paid)})


class Said(NamedTuple):
    """One message; `ago` is how long before the case came in, which is left out for those of the last minutes."""

    role: Literal["customer", "automation"]
    text: str
    ago: Span | None = None


class Refund(NamedTuple):
    """What an automation wants to give back, in minor units."""

    amount: int
    currency: str
    invoice: str
    reason: str

    @property
    def params(self) -> dict[str, Any]:
        money = {"amount": self.amount, "currency": self.currency}
        return {"money": money, "invoiceId": self.invoice, "reason": self.reason}


class Tool(NamedTuple):
    """What a tool told the automation."""

    source: str
    data: dict[str, Any]


class Step(NamedTuple):
    """One thing that somebody did with a case, so long after it came in."""

    after: timedelta
    who: str
    act: str
    args: tuple[Any, ...]

    @classmethod
    def read(cls, words: list[Any]) -> Self:
        """The step as the files write it."""
        after, who, act, *args = words
        return cls(span(after), who, act, tuple(args))


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Case(_Strict):
    """One request: what was said, and what the automation wants done.

    `opens` is the reason of a case that the automation opened itself, with a priority and a promise of its own.
    """

    key: str
    ago: Span
    customer: str
    channel: str
    queue: Literal["default", "payments", "trust"] = "default"
    mode: Literal["live", "shadow"] = "live"
    subject: str
    thread: tuple[Said, ...]
    confidence: Decimal | None = None
    escalate: bool = False
    refund: Refund | None = None
    facts: tuple[Tool, ...] = ()
    opens: Reason | None = None
    priority: Priority | None = None
    due: Span | None = None
    steps: tuple[Annotated[Step, BeforeValidator(Step.read)], ...] = ()

    def asked(self, now: datetime) -> Asked:
        """The case as the automation sends it in."""
        return Asked(
            mode=self.mode,
            channel=self.channel,
            customer_id=self.customer,
            subject=self.subject,
            messages=tuple(
                Message(role=said.role, text=said.text, at=now - (said.ago or timedelta(minutes=left)))
                for left, said in zip(range(len(self.thread), 0, -1), self.thread, strict=True)
            ),
            tools=tuple(ToolOutput(source=tool.source, at=now, data=tool.data) for tool in self.facts),
            confidence=self.confidence,
            escalate=self.escalate,
            kind="refund" if self.refund else None,
            params=self.refund.params if self.refund else {},
            sla_due_at=now + self.due if self.due else None,
        )


class Story(_Strict):
    """The customers of a trade, their invoices and their cases."""

    customers: tuple[Customer, ...]
    invoices: tuple[Bill, ...]
    cases: tuple[Case, ...]


@cache
def stories() -> tuple[Story, ...]:
    """What happened in each trade."""
    return tuple(Story.model_validate(read(name)) for name in ("saas", "payments", "trust"))


@cache
def everything() -> tuple[Case, ...]:
    """Every case of every trade, oldest first."""
    return tuple(sorted((case for story in stories() for case in story.cases), key=lambda case: -case.ago))


def read(name: str) -> dict[str, Any]:
    """What the data file of this name says."""
    return tomllib.loads(resources.files(__package__).joinpath("data", f"{name}.toml").read_text("utf-8"))
