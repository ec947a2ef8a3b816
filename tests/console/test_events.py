"""The stream of changes that a page listens to, with the session of its browser."""

from collections.abc import Callable

import httpx
import pytest

from flowops import stream
from flowops.app import App
from tests import cases
from tests.console.visitor import Visitor
from tests.listening import listening

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_a_page_is_told_what_changed_until_its_session_ends(
    app: App, sign_in: Callable[..., Visitor], open_client: Callable[[], httpx.Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BEAT", 0.1)
    ada = sign_in("Ada")
    assert ada.actor
    with listening(ada.client, "/console/events") as listener:
        case = cases.case(app, ada.actor)
        assert listener.wait_for(1)[0].data["id"] == case.id
        other = open_client()
        other.cookies = ada.client.cookies
        assert Visitor(other, ada.actor).post("/logout").status_code == 303
        listener.wait_for_end()


def test_a_stranger_is_led_to_the_sign_in_page(stranger: Visitor) -> None:
    answer = stranger.get("/events")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/login?next=/console/events")
