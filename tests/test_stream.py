"""The stream tells those who may see them which cases changed, never leaves one out, and ends when it should."""

import json
import time
from collections.abc import Callable, Iterator

import pytest

from flowops import errors, stream
from flowops.actions import operators
from flowops.app import STREAMS, App
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


def test_as_many_streams_are_open_as_one_process_can_serve(api: Api, app: App, ada: Actor) -> None:
    token = make.token_of(app, ada.id)
    for _ in range(STREAMS - 1):
        assert app.streams.acquire(blocking=False)
    with listening(api.client, Authorization=f"Bearer {token}"):
        answer = api.get("/events", token)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.headers["Retry-After"]
    with live.log(), listening(api.client, Authorization=f"Bearer {token}"):
        assert not app.streams.acquire(blocking=False)
    assert app.streams.acquire(blocking=False), "who leaves makes room"


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
