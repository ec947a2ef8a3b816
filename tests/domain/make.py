"""Facts to judge: one good case that tests bend, and Hypothesis strategies for cases nobody would think of."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from flowops.domain import sla, verification
from flowops.domain.facts import (
    Account,
    Asked,
    Check,
    Fact,
    Facts,
    History,
    Invoice,
    Limits,
    Message,
    Payout,
    Plan,
    Records,
    ToolOutput,
)
from flowops.domain.handoffs import Priority
from flowops.domain.money import Money
from flowops.domain.sla import Clock

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
REFUND_CHECKS = {
    "records_available",
    "records_fresh",
    "account_exists",
    "account_active",
    "effect_well_formed",
    "invoice_exists",
    "invoice_belongs_to_customer",
    "invoice_state_allows_effect",
    "amount_within_refundable",
    "currency_matches_invoice",
}
LIMITS = Limits(automatic=10_000, operator=25_000, two_people=50_000)


def euros(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


def account(**other: Any) -> Account:
    known = {"email": "ada@example.com", "name": "Ada", "plan": Plan.PRO, "status": "active", "created_at": NOW}
    return Account(**{"id": "cust_1", **known, **other})


def invoice(**other: Any) -> Invoice:
    amounts = {"total": euros(49_000), "refundable": euros(49_000)}
    known = {"customer_id": "cust_1", "status": "paid", "paid_at": NOW - timedelta(days=3)}
    return Invoice(**{"id": "inv_1", **known, **amounts, **other})


def payout(**other: Any) -> Payout:
    known = {"customer_id": "cust_1", "status": "held", "created_at": NOW - timedelta(days=2)}
    return Payout(**{"id": "po_1", "amount": euros(18_000), **known, **other})


def records(**other: Any) -> Records:
    return Records(**{"account": account(), "invoice": invoice(), "fetched_at": NOW, **other})


def refund(amount: int = 4900, currency: str = "EUR", invoice_id: str = "inv_1") -> dict[str, Any]:
    return {"money": {"amount": amount, "currency": currency}, "invoiceId": invoice_id}


def asked(**other: Any) -> Asked:
    return Asked(**{"channel": "chat", "customer_id": "cust_1", "kind": "refund", "params": refund(), **other})


def facts(**other: Any) -> Facts:
    """A refund that policy approves, unless something is changed."""
    return Facts(**{"asked": asked(), "records": records(), "limits": LIMITS, "now": NOW, **other})


def verified(**other: Any) -> Facts:
    known = facts(**other)
    return known.verified(verification.verify(known))


def said(text: str, role: str = "customer") -> Message:
    return Message.model_validate({"role": role, "text": text, "at": NOW})


def tool(data: dict[str, Any], at: datetime = NOW) -> ToolOutput:
    return ToolOutput(source="tool:lookup", at=at, data=data)


ZONES = st.sampled_from([UTC, timezone(timedelta(hours=14)), timezone(-timedelta(hours=12))])
TIMES = st.sampled_from([NOW + timedelta(days=days) for days in (0, -1, -29, -30, -31, 1, 400)]) | st.datetimes(
    timezones=ZONES
)
MONEY = st.builds(
    Money,
    amount=st.sampled_from([0, 1, -1, 4900, 10_000, 10_001, 49_000, 50_000, 2**53 - 1]),
    currency=st.sampled_from(["EUR", "EUR", "USD", "JPY"]),
)
IDS = st.sampled_from(["cust_1", "cust_1", "cust_2", "inv_1", "inv_2"])
ABOUT_CUSTOMERS = "email Email customer_email customerId accountId id plan status accountStatus customer account result"
ABOUT_INVOICES = "data invoice invoiceId invoice_id amount money total refundable currency passengers"
KEYS = st.sampled_from(f"{ABOUT_CUSTOMERS} {ABOUT_INVOICES}".split())
WORDS = IDS | st.sampled_from(
    ["ada@example.com", "pro", "active", "paid", "49.00", "€ 49", "1,490.00 EUR", "1e400", "free"]
)


def nested(leaves: st.SearchStrategy[Any], keys: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, Any]]:
    values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3))
    return st.dictionaries(keys, values, max_size=4)


PLAIN = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | WORDS
)
JSON = nested(PLAIN | st.text(), KEYS | st.text(max_size=5))
ANY_TEXT = st.text(st.characters(), max_size=20)  # lone surrogates too
HUGE = st.sampled_from([10**4000, -(10**20), float("nan"), float("-inf"), b"bytes", {1: 2}, {"\ud800": "\udfff"}, NOW])
HOSTILE = nested(PLAIN | ANY_TEXT | HUGE, KEYS)


def mostly(usual: Any, odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Odd one time in eight, so that facts with a single odd value are common, and good ones occur."""
    return st.integers(0, 7).flatmap(lambda dice: odd if dice == 7 else st.just(usual))


def all_facts(data: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[Facts]:
    """Facts that are good and odd in every mixture; `data` is what tools and parameters may hold."""
    other_id = st.sampled_from(["cust_2", "inv_2"])
    accounts = st.builds(
        account,
        id=mostly("cust_1", other_id),
        plan=mostly(Plan.PRO, st.sampled_from(Plan)),
        status=mostly("active", st.sampled_from(["suspended", "closed"])),
    )
    invoices = st.builds(
        invoice,
        id=mostly("inv_1", other_id),
        customer_id=mostly("cust_1", other_id),
        status=mostly("paid", st.sampled_from(["open", "void", "refunded"])),
        total=mostly(euros(49_000), MONEY),
        refundable=mostly(euros(49_000), MONEY),
        paid_at=mostly(NOW, st.none() | TIMES),
    )
    known = st.builds(
        records,
        account=accounts.flatmap(lambda found: mostly(found, st.none())),
        invoice=invoices.flatmap(lambda found: mostly(found, st.none())),
        missing=mostly((), st.sampled_from([("account",), ("invoice", "account")])),
        errors=mostly({}, st.sampled_from([{"accounts": "timed out"}, {"billing": ""}])),
        fetched_at=mostly(NOW, TIMES),
    )
    refunds = st.builds(lambda money, bill: {"money": money.model_dump(), "invoiceId": bill}, MONEY, IDS)
    requests = st.builds(
        asked,
        kind=mostly("refund", st.sampled_from(["reply", None, "", "transfer"])),
        params=mostly(refund(), refunds | st.just({"body": "Hello"}) | st.just({}) | data),
        email=mostly("ada@example.com", st.none() | st.text(max_size=5)),
        plan=mostly("pro", st.none() | st.text(max_size=5)),
        subject=st.text(max_size=20),
        messages=st.lists(st.builds(said, st.text(max_size=20)), max_size=2).map(tuple),
        tools=mostly((), st.lists(st.builds(tool, data, at=mostly(NOW, TIMES)), max_size=2).map(tuple)),
        confidence=mostly(Decimal("0.9"), st.none() | st.decimals(allow_nan=False, allow_infinity=False)),
        escalate=mostly(False, st.booleans()),
        sla_due_at=mostly(None, TIMES),
    )
    limits = st.builds(
        Limits,
        automatic=mostly(10_000, st.sampled_from([0, 100_000])),
        operator=st.just(25_000),
        two_people=mostly(50_000, st.just(0)),
    )
    return st.builds(
        facts,
        asked=requests,
        records=known,
        history=st.builds(History, cases_in_7_days=mostly(0, st.integers(0, 4))),
        limits=limits.flatmap(lambda found: mostly(found, st.none())),
        now=mostly(NOW, TIMES),
    )


def alike(one: Fact, other: Fact) -> bool:
    """Would both be stored as the same bytes?"""
    return one.model_dump_json(by_alias=True) == other.model_dump_json(by_alias=True)


def vouched(known: Facts) -> Facts:
    """These facts under checks that claim to have passed whatever is true."""
    passed = {"passed": True, "expected": "", "actual": "", "source": ""}
    return known.verified(tuple(Check.model_validate({"name": name, **passed}) for name in sorted(REFUND_CHECKS)))


@dataclass
class MinuteCounter:
    """One clock of a case the slow way: one minute after the other, and nothing worked out in advance."""

    priority: Priority
    clock: Clock
    counted: int = 0
    paused: int = 0
    is_paused: bool = False
    is_broken: bool = False

    def __post_init__(self) -> None:
        self.aim(self.priority)

    @property
    def left(self) -> int:
        return self.promised - self.counted

    def wait(self, minutes: int) -> None:
        for _ in range(minutes):
            if self.is_paused:
                self.paused += 1
            else:
                self.counted += 1
                self.is_broken |= self.counted > self.promised

    def aim(self, priority: Priority) -> None:
        """Promise what this priority promises, and never less than has gone by."""
        self.promised = max(self.counted, sla.TARGETS[priority][self.clock] // timedelta(minutes=1))
