"""A suspension or a release over HTTP is never lost and never done twice, whatever the answer looked like."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from flowops import errors
from flowops.domain.money import Money
from flowops.gateways.accounts import HttpAccounts
from flowops.gateways.billing import HttpBilling
from flowops.gateways.receipts import Receipt
from tests import servers
from tests.gateways.test_refunds import UNREADABLE
from tests.servers import Fault, Provider

HELD = Money(amount=18_000, currency="EUR")


@dataclass(frozen=True)
class Deed:
    """One thing to be done at an address under a key, what is sent, and how its record says that it is done."""

    path: str
    body: dict[str, Any]
    ask: Callable[[str, str], Receipt]
    status: Callable[[Provider], Any]


def release(url: str, key: str) -> Receipt:
    return HttpBilling(url, timeout=0.5).release("po_123", HELD, key)


def suspend(url: str, key: str) -> Receipt:
    return HttpAccounts(url, timeout=0.5).suspend("cust_123", "stolen card", key)


DEEDS = {
    "release": Deed(
        "/payouts/po_123/release",
        {"money": {"amount": 18_000, "currency": "EUR"}},
        release,
        lambda provider: getattr(provider.sandbox.payout("po_123"), "status", None) == "released",
    ),
    "suspend": Deed(
        "/accounts/cust_123/suspend",
        {"reason": "stolen card"},
        suspend,
        lambda provider: getattr(provider.sandbox.account("cust_123"), "status", None) == "suspended",
    ),
}


@pytest.fixture(params=list(DEEDS.values()), ids=list(DEEDS))
def deed(request: pytest.FixtureRequest) -> Deed:
    found: Deed = request.param
    return found


def test_it_is_sent_as_agreed(deed: Deed, provider: Provider) -> None:
    deed.ask(provider.url, "eff_1")
    [seen] = provider.requests
    assert (seen.method, seen.path, seen.key, seen.body) == ("POST", deed.path, "eff_1", deed.body)
    assert deed.status(provider)


@pytest.mark.parametrize("fault", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_answer_is_asked_for_again_with_the_same_key(
    deed: Deed, provider: Provider, fault: Fault
) -> None:
    provider.fault = fault
    with pytest.raises(errors.Unavailable) as unknown:
        deed.ask(provider.url, "eff_1")
    assert unknown.value.facts["sent"] is True
    assert deed.status(provider)
    provider.fault = None
    assert deed.ask(provider.url, "eff_1").reference
    assert provider.keys == ["eff_1", "eff_1"]


@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        (servers.answering(500), True),
        (servers.answering(408), True),
        (servers.answering(303), True),
        (servers.hanging, True),
        (servers.answering(429), False),
    ],
)
def test_trouble_and_silence_are_tried_again(deed: Deed, provider: Provider, fault: Fault, sent: bool) -> None:
    provider.fault = fault
    with pytest.raises(errors.Unavailable) as trouble:
        deed.ask(provider.url, "eff_1")
    assert trouble.value.facts["sent"] is sent


def test_a_refused_connection_sent_nothing(deed: Deed) -> None:
    with pytest.raises(errors.Unavailable) as refused:
        deed.ask(f"http://127.0.0.1:{servers.closed_port()}", "eff_1")
    assert refused.value.facts["sent"] is False


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
def test_a_no_is_for_good(deed: Deed, provider: Provider, status: int) -> None:
    provider.fault = servers.answering(status)
    with pytest.raises(errors.Refused, match=str(status)):
        deed.ask(provider.url, "eff_1")
