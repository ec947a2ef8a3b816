"""The stream of changes that a page listens to, with the session of its browser."""

import html
import re
from collections.abc import Callable

import httpx
import pytest

from flowops import stream
from flowops.app import App
from flowops.domain.access import Actor, Role
from flowops.queries import feed
from tests import cases
from tests.console.visitor import Visitor
from tests.listening import listening

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds become moments."""
    monkeypatch.setattr(stream, "POLL", 0.05)
    monkeypatch.setattr(stream, "BEAT", 0.1)


@pytest.fixture
def bot(app: App) -> Actor:
    return cases.person(app, "bot", Role.SERVICE)


def live(page: str, name: str) -> str:
    """What a page gives to the script that listens."""
    (found,) = re.findall(rf'id="live"[^>]* data-{name}="([^"]*)"', page)
    return html.unescape(found)


def test_a_page_is_told_what_changed_until_its_session_ends(
    app: App, sign_in: Callable[..., Visitor], open_client: Callable[[], httpx.Client]
) -> None:
    ada = sign_in("Ada")
    assert ada.actor
    with listening(ada.client, "/console/events") as listener:
        case = cases.case(app, ada.actor)
        assert listener.wait_for(1)[0].data["id"] == case.id
        other = open_client()
        other.cookies = ada.client.cookies
        assert Visitor(other, ada.actor).post("/logout").status_code == 303
        listener.wait_for_end()


@pytest.mark.parametrize("path", ["/q/all", "/dash"])
def test_what_changes_between_a_page_and_its_stream_is_told(
    app: App, sign_in: Callable[..., Visitor], bot: Actor, path: str
) -> None:
    ada = sign_in("Ada")
    cases.case(app, bot)
    address = live(ada.get(path).text, "stream")
    case = cases.case(app, bot)
    app.changes.now(app.view)  # for somebody else; where the stream would begin by itself, it is too late
    with listening(ada.client, address) as listener:
        assert [told.data["id"] for told in listener.wait_for(1)] == [case.id]
        last = listener.ids[-1]
    with listening(ada.client, address, Last_Event_ID=last) as listener:
        listener.wait_for_beats(2)
    assert listener.told == [], "who comes back goes on where they were, and not where the page was"


def test_what_a_page_shows_already_is_no_news(
    app: App, sign_in: Callable[..., Visitor], bot: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = sign_in("Ada")
    ref = cases.case(app, bot).label
    ada.get("/q/all")
    with monkeypatch.context() as patched:
        patched.setattr(feed, "FRESH", 1e9)  # the last reading is not new enough to say so
        assert ada.post(f"/case/{ref}/claim").status_code == 303
        address = live(ada.get("/q/all").text, "stream")
    app.changes.now(app.view)
    with listening(ada.client, address) as listener:
        listener.wait_for_beats(2)
    assert listener.told == []


def test_a_stranger_is_led_to_the_sign_in_page(stranger: Visitor) -> None:
    answer = stranger.get("/events")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/login?next=/console/events")


def test_a_page_after_a_refused_form_leads_to_its_own_address_and_not_to_the_forms(
    app: App, sign_in: Callable[..., Visitor], bot: Actor
) -> None:
    ada, ref = sign_in("Ada"), cases.case(app, bot).label
    for path, form, wanted in (
        (f"/case/{ref}/resolve?in=all&priority=high", {"outcome": "other"}, f"/console/q/all?priority=high&case={ref}"),
        ("/q/all/bulk?sort=risk", {}, "/console/q/all?sort=risk"),
    ):
        page = ada.send(path, form).text
        assert live(page, "refresh") == wanted
        assert ada.client.get(wanted).status_code == 200


def test_the_address_of_a_form_leads_who_opens_it_to_the_page_it_stands_on(
    app: App, sign_in: Callable[..., Visitor], stranger: Visitor, bot: Actor
) -> None:
    ana, ref = sign_in("Ana", Role.ADMIN), cases.case(app, bot).label
    assert ana.actor
    for path, wanted in (
        (f"/case/{ref}/claim", f"/case/{ref}"),
        (f"/case/{ref}/claim?in=all&q=a%26b", f"/q/all?q=a%26b&case={ref}"),
        (f"/case/{ref}/effects/eff_1/approve?in=mine", f"/q/mine?case={ref}"),
        ("/q/all/bulk?priority=high", "/q/all?priority=high"),
        ("/q/all/next", "/q/all"),
        (f"/admin/people/{ana.actor.id}/role", f"/admin/people/{ana.actor.id}"),
        ("/me/password", "/me"),
        ("/logout", ""),
    ):
        answer = ana.get(path)
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/console{wanted}"), path
        assert ana.client.get(answer.headers["Location"], follow_redirects=True).status_code == 200, path
        assert stranger.get(path).status_code == 303
    for odd, wanted in (("/case/%C3%A9%3F%25/claim", "/case/%C3%A9%3F%25"), ("/case/H-1/claim?in=a/b", "/q/a")):
        assert ana.get(odd).headers["Location"].partition("?case")[0] == f"/console{wanted}"
    assert ana.client.put(f"/console/case/{ref}/claim").status_code == 405
