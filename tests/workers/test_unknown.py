"""What a provider did without saying so is shown as unknown until it answers, and is done once."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from flowops import app as application
from flowops import settings as configuration
from flowops.actions import execution, outbox
from flowops.domain import retries
from flowops.domain.access import SYSTEM, Role
from flowops.domain.effects import Status
from flowops.queries import metrics
from flowops.storage import tables
from tests import cases, delivery, live, make, servers, world
from tests.conftest import NOW, Clock


@pytest.fixture
def provider(clock: Clock) -> Iterator[servers.Provider]:
    with servers.http_provider(clock, seeded_at=clock.now) as running:
        yield running


@pytest.fixture
def app(settings: configuration.Settings, clock: Clock, provider: servers.Provider) -> Iterator[application.App]:
    """The app with accounts and billing behind HTTP, to which it listens for a moment."""
    given = {"accounts_url": provider.url, "billing_url": provider.url, "gateway_timeout": timedelta(seconds=1)}
    app = application.build(settings.model_copy(update=given), clock)
    yield app
    app.close()


def hanging(exchange: servers.Exchange, honest: Callable[[], servers.Answer]) -> None:
    """Do what was asked, and say nothing."""
    honest()
    exchange.provider.stopping.wait(60)


def failing(exchange: servers.Exchange, honest: Callable[[], servers.Answer]) -> None:
    """Do what was asked, and say that it went wrong."""
    honest()
    exchange.say(500, b"{}")


def on_refund(fault: servers.Fault) -> servers.Fault:
    """Honest about the records, and this fault when money is to be given back."""

    def answer(exchange: servers.Exchange, honest: Callable[[], servers.Answer]) -> None:
        (fault if exchange.command == "POST" else servers.honestly)(exchange, honest)

    return answer


def refund(app: application.App) -> tables.Effect:
    return world.effect_of(app, world.receive(app, world.service(app)))


def unknown_since(app: application.App, effect: tables.Effect) -> datetime | None:
    return world.now(app, effect).unknown_since


def measured(app: application.App) -> float:
    with app.view() as view:
        [sample] = metrics.summary(metrics.collect(view))["flowops_effects_unknown"]
    return float(sample["value"])


@pytest.mark.parametrize("fault", [hanging, failing, servers.hanging_up, servers.truncating, servers.speaking_html])
def test_what_was_done_without_an_answer_is_unknown_until_there_is_one_and_done_once(
    app: application.App, provider: servers.Provider, clock: Clock, fault: servers.Fault
) -> None:
    effect = refund(app)
    provider.fault = on_refund(fault)
    delivery.deliver(app)
    assert (world.now(app, effect).status, unknown_since(app, effect)) == (Status.EXECUTING, NOW)
    assert measured(app) == 1
    [paid] = provider.references
    clock.forward(seconds=10)
    delivery.deliver(app)
    assert unknown_since(app, effect) == NOW, "since the first call, however often it was repeated"

    provider.fault = None
    clock.forward(minutes=1)
    delivery.deliver(app)
    done = world.now(app, effect)
    assert (done.status, done.unknown_since, done.receipt_reference) == (Status.DONE, None, paid)
    assert set(provider.references) == {paid}, "each repeat was answered with the first refund"
    invoice = provider.sandbox.invoice("inv_123")
    assert invoice
    assert (invoice.total.amount, invoice.refundable.amount) == (4900, 0)
    assert provider.keys == [effect.id] * 3
    assert measured(app) == 0
    told = world.events_of(app, effect)
    assert told[-3:] == ["effect.started", "effect.unknown", "effect.done"]


@pytest.mark.parametrize("answer", [429, 422])
def test_what_was_refused_is_not_unknown(app: application.App, provider: servers.Provider, answer: int) -> None:
    effect = refund(app)
    provider.fault = on_refund(servers.answering(answer))
    delivery.deliver(app)
    assert world.now(app, effect).status in {Status.APPROVED, Status.FAILED}
    assert unknown_since(app, effect) is None
    assert "effect.unknown" not in world.events_of(app, effect)


@pytest.mark.parametrize("status", [429, 403])
def test_what_cannot_be_asked_about_is_unknown_when_it_may_have_been_done_before(
    app: application.App, provider: servers.Provider, clock: Clock, status: int
) -> None:
    """Its worker was lost after the call, and now the provider turns us away."""
    effect = refund(app)
    assert world.start(app, effect.id)
    assert unknown_since(app, effect) is None
    provider.fault = on_refund(servers.answering(status))
    delivery.deliver(app)
    assert unknown_since(app, effect) == NOW
    provider.fault = None
    clock.forward(seconds=10)
    delivery.deliver(app)
    assert (world.now(app, effect).status, unknown_since(app, effect)) == (Status.DONE, None)


def test_what_is_refused_in_the_end_is_not_unknown_any_more(
    app: application.App, provider: servers.Provider, clock: Clock
) -> None:
    effect = refund(app)
    provider.fault = on_refund(servers.hanging_up)
    delivery.deliver(app)
    provider.fault = on_refund(servers.answering(422))
    clock.forward(seconds=10)
    delivery.deliver(app)
    assert (world.now(app, effect).status, unknown_since(app, effect)) == (Status.FAILED, None)


def test_what_nobody_asks_again_stays_unknown_with_a_person(
    app: application.App, provider: servers.Provider, clock: Clock
) -> None:
    effect = refund(app)
    provider.fault = on_refund(servers.answering(503))
    for _ in range(retries.USUAL.tries):
        delivery.deliver(app)
        clock.forward(hours=1)
    assert (world.now(app, effect).status, unknown_since(app, effect)) == (Status.EXECUTING, NOW)
    assert world.events_of(app, effect).count("effect.unknown") == 1
    with app.view() as view:
        assert view.session.scalars(select(tables.Handoff.reason)).one() == "effect_failed"
        [dead] = view.session.scalars(select(tables.Job.id).where(tables.Job.status == "dead"))
    with app.unit(SYSTEM) as unit:
        outbox.discard(unit, dead, "it was done by hand")
    assert (world.now(app, effect).status, unknown_since(app, effect)) == (Status.FAILED, None)


def test_what_was_started_by_workers_that_were_lost_is_unknown_once_nobody_asks_again(
    app: application.App, clock: Clock
) -> None:
    effect = refund(app)
    assert world.start(app, effect.id)
    for _ in range(retries.USUAL.tries):
        assert delivery.claim(app, topic="effect.execute")
        clock.forward(minutes=1)
        delivery.recover(app)
    assert unknown_since(app, effect) == clock.now


def test_the_api_tells_the_unknown_from_the_others(app: application.App, clock: Clock) -> None:
    unknown, known = refund(app), world.effect_of(app, world.receive(app, world.service(app, "other")))
    assert world.start(app, unknown.id)
    with app.unit(SYSTEM) as unit:
        execution.lose(unit, unknown.id, "billing did not answer")
    viewer = make.token(app, Role.VIEWER)
    with live.in_process(app) as api:

        def found(query: str) -> list[tuple[str, str | None]]:
            items = api.get(f"/effects{query}", viewer).json()["items"]
            return [(item["id"], item["unknownSince"]) for item in items]

        both = [(known.id, None), (unknown.id, "2026-11-22T12:00:00Z")]
        assert found("") == both
        assert found("?unknown=true") == both[1:]
        assert found("?unknown=false") == both[:1]
        assert api.get(f"/effects/{unknown.id}", viewer).json()["unknownSince"] == "2026-11-22T12:00:00Z"
        assert api.get("/effects?unknown=perhaps", viewer).status_code == 422


def test_a_case_changes_when_its_effect_becomes_unknown(app: application.App, clock: Clock) -> None:
    effect = world.proposed(app, world.service(app))
    ada = cases.person(app, "Ada")
    world.approve(app, ada, effect)
    clock.forward(seconds=10)
    assert world.start(app, effect.id)

    def version() -> int:
        with app.view() as view:
            return view.session.scalars(select(func.max(tables.Handoff.version))).one() or 0

    before = version()
    for _ in range(2):
        with app.unit(SYSTEM) as unit:
            execution.lose(unit, effect.id, "billing did not answer")
    assert version() == before + 1
