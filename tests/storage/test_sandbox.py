"""The demo world is believable, stays as people left it, and keeps its promises under concurrency."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import delete

from flowops import errors
from flowops.domain.facts import Payout
from flowops.domain.money import Money
from flowops.storage import tables
from flowops.storage.engine import Database
from flowops.storage.sandbox import Sandbox
from tests.conftest import Clock

FIVE = Money(amount=500, currency="EUR")


@pytest.fixture
def sandbox(database_url: str, clock: Clock) -> Iterator[Sandbox]:
    database = Database(database_url, clock)
    seeded = Sandbox(database)
    seeded.seed(clock.now)
    yield seeded
    database.close()


def test_the_demo_world_holds_what_its_stories_need(sandbox: Sandbox, clock: Clock) -> None:
    accounts = [found for number in range(123, 135) if (found := sandbox.account(f"cust_{number}"))]
    invoices = [invoice for account in accounts for invoice in sandbox.invoices(account.id)]
    assert len(accounts) == 12
    assert {account.plan for account in accounts} == {"free", "pro", "enterprise"}
    assert {account.status for account in accounts} == {"active", "suspended", "closed"}
    assert {invoice.status for invoice in invoices} == {"paid", "open", "void", "refunded"}
    assert {invoice.total.currency for invoice in invoices} == {"EUR", "USD", "JPY"}
    assert any(0 < invoice.refundable.amount < invoice.total.amount for invoice in invoices)
    assert any(invoice.paid_at and clock.now - invoice.paid_at > timedelta(days=30) for invoice in invoices)


def test_seeding_again_changes_nothing(sandbox: Sandbox, clock: Clock) -> None:
    sandbox.refund("inv_123", FIVE, None, "eff_1")
    before = sandbox.invoice("inv_123")
    clock.forward(days=10)
    sandbox.seed(clock.now)
    assert sandbox.invoice("inv_123") == before


def test_one_key_used_by_many_at_once_refunds_once(sandbox: Sandbox) -> None:
    with ThreadPoolExecutor(8) as pool:
        receipts = set(pool.map(lambda _: sandbox.refund("inv_123", FIVE, None, "eff_1"), range(16)))
    assert len(receipts) == 1
    invoice = sandbox.invoice("inv_123")
    assert invoice
    assert invoice.refundable.amount == 4400


def test_one_key_used_by_many_at_once_releases_and_suspends_once(sandbox: Sandbox) -> None:
    held = Money(amount=18_000, currency="EUR")
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: sandbox.release("po_123", held, "eff_1"), range(16)))) == 1
        assert len(set(pool.map(lambda _: sandbox.suspend("cust_123", "fraud", "eff_2"), range(16)))) == 1


def test_a_world_seeded_before_there_were_payouts_gets_them(sandbox: Sandbox, clock: Clock) -> None:
    sandbox.refund("inv_123", FIVE, None, "eff_1")
    with sandbox._database.writing() as connection:
        connection.execute(delete(tables.SandboxPayout))
    sandbox.seed(clock.now)
    found, refunded = sandbox.payout("po_123"), sandbox.invoice("inv_123")
    assert found
    assert refunded
    assert (found.status, refunded.refundable.amount) == ("held", 4400)


def test_many_refunds_at_once_never_exceed_the_invoice(sandbox: Sandbox) -> None:
    def refund(number: int) -> int:
        try:
            sandbox.refund("inv_123", FIVE, None, f"eff_{number}")
        except errors.Refused:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(refund, range(16))) == 9
    invoice = sandbox.invoice("inv_123")
    assert invoice
    assert invoice.refundable.amount == 400


def test_a_customer_of_somebodys_own_making_is_put_beside_the_others(sandbox: Sandbox, clock: Clock) -> None:
    found, owned = sandbox.account("cust_123"), sandbox.invoice("inv_123")
    assert found
    assert owned
    account = found.model_copy(update={"id": "cust_1", "email": "new@example.com"})
    invoice = owned.model_copy(update={"id": "inv_1", "customer_id": "cust_1"})
    payout = Payout(id="po_1", customer_id="cust_1", status="held", amount=FIVE, created_at=clock.now)
    sandbox.put([account], [invoice], [payout])
    assert sandbox.payout("po_1") == payout
    assert sandbox.account("cust_1") == account
    assert sandbox.invoices("cust_1") == [invoice]
