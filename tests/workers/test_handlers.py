"""Each kind of job does what it is for, and an effect is carried out in the order that makes it safe."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from flowops import app as application
from flowops import settings as configuration
from flowops.actions import artifacts as artifact_actions
from flowops.actions import effects as effect_actions
from flowops.actions import outbox
from flowops.domain import jobs, retries
from flowops.domain.access import SYSTEM, Role
from flowops.domain.artifacts import RISK
from flowops.domain.effects import Status
from flowops.queries import artifacts, effects
from flowops.storage import tables
from flowops.workers import handlers, sla
from tests import cases, delivery, mailing, make, servers, verbs, world
from tests.conftest import Clock


@pytest.fixture
def provider(clock: Clock) -> Iterator[servers.Provider]:
    with servers.http_provider(clock, seeded_at=clock.now) as running:
        yield running


@pytest.fixture
def app(settings: configuration.Settings, clock: Clock, provider: servers.Provider) -> Iterator[application.App]:
    """The app with accounts and billing behind HTTP, and the sandbox mailbox."""
    urls = {"accounts_url": provider.url, "billing_url": provider.url}
    app = application.build(settings.model_copy(update=urls), clock)
    yield app
    app.close()


def only(app: application.App, table: type[Any]) -> Any:
    with app.view() as view:
        return view.session.scalars(select(table)).one()


def refund(app: application.App) -> str:
    """A refund that policy approved, waiting for its execution."""
    world.receive(app, world.service(app))
    return str(only(app, tables.Effect).id)


def status(app: application.App, effect_id: str) -> Status:
    with app.view() as view:
        return effects.get(view, effect_id).effect.status


def on_refund(fault: servers.Fault) -> servers.Fault:
    """Honest about the records, and this fault when money is to be given back."""

    def answer(exchange: servers.Exchange, honest: Callable[[], servers.Answer]) -> None:
        (fault if exchange.command == "POST" else servers.honestly)(exchange, honest)

    return answer


def test_every_kind_of_job_has_a_handler() -> None:
    assert handlers.TABLE.keys() == jobs.JOBS.keys()
    assert all(handler.job is jobs.JOBS[topic] for topic, handler in handlers.TABLE.items())


def test_a_case_gets_its_summary(app: application.App) -> None:
    handoff = cases.case(app, cases.person(app, "Ada"))
    delivery.deliver(app)
    artifact = only(app, tables.Artifact)
    assert (artifact.handoff_id, artifact.status, artifact.kind) == (handoff.id, "ok", "handoff_summary.v1")
    with app.view() as view:
        [entry] = view.session.scalars(select(tables.AuditEntry).where(tables.AuditEntry.event == "artifact.created"))
    assert (entry.actor_kind, entry.correlation_id) == ("assistant", only(app, tables.FinishedJob).id)


def test_a_risk_assessment_is_copied_to_the_case_by_the_system(app: application.App) -> None:
    ada = cases.person(app, "Ada")
    handoff = cases.case(app, ada, messages=())
    with app.unit(ada) as unit:
        artifact_actions.request(unit, handoff.id, RISK, lease=app.settings.claim_lease)
    delivery.deliver(app)
    with app.view() as view:
        written = artifacts.latest(view, handoff, RISK)
        [entry] = view.session.scalars(
            select(tables.AuditEntry).where(tables.AuditEntry.event == "handoff.risk_copied")
        )
    assert written.content is not None
    assert only(app, tables.Handoff).risk_level == written.content["level"]
    assert (entry.actor_kind, entry.data["artifact_id"]) == ("system", written.id)


def test_a_refund_is_carried_out_under_the_effects_id(app: application.App, provider: servers.Provider) -> None:
    effect_id = refund(app)
    delivery.deliver(app)
    assert status(app, effect_id) is Status.DONE
    assert provider.keys == [effect_id]
    assert only(app, tables.Effect).receipt_reference


def test_records_that_changed_hold_the_effect_and_nothing_is_called(
    app: application.App, provider: servers.Provider
) -> None:
    effect_id = refund(app)

    def suspended(exchange: servers.Exchange, honest: Callable[[], servers.Answer]) -> None:
        fault = servers.changing(status="suspended") if "/accounts/" in exchange.path else servers.honestly
        fault(exchange, honest)

    provider.fault = suspended
    delivery.deliver(app)
    assert status(app, effect_id) is Status.HELD
    assert provider.keys == []


def test_a_refusal_fails_the_effect_and_opens_a_case(app: application.App, provider: servers.Provider) -> None:
    effect_id = refund(app)
    provider.fault = on_refund(servers.answering(422))
    delivery.deliver(app)
    assert status(app, effect_id) is Status.FAILED
    assert only(app, tables.Handoff).reason == "effect_failed"


def test_a_provider_that_is_down_for_the_check_is_asked_again(
    app: application.App, provider: servers.Provider, clock: Clock
) -> None:
    effect_id = refund(app)
    provider.fault = servers.answering(503)
    delivery.deliver(app)
    assert status(app, effect_id) is Status.APPROVED
    assert (only(app, tables.Job).error or "").startswith("Unavailable")
    provider.fault = None
    clock.forward(seconds=10)
    delivery.deliver(app)
    assert status(app, effect_id) is Status.DONE


def test_a_refusal_that_says_nothing_of_an_earlier_call_does_not_fail_the_effect(
    app: application.App, provider: servers.Provider, clock: Clock
) -> None:
    effect_id = refund(app)
    provider.fault = on_refund(servers.hanging_up)
    delivery.deliver(app)
    provider.fault = on_refund(servers.answering(403))
    clock.forward(seconds=10)
    delivery.deliver(app)
    assert status(app, effect_id) is Status.EXECUTING
    provider.fault = None
    clock.forward(minutes=1)
    delivery.deliver(app)
    assert status(app, effect_id) is Status.DONE
    assert set(provider.keys) == {effect_id}


def test_an_effect_whose_job_is_given_up_reaches_a_person_and_can_still_be_carried_out(
    app: application.App, provider: servers.Provider, clock: Clock
) -> None:
    effect_id = refund(app)
    provider.fault = on_refund(servers.answering(503))
    for _ in range(retries.USUAL.tries):
        delivery.deliver(app)
        clock.forward(hours=1)
    assert status(app, effect_id) is Status.EXECUTING
    handoff = only(app, tables.Handoff)
    assert (handoff.reason, handoff.status) == ("effect_failed", "pending")
    with app.unit(SYSTEM) as unit:
        dead = unit.session.scalars(select(tables.Job).where(tables.Job.status == jobs.Status.DEAD)).one()
        outbox.retry_dead(unit, dead.id)
    provider.fault = None
    delivery.deliver(app)
    assert status(app, effect_id) is Status.DONE
    assert set(provider.keys) == {effect_id}


def test_an_effect_whose_workers_were_lost_too_often_reaches_a_person(app: application.App, clock: Clock) -> None:
    refund(app)
    for _ in range(retries.USUAL.tries):
        assert delivery.claim(app, topic="effect.execute")
        clock.forward(minutes=1)
        delivery.recover(app)
    assert only(app, tables.Handoff).reason == "effect_failed"


@pytest.mark.parametrize(("answer", "waiting"), [(429, Status.APPROVED), (503, Status.EXECUTING)])
def test_only_what_was_certainly_not_received_is_put_back(
    app: application.App, provider: servers.Provider, clock: Clock, answer: int, waiting: Status
) -> None:
    effect_id = refund(app)
    provider.fault = on_refund(servers.answering(answer))
    delivery.deliver(app)
    assert status(app, effect_id) is waiting
    provider.fault = None
    clock.forward(seconds=10)
    delivery.deliver(app)
    assert status(app, effect_id) is Status.DONE
    assert provider.keys == [effect_id, effect_id]


def test_an_effect_found_executing_is_neither_verified_again_nor_put_back(
    app: application.App, provider: servers.Provider, clock: Clock
) -> None:
    """Its worker was lost after the call: the provider may have done it, and the records have changed because of it."""
    effect_id = refund(app)
    assert world.start(app, effect_id)
    provider.requests.clear()
    provider.fault = servers.answering(429)
    delivery.deliver(app)
    assert status(app, effect_id) is Status.EXECUTING
    provider.fault = None
    clock.forward(seconds=10)
    delivery.deliver(app)
    assert status(app, effect_id) is Status.DONE
    assert [seen.method for seen in provider.requests] == ["POST", "POST"]


def reply(app: application.App, clock: Clock) -> str:
    """A reply that a person approved, due now."""
    ada = cases.person(app, "Ada")
    asked = {"kind": "reply", "params": {"body": "We are looking into it.", "subject": "Your charge"}}
    world.receive(app, world.service(app), **asked)
    proposed = only(app, tables.Effect)
    records = app.fetch(world.asked(**asked))
    with app.unit(ada) as unit:
        answer = effect_actions.Answer(proposed.content_sha256)
        effect_actions.approve(unit, proposed.id, answer, records, app.policy, app.settings)
    clock.forward(seconds=app.settings.undo_seconds)
    return str(proposed.id)


def test_a_reply_goes_to_the_address_of_the_account(app: application.App, clock: Clock) -> None:
    effect_id = reply(app, clock)
    delivery.deliver(app)
    assert status(app, effect_id) is Status.DONE
    [mail] = app.sandbox.mails()
    assert (mail.recipient, mail.subject, mail.key) == ("ada@example.com", "Your charge", effect_id)


@pytest.fixture
def mails() -> Iterator[mailing.MailServer]:
    with mailing.mail_server() as running:
        yield running


@pytest.fixture
def posting(
    settings: configuration.Settings, clock: Clock, provider: servers.Provider, mails: mailing.MailServer
) -> Iterator[application.App]:
    """The app with accounts and billing behind HTTP, and mail behind SMTP."""
    urls = {"accounts_url": provider.url, "billing_url": provider.url, "smtp_url": SecretStr(mails.url)}
    app = application.build(settings.model_copy(update=urls), clock)
    yield app
    app.close()


def test_a_reply_that_is_refused_at_once_was_not_sent(
    posting: application.App, mails: mailing.MailServer, clock: Clock
) -> None:
    effect_id = reply(posting, clock)
    mails.reply = "550 5.1.1 No such user"
    delivery.deliver(posting)
    assert status(posting, effect_id) is Status.FAILED
    assert only(posting, tables.Effect).error == "mail refused for good: the server answered 550."


def test_a_reply_that_is_refused_after_a_try_without_an_answer_may_have_been_sent(
    posting: application.App, mails: mailing.MailServer, clock: Clock
) -> None:
    effect_id = reply(posting, clock)
    mails.is_lost = True
    delivery.deliver(posting)
    assert status(posting, effect_id) is Status.EXECUTING
    assert len(mails.inbox) == 1
    mails.reply = "550 5.1.1 No such user"
    clock.forward(seconds=10)
    delivery.deliver(posting)
    assert status(posting, effect_id) is Status.FAILED
    why = only(posting, tables.Effect).error
    assert "the server answered 550" in why
    assert "may have been sent" in why
    with posting.view() as view:
        notes = view.session.scalars(select(tables.AuditEntry.data).where(tables.AuditEntry.event == "effect.failed"))
        assert [note["error"] for note in notes] == [why]


def test_a_reply_waits_while_the_mail_server_does_not_know_us(
    posting: application.App, mails: mailing.MailServer, clock: Clock
) -> None:
    effect_id = reply(posting, clock)
    mails.sender_reply = "530 5.7.0 Authentication required"
    delivery.deliver(posting)
    assert status(posting, effect_id) is Status.APPROVED
    mails.sender_reply = None
    clock.forward(seconds=10)
    delivery.deliver(posting)
    assert status(posting, effect_id) is Status.DONE
    assert len(mails.inbox) == 1


def test_a_broken_promise_reaches_the_supervisors_mailbox(app: application.App, clock: Clock) -> None:
    handoff = cases.case(app, cases.person(app, "Ada"))
    make.user(app, Role.SUPERVISOR, "Sue")
    clock.forward(hours=2)
    sla.sweep(app)
    delivery.deliver(app)
    [mail] = app.sandbox.mails()
    assert (mail.recipient, mail.subject) == ("sue@example.com", "H-1 is late: Charged twice")
    happened = [event for event in verbs.happened(app, handoff.id) if event != "artifact.created"]
    assert happened[-3:] == ["sla.breached", "sla.escalated", "operator.notified"]
    with app.view() as view:
        sent = view.session.scalars(select(tables.AuditEntry).where(tables.AuditEntry.event == "mail.sent")).one()
    assert (sent.actor_kind, sent.data) == ("system", {"reference": mail.key})


def test_a_mail_is_tried_again_under_the_same_key(settings: configuration.Settings, clock: Clock) -> None:
    mail = jobs.SendMail(recipient="sue@example.com", mail_subject="H-1", body="It is late.", idempotency_key="mail_1")
    with mailing.mail_server() as mails:
        for url in (f"smtp://127.0.0.1:{servers.closed_port()}", mails.url):
            app = application.build(settings.model_copy(update={"smtp_url": SecretStr(url)}), clock)
            if url != mails.url:
                delivery.enqueue(app, mail)
            delivery.deliver(app)
            app.close()
            clock.forward(seconds=10)
    [sent] = mails.inbox
    assert (sent["To"], sent["Subject"]) == ("sue@example.com", "H-1")
    assert sent["Message-ID"].strip() == f"<{hashlib.sha256(b'mail_1').hexdigest()}@localhost>"
