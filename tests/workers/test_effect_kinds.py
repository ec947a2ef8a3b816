"""A suspension and a release from the request to the receipt, in the sandbox and over HTTP."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flowops import app as application
from flowops import errors
from flowops import settings as configuration
from flowops.domain.access import Role
from flowops.domain.effects import Status
from flowops.storage.sandbox import Sandbox
from tests import cases, delivery, servers, verbs, world
from tests.conftest import NOW, Clock

RELEASE = {"kind": "payout_release", "params": {"money": {"amount": 18_000, "currency": "EUR"}, "payoutId": "po_123"}}
SUSPEND = {"kind": "account_suspend", "params": {"reason": "stolen card"}}
KINDS = [RELEASE, SUSPEND]
PEOPLE = {"Ada": Role.OPERATOR, "Sue": Role.SUPERVISOR, "Tom": Role.SUPERVISOR}


@pytest.fixture
def provider(clock: Clock) -> Iterator[servers.Provider]:
    with servers.http_provider(clock, seeded_at=clock.now) as running:
        yield running


@pytest.fixture(params=["sandbox", "http"])
def app(
    request: pytest.FixtureRequest, settings: configuration.Settings, clock: Clock, provider: servers.Provider
) -> Iterator[application.App]:
    """The app over its own sandbox, and with accounts and billing behind HTTP."""
    urls = {"accounts_url": provider.url, "billing_url": provider.url} if request.param == "http" else {}
    app = application.build(settings.model_copy(update=urls), clock)
    app.sandbox.seed(NOW)
    yield app
    app.close()


def world_of(app: application.App, provider: servers.Provider) -> Sandbox:
    """Whoever keeps the records of this app."""
    return provider.sandbox if app.settings.billing_url else app.sandbox


def state(sandbox: Sandbox) -> tuple[str, str]:
    account, payout = sandbox.account("cust_123"), sandbox.payout("po_123")
    assert account
    assert payout
    return account.status, payout.status


@pytest.mark.parametrize("asked", KINDS, ids=lambda asked: asked["kind"])
def test_it_waits_for_a_person_and_is_done_once(
    app: application.App, provider: servers.Provider, clock: Clock, asked: dict[str, Any]
) -> None:
    request = world.receive(app, world.service(app), **asked)
    effect = world.effect_of(app, request)
    assert (effect.status, request.handoff_id is not None) == (Status.PROPOSED, True)
    sandbox = world_of(app, provider)
    assert state(sandbox) == ("active", "held")
    boss = cases.person(app, "Sue", Role.SUPERVISOR)
    assert world.approve(app, boss, effect).status is Status.APPROVED
    delivery.deliver(app)
    assert state(sandbox) == ("active", "held"), "it can still be called back"
    clock.forward(seconds=app.settings.undo_seconds)
    delivery.deliver(app)
    done = world.now(app, effect)
    assert done.status is Status.DONE
    assert done.receipt_reference
    assert state(sandbox) == (("active", "released") if asked is RELEASE else ("suspended", "held"))
    if app.settings.billing_url:
        assert provider.keys == [effect.id]


def test_an_operator_suspends_nobody_and_a_supervisor_not_what_they_proposed(app: application.App) -> None:
    ada, boss, other = (cases.person(app, name, role) for name, role in PEOPLE.items())
    case = str(world.receive(app, world.service(app), kind=None, params={}, escalate=True).handoff_id)
    verbs.claim(app, boss, case)
    effect = world.propose(app, boss, case, "account_suspend", {"reason": "stolen card"})
    assert effect.proposer_may_approve is False
    with pytest.raises(errors.AboveLimit):
        world.approve(app, ada, effect)
    with pytest.raises(errors.SelfApproval):
        world.approve(app, boss, effect)
    assert world.approve(app, other, effect).status is Status.APPROVED


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (SUSPEND | {"customer_id": "cust_126"}, "account_can_be_suspended"),
        (RELEASE | {"customer_id": "cust_124"}, "payout_belongs_to_customer"),
    ],
)
def test_what_the_records_do_not_support_cannot_be_approved(
    app: application.App, asked: dict[str, Any], named: str
) -> None:
    effect = world.effect_of(app, world.receive(app, world.service(app), **asked))
    with pytest.raises(errors.VerificationFailed) as refused:
        world.approve(app, cases.person(app, "Sue", Role.SUPERVISOR), effect)
    assert named in refused.value.facts["failed"]


def test_a_released_payout_is_denied(app: application.App) -> None:
    params = {"money": {"amount": 9_500, "currency": "EUR"}, "payoutId": "po_122"}
    request = world.receive(app, world.service(app), kind="payout_release", params=params)
    assert request.outcome == "denied"


def on_post(fault: servers.Fault) -> servers.Fault:
    """Honest about the records, and this fault when something is to be done."""

    def answer(exchange: servers.Exchange, honest: Callable[[], servers.Answer]) -> None:
        (fault if exchange.command == "POST" else servers.honestly)(exchange, honest)

    return answer


@pytest.mark.parametrize("app", ["http"], indirect=True)
@pytest.mark.parametrize("asked", KINDS, ids=lambda asked: asked["kind"])
@pytest.mark.parametrize(
    ("fault", "meanwhile", "after"),
    [
        (servers.hanging_up, Status.EXECUTING, Status.DONE),
        (servers.answering(503), Status.EXECUTING, Status.DONE),
        (servers.answering(429), Status.APPROVED, Status.DONE),
        (servers.answering(422), Status.FAILED, Status.FAILED),
    ],
)
def test_a_fault_of_the_provider_loses_and_doubles_nothing(
    app: application.App,
    provider: servers.Provider,
    clock: Clock,
    asked: dict[str, Any],
    fault: servers.Fault,
    meanwhile: Status,
    after: Status,
) -> None:
    effect = world.effect_of(app, world.receive(app, world.service(app), **asked))
    world.approve(app, cases.person(app, "Sue", Role.SUPERVISOR), effect)
    clock.forward(seconds=app.settings.undo_seconds)
    provider.fault = on_post(fault)
    delivery.deliver(app)
    assert world.now(app, effect).status is meanwhile
    provider.fault = None
    clock.forward(hours=1)
    delivery.deliver(app)
    assert world.now(app, effect).status is after
    assert set(provider.keys) == {effect.id}
