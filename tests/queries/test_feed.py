"""No change is left out, in whatever order transactions commit and wherever a reader is cut off."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops import errors
from flowops.app import App
from flowops.domain import events
from flowops.domain.access import SYSTEM, Actor
from flowops.queries import feed
from flowops.queries.feed import Change, Entry, Position, Recent, Seats, Watch
from flowops.storage import tables
from tests import cases
from tests.conftest import NOW, Clock

MOST = 12  # entries


def change(seq: int) -> Change:
    return Change(seq, "handoff.claimed", f"hnd_{seq}", f"H-{seq}", "default", None)


@st.composite
def lookings(draw: st.DrawFn) -> list[list[Entry]]:
    """What each look at the log finds: entries commit in any order, some about no case, and some never."""
    count = draw(st.integers(1, MOST))
    order = draw(st.permutations(range(1, count + 1)))
    committed = order[: draw(st.integers(1, count))]
    about_cases = draw(st.sets(st.sampled_from(committed)))
    cuts = sorted(draw(st.lists(st.integers(0, len(committed)), max_size=4)))
    parts = [committed[a:b] for a, b in itertools.pairwise([0, *cuts, len(committed)])]
    return [[(seq, NOW, change(seq) if seq in about_cases else None) for seq in sorted(part)] for part in parts]


@given(lookings(), st.data())
def test_every_change_is_told_once_and_to_who_comes_back_at_least_once(
    looks: list[list[Entry]], data: st.DataObject
) -> None:
    recent, place, told, stood = Recent(0, 0), 0, list[tuple[int, int]](), [Position(0)]
    for found in looks:
        asked_for = set(recent.missing) | set(range(recent.read_to + 1, MOST + 1))
        assert {seq for seq, _, _ in found} <= asked_for
        recent = recent.extended(found, NOW)
        stood.append(recent.position)
        if data.draw(st.booleans(), "a reader is quick enough"):
            told += [(recent.told(each), each.seq) for each in recent.since(place) or ()]
            place = recent.end
    everything = {each.seq for each in recent.changes}
    assert [seq for _, seq in told] == list(dict.fromkeys(seq for _, seq in told))
    assert {seq for _, seq in told} | {each.seq for each in recent.since(place) or ()} == everything
    for cut in range(1, len(told) + 1):
        again = recent.after(Position(told[cut - 1][0]))
        assert again is not None
        assert {seq for _, seq in told[:cut]} | {each.seq for each in again} == everything
    known = set[int]()
    for found, before, now in zip(looks, stood[:-1], stood[1:], strict=True):
        for position, unknown in (
            (before, everything - known),
            (now, everything - known - {seq for seq, _, _ in found}),
        ):
            kept = Position.read(str(position))
            assert kept == position
            assert {each.seq for each in recent.after(kept) or ()} == unknown, "who was told exactly this much"
        known |= {seq for seq, _, _ in found}


def test_what_came_to_light_in_another_order_is_told_by_its_number() -> None:
    """Else who is cut off between the two would be taken to have been told both."""
    recent = Recent(0, 0).extended([(2, NOW, change(2))], NOW).extended([(1, NOW, change(1))], NOW)
    for news in (recent.since(0), recent.after(Position(0))):
        assert [(recent.told(each), each.seq) for each in news or ()] == [(1, 1), (2, 2)]


@given(st.integers(1, 20), st.integers(1, 8))
def test_only_the_newest_are_kept_and_who_is_further_behind_is_told_so(count: int, most: int) -> None:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(feed, "KEPT", most)
        recent = Recent(0, 0)
        for seq in range(1, count + 1):
            recent = recent.extended([(seq, NOW, change(seq))], NOW)
    kept = list(range(max(1, count - most + 1), count + 1))
    assert [each.seq for each in recent.changes] == kept
    for place in range(count + 1):
        news = recent.since(place)
        assert (news is None) is (place < count - most)
        assert news is None or [each.seq for each in news] == list(range(place + 1, count + 1))
    for seq in range(count + 2):
        missed = recent.after(Position(seq))
        assert (missed is None) is (seq < count - most or seq > count)
        assert missed is None or [each.seq for each in missed] == list(range(seq + 1, count + 1))


@pytest.fixture
def ada(app: App) -> Actor:
    return cases.person(app, "Ada")


def look(app: App, known: Recent | None) -> Recent:
    with app.view() as view:
        return feed.read(view, known)


def record(app: App, event: events.Event, seq: int | None = None) -> None:
    """Record something as an action would, or as a transaction that took its number earlier."""
    with app.unit(SYSTEM) as unit:
        if seq is None:
            unit.record(event)
            return
        data = event.open_data()
        about = {"event": event.name, "data": data, "handoff_id": data.get("handoff_id")}
        unit.append(tables.AuditEntry, seq=seq, at=unit.now, actor_kind=SYSTEM.kind, **about)


def test_what_happens_to_a_case_is_a_change_of_it(app: App, ada: Actor) -> None:
    began = look(app, None)
    case = cases.case(app, ada)
    found = look(app, began)
    news = found.since(began.end)
    assert news
    assert {(each.handoff_id, each.number, each.queue, each.created_by) for each in news} == {
        (case.id, case.label, "default", ada.id)
    }
    assert "handoff.created" in {each.kind for each in news}
    assert look(app, found) == found


def test_what_is_only_read_or_about_no_case_changes_nothing(app: App, ada: Actor) -> None:
    case = cases.case(app, ada)
    began = look(app, None)
    record(app, events.ContextRead(artifact_id="art_1", handoff_id=case.id))
    record(app, events.QueueAdded(queue="x"))
    found = look(app, began)
    assert (found.since(began.end), found.missing) == ([], {})
    assert found.read_to == began.read_to + 2


def test_an_entry_that_comes_to_light_late_is_not_left_out(app: App, ada: Actor) -> None:
    case = cases.case(app, ada)
    began = look(app, None)
    top = began.read_to
    noted = events.NoteAdded(handoff_id=case.id, note_id="not_1")
    record(app, noted, top + 3)
    first = look(app, began)
    assert set(first.missing) == {top + 1, top + 2}
    record(app, noted, top + 1)
    second = look(app, first)
    assert [each.seq for each in second.since(first.end) or ()] == [top + 1]
    assert set(second.missing) == {top + 2}
    assert [each.seq for each in second.after(Position(first.told(first.changes[-1]))) or ()] == [top + 1, top + 3]
    assert [each.seq for each in second.after(first.position) or ()] == [top + 1]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_transaction_that_commits_after_a_later_one_is_seen(app: App, ada: Actor) -> None:
    """SQLite has one writer at a time, so nothing can overtake there."""
    case = cases.case(app, ada)
    began = look(app, None)
    noted = events.NoteAdded(handoff_id=case.id, note_id="not_1")
    with app.unit(SYSTEM) as slow:
        slow.record(noted)
        slow.write()
        record(app, noted)
        first = look(app, began)
        assert [each.seq for each in first.since(began.end) or ()] == [began.read_to + 2]
    second = look(app, first)
    assert [each.seq for each in second.since(first.end) or ()] == [began.read_to + 1]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_number_that_was_rolled_back_is_forgotten_once_nobody_can_have_it(app: App, ada: Actor, clock: Clock) -> None:
    """SQLite gives a number that was rolled back to the next entry."""
    case = cases.case(app, ada)
    began = look(app, None)
    noted = events.NoteAdded(handoff_id=case.id, note_id="not_1")
    with pytest.raises(RuntimeError), app.unit(SYSTEM) as unit:
        unit.record(noted)
        unit.write()
        raise RuntimeError
    record(app, noted)
    found = look(app, began)
    lost = began.read_to + 1
    assert set(found.missing) == {lost}
    assert found.after(found.position) == [], "who was told everything but this is told nothing twice"
    clock.forward(seconds=feed.LOST.total_seconds() - 1)
    assert set(look(app, found).missing) == set(look(app, None).missing) == {lost}
    clock.forward(seconds=1)
    assert look(app, found).missing == look(app, None).missing == {}


def test_too_many_missing_numbers_make_an_earlier_position() -> None:
    few, many = Position(100, frozenset(range(10, 60))), Position(100, frozenset(range(10, 61)))
    assert Position.read(str(few)) == few
    assert Position.read(str(many)) == Position(9)


@pytest.mark.parametrize("text", ["", "-1", "1-", "²", "9" * 19, "1" + "-1" * 51, "1 2"])
def test_what_is_no_position_is_none(text: str) -> None:
    assert Position.read(text) is None


def test_after_a_long_silence_it_begins_anew(app: App, ada: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "KEPT", 2)
    case = cases.case(app, ada)
    began = look(app, None)
    for _ in range(5):
        record(app, events.NoteAdded(handoff_id=case.id, note_id="not_1"))
    found = look(app, began)
    assert found.since(began.end) is None
    assert [each.seq for each in found.changes] == [began.read_to + 4, began.read_to + 5]
    assert found.since(found.end) == []


def test_what_is_committed_before_somebody_asks_for_now_is_there(app: App, ada: Actor) -> None:
    watch = Watch()
    before = watch.recent(app.view)
    case = cases.case(app, ada)
    assert watch.recent(app.view) is before
    assert {each.handoff_id for each in watch.now(app.view).changes} == {case.id}
    assert watch.recent(app.view).changes


def test_who_takes_seats_takes_none_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "OWN_STREAMS", 2)
    monkeypatch.setattr(feed, "STREAMS", 3)
    seats = Seats()
    for who in ("ada", "ada", "eve"):
        seats.take(who)
    with pytest.raises(errors.TooManyStreams):
        seats.take("ada")
    with pytest.raises(errors.Unavailable):
        seats.take("eve")
    seats.leave("ada")
    seats.take("eve")
    assert seats.taken == 3


def test_one_reading_serves_everybody(app: App, ada: Actor) -> None:
    cases.case(app, ada)
    watch, opened = feed.Watch(), []

    def view() -> object:
        opened.append(1)
        return app.view()

    first = watch.recent(view)  # type: ignore[arg-type]  # it counts, and gives what it should
    assert {id(watch.recent(view)) for _ in range(50)} == {id(first)}  # type: ignore[arg-type]  # as above
    assert len(opened) == 1
