"""The log of an endpoint's deliveries has each once, and is read without those of other endpoints."""

import pytest

from flowops.actions import webhooks as actions
from flowops.app import App
from flowops.domain.access import SYSTEM
from flowops.domain.jobs import DeliverWebhook, Status
from flowops.queries import webhooks
from tests import delivery, plans
from tests.plans import Index


@pytest.fixture
def webhook_id(app: App) -> str:
    """An endpoint, which gets a test event."""
    with app.unit(SYSTEM) as unit:
        webhook_id, _ = actions.add(unit, "https://hooks.example.com/", "", (), (), app.seal)
        actions.ping(unit, webhook_id)
    return webhook_id


def test_a_delivery_that_is_finished_between_two_reads_is_listed_once(app: App, webhook_id: str) -> None:
    [job] = delivery.claim(app, topic=DeliverWebhook.topic)
    with app.view() as view:
        delivery.finish_meanwhile(app, view, job)
        found, cursor = webhooks.deliveries(view, webhook_id, limit=1)
    expected = Status.PROCESSING if app.settings.is_sqlite else Status.DONE  # SQLite reads what was at first
    assert [(one.job.id, one.job.status) for one in found] == [(job.id, expected)]
    assert cursor is None


def test_the_finished_deliveries_of_an_endpoint_are_walked_by_their_own_index(app: App, webhook_id: str) -> None:
    with app.unit(SYSTEM) as unit:
        actions.ping(unit, webhook_id)
    for job in delivery.claim(app, topic=DeliverWebhook.topic):
        delivery.finish(app, job)
    with app.view() as view:
        endpoint = webhooks.get(view, webhook_id).webhook  # which the list asks for first, unless the view has it
        with plans.noted(view.session, Index.WALKED, count=4) as asked:
            [newest], cursor = webhooks.deliveries(view, webhook_id, limit=1)
    with app.view() as view:
        [older], _ = webhooks.deliveries(view, webhook_id, cursor=cursor, limit=1)
    assert newest.job.id > older.job.id
    assert endpoint.id == webhook_id
    [plan] = [plan for plan in asked if "finished_jobs" in plan]
    assert "ix_finished_jobs_webhook_id" in plan
    assert "SORT" not in plan.upper()
    assert "B-TREE" not in plan
