"""A refund happens once, also when the worker is killed after the provider's answer and before our commit."""

import signal
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from flowops import app as application
from flowops import settings as configuration
from flowops.domain.effects import Status
from flowops.queries import effects
from flowops.storage import tables
from tests import delivery, servers, world


@pytest.fixture
def provider() -> Iterator[servers.Provider]:
    with servers.http_provider(seeded_at=datetime.now(UTC)) as running:
        yield running


@pytest.fixture
def app(database_url: str, provider: servers.Provider) -> Iterator[application.App]:
    """The app on the real clock, with accounts and billing behind HTTP."""
    app = application.build(
        configuration.load(
            database_url=database_url,
            secret_key="k" * 32,
            accounts_url=provider.url,
            billing_url=provider.url,
            outbox_lease="2s",
        )
    )
    yield app
    app.close()


def status(app: application.App, effect_id: str) -> Status:
    with app.view() as view:
        return effects.get(view, effect_id).effect.status


def test_a_worker_killed_after_the_providers_answer_refunds_once(
    app: application.App, provider: servers.Provider
) -> None:
    world.receive(app, world.service(app))
    with app.view() as view:
        [effect] = view.session.scalars(select(tables.Effect))
        [job] = view.session.scalars(select(tables.Job).where(tables.Job.topic == "effect.execute"))

    with delivery.process(app.settings, "dies-after-refund") as doomed:
        assert doomed.wait(30) == -signal.SIGKILL
    assert provider.keys == [effect.id]
    assert status(app, effect.id) is Status.EXECUTING

    with delivery.process(app.settings) as worker:
        delivery.wait_until(lambda: status(app, effect.id) is Status.DONE)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(10) == 0
    assert provider.keys == [effect.id, effect.id]
    invoice = provider.sandbox.invoice("inv_123")
    assert invoice is not None
    assert (invoice.total.amount, invoice.refundable.amount) == (4900, 0)
    assert delivery.attempts(app, job.id) == ["fenced", "done"]
    with app.view() as view:
        events = list(view.session.scalars(select(tables.AuditEntry.event).order_by(tables.AuditEntry.seq)))
    assert [events.count(name) for name in ("effect.started", "effect.done")] == [1, 1]
