"""My settings: who I am, what I chose, and how I sign in."""

from collections.abc import Callable

import pytest

from flowops import tries
from flowops.actions import operators
from flowops.app import App
from flowops.domain.access import SYSTEM, Role
from flowops.queries import audit
from flowops.queries import operators as known
from tests.console.visitor import Visitor

PASSWORD, NEW = "a long enough password", "another long password"


@pytest.fixture
def ada(app: App, stranger: Visitor) -> Visitor:
    """Somebody who signed in with a password."""
    with app.unit(SYSTEM) as unit:
        user = operators.add_person(
            unit, "Ada Byron", "ada@example.com", Role.OPERATOR, ["billing"], operators.hashed(PASSWORD)
        )
    stranger.post("/login", email="ada@example.com", password=PASSWORD)
    with app.view() as view:
        actor = known.by_session(view, stranger.client.cookies["flowops"])
    assert actor
    assert actor.id == user.id
    return Visitor(stranger.client, actor)


def test_i_see_who_i_am_and_what_i_may(ada: Visitor) -> None:
    page = ada.get("/me").text
    for fact in ("Ada Byron", "ada@example.com", "Operator", "billing", "handoffs.work", "Signed in"):
        assert fact in page
    assert 'href="/console/me" aria-current="page"' in page


def test_i_choose_whether_mail_tells_me(app: App, ada: Visitor) -> None:
    assert "Turn mail off" in ada.get("/me").text
    assert ada.post("/me/notify", byMail="off").status_code == 303
    assert "Turn mail on" in ada.get("/me").text
    assert ada.post("/me/notify", byMail="on").status_code == 303
    with app.view(SYSTEM) as view:
        chosen = [entry.data["by_mail"] for entry in audit.search(view, event="user.notifications_set").items]
    assert chosen == [True, False]


def test_a_new_password_needs_the_old_one_and_signs_out_everywhere(ada: Visitor, stranger: Visitor) -> None:
    for form, said in (
        ({"current": "wrong", "password": NEW, "again": NEW}, "This is not your password."),
        ({"current": PASSWORD, "password": NEW, "again": "else"}, "This is not the same."),
        ({"current": PASSWORD}, "Choose a new password."),
        ({"current": PASSWORD, "password": "password1", "again": "password1"}, "among the first that are guessed"),
    ):
        answer = ada.send("/me/password", form)
        assert answer.status_code == 422, form
        assert said in answer.text
        assert PASSWORD not in answer.text
    answer = ada.post("/me/password", current=PASSWORD, password=NEW, again=NEW)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/login")
    assert ada.get("/me").status_code == 303
    anew = Visitor(stranger.client)
    assert anew.post("/login", email="ada@example.com", password=PASSWORD).status_code == 401
    assert anew.post("/login", email="ada@example.com", password=NEW).status_code == 303


def test_the_old_password_can_be_guessed_ten_times_a_minute(app: App, ada: Visitor) -> None:
    for _ in range(9):
        app.tries.failed(tries.SIGN_INS, "127.0.0.1")
    form = {"current": "wrong", "password": NEW, "again": NEW}
    assert [ada.send("/me/password", form).status_code for _ in range(2)] == [422, 429]


def test_who_came_by_a_link_sets_a_first_password(app: App, sign_in: Callable[..., Visitor]) -> None:
    bo = sign_in("Bo")
    assert "Current password" not in bo.get("/me").text
    assert bo.post("/me/password", password=NEW, again=NEW).status_code == 303
    assert bo.actor
    with app.view() as view:
        assert known.member(view, bo.actor.id or "").user.password_hash


def test_i_sign_out_everywhere(app: App, ada: Visitor, open_client: Callable[..., object]) -> None:
    assert ada.actor
    with app.unit(SYSTEM) as unit:
        elsewhere = operators.sign_in(unit, ada.actor.id or "")
    assert ada.post("/me/sign-out").headers["Location"] == "/console/login"
    assert ada.get("/me").status_code == 303
    with app.view() as view:
        assert known.by_session(view, elsewhere) is None
