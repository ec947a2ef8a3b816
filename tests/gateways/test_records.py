"""Gathering records asks for what a request names, and a gateway's fault becomes a finding."""

from typing import Any

import pytest

from flowops.domain.facts import Records
from flowops.gateways import records
from flowops.gateways.accounts import HttpAccounts
from flowops.gateways.billing import HttpBilling
from tests import servers
from tests.conftest import NOW
from tests.gateways.conftest import SlowNames
from tests.servers import Fault, Provider


def fetch(provider: Provider, customer_id: str = "cust_123", **params: Any) -> Records:
    accounts = HttpAccounts(provider.url, "s3cret", timeout=0.5)
    billing = HttpBilling(provider.url, "s3cret", timeout=0.5)
    return records.fetch(accounts, billing, customer_id, params, NOW)


def test_account_and_named_invoice_are_fetched(provider: Provider) -> None:
    found = fetch(provider, invoiceId="inv_123")
    assert found.account
    assert found.invoice
    assert (found.account.id, found.invoice.id) == ("cust_123", "inv_123")
    assert (found.missing, found.errors, found.fetched_at) == ((), {}, NOW)


def test_a_named_payout_is_fetched(provider: Provider) -> None:
    found = fetch(provider, payoutId="po_123")
    assert found.payout
    assert (found.payout.id, found.invoice, found.missing) == ("po_123", None, ())
    assert fetch(provider, payoutId="po_none").missing == ("payout",)
    provider.fault = servers.answering(500)
    assert fetch(provider, payoutId="po_123").errors == {"accounts": "status 500", "billing": "status 500"}


def test_the_customers_invoices_are_fetched_when_they_are_wanted(provider: Provider) -> None:
    accounts, billing = HttpAccounts(provider.url), HttpBilling(provider.url)
    assert fetch(provider).invoices == ()
    found = records.fetch(accounts, billing, "cust_123", {}, NOW, invoices=True)
    assert [invoice.id for invoice in found.invoices] == ["inv_123", "inv_122", "inv_121"]
    provider.fault = servers.answering(503)
    assert records.fetch(accounts, billing, "cust_123", {}, NOW, invoices=True).errors == {
        "accounts": "status 503",
        "billing": "status 503",
    }


@pytest.mark.parametrize("params", [{}, {"invoiceId": None}, {"invoiceId": 7}, {"invoiceId": ["inv_123"]}])
def test_billing_is_not_asked_when_no_invoice_is_named(provider: Provider, params: dict[str, Any]) -> None:
    found = fetch(provider, **params)
    assert found.account
    assert found.invoice is None
    assert [seen.path for seen in provider.requests] == ["/accounts/cust_123"]


def test_what_does_not_exist_is_missing_and_no_error(provider: Provider) -> None:
    found = fetch(provider, "cust_nobody", invoiceId="inv_none")
    assert (found.missing, found.errors) == (("account", "invoice"), {})


FAULTS: list[Fault] = [
    servers.answering(500),
    servers.answering(401),
    servers.answering(302),
    servers.hanging,
    servers.dripping_body,
    servers.hanging_up,
    servers.speaking_html,
    servers.huge,
    servers.saying('{"id": NaN}'),
    servers.changing(id="other"),
]


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_gateway_is_a_finding_with_a_short_reason(provider: Provider, fault: Fault) -> None:
    provider.fault = fault
    found = fetch(provider, invoiceId="inv_123")
    assert (found.account, found.invoice, found.missing) == (None, None, ())
    assert set(found.errors) == {"accounts", "billing"}
    for reason in found.errors.values():
        assert 0 < len(reason) < 80
        assert "s3cret" not in reason


def test_accounts_out_of_reach_do_not_hide_the_invoice(provider: Provider) -> None:
    accounts = HttpAccounts(f"http://127.0.0.1:{servers.closed_port()}")
    billing = HttpBilling(provider.url)
    found = records.fetch(accounts, billing, "cust_123", {"invoiceId": "inv_123"}, NOW)
    assert found.invoice
    assert found.errors == {"accounts": "no connection"}


def test_a_resolver_that_hangs_holds_nobody_up(provider: Provider, slow_names: SlowNames) -> None:
    url = provider.url.replace("127.0.0.1", "records.example.com")
    accounts, billing = HttpAccounts(url, timeout=0.2), HttpBilling(url, timeout=0.2)
    found = records.fetch(accounts, billing, "cust_123", {"invoiceId": "inv_123"}, NOW)
    assert found.errors == {"accounts": "it took longer than 0.2 s", "billing": "it took longer than 0.2 s"}
    assert slow_names.found == []
