"""A request is verified, decided and recorded; what policy may not decide alone becomes a handoff."""

import threading
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from flowops import errors
from flowops.actions import intake
from flowops.app import App
from flowops.domain import effects
from flowops.domain.access import Actor
from flowops.domain.facts import Facts, Message, ToolOutput
from flowops.domain.handoffs import Priority, Reason, Status
from flowops.domain.policy import Rule, Verdict, approve
from flowops.storage import tables
from tests import cases, world
from tests.conftest import NOW, Clock


@pytest.fixture
def bot(app: App) -> Actor:
    app.sandbox.seed(NOW)
    return world.service(app)


def rows(app: App, table: type[tables.Base]) -> list[Any]:
    with app.view() as view:
        return list(view.session.scalars(select(table)))


def counts(app: App) -> dict[str, int]:
    with app.view() as view:
        every = tables.Base.metadata.sorted_tables
        return {t.name: view.session.scalar(select(func.count()).select_from(t)) or 0 for t in every}


def test_a_small_verified_refund_is_approved_and_queued_and_nobody_is_asked(app: App, bot: Actor) -> None:
    request = world.receive(app, bot)
    assert request.outcome == "approved"
    [effect] = rows(app, tables.Effect)
    [job] = rows(app, tables.Job)
    assert (effect.status, effect.approvals_needed, effect.handoff_id) == (effects.Status.APPROVED, 0, None)
    assert (job.topic, job.key) == ("effect.execute", f"effect.execute:{request.id}")
    assert rows(app, tables.Handoff) == []
    told = {(e.event, e.actor_kind) for e in rows(app, tables.AuditEntry)}
    assert ("effect.approved", "policy") in told


def test_a_refund_above_the_limit_becomes_a_handoff_with_the_effect_proposed(app: App, bot: Actor) -> None:
    big = {"money": {"amount": 4900, "currency": "EUR"}, "invoiceId": "inv_123"}
    request = world.receive(app, bot, params=big, escalate=True)
    [handoff], [effect] = rows(app, tables.Handoff), rows(app, tables.Effect)
    assert request.outcome == "handed_off"
    assert (handoff.status, handoff.reason, handoff.id) == (Status.PENDING, Reason.ESCALATED, request.handoff_id)
    assert (effect.status, effect.handoff_id, effect.approvals_needed) == ("proposed", handoff.id, 1)
    [job] = rows(app, tables.Job)
    assert (job.topic, job.payload["handoff_id"]) == ("ai.generate", handoff.id)
    [message] = rows(app, tables.Message)
    assert message.handoff_id == handoff.id


def test_a_failed_check_is_a_handoff_and_never_an_approval(app: App, bot: Actor) -> None:
    request = world.receive(app, bot, email="somebody.else@example.com")
    [handoff] = rows(app, tables.Handoff)
    assert (request.outcome, handoff.reason) == ("handed_off", Reason.VERIFICATION_FAILED)
    [effect] = rows(app, tables.Effect)
    assert effect.status == effects.Status.PROPOSED


REFUNDED = {"customer_id": "cust_127", "params": world.REFUND | {"invoiceId": "inv_270"}}


def test_what_policy_denies_is_denied_and_opens_no_case(app: App, bot: Actor) -> None:
    assert world.receive(app, bot, **REFUNDED).outcome == "denied"
    assert rows(app, tables.Handoff) == rows(app, tables.Effect) == rows(app, tables.Job) == []


def test_a_denied_request_with_a_threat_in_it_still_reaches_a_person_without_the_effect(app: App, bot: Actor) -> None:
    request = world.receive(app, bot, **REFUNDED, subject="My lawyer will call you")
    assert (request.outcome, request.decision.outcome) == ("handed_off", "deny")
    assert rows(app, tables.Handoff)[0].reason in {Reason.VERIFICATION_FAILED, Reason.ESCALATED}
    assert rows(app, tables.Effect) == []


def test_verification_has_the_last_word_even_when_no_rule_mentions_it(app: App, bot: Actor) -> None:
    lax = replace(app.policy, rules=(Rule("lax", "", frozenset(), lambda _: approve("why not")),))
    incoming = intake.Incoming(world.asked(email="somebody.else@example.com"), "default")
    records = app.fetch(incoming.asked)
    with app.unit(bot) as unit:
        request = intake.receive(unit, incoming, records, lax, app.settings)
    verdict = Verdict.load(request.decision.verdict)
    assert (verdict.outcome, verdict.decided_by) == ("review", "default.known_and_verified")
    assert [spoken.rule for spoken in verdict.trace] == ["lax", "default.known_and_verified"]
    assert request.outcome == "handed_off"
    assert rows(app, tables.Handoff)[0].reason == Reason.VERIFICATION_FAILED


def test_the_decision_can_be_taken_again_from_what_is_stored(app: App, bot: Actor) -> None:
    world.receive(app, bot, confidence="0.62")
    [decision] = rows(app, tables.Decision)
    again = app.policy.decide(Facts.model_validate(decision.facts))
    assert again.dump() == decision.verdict
    [version] = rows(app, tables.PolicyVersion)
    assert (version.version, decision.policy_version) == (app.policy.version, app.policy.version)


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("teleport", {}),
        ("refund", {"invoiceId": "inv_123"}),
        ("refund", {"money": {"amount": -1, "currency": "EUR"}, "invoiceId": "inv_123"}),
        ("refund", {"money": {"amount": 100, "currency": "XXX"}, "invoiceId": "inv_123"}),
        ("refund", {"money": {"amount": 100, "currency": "EUR"}, "invoiceId": "inv_nobody_knows"}),
    ],
)
def test_what_cannot_be_understood_is_handed_off_and_never_approved(
    app: App, bot: Actor, kind: str, params: dict[str, Any]
) -> None:
    assert world.receive(app, bot, kind=kind, params=params).outcome == "handed_off"
    assert all(effect.status == "proposed" for effect in rows(app, tables.Effect))


def test_shadow_mode_stores_the_decision_and_changes_nothing_else(app: App, bot: Actor) -> None:
    before = counts(app)
    request = world.receive(app, bot, mode="shadow", email="somebody.else@example.com")
    after = counts(app)
    changed = {name for name in after if after[name] != before[name]}
    recorded = {"requests", "decisions", "customers", "policy_versions", "audit_entries", "audit_private"}
    assert (request.mode, request.outcome) == ("shadow", "handed_off")
    assert changed <= recorded
    assert changed >= {"requests", "decisions"}


def test_shadow_mode_learns_nothing_of_a_customer(app: App, bot: Actor) -> None:
    claims = {"email": "new@example.com", "name": "New", "plan": "gold"}

    def known(customer_id: str) -> list[tuple[str | None, ...]]:
        found = [row for row in rows(app, tables.Customer) if row.external_id == customer_id]
        return [(row.email, row.name, row.plan) for row in found]

    world.receive(app, bot, customer_id="stranger", mode="shadow", **claims)
    assert known("stranger") == [(None, None, None)]
    world.receive(app, bot, customer_id="stranger", email="old@example.com")
    seen = [entry.event for entry in rows(app, tables.AuditEntry)].count("customer.seen")
    world.receive(app, bot, customer_id="stranger", mode="shadow", **claims)
    assert known("stranger") == [("old@example.com", None, None)]
    assert [entry.event for entry in rows(app, tables.AuditEntry)].count("customer.seen") == seen
    world.receive(app, bot, mode="shadow")
    world.receive(app, bot)
    assert known("cust_123")[0][0] == "ada@example.com", "the records tell of who was met in shadow first"


def test_a_question_without_an_effect_is_only_recorded(app: App, bot: Actor) -> None:
    request = world.receive(app, bot, kind=None, params={})
    assert request.outcome == "recorded"
    assert rows(app, tables.Effect) == rows(app, tables.Handoff) == []


def test_a_third_case_within_a_week_is_escalated(app: App, bot: Actor, clock: Clock) -> None:
    for _ in range(2):
        world.receive(app, bot, kind=None, params={}, escalate=True)
    request = world.receive(app, bot, kind=None, params={})
    handoff = rows(app, tables.Handoff)[-1]
    assert (request.outcome, handoff.reason) == ("handed_off", Reason.ESCALATED)
    clock.forward(days=8)
    assert world.receive(app, bot, kind=None, params={}).outcome == "recorded"


def test_a_repeated_external_id_gives_the_first_request_and_does_nothing(app: App, bot: Actor) -> None:
    first = world.receive(app, bot, external_id="msg-1", escalate=True)
    before = counts(app)
    assert world.receive(app, bot, external_id="msg-1", escalate=True).id == first.id
    assert counts(app) == before
    assert world.receive(app, bot, external_id="msg-1", mode="shadow").id != first.id
    assert world.receive(app, world.service(app, "other"), external_id="msg-1").id != first.id


def test_of_simultaneous_repeats_one_is_recorded(app: App, bot: Actor) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(world.receive(app, bot, external_id="msg-1", escalate=True).id))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert len(rows(app, tables.Handoff)) == 1


def test_an_unknown_queue_is_refused_and_nothing_recorded(app: App, bot: Actor) -> None:
    before = counts(app)
    with pytest.raises(errors.Invalid, match="no queue 'nowhere'"):
        world.receive(app, bot, queue="nowhere")
    assert counts(app) == before


def test_a_person_sends_nothing_into_a_queue_they_are_no_member_of(app: App, bot: Actor) -> None:
    cases.person(app, "Vip", queues=["vip"])
    ada = cases.person(app, "Ada")
    before = counts(app)
    with pytest.raises(errors.Invalid, match=r"not a member of the queue 'vip'\. Nothing was recorded\."):
        world.receive(app, ada, queue="vip")
    with pytest.raises(errors.Invalid, match="not a member of the queue 'vip'"):
        cases.case(app, ada, queue="vip")
    assert counts(app) == before
    assert world.receive(app, bot, queue="vip").queue == "vip"


def test_a_customer_is_met_once_and_follows_the_record(app: App, bot: Actor) -> None:
    world.receive(app, bot, email="claimed@example.com", name="Claimed")
    world.receive(app, bot)
    [customer] = rows(app, tables.Customer)
    assert (customer.external_id, customer.email, customer.plan) == ("cust_123", "ada@example.com", "pro")
    told = [e.data for e in rows(app, tables.AuditEntry) if e.event == "customer.seen"]
    assert len(told) == 1
    assert "ada@example.com" not in str(told)


def test_a_case_opened_directly_keeps_its_reason_and_gets_the_findings(app: App, bot: Actor) -> None:
    incoming = intake.Incoming(world.asked(customer_id="nobody", kind=None, params={}), "default")
    case = intake.Case("Please look", Reason.SLA_RISK, Priority.URGENT)
    records = app.fetch(incoming.asked)
    with app.unit(bot) as unit:
        handoff = intake.open_case(unit, incoming, case, records, app.policy, app.settings)
    assert (handoff.reason, handoff.priority, handoff.title) == (Reason.SLA_RISK, Priority.URGENT, "Please look")
    assert set(handoff.issues) == {Reason.VERIFICATION_FAILED, Reason.SLA_RISK}


def test_the_words_of_the_caller_are_kept_as_given(app: App, bot: Actor) -> None:
    tool = ToolOutput(source="tool:get_order", at=NOW, data={"z": 1, "a": [1.5, None, "é"]})
    said = (Message(role="customer", text="<b>Hi</b>\n\n", at=NOW), Message(role="automation", text="…", at=NOW))
    request = world.receive(app, bot, tools=(tool,), messages=said, meta={"bot": "billing-7"}, escalate=True)
    [row] = rows(app, tables.Request)
    assert row.facts[0]["data"] == tool.data
    assert row.meta == {"bot": "billing-7"}
    messages = rows(app, tables.Message)
    assert [m.text for m in sorted(messages, key=lambda m: m.position)] == ["<b>Hi</b>\n\n", "…"]
    assert request.handoff_id is not None
