"""Who registered is told of what was committed: once for each event, numbered without a gap, in the order of events."""

import threading
from typing import Any

import pytest
from sqlalchemy import Connection, event, func, select

from flowops.actions import webhooks
from flowops.app import App
from flowops.domain import events, jobs
from flowops.domain.access import ASSISTANT, SYSTEM
from flowops.domain.events import Event
from flowops.storage import tables
from flowops.storage.unit import Unit
from tests import cases, delivery, world


def register(app: App, *types: str, host: str = "hooks.example.com") -> str:
    """The id of a new endpoint."""
    with app.unit(SYSTEM) as unit:
        webhook_id, _ = webhooks.add(unit, f"https://{host}/", "", types, (), app.seal)
    return webhook_id


def told(app: App, webhook_id: str | None = None) -> list[dict[str, Any]]:
    """The events that are to be delivered, in the order of the outbox."""
    topic = jobs.DeliverWebhook.topic
    with app.view() as view:
        rows = view.session.scalars(select(tables.Job).where(tables.Job.topic == topic).order_by(tables.Job.seq)).all()
    return [row.payload["event"] for row in rows if webhook_id in {None, row.payload["webhook_id"]}]


def types(app: App, webhook_id: str | None = None) -> list[str]:
    return [said["type"] for said in told(app, webhook_id)]


def claimed(handoff_id: str) -> Event:
    return events.HandoffClaimed(handoff_id=handoff_id, claim_expires_at="2026-11-22T12:15:00Z")


def record(app: App, *happened: Event) -> None:
    with app.unit(SYSTEM) as unit:
        for one in happened:
            unit.record(one)


def test_an_event_is_told_as_a_cloud_event_of_ids_states_and_codes(app: App) -> None:
    webhook_id = register(app)
    handoff = cases.case(app, world.service(app), title="Ada's secret")
    with app.view() as view:
        row = tables.AuditEntry
        entry = view.session.scalars(select(row).where(row.event == "handoff.created")).one()
        job = view.session.scalars(select(tables.Job).where(tables.Job.topic == "webhook.deliver")).first()
    assert job is not None
    assert job.key == f"webhook.deliver:{webhook_id}:{handoff.id}"
    said = next(one for one in told(app) if one["type"] == "handoff.created")
    assert {name: said[name] for name in said if name != "data"} == {
        "specversion": "1.0",
        "id": entry.id,
        "type": "handoff.created",
        "subject": handoff.id,
        "time": "2026-11-22T12:00:00Z",
        "datacontenttype": "application/json",
        "sequence": "0000000001",
    }
    assert said["data"]["handoffId"] == handoff.id
    assert said["data"]["priority"] == "high"
    assert (said["data"]["actorKind"], said["data"]["actorId"]) == ("service", entry.actor_id)
    assert "Ada" not in str(told(app))


def test_what_was_rolled_back_is_told_to_nobody(app: App) -> None:
    register(app)
    with pytest.raises(ZeroDivisionError), app.unit(SYSTEM) as unit:
        unit.record(claimed("hnd_1"))
        _ = 1 / 0
    with app.unit(SYSTEM) as unit:
        with pytest.raises(ZeroDivisionError), unit.savepoint():
            unit.record(claimed("hnd_1"))
            unit.write()
            _ = 1 / 0
        unit.record(claimed("hnd_2"))
    assert [(said["subject"], said["sequence"]) for said in told(app)] == [("hnd_2", "0000000001")]


def test_each_endpoint_is_told_what_it_wants_while_it_is_enabled(app: App) -> None:
    everything, chosen = register(app), register(app, "handoff.resolved", "sla.warned")
    disabled = register(app)
    with app.unit(SYSTEM) as unit:
        webhooks.disable(unit, disabled, webhooks.BY_ADMIN)
    record(app, claimed("hnd_1"), events.HandoffResolved(handoff_id="hnd_1", outcome="answered"))
    record(app, events.NoteAdded(handoff_id="hnd_1", note_id="note_1", text="private"))
    assert types(app, everything) == ["handoff.claimed", "handoff.resolved"]
    assert [(said["type"], said["sequence"]) for said in told(app, chosen)] == [("handoff.resolved", "0000000002")]
    assert types(app, disabled) == []


def test_numbers_go_on_from_what_happened_before_anybody_listened(app: App) -> None:
    record(app, claimed("hnd_1"), claimed("hnd_1"), claimed("hnd_2"))
    register(app)
    record(app, claimed("hnd_1"), claimed("hnd_2"), claimed("hnd_1"))
    assert sorted((said["subject"], said["sequence"]) for said in told(app)) == [
        ("hnd_1", "0000000003"),
        ("hnd_1", "0000000004"),
        ("hnd_2", "0000000002"),
    ]


def test_what_was_only_tried_out_is_told_to_nobody(app: App) -> None:
    register(app)
    with app.unit(world.service(app)) as unit:
        for mode in ("shadow", "live"):
            unit.record(_received(f"req_{mode}", mode))
    assert [said["subject"] for said in told(app)] == ["req_live"]


def _received(request_id: str, mode: str) -> Event:
    return events.RequestReceived(
        request_id=request_id,
        customer_id="cus_1",
        mode=mode,
        outcome="recorded",
        decision_id="dec_1",
        verdict="approve",
        policy_version="sha256:0",
        failed_checks=(),
    )


def test_what_happens_to_an_effect_without_a_case_is_about_its_request(app: App) -> None:
    app.sandbox.seed(app.now())
    register(app)
    request = world.receive(app, world.service(app))
    effect = world.effect_of(app, request)
    world.start(app, effect.id)
    with app.unit(SYSTEM) as unit:
        unit.record(events.EffectDone(effect_id=effect.id, handoff_id=None, kind="refund", reference="re_1"))
    said = told(app)
    assert {one["subject"] for one in said} == {request.id}
    assert said[0]["type"] == "request.received"
    assert said[-1]["type"] == "effect.done"
    assert [int(one["sequence"]) for one in said] == list(range(1, len(said) + 1))


def test_what_the_assistant_wrote_is_told(app: App) -> None:
    register(app, "artifact.created")
    cases.case(app, world.service(app))
    delivery.work_off(app, jobs.GenerateArtifact.topic)
    [said] = told(app)
    assert (said["type"], said["data"]["actorKind"]) == ("artifact.created", ASSISTANT.kind)


def test_units_about_one_case_number_their_events_without_a_gap_in_the_order_they_are_delivered(app: App) -> None:
    register(app)
    register(app, host="other.example.com")
    barrier = threading.Barrier(8)

    def work(number: int) -> None:
        barrier.wait()
        for turn in range(5):
            # The cases of a unit in no common order, so that locks taken as they come would meet crosswise.
            subjects = ["hnd_1", "hnd_2"] if (number + turn) % 2 else ["hnd_2", "hnd_1"]
            record(app, *(claimed(subject) for subject in subjects))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with app.view() as view:
        row = tables.Job
        rows = view.session.scalars(select(row).where(row.topic == "webhook.deliver").order_by(row.seq)).all()
    numbers: dict[str, list[int]] = {}
    for job in rows:
        numbers.setdefault(job.key, []).append(int(job.payload["event"]["sequence"]))
    assert len(numbers) == 4
    assert all(found == list(range(1, 41)) for found in numbers.values()), numbers


def statements(app: App, work: Any) -> list[str]:
    """What a unit asks the database for when it does this."""
    seen: list[str] = []

    def note(_connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        seen.append(statement)

    event.listen(app.database.engine, "before_cursor_execute", note)
    try:
        with app.unit(SYSTEM) as unit:
            work(unit)
    finally:
        event.remove(app.database.engine, "before_cursor_execute", note)
    return seen


def test_while_nobody_listens_it_costs_one_look_and_only_after_a_public_event(app: App) -> None:
    def private(unit: Unit) -> None:
        unit.record(events.NoteAdded(handoff_id="hnd_1", note_id="note_1"))

    def public(unit: Unit) -> None:
        unit.record(claimed("hnd_1"))

    assert not [one for one in statements(app, private) if "webhooks" in one]
    asked = statements(app, public)
    assert len([one for one in asked if "webhooks" in one]) == 1
    assert len(asked) == len(statements(app, private)) + 1
    with app.view() as view:
        assert view.session.scalar(select(func.count()).select_from(tables.Job)) == 0
