"""What accounts and billing answer is the same from the sandbox and over HTTP; every test runs on both."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, timedelta

import pytest

from flowops import errors
from flowops.domain.money import Money
from flowops.gateways.accounts import Accounts, HttpAccounts, SandboxAccounts
from flowops.gateways.billing import Billing, HttpBilling, SandboxBilling
from flowops.storage.engine import Database
from flowops.storage.sandbox import Sandbox
from tests import servers
from tests.conftest import Clock

STRANGE_IDS = [
    "",
    ".",
    "..",
    "../inv_123",
    "inv_123/",
    "inv_123?x=1",
    "inv_123#",
    "%2e%2e",
    "INV_123",
    "x" * 500,
    "é 茶",
]
FIVE = Money(amount=500, currency="EUR")


@dataclass
class World:
    accounts: Accounts
    billing: Billing


@pytest.fixture(params=["sandbox", "http"])
def world(request: pytest.FixtureRequest, database_url: str, clock: Clock) -> Iterator[World]:
    if request.param == "http":
        with servers.http_provider(clock, seeded_at=clock.now) as provider:
            yield World(HttpAccounts(provider.url), HttpBilling(provider.url))
        return
    database = Database(database_url, clock)
    store = Sandbox(database)
    store.seed(clock.now)
    yield World(SandboxAccounts(store), SandboxBilling(store))
    database.close()


def test_a_known_account_is_found(world: World) -> None:
    ada = world.accounts.account("cust_123")
    assert ada
    assert (ada.name, ada.email, ada.plan, ada.status) == ("Ada Lovelace", "ada@example.com", "pro", "active")


def test_an_invoice_is_found_with_what_is_left_to_refund(world: World, clock: Clock) -> None:
    invoice = world.billing.invoice("inv_280")
    assert invoice
    assert (invoice.customer_id, invoice.status, invoice.paid_at) == ("cust_128", "paid", clock.now - timedelta(days=8))
    assert (str(invoice.total), str(invoice.refundable)) == ("120.00 EUR", "70.00 EUR")


def test_money_without_minor_units_stays_whole(world: World) -> None:
    invoice = world.billing.invoice("inv_300")
    assert str(invoice and invoice.total) == "9800 JPY"


def test_invoices_come_newest_first(world: World) -> None:
    assert [invoice.id for invoice in world.billing.invoices("cust_123")] == ["inv_123", "inv_122", "inv_121"]
    assert world.billing.invoices("cust_nobody") == []


def test_an_unknown_id_names_nothing_however_it_is_written(world: World) -> None:
    for unknown in ["nobody", *STRANGE_IDS]:
        assert world.accounts.account(unknown) is None
        assert world.billing.invoice(unknown) is None
        assert world.billing.invoices(unknown) == []


def test_a_refund_lowers_what_is_left(world: World) -> None:
    receipt = world.billing.refund("inv_123", Money(amount=4000, currency="EUR"), "duplicate charge", "eff_1")
    assert receipt.reference
    assert receipt.at.tzinfo is UTC
    invoice = world.billing.invoice("inv_123")
    assert invoice
    assert (invoice.status, invoice.refundable.amount) == ("paid", 900)


def test_an_invoice_with_nothing_left_is_refunded(world: World) -> None:
    world.billing.refund("inv_123", Money(amount=4900, currency="EUR"), None, "eff_1")
    invoice = world.billing.invoice("inv_123")
    assert invoice
    assert (invoice.status, invoice.refundable.amount) == ("refunded", 0)


def test_the_same_key_refunds_once(world: World) -> None:
    first = world.billing.refund("inv_123", FIVE, None, "eff_1")
    assert world.billing.refund("inv_123", FIVE, None, "eff_1").reference == first.reference
    assert world.billing.refund("inv_123", FIVE, None, "eff_2").reference != first.reference
    invoice = world.billing.invoice("inv_123")
    assert invoice
    assert invoice.refundable.amount == 3900


def test_a_key_of_another_refund_is_refused(world: World) -> None:
    world.billing.refund("inv_123", FIVE, None, "eff_1")
    with pytest.raises(errors.Refused):
        world.billing.refund("inv_122", FIVE, None, "eff_1")
    with pytest.raises(errors.Refused):
        world.billing.refund("inv_123", Money(amount=501, currency="EUR"), None, "eff_1")


def test_a_refund_the_invoice_does_not_allow_is_refused(world: World) -> None:
    for invoice_id, amount, currency in [
        ("inv_123", 4901, "EUR"),
        ("inv_123", 0, "EUR"),
        ("inv_123", -100, "EUR"),
        ("inv_123", 100, "USD"),
        ("inv_250", 100, "EUR"),  # open
        ("inv_251", 100, "EUR"),  # void
        ("inv_270", 100, "EUR"),  # already refunded
        ("inv_none", 100, "EUR"),
    ]:
        before = world.billing.invoice(invoice_id)
        with pytest.raises(errors.Refused):
            world.billing.refund(invoice_id, Money(amount=amount, currency=currency), None, "eff_1")
        assert world.billing.invoice(invoice_id) == before


def test_a_suspended_account_is_suspended_once(world: World) -> None:
    first = world.accounts.suspend("cust_123", "stolen card", "eff_1")
    assert first.reference
    assert world.accounts.suspend("cust_123", "stolen card", "eff_1").reference == first.reference
    ada = world.accounts.account("cust_123")
    assert ada
    assert ada.status == "suspended"
    for customer_id in ("cust_123", "cust_126", "cust_127", "cust_none"):  # suspended, closed, unknown
        with pytest.raises(errors.Refused):
            world.accounts.suspend(customer_id, "stolen card", "eff_2")
    with pytest.raises(errors.Refused):
        world.accounts.suspend("cust_124", "stolen card", "eff_1")


def test_a_payout_is_found_and_released_once(world: World, clock: Clock) -> None:
    held = world.billing.payout("po_123")
    assert held
    assert (held.customer_id, held.status, held.created_at) == ("cust_123", "held", clock.now - timedelta(days=2))
    assert str(held.amount) == "180.00 EUR"
    first = world.billing.release("po_123", held.amount, "eff_1")
    assert world.billing.release("po_123", held.amount, "eff_1").reference == first.reference
    assert world.billing.payout("po_123") == held.model_copy(update={"status": "released"})
    for unknown in ["po_none", *STRANGE_IDS]:
        assert world.billing.payout(unknown) is None


def test_a_payout_that_is_not_held_or_not_of_this_amount_is_refused(world: World) -> None:
    for payout_id, amount, currency in [
        ("po_123", 17_999, "EUR"),
        ("po_123", 18_000, "USD"),
        ("po_122", 9_500, "EUR"),  # released
        ("po_280", 4_000, "EUR"),  # cancelled
        ("po_none", 100, "EUR"),
    ]:
        before = world.billing.payout(payout_id)
        with pytest.raises(errors.Refused):
            world.billing.release(payout_id, Money(amount=amount, currency=currency), "eff_1")
        assert world.billing.payout(payout_id) == before
    world.billing.release("po_123", Money(amount=18_000, currency="EUR"), "eff_1")
    with pytest.raises(errors.Refused):
        world.billing.release("po_250", Money(amount=6_000, currency="EUR"), "eff_1")
