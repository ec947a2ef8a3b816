"""What others are told names and never quotes."""

from dataclasses import fields

from flowops.domain import webhooks
from flowops.domain.access import ActorKind
from flowops.domain.events import Event
from tests.conftest import NOW

EVENTS = {kind.name: kind for kind in Event.__subclasses__() if kind.__module__.startswith("flowops.")}
# What fields hold that are neither ids, states, codes nor times, although they are not marked as personal.
WORDS = {"error"}


def test_every_public_field_is_one_of_its_event_and_none_is_personal_or_in_words() -> None:
    for name, public in webhooks.FIELDS.items():
        open_fields = {f.name for f in fields(EVENTS[name]) if not f.metadata.get("personal")}
        assert set(public) <= open_fields - WORDS, name


def test_nobody_is_told_about_drafts_notes_people_or_the_record() -> None:
    kept = {"handoff.note_added", "handoff.draft_saved", "customer.seen", "user.added", "audit.exported", webhooks.PING}
    assert not kept & webhooks.FIELDS.keys()


def test_an_event_says_its_public_fields_and_who_caused_it() -> None:
    data = {"handoff_id": "hnd_1", "outcome": "answered", "duplicate_of": None, "notes": {"commitment": "sha256:0"}}
    assert webhooks.describe("handoff.resolved", data, ActorKind.PERSON, "usr_1") == {
        "handoffId": "hnd_1",
        "outcome": "answered",
        "duplicateOf": None,
        "actorKind": "person",
        "actorId": "usr_1",
    }


def test_numbers_sort_as_text() -> None:
    made = [webhooks.cloud_event("aud_1", "sla.warned", "hnd_1", NOW, {}, number) for number in (1, 9, 10, 2_000_000)]
    numbers = [event["sequence"] for event in made]
    assert numbers == sorted(numbers)
    assert numbers[0] == "0000000001"
    assert "sequence" not in webhooks.cloud_event("aud_1", webhooks.PING, "whk_1", NOW, {})
