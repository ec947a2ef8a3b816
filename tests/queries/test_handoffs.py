"""What is answered about cases: the signals of the assistant, and everything there is to know."""

from datetime import timedelta
from typing import Any

import pytest

from flowops import errors
from flowops.actions import artifacts as writing
from flowops.actions import handoffs as resolving
from flowops.actions import ownership
from flowops.ai import context
from flowops.ai.generator import Attempt
from flowops.app import App
from flowops.domain import events
from flowops.domain.access import ASSISTANT, SYSTEM, Actor
from flowops.domain.artifacts import Status
from flowops.domain.handoffs import Outcome, WaitingFor
from flowops.queries import handoffs
from flowops.storage import tables
from tests import cases
from tests.conftest import Clock


@pytest.fixture
def ada(app: App) -> Actor:
    return cases.person(app, "Ada")


def read(app: App, case: tables.Handoff) -> dict[str, Any]:
    with app.view() as view:
        return handoffs.parts(view, case.id)


def keep(
    app: App,
    case: tables.Handoff,
    known: dict[str, Any],
    status: Status = Status.OK,
    kind: str = "handoff_summary.v1",
) -> None:
    """The assistant's answer to what it was shown."""
    provenance = dict.fromkeys(("model", "promptVersion", "inputTokens", "outputTokens")) | {
        "generator": "extractive", "inputSha256": context.sha256(known), "latencyMs": 5
    }  # fmt: skip
    attempt = Attempt(status=status, content=None, grounding=None, provenance=provenance, reasons=())
    with app.unit(ASSISTANT) as unit:
        writing.keep(unit, case.id, kind, [attempt], known)


def write(app: App, case: tables.Handoff) -> None:
    with app.unit(SYSTEM) as unit:
        message = tables.Message(
            request_id=case.request_id,
            handoff_id=case.id,
            role="customer",
            text="And again!",
            at=unit.now,
            created_at=unit.now,
        )
        unit.session.add(message)
        unit.record(events.NoteAdded(handoff_id=case.id, note_id=message.id))


def signals(app: App, case: tables.Handoff) -> tuple[bool, bool, bool]:
    """Has a summary, has a draft, is stale; the list and the case say the same."""
    with app.view() as view:
        shown = handoffs.get(view, case.id)
        (listed,) = (item for item in handoffs.search(view).items if item.handoff.id == case.id)
    assert (listed.has_summary, listed.has_draft, listed.stale) == (shown.has_summary, shown.has_draft, shown.stale)
    return shown.has_summary, shown.has_draft, shown.stale


def test_a_case_has_the_artifacts_that_can_be_used(app: App, ada: Actor, clock: Clock) -> None:
    case = cases.case(app, ada)
    keep(app, case, read(app, case), Status.REJECTED)
    assert signals(app, case) == (False, False, False)
    keep(app, case, read(app, case))
    assert signals(app, case) == (True, False, False)
    clock.forward(seconds=5)
    keep(app, case, read(app, case), kind="reply_draft.v1")
    assert signals(app, case) == (True, True, False)
    with app.view() as view:
        assert handoffs.get(view, case.id).last_artifact_at == clock.now


def test_a_message_makes_a_case_stale_until_the_assistant_has_read_it(app: App, ada: Actor) -> None:
    case = cases.case(app, ada)
    keep(app, case, read(app, case))
    write(app, case)
    assert signals(app, case) == (True, False, True)
    keep(app, case, read(app, case))
    assert signals(app, case) == (True, False, False)


def test_a_message_that_came_while_the_assistant_wrote_makes_the_case_stale(app: App, ada: Actor, clock: Clock) -> None:
    case = cases.case(app, ada)
    shown = read(app, case)
    write(app, case)
    clock.forward(seconds=5)
    keep(app, case, shown)
    assert signals(app, case) == (True, False, True)


def test_the_signals_of_one_case_are_not_anothers(app: App, ada: Actor) -> None:
    with_summary, without = cases.case(app, ada), cases.case(app, ada)
    keep(app, with_summary, read(app, with_summary))
    assert (signals(app, with_summary), signals(app, without)) == ((True, False, False), (False, False, False))


def test_the_parts_of_a_case_are_what_was_decided_upon_and_make_a_context(app: App, ada: Actor) -> None:
    tool = {"source": "tool:get_order", "at": "2026-11-22T11:00:00Z", "data": {"orderId": "A-10442"}}
    case = cases.case(
        app, ada, kind="refund", params=cases.refund(), tools=(tool,), confidence="0.62", email="ada@example.com"
    )
    parts = read(app, case)
    assert parts["handoff"]["number"] == "H-1"
    assert parts["handoff"]["issues"][0]["code"] == "verification_failed"
    assert "account_exists" in parts["handoff"]["issues"][0]["detail"]
    assert parts["customer"] == {"id": "cust_1", "email": "ada@example.com", "name": None, "plan": None}
    assert parts["request"]["confidence"] == "0.62"
    assert parts["request"]["effect"] == {"kind": "refund", "params": cases.refund()}
    assert [m["text"] for m in parts["messages"]] == ["I was charged twice."]
    assert parts["facts"] == [tool]
    assert parts["records"] == {"account": None, "invoice": None, "missing": ["account"], "errors": {}}
    assert parts["verification"]["passed"] is False
    assert parts["verdict"]["outcome"] == "review"
    assert [(e["kind"], e["status"]) for e in parts["effects"]] == [("refund", "proposed")]
    assert context.sha256(context.build(parts)) == context.sha256(context.build(read(app, case)))


def test_the_parts_of_no_case_are_not_found(app: App) -> None:
    with app.view() as view, pytest.raises(errors.NotFound):
        handoffs.parts(view, "hnd_0")


def test_what_the_customer_asked_before_is_known_and_bounded(app: App, ada: Actor, clock: Clock) -> None:
    long_ago = cases.case(app, ada, title="Long ago")
    clock.forward(days=31)
    before = [cases.case(app, ada, title=f"Trouble {n}") for n in range(6)]
    cases.case(app, ada, customer_id="cust_2")
    cases.case(app, cases.person(app, "Bo", queues=["other"]), queue="other")
    clock.forward(minutes=1)
    case = cases.case(app, ada, title="Trouble 5")
    earlier = read(app, case)["earlierCases"]
    assert [known["number"] for known in earlier] == [known.label for known in reversed(before[1:])]
    assert [known["sameTitle"] for known in earlier] == [True, False, False, False, False]
    assert long_ago.label not in {known["number"] for known in earlier}
    assert read(app, before[0])["earlierCases"] == []


def test_the_state_of_the_clock_is_one_word_that_changes_with_it(app: App, ada: Actor, clock: Clock) -> None:
    case = cases.case(app, ada)
    lease = timedelta(hours=24)

    def state() -> Any:
        return read(app, case)["handoff"]["sla"]["state"]

    assert state() == "running"
    clock.forward(minutes=45)
    assert state() == "near"
    with app.unit(ada) as unit:
        ownership.claim(unit, case.id, lease=lease)
    assert state() == "running"
    with app.unit(ada) as unit:
        ownership.wait(unit, case.id, WaitingFor.CUSTOMER, lease=lease)
    assert state() == "paused"
    assert read(app, case)["handoff"]["waitingFor"] == "customer"
    with app.unit(ada) as unit:
        ownership.resume(unit, case.id, lease=lease)
    clock.forward(hours=5)
    assert state() == "breached"
    with app.unit(ada) as unit:
        resolving.resolve(unit, case.id, Outcome.ANSWERED, "")
    assert state() == "stopped"
    assert read(app, cases.case(app, ada, promise=False))["handoff"]["sla"] == {"clock": None, "state": None}


def test_a_stale_summary_stays_a_sign_beside_a_fresh_draft(app: App, ada: Actor, clock: Clock) -> None:
    case = cases.case(app, ada)
    keep(app, case, read(app, case))
    write(app, case)
    clock.forward(seconds=5)
    keep(app, case, read(app, case), kind="reply_draft.v1")
    assert signals(app, case) == (True, True, True)
    keep(app, case, read(app, case))
    assert signals(app, case) == (True, True, False)
