"""Facts that nobody would think of, by Hypothesis; it comes with the extra `policy`."""

from datetime import timedelta
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from flowops.cli.policy import samples
from flowops.domain import verification
from flowops.domain.facts import (
    Account,
    Asked,
    Facts,
    History,
    Invoice,
    Limits,
    Message,
    Plan,
    Records,
    Tally,
    ToolOutput,
)
from flowops.domain.money import MAX_INTEGER, Money

# The same facts each time, for a check that passes once must pass again.
SETTINGS = settings(derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))

T = TypeVar("T")
_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
_IDS = st.sampled_from(["cust_1", "inv_1", "cust_2"]) | st.text("abc_1", min_size=1, max_size=9)
_CURRENCIES = st.sampled_from(["EUR", "USD", "JPY", "BHD"])
_TIMES = st.integers(-50 * 365, 900 * 365).map(lambda days: samples.NOW + timedelta(days=days))
_NEAR = st.integers(-60, 60).map(lambda days: samples.NOW + timedelta(days=days)) | _TIMES
_MONEY = st.builds(
    Money, amount=st.integers(-100, 100_000) | st.integers(-MAX_INTEGER, MAX_INTEGER), currency=_CURRENCIES
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)
_PARAMS = st.dictionaries(_TEXTS, _JSON, max_size=3) | st.fixed_dictionaries(
    {},
    optional={
        "money": _MONEY.map(lambda money: money.model_dump()) | _JSON,
        "invoiceId": _IDS | _JSON,
        "reason": _TEXTS | _JSON,
        "body": _TEXTS | _JSON,
    },
)


def facts() -> st.SearchStrategy[Facts]:
    """Any facts at all, most of them near what is usual; verified, or not."""
    accounts = _made(
        Account,
        id=_IDS,
        email=_TEXTS,
        name=_TEXTS,
        plan=st.sampled_from(Plan),
        status=st.sampled_from(["active", "suspended", "closed"]),
        created_at=_NEAR,
    )
    invoices = _made(
        Invoice,
        id=_IDS,
        customer_id=_IDS,
        status=st.sampled_from(["paid", "open", "void", "refunded"]),
        total=_MONEY,
        refundable=_MONEY,
        paid_at=st.none() | _NEAR,
    )
    messages = _made(
        Message, role=st.sampled_from(["customer", "automation", "operator", "third_party"]), text=_TEXTS, at=_NEAR
    )
    tools = _made(ToolOutput, source=_IDS, at=_NEAR, data=st.dictionaries(_TEXTS, _JSON, max_size=3))
    asked = _made(
        Asked,
        channel=st.just("chat"),
        customer_id=_IDS,
        email=st.none() | _TEXTS,
        plan=st.none() | _TEXTS,
        subject=_TEXTS,
        messages=st.lists(messages, max_size=3).map(tuple),
        tools=st.lists(tools, max_size=2).map(tuple),
        confidence=st.none() | st.decimals(-1, 2, allow_nan=False, places=3),
        escalate=st.booleans(),
        kind=st.none() | st.sampled_from([*samples.KINDS, "transfer"]),
        params=_PARAMS,
        sla_due_at=st.none() | _NEAR,
    )
    records = _made(
        Records,
        account=st.none() | accounts,
        invoice=st.none() | invoices,
        errors=st.dictionaries(st.sampled_from(["accounts", "billing"]), _TEXTS, max_size=2),
        fetched_at=_NEAR,
    )
    amounts = st.integers(0, MAX_INTEGER)
    limits = _made(Limits, automatic=amounts, operator=amounts, two_people=amounts)
    tallies = _made(
        Tally,
        kind=st.sampled_from(samples.KINDS),
        days=st.sampled_from([1, 7, 30, 90]),
        count=st.integers(0, 50),
        currency=st.none() | _CURRENCIES,
        amount=amounts,
    )
    history = _made(History, cases_in_7_days=st.integers(0, 9), effects=st.lists(tallies, max_size=3).map(tuple))
    known = _made(
        Facts,
        asked=asked,
        records=records,
        history=history,
        limits=st.none() | limits,
        now=st.just(samples.NOW) | _TIMES,
    )
    return st.tuples(known, st.booleans()).map(_maybe_verified)


def _made(made: type[T], /, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[T]:
    return st.fixed_dictionaries(fields).map(lambda values: made(**values))


def _maybe_verified(drawn: tuple[Facts, bool]) -> Facts:
    known, is_verified = drawn
    return known.verified(verification.verify(known)) if is_verified else known
