"""What is written in a case: notes, later messages and the owner's draft, and what they do to claim and clock."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from flowops import errors
from flowops.actions import conversation
from flowops.app import App
from flowops.domain.access import Actor, Role
from flowops.domain.facts import Message
from flowops.domain.handoffs import Status
from flowops.queries import drafts
from flowops.queries import handoffs as answers
from flowops.storage import tables
from tests import cases, verbs, world
from tests.conftest import Clock
from tests.verbs import LEASE


def test_notes_are_kept_with_their_author_and_out_of_the_log(app: App, ada: Actor, bob: Actor, case: str) -> None:
    verbs.note(app, bob, case)
    with app.view(ada) as view:
        (kept,) = answers.get(view, case).notes
        entry = answers.timeline(view, case).items[-1]
    assert (kept.author.name, kept.text) == ("Bob", "Called them.")
    assert entry.data["text"] == "Called them."
    assert "Called them." not in str(entry.row.data)


def test_a_later_message_joins_the_conversation(app: App, clock: Clock, ada: Actor) -> None:
    bot = cases.person(app, "bot", Role.SERVICE)
    case = cases.case(app, bot).id
    ends_at = verbs.claim(app, ada, case).claim_expires_at
    clock.forward(minutes=5)
    handoff = verbs.write(app, bot, case)
    assert (handoff.version, handoff.claimed_by, handoff.claim_expires_at) == (3, ada.id, ends_at)
    with app.view(ada) as view:
        messages = answers.get(view, case).messages
    assert [(m.role, m.text) for m in messages] == [("customer", "I was charged twice."), ("customer", "Any news?")]
    last = verbs.entries(app, case)[-1]
    assert (last.row.event, last.row.actor_id) == ("handoff.message_received", bot.id)
    assert last.data == {"handoff_id": case, "message_id": messages[-1].id, "role": "customer"}
    clock.forward(minutes=5)
    assert verbs.write(app, ada, case).claim_expires_at == clock.now + LEASE, "the owner's own writing extends it"


def test_a_message_ends_the_waiting_whoever_was_waited_for(app: App, clock: Clock, ada: Actor, case: str) -> None:
    bot = cases.person(app, "bot", Role.SERVICE)
    case = cases.case(app, bot).id
    due_at = verbs.claim(app, ada, case).sla_due_at
    verbs.wait(app, ada, case, clock.now + timedelta(days=1))
    clock.forward(hours=3)
    with app.unit(bot) as unit:
        message = Message(role="third_party", text="We sent it.", at=unit.now)
        handoff = conversation.receive(unit, case, message, lease=LEASE)
    assert (handoff.waiting_for, handoff.wait_until, handoff.claimed_by) == (None, None, ada.id)
    assert due_at is not None
    assert (handoff.claim_expires_at, handoff.sla_due_at) == (clock.now + LEASE, due_at + timedelta(hours=3))
    received, resumed = verbs.entries(app, case)[-2:]
    assert received.row.event == "handoff.message_received"
    assert (resumed.row.event, resumed.data["because"]) == ("handoff.resumed", "third_party_wrote")


def test_a_message_opens_a_resolved_case_again(app: App, clock: Clock, ada: Actor, case: str) -> None:
    verbs.claim(app, ada, case)
    verbs.resolve(app, ada, case)
    clock.forward(hours=5)
    handoff = verbs.write(app, ada, case)
    assert (handoff.status, handoff.claimed_by, handoff.resolved_at) == (Status.PENDING, None, None)
    assert (handoff.sla_clock, handoff.sla_due_at) == ("response", clock.now + timedelta(hours=1))
    last = verbs.entries(app, case)[-1]
    assert (last.row.event, last.data["reason"]) == ("handoff.reopened", "new_message")


def test_a_message_comes_from_who_opened_the_case_or_works_on_it(app: App, ada: Actor, case: str) -> None:
    with pytest.raises(errors.NotFound):
        verbs.write(app, cases.person(app, "other bot", Role.SERVICE), case)
    with pytest.raises(errors.NotPermitted):
        verbs.write(app, cases.person(app, "Vic", Role.VIEWER), case)
    assert verbs.happened(app, case)[-1] == "handoff.created"


def test_a_case_has_at_most_500_messages(app: App, ada: Actor, case: str) -> None:
    handoff = verbs.read(app, case)
    with app.unit(ada) as unit:
        unit.session.add_all(
            tables.Message(
                request_id=handoff.request_id,
                handoff_id=case,
                role="customer",
                text="Hello?",
                at=unit.now,
                created_at=unit.now,
            )
            for _ in range(498)
        )
        conversation.note(unit, case, "Now it is nearly full.", lease=LEASE)
    verbs.write(app, ada, case)
    with pytest.raises(errors.Invalid, match="has 500 messages"):
        verbs.write(app, ada, case)


def test_a_draft_is_saved_from_version_to_version(app: App, clock: Clock, ada: Actor, case: str) -> None:
    with app.view(ada) as view:
        assert drafts.get(view, case) is None
    version = verbs.claim(app, ada, case).version
    for number in range(3):
        clock.forward(minutes=10)
        assert verbs.draft(app, ada, case, f"Text {number}", number).version == number + 1
    handoff = verbs.read(app, case)
    assert (handoff.version, handoff.claim_expires_at) == (version, clock.now + LEASE)
    with app.view(ada) as view:
        kept = drafts.get(view, case)
    assert kept is not None
    assert (kept.subject, kept.body, kept.version) == ("Your invoice", "Text 2", 3)
    assert (kept.author.name, kept.saved_at) == ("Ada", clock.now)
    assert verbs.happened(app, case)[-3:] == ["handoff.draft_saved"] * 3
    assert "Text" not in str([entry.data for entry in verbs.entries(app, case)])


def test_a_draft_that_was_saved_since_is_never_overwritten(
    app: App, clock: Clock, ada: Actor, boss: Actor, case: str
) -> None:
    verbs.claim(app, ada, case)
    verbs.draft(app, ada, case, "Ada's text")
    verbs.assign(app, boss, case, boss)
    with pytest.raises(errors.DraftChanged, match="Ada saved version 1 while you wrote from version 0") as e:
        verbs.draft(app, boss, case, "Sue's text")
    facts = e.value.facts
    assert (facts["subject"], facts["body"], facts["version"]) == ("Your invoice", "Ada's text", 1)
    assert (facts["saved_by"], facts["saved_at"]) == ({"id": ada.id, "name": "Ada"}, clock.now)
    with pytest.raises(errors.Invalid, match="is at version 1"):
        verbs.draft(app, boss, case, "Sue's text", 2)
    assert verbs.draft(app, boss, case, "Both texts", 1).author.name == "Sue"


def test_only_the_owner_writes_the_draft(app: App, ada: Actor, bob: Actor, boss: Actor, case: str) -> None:
    with pytest.raises(errors.NotClaimed):
        verbs.draft(app, ada, case)
    verbs.claim(app, ada, case)
    for other in (bob, boss):
        with pytest.raises(errors.NotOwner):
            verbs.draft(app, other, case)
    with app.unit(ada) as unit, pytest.raises(errors.StaleVersion):
        conversation.save_draft(unit, case, "", "", 0, lease=LEASE, case_version=1)


def test_two_saves_at_once_do_not_both_succeed(app: App, ada: Actor, case: str) -> None:
    verbs.claim(app, ada, case)
    ready = Barrier(4)

    def save(number: int) -> bool:
        ready.wait()
        try:
            verbs.draft(app, ada, case, f"Text {number}")
        except errors.DraftChanged:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(save, range(4))) == 1


def test_a_draft_that_was_proposed_as_it_stands_is_empty_again(app: App, clock: Clock, ada: Actor, case: str) -> None:
    verbs.claim(app, ada, case)
    verbs.draft(app, ada, case, "Dear Ada.")
    reply = {"subject": "Your invoice", "body": "Dear Ada."}
    for other in ({"body": "Dear Ada."}, reply | {"body": "Dear Ada!"}):
        world.propose(app, ada, case, "reply", other)
        assert read_draft(app, case) == ("Your invoice", "Dear Ada.", 1)
    clock.forward(minutes=1)
    world.propose(app, ada, case, "reply", reply)
    assert read_draft(app, case) == ("", "", 2)
    assert "handoff.draft_used" in verbs.happened(app, case)
    with pytest.raises(errors.DraftChanged):
        verbs.draft(app, ada, case, "Dear Ada, again.", 1)
    verbs.draft(app, ada, case, "Dear Ada, again.", 2)


def read_draft(app: App, case: str) -> tuple[str, str, int]:
    with app.view() as view:
        draft = drafts.get(view, case)
    assert draft
    return draft.subject, draft.body, draft.version
