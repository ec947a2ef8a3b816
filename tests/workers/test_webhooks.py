"""Events reach their endpoint signed and in order, again and again until it takes them, and not once it is gone."""

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select
from standardwebhooks import Webhook

from flowops import app as application
from flowops import settings as configuration
from flowops.actions import webhooks
from flowops.domain import events, jobs
from flowops.domain.access import SYSTEM
from flowops.queries import webhooks as queries
from flowops.storage import tables
from tests import delivery, servers
from tests.conftest import Clock
from tests.servers import Receiver

TOPIC = jobs.DeliverWebhook.topic


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with servers.receiver() as running:
        yield running
        running.fault = None


@pytest.fixture
def app(settings: configuration.Settings, clock: Clock) -> Iterator[application.App]:
    """The app, whose webhooks may be on this machine."""
    built = application.build(settings.model_copy(update={"outbound_allow": ("127.0.0.0/8",)}), clock)
    yield built
    built.close()


def register(app: application.App, receiver: Receiver) -> tuple[str, str]:
    """The id of a new endpoint, and its secret."""
    with app.unit(SYSTEM) as unit:
        return webhooks.add(unit, receiver.url, "", (), app.settings.outbound_networks, app.seal)


def happen(app: application.App, *handoff_ids: str) -> None:
    """Cases are claimed, each in a unit of its own."""
    for handoff_id in handoff_ids:
        with app.unit(SYSTEM) as unit:
            unit.record(events.HandoffClaimed(handoff_id=handoff_id, claim_expires_at="2026-11-22T12:15:00Z"))


def log(app: application.App, webhook_id: str) -> list[queries.Delivery]:
    """The deliveries to an endpoint, oldest first."""
    with app.view() as view:
        return queries.deliveries(view, webhook_id)[0][::-1]


def numbers(receiver: Receiver) -> list[tuple[str, int]]:
    return [(seen.body["subject"], int(seen.body["sequence"])) for seen in receiver.requests]


def test_an_event_arrives_signed_and_says_where_it_is_from(
    app: application.App, receiver: Receiver, clock: Clock
) -> None:
    webhook_id, first = register(app, receiver)
    with app.unit(SYSTEM) as unit:
        _, second = webhooks.add_secret(unit, webhook_id, None, app.seal)
    happen(app, "hnd_1")
    delivery.work_off(app, TOPIC)
    [seen] = receiver.requests
    with time_machine.travel(clock.now):
        for secret in (first, second):
            assert Webhook(secret).verify(seen.raw, seen.headers)["id"] == seen.headers["webhook-id"]
    assert seen.body["source"] == app.settings.origin
    assert (seen.body["type"], seen.body["subject"], seen.body["specversion"]) == ("handoff.claimed", "hnd_1", "1.0")
    [delivered] = log(app, webhook_id)
    assert (delivered.job.status, [attempt.outcome for attempt in delivered.attempts]) == ("done", ["done"])
    assert isinstance(delivered.job, tables.FinishedJob)
    assert delivered.job.receipt == "HTTP 200"


def test_a_secret_that_expired_signs_nothing_more(app: application.App, receiver: Receiver, clock: Clock) -> None:
    webhook_id, _ = register(app, receiver)
    with app.unit(SYSTEM) as unit:
        webhooks.add_secret(unit, webhook_id, timedelta(minutes=5), app.seal)
    happen(app, "hnd_1")
    delivery.work_off(app, TOPIC)
    clock.forward(minutes=5)
    happen(app, "hnd_1")
    delivery.work_off(app, TOPIC)
    signed = [len(seen.headers["webhook-signature"].split(" ")) for seen in receiver.requests]
    assert signed == [2, 1]


def test_what_happened_to_a_case_arrives_in_order_although_one_had_to_be_repeated(
    app: application.App, receiver: Receiver, clock: Clock
) -> None:
    webhook_id, _ = register(app, receiver)
    happen(app, "hnd_1", "hnd_1", "hnd_2", "hnd_1")
    receiver.fault = servers.answering(503, Retry_After="600")
    delivery.work_off(app, TOPIC)
    assert numbers(receiver) == [("hnd_1", 1), ("hnd_2", 1)]
    receiver.fault = None
    clock.forward(seconds=599)
    delivery.work_off(app, TOPIC)
    assert len(receiver.requests) == 2, "nobody asks again before they were asked to"
    clock.forward(days=1)
    delivery.work_off(app, TOPIC)
    delivery.work_off(app, TOPIC)
    assert [one for one in numbers(receiver)[2:] if one[0] == "hnd_1"] == [("hnd_1", 1), ("hnd_1", 2), ("hnd_1", 3)]
    ids = [seen.headers["webhook-id"] for seen in receiver.requests if seen.body["subject"] == "hnd_1"]
    assert ids[0] == ids[1], "a repeat is recognised by its id"
    assert len(set(ids)) == 3
    [first, *_] = log(app, webhook_id)
    assert [attempt.outcome for attempt in first.attempts] == ["retry", "done"]
    assert first.attempts[0].error == (
        "Unavailable: The webhook did not answer: HTTP 503. Nothing was lost; try again in a moment."
    )


def test_workers_that_deliver_at_once_keep_the_order_of_each_case(
    app: application.App, receiver: Receiver, clock: Clock
) -> None:
    register(app, receiver)
    turns = itertools.count()

    def now_and_then(exchange: servers.Exchange, honest: Callable[[], servers.Answer]) -> None:
        slow = next(turns) % 3 == 0
        if slow:
            exchange.provider.stopping.wait(0.05)
        servers.honestly(exchange, honest)

    def arrived() -> bool:
        clock.forward(seconds=0.04)  # on a busy machine some calls take so long that others are put off
        return len(receiver.requests) >= 30

    receiver.fault = now_and_then
    with delivery.working(app):
        for _ in range(6):
            happen(app, *(f"hnd_{number}" for number in range(5)))
        delivery.wait_until(arrived)
    for number in range(5):
        told = [sequence for subject, sequence in numbers(receiver) if subject == f"hnd_{number}"]
        assert told == list(range(1, 7))


def test_an_endpoint_that_keeps_silent_leaves_threads_to_the_others_and_its_deliveries_wait_uncounted(
    settings: configuration.Settings, clock: Clock, receiver: Receiver
) -> None:
    patient = {"outbound_allow": ("127.0.0.0/8",), "gateway_timeout": timedelta(minutes=1)}
    app = application.build(settings.model_copy(update=patient), clock)

    def jobs_of(webhook_id: str) -> dict[str, tuple[int, str]]:
        return {one.job.id: (one.job.claims, one.job.status) for one in log(app, webhook_id)}

    with servers.receiver() as silent:
        silent.fault = servers.hanging
        (webhook_id, _), _ = register(app, silent), register(app, receiver)
        happen(app, *(f"hnd_{number}" for number in range(8)))
        with delivery.working(app):
            delivery.wait_until(lambda: len(receiver.requests) == 8)
            delivery.wait_until(
                lambda: sorted(jobs_of(webhook_id).values()) == [(0, "pending")] * 6 + [(1, "processing")] * 2
            )
            delivery.wait_until(lambda: len(silent.requests) == 2)  # half of the threads
            tried = {job_id for job_id, (claims, _) in jobs_of(webhook_id).items() if claims}
            silent.stopping.set()
        silent.fault = None
        clock.forward(minutes=10)
        delivery.work_off(app, TOPIC)
        after = jobs_of(webhook_id)
        assert set(after.values()) == {(1, "done"), (2, "done")}
        assert {job_id for job_id, (claims, _) in after.items() if claims == 2} == tried
    app.close()


def test_an_endpoint_that_is_gone_is_disabled_and_what_waits_for_it_is_not_sent(
    app: application.App, receiver: Receiver
) -> None:
    webhook_id, _ = register(app, receiver)
    happen(app, "hnd_1", "hnd_1", "hnd_2")
    receiver.fault = servers.answering(410)
    delivery.work_off(app, TOPIC)
    assert len(receiver.requests) == 1
    assert [one.job.status for one in log(app, webhook_id)] == ["done"] * 3
    first, *others = (one.job for one in log(app, webhook_id) if isinstance(one.job, tables.FinishedJob))
    assert first.receipt == "HTTP 410", "what it answered at last"
    assert {other.receipt for other in others} == {"not sent: the webhook is disabled or removed"}
    with app.view() as view:
        webhook = queries.get(view, webhook_id).webhook
        row = tables.AuditEntry
        [entry] = view.session.scalars(select(row).where(row.event == "webhook.disabled"))
    assert (webhook.disabled_at, webhook.disabled_because) == (app.now(), "gone")
    assert (entry.actor_kind, entry.data) == ("system", {"webhook_id": webhook_id, "because": "gone"})


def test_an_endpoint_that_moved_during_the_call_is_not_gone_and_is_told_at_its_new_address(
    app: application.App, receiver: Receiver, clock: Clock
) -> None:
    webhook_id, _ = register(app, receiver)
    happen(app, "hnd_1")
    with servers.receiver() as new:

        def move(exchange: servers.Exchange, honest: Callable[[], servers.Answer]) -> None:
            with app.unit(SYSTEM) as unit:
                webhooks.change(unit, webhook_id, app.settings.outbound_networks, url=new.url)
            exchange.say(410, b"")

        receiver.fault = move
        delivery.work_off(app, TOPIC)
        with app.view() as view:
            assert queries.get(view, webhook_id).webhook.disabled_at is None
        assert new.requests == []
        clock.forward(seconds=10)
        delivery.work_off(app, TOPIC)
        assert [seen.body["subject"] for seen in new.requests] == ["hnd_1"]
    assert len(receiver.requests) == 1
    [delivered] = log(app, webhook_id)
    assert (delivered.job.status, len(delivered.attempts)) == ("done", 2)


@pytest.mark.parametrize("how", ["disabled", "removed"])
def test_an_endpoint_that_was_given_up_gets_nothing_that_waited(
    app: application.App, receiver: Receiver, how: str
) -> None:
    webhook_id, _ = register(app, receiver)
    happen(app, "hnd_1")
    with app.unit(SYSTEM) as unit:
        if how == "disabled":
            webhooks.disable(unit, webhook_id, webhooks.BY_ADMIN)
        else:
            webhooks.remove(unit, webhook_id)
    delivery.work_off(app, TOPIC)
    assert receiver.requests == []
    with app.view() as view:
        assert [job.status for job in view.session.scalars(select(tables.FinishedJob))] == ["done"]


def test_a_secret_of_another_key_is_not_used_and_waits_for_the_right_one(
    app: application.App, receiver: Receiver, clock: Clock, settings: configuration.Settings
) -> None:
    webhook_id, secret = register(app, receiver)
    happen(app, "hnd_1")
    mistaken = configuration.load(
        database_url=settings.database_url, secret_key="x" * 32, outbound_allow=("127.0.0.0/8",)
    )
    other = application.build(mistaken, clock)
    delivery.work_off(other, TOPIC)
    other.close()
    assert receiver.requests == []
    [waiting] = log(app, webhook_id)
    assert waiting.job.error is not None
    assert "another FLOWOPS_SECRET_KEY" in waiting.job.error
    assert "make a new secret, which is enough" in waiting.job.error
    assert secret not in waiting.job.error
    clock.forward(hours=1)
    delivery.work_off(app, TOPIC)
    assert len(receiver.requests) == 1


def test_a_new_secret_is_enough_when_the_key_is_another_one(
    app: application.App, receiver: Receiver, clock: Clock, settings: configuration.Settings
) -> None:
    webhook_id, _ = register(app, receiver)
    changed = configuration.load(
        database_url=settings.database_url, secret_key="x" * 32, outbound_allow=("127.0.0.0/8",)
    )
    other = application.build(changed, clock)
    with other.unit(SYSTEM) as unit:
        _, secret = webhooks.add_secret(unit, webhook_id, None, other.seal)
    happen(other, "hnd_1")
    delivery.work_off(other, TOPIC)
    other.close()
    [seen] = receiver.requests
    assert len(seen.headers["webhook-signature"].split(" ")) == 1
    with time_machine.travel(clock.now):
        Webhook(secret).verify(seen.raw, seen.headers)


def test_an_address_that_leads_inside_is_not_called(
    app: application.App, receiver: Receiver, clock: Clock, settings: configuration.Settings
) -> None:
    webhook_id, _ = register(app, receiver)
    happen(app, "hnd_1")
    strict = application.build(settings, clock)
    delivery.work_off(strict, TOPIC)
    strict.close()
    assert receiver.requests == []
    [waiting] = log(app, webhook_id)
    assert waiting.job.status == "pending"
    assert "nothing was sent" in json.dumps([attempt.error for attempt in waiting.attempts])
