"""The stream tells those who may see them which cases changed, never leaves one out, and ends when it should."""

import json
import time
from collections.abc import Callable, Iterator

import pytest

from flowops import errors, stream
from flowops.actions import operators, switch
from flowops.app import App
from flowops.domain import access
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.queries import feed
from flowops.queries import operators as known
from tests import cases, live, make
from tests.listening import listening
from tests.live import Api

# What is read from the database is tested on both where the feed is.
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds become moments."""
    monkeypatch.setattr(stream, "POLL", 0.05)
    monkeypatch.setattr(stream, "BEAT", 0.1)
    monkeypatch.setattr(feed, "FRESH", 0.02)


@pytest.fixture
def api(app: App) -> Iterator[Api]:
    with live.in_process(app) as calling:
        yield calling


@pytest.fixture
def ada(app: App) -> Actor:
    return cases.person(app, "Ada")


def bearer(app: App, who: Actor) -> str:
    return f"Bearer {make.token_of(app, who.id)}"


def test_who_may_see_a_case_is_told_that_it_changed_and_nobody_else(api: Api, app: App, ada: Actor) -> None:
    bot, other = cases.person(app, "bot", Role.SERVICE, ()), cases.person(app, "other", Role.SERVICE, ())
    eve = cases.person(app, "Eve", queues=("elsewhere",))
    cases.case(app, bot)
    with (
        listening(api.client, Authorization=bearer(app, ada)) as to_ada,
        listening(api.client, Authorization=bearer(app, eve)) as to_eve,
        listening(api.client, Authorization=bearer(app, bot)) as to_bot,
        listening(api.client, Authorization=bearer(app, other)) as to_other,
    ):
        seen, hidden = cases.case(app, bot), cases.case(app, other, queue="elsewhere")
        for listener, case in ((to_ada, seen), (to_bot, seen), (to_eve, hidden), (to_other, hidden)):
            (told, *_) = listener.wait_for(1)
            assert told.kind == "case-changed"
            assert told.data == {"id": case.id, "number": case.label, "kind": "handoff.created"}
    for listener, case in ((to_ada, seen), (to_bot, seen), (to_eve, hidden), (to_other, hidden)):
        assert {told.data["id"] for told in listener.told} == {case.id}
        assert case.title not in "".join(listener.raw)


def test_everybody_is_told_that_effects_were_paused_and_resumed_and_nobody_why(api: Api, app: App, ada: Actor) -> None:
    bot = cases.person(app, "bot", Role.SERVICE, ())
    with (
        listening(api.client, Authorization=bearer(app, ada)) as to_ada,
        listening(api.client, Authorization=bearer(app, bot)) as to_bot,
    ):
        with app.unit(ada) as unit:
            switch.pause(unit, "refunds go out twice")
        with app.unit(ada) as unit:
            switch.resume(unit)
        for listener in (to_ada, to_bot):
            told = listener.wait_for(2)
            assert [(each.kind, each.data) for each in told] == [
                ("effects-changed", {"kind": "effects.paused"}),
                ("effects-changed", {"kind": "effects.resumed"}),
            ]
            assert "twice" not in "".join(listener.raw)


def test_every_role_that_reads_may_listen(api: Api, app: App) -> None:
    for role in Role:
        who = cases.person(app, role, role, () if role is Role.SERVICE else ("default",))
        with listening(api.client, Authorization=bearer(app, who)) as listener:
            assert listener.answer.headers["Cache-Control"] == "no-store"
            assert listener.answer.headers["X-Accel-Buffering"] == "no"


def test_an_event_bears_the_number_of_its_entry(api: Api, app: App, ada: Actor) -> None:
    with listening(api.client, Authorization=bearer(app, ada)) as listener:
        case = cases.case(app, ada)
        (told, *_) = listener.wait_for(1)
    assert api.get(f"/handoffs/{case.id}/timeline", make.token_of(app, ada.id)).json()["items"][-1]["seq"] == int(
        told.id
    )


def test_who_was_away_is_told_what_they_missed(api: Api, app: App, ada: Actor) -> None:
    token = bearer(app, ada)
    with listening(api.client, Authorization=token) as listener:
        cases.case(app, ada)
        last = listener.wait_for(1)[-1].id
    missed = [cases.case(app, ada).id for _ in range(2)]
    with listening(api.client, Authorization=token, Last_Event_ID=last) as listener:
        assert [told.data["id"] for told in listener.wait_for(2)] == missed
        last = listener.told[-1].id
    with listening(api.client, Authorization=token, Last_Event_ID=last) as listener:
        new = cases.case(app, ada).id
        assert [told.data["id"] for told in listener.wait_for(1)] == [new]


def test_a_stream_that_breaks_before_its_first_event_leaves_nothing_out(api: Api, app: App, ada: Actor) -> None:
    cases.case(app, ada)
    token = bearer(app, ada)
    with listening(api.client, Authorization=token) as listener:
        begun = listener.ids[0]
    missed = cases.case(app, ada).id
    for _ in range(2):  # what it begins with is what its reader has, not what is about to be sent
        with listening(api.client, Authorization=token, Last_Event_ID=begun) as listener:
            assert [told.data["id"] for told in listener.wait_for(1)] == [missed]
            assert listener.ids[0] == begun


def test_a_heartbeat_names_how_far_somebody_is_who_was_told_nothing(api: Api, app: App, ada: Actor) -> None:
    eve = cases.person(app, "Eve", queues=("elsewhere",))
    with listening(api.client, Authorization=bearer(app, eve)) as listener:
        begun = listener.ids[-1]
        cases.case(app, ada)
        listener.wait_for_beats(3)
        assert int(listener.ids[-1]) > int(begun)
        assert listener.told == []


def test_who_was_told_more_by_another_process_misses_nothing(
    api: Api, app: App, ada: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = bearer(app, ada)
    app.changes.recent(app.view)
    monkeypatch.setattr(feed, "FRESH", 1e9)  # this process has read and does not read again by itself
    cases.case(app, ada)
    with app.view() as view:
        last = feed.read(view, None).position
    with listening(api.client, Authorization=token, Last_Event_ID=str(last)) as listener:
        listener.wait_for_beats(2)
    assert (listener.told, listener.ids[0]) == ([], str(last))


def test_the_stream_ends_before_it_tells_anything_to_who_may_read_no_more(
    api: Api, app: App, ada: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BEAT", 1e9)
    bot = cases.person(app, "bot", Role.SERVICE)
    with listening(api.client, Authorization=bearer(app, ada)) as listener:
        disable(app, ada)
        cases.case(app, bot)
        listener.wait_for_end()
    assert listener.told == []


def test_a_queue_that_was_left_is_not_told_of(api: Api, app: App, ada: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "BEAT", 1e9)
    eve = cases.person(app, "Eve", queues=("default", "elsewhere"))
    with listening(api.client, Authorization=bearer(app, eve)) as listener:
        with app.unit(SYSTEM) as unit:
            assert eve.id
            operators.set_queues(unit, eve.id, ["elsewhere"])
        cases.case(app, ada)
        seen = cases.case(app, eve, queue="elsewhere").id
        assert listener.wait_for(1)[0].data["id"] == seen


def test_who_was_away_too_long_is_told_to_reload_and_goes_on_from_there(
    api: Api, app: App, ada: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "KEPT", 5)
    token = bearer(app, ada)
    for _ in range(5):
        cases.case(app, ada)
    for last in ("1", "999999", "9" * 20, "²"):
        with listening(api.client, Authorization=token, Last_Event_ID=last) as listener:
            (told,) = listener.wait_for(1)
            assert (told.kind, told.data) == ("reload", {})
            new = cases.case(app, ada).id
            assert listener.wait_for(2)[1].data["id"] == new
        with listening(api.client, Authorization=token, Last_Event_ID=told.id) as listener:
            assert listener.wait_for(1)[0].data["id"] == new


def revoke(app: App, ada: Actor) -> None:
    with app.unit(SYSTEM) as unit:
        ((row, _),) = known.tokens(unit.view)
        operators.revoke_token(unit, row.id)


def disable(app: App, ada: Actor) -> None:
    with app.unit(SYSTEM) as unit:
        assert ada.id
        operators.disable(unit, ada.id)


@pytest.mark.parametrize("end", [revoke, disable])
def test_the_stream_ends_with_its_token(api: Api, app: App, ada: Actor, end: Callable[[App, Actor], None]) -> None:
    with listening(api.client, Authorization=bearer(app, ada)) as listener:
        end(app, ada)
        listener.wait_for_end()


def test_the_stream_ends_with_the_permission(api: Api, app: App, ada: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(api.client, Authorization=bearer(app, ada)) as listener:
        monkeypatch.setitem(access.PERMISSIONS, Role.OPERATOR, frozenset())
        listener.wait_for_end()


def test_the_stream_ends_with_the_process(api: Api, app: App, ada: Actor) -> None:
    with listening(api.client, Authorization=bearer(app, ada)) as listener:
        app.stopping.set()
        listener.wait_for_end()


def test_a_stream_that_cannot_read_ends_without_a_fuss(
    api: Api, app: App, ada: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise errors.Unavailable(what="The database", reason="it is restarting")

    with live.log() as logged, listening(api.client, Authorization=bearer(app, ada)) as listener:
        monkeypatch.setattr(feed, "read", refuse)
        listener.wait_for_end()
        monkeypatch.undo()
    assert [(line["event"], line["path"], line["status"]) for line in logged] == [("request", "/events", 200)]


def test_a_new_queue_is_listened_to_without_a_new_stream(api: Api, app: App, ada: Actor) -> None:
    eve = cases.person(app, "Eve", queues=("elsewhere",))
    with listening(api.client, Authorization=bearer(app, ada)) as listener:
        with app.unit(SYSTEM) as unit:
            assert ada.id
            operators.set_queues(unit, ada.id, ["elsewhere"])
        listener.wait_for_beats(2)
        case = cases.case(app, eve, queue="elsewhere")
        assert listener.wait_for(1)[0].data["id"] == case.id


def test_nobody_opens_more_streams_than_they_may(
    api: Api, app: App, ada: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "OWN_STREAMS", 1)
    token = make.token_of(app, ada.id)
    eve = bearer(app, cases.person(app, "Eve"))
    with listening(api.client, Authorization=f"Bearer {token}"), listening(api.client, Authorization=eve):
        answer = api.get("/events", token)
        assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (429, "too_many_streams", 1)
        assert answer.headers["Retry-After"]
    with live.log(), listening(api.client, Authorization=f"Bearer {token}"):
        assert app.seats.taken == 1
    assert app.seats.taken == 0, "who leaves makes room"


def test_as_many_streams_are_open_as_one_process_can_serve(
    api: Api, app: App, ada: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "STREAMS", 1)
    token = make.token_of(app, cases.person(app, "Eve").id)
    with listening(api.client, Authorization=bearer(app, ada)):
        answer = api.get("/events", token)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.headers["Retry-After"]


def test_a_stream_needs_a_token(api: Api) -> None:
    answer = api.get("/events")
    assert answer.status_code == 401
    assert json.loads(answer.content)["code"] == "not_authenticated"


def test_how_long_a_reader_stays_is_not_how_long_we_took(api: Api, app: App, ada: Actor) -> None:
    token, began = bearer(app, ada), time.monotonic()
    with live.log() as logged, listening(api.client, Authorization=token) as listener:
        opened = time.monotonic()
        listener.wait_for_beats(5)
        left = time.monotonic()
    ended = time.monotonic()
    (line,) = logged
    assert line["ms"] / 1000 <= (opened - began) + (ended - left)
