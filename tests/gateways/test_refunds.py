"""A refund over HTTP is never lost and never given twice, whatever the answer looked like."""

import pytest

from flowops import errors
from flowops.domain.money import Money
from flowops.gateways.billing import HttpBilling
from tests import servers
from tests.servers import Fault, Provider

FIVE = Money(amount=500, currency="EUR")


@pytest.fixture
def billing(provider: Provider) -> HttpBilling:
    return HttpBilling(provider.url, timeout=0.5)


def left(provider: Provider) -> int:
    invoice = provider.sandbox.invoice("inv_123")
    assert invoice
    return invoice.refundable.amount


def test_a_refund_is_sent_as_agreed(billing: HttpBilling, provider: Provider) -> None:
    billing.refund("inv_123", FIVE, "duplicate charge", "eff_1")
    [seen] = provider.requests
    assert (seen.method, seen.path, seen.key) == ("POST", "/refunds", "eff_1")
    assert seen.body == {
        "invoiceId": "inv_123",
        "money": {"amount": 500, "currency": "EUR"},
        "reason": "duplicate charge",
    }


UNREADABLE: dict[str, Fault] = {
    "a page": servers.speaking_html,
    "10 MB": servers.huge,
    "half an answer": servers.truncating,
    "no answer": servers.hanging_up,
    "another status": servers.changing(status="pending"),
    "no id": servers.changing(id=""),
    "garbage": servers.babbling,
    "100 MB": servers.endless,
    "NaN": servers.changing(id=float("nan")),
}


@pytest.mark.parametrize("fault", UNREADABLE.values(), ids=UNREADABLE)
def test_an_unreadable_answer_is_asked_for_again_with_the_same_key(
    billing: HttpBilling, provider: Provider, fault: Fault
) -> None:
    provider.fault = fault
    with pytest.raises(errors.Unavailable) as unknown:
        billing.refund("inv_123", FIVE, None, "eff_1")
    assert unknown.value.facts["sent"] is True
    assert left(provider) == 4400
    provider.fault = None
    assert billing.refund("inv_123", FIVE, None, "eff_1").reference
    assert left(provider) == 4400
    assert provider.keys == ["eff_1", "eff_1"]


@pytest.mark.parametrize("fault", [servers.answering(500), servers.answering(408), servers.answering(303)])
def test_a_provider_in_trouble_may_have_received_it(billing: HttpBilling, provider: Provider, fault: Fault) -> None:
    provider.fault = fault
    with pytest.raises(errors.Unavailable) as trouble:
        billing.refund("inv_123", FIVE, None, "eff_1")
    assert trouble.value.facts["sent"] is True


def test_a_provider_that_hangs_may_have_received_it(billing: HttpBilling, provider: Provider) -> None:
    provider.fault = servers.hanging
    with pytest.raises(errors.Unavailable) as silence:
        billing.refund("inv_123", FIVE, None, "eff_1")
    assert silence.value.facts["sent"] is True


def test_a_provider_that_asks_to_wait_did_not_take_it(billing: HttpBilling, provider: Provider) -> None:
    provider.fault = servers.answering(429, Retry_After="7")
    with pytest.raises(errors.Unavailable) as busy:
        billing.refund("inv_123", FIVE, None, "eff_1")
    assert (busy.value.facts["sent"], busy.value.facts["retry_after"]) == (False, 7)


def test_a_refused_connection_sent_nothing() -> None:
    billing = HttpBilling(f"http://127.0.0.1:{servers.closed_port()}")
    with pytest.raises(errors.Unavailable) as refused:
        billing.refund("inv_123", FIVE, None, "eff_1")
    assert (refused.value.facts["sent"], refused.value.facts["retry_after"]) == (False, None)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_a_no_is_for_good(billing: HttpBilling, provider: Provider, status: int) -> None:
    provider.fault = servers.answering(status)
    with pytest.raises(errors.Refused, match=str(status)):
        billing.refund("inv_123", FIVE, None, "eff_1")
