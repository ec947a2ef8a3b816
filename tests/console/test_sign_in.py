"""Signing in and out."""

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import QueuePool

from flowops import settings as configuration
from flowops.actions import operators
from flowops.app import App, build
from flowops.domain.access import SYSTEM, Role
from flowops.queries import operators as known
from tests import live
from tests.conftest import Clock
from tests.console.visitor import SAME, Visitor

PASSWORD = "a long enough password"


@pytest.fixture
def ada(app: App) -> str:
    """The id of somebody with a password."""
    with app.unit(SYSTEM) as unit:
        return operators.add_person(
            unit, "Ada", "ada@example.com", Role.OPERATOR, password=operators.hashed(PASSWORD)
        ).id


@pytest.fixture
def link(app: App, ada: str) -> str:
    with app.unit(SYSTEM) as unit:
        return operators.make_sign_in_link(unit, ada)


def test_who_is_not_signed_in_is_led_to_the_sign_in_page_and_back(stranger: Visitor, ada: str) -> None:
    answer = stranger.get("/q/all?status=pending&sort=-created")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/console/login?next=/console/q/all%3Fstatus%3Dpending%26sort%3D-created"
    page = stranger.client.get(answer.headers["Location"])
    assert 'value="/console/q/all?status=pending&amp;sort=-created"' in page.text
    wanted = "/console/q/all?status=pending"
    answer = stranger.post("/login", email=" Ada@Example.com ", password=PASSWORD, next=wanted)
    assert (answer.status_code, answer.headers["Location"]) == (303, wanted)
    assert stranger.get("/q/all").status_code == 200


def test_signing_in_leads_to_the_console_and_nowhere_else(stranger: Visitor, ada: str) -> None:
    for wanted in ("https://evil.example/", "//evil.example", "/\\evil", "/healthz", "/console//evil"):
        answer = stranger.post("/login", email="ada@example.com", password=PASSWORD, next=wanted)
        assert answer.headers["Location"] == "/console"


def test_a_wrong_password_and_an_unknown_address_are_answered_alike(stranger: Visitor, ada: str) -> None:
    for email, password in (("ada@example.com", "guesses galore"), ("eve@example.com", PASSWORD)):
        answer = stranger.post("/login", email=email, password=password)
        assert answer.status_code == 401
        assert "The e-mail address or the password is wrong." in answer.text
        assert f'value="{email}"' in answer.text
        assert password not in answer.text
        assert "Set-Cookie" not in answer.headers


def test_what_is_missing_is_said_beside_the_field_and_above_the_form(stranger: Visitor) -> None:
    answer = stranger.post("/login", email=" ", password="")
    assert answer.status_code == 422
    assert answer.text.count("Enter your e-mail address.") == answer.text.count("Enter your password.") == 2
    assert '<a href="#email-field">' in answer.text
    assert 'aria-describedby="email-wrong"' in answer.text


def test_after_ten_wrong_tries_an_address_waits_and_is_told_how_long(stranger: Visitor, ada: str) -> None:
    for _ in range(10):
        assert stranger.post("/login", email="ada@example.com", password="wrong").status_code == 401
    answer = stranger.post("/login", email="ada@example.com", password=PASSWORD)
    assert answer.status_code == 429
    assert "Nothing was checked. Again in" in answer.text


def test_of_many_wrong_passwords_at_once_ten_are_checked(stranger: Visitor, ada: str) -> None:
    with ThreadPoolExecutor(30) as threads:
        sent = [
            threads.submit(stranger.post, "/login", email="ada@example.com", password=f"wrong {n}") for n in range(30)
        ]
    assert Counter(each.result().status_code for each in sent) == {401: 10, 429: 20}


def test_who_signs_in_often_is_not_taken_for_somebody_who_guesses(stranger: Visitor, ada: str) -> None:
    for _ in range(12):
        assert stranger.post("/login", email="ada@example.com", password=PASSWORD).status_code == 303


def test_passwords_are_verified_two_at_a_time_and_hold_no_connection(
    app: App, stranger: Visitor, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hasher, lock, running, most, held = known._HASHER, threading.Lock(), 0, 0, list[int]()
    pool = app.database.engine.pool
    assert isinstance(pool, QueuePool)
    in_use = pool.checkedout

    class Watched:
        def verify(self, hashed: str, password: bytes) -> bool:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
                held.append(in_use())
            threading.Event().wait(0.2)
            with lock:
                running -= 1
            return hasher.verify(hashed, password)

    def sign_in(_: int = 0) -> int:
        return stranger.post("/login", email="ada@example.com", password=PASSWORD).status_code

    monkeypatch.setattr(known, "_HASHER", Watched())
    assert (sign_in(), held) == (303, [0])
    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(sign_in, range(6))) == {303}
    assert most <= 2


def test_what_is_too_long_to_be_right_is_not_checked(stranger: Visitor, ada: str) -> None:
    for form in ({"email": "a" * 320 + "@"}, {"password": "a" * 1001}):
        answer = stranger.send("/login", {"email": "ada@example.com", "password": PASSWORD} | form)
        assert answer.status_code == 422
        assert "that long." in answer.text


def test_opening_a_link_does_not_use_it_up_and_it_works_once(stranger: Visitor, link: str) -> None:
    for _ in range(3):
        assert "It is used up when you press the button" in stranger.get(f"/link/{link}").text
    assert stranger.post(f"/link/{link}").status_code == 303
    assert stranger.get("/q/all").status_code == 200
    again = Visitor(stranger.client).post(f"/link/{link}")
    assert again.status_code == 401
    assert "Nobody was signed in; ask for a new one." in again.text


def test_a_link_stays_out_of_the_log(app: App, link: str) -> None:
    with live.in_process(app) as api, live.log() as logged:
        assert api.get(f"/console/link/{link}").status_code == 200
        assert api.get(f"/console/link/{link}/").status_code == 404
        assert api.post(f"/console/link/{link}", headers=SAME).status_code == 303
    paths = [line["path"] for line in logged if line["event"] == "request"]
    assert paths == ["/console/link/***", "/console/link/***/", "/console/link/***"]
    assert link not in str(logged)


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(stranger: Visitor, link: str) -> None:
    said = stranger.post(f"/link/{link}").headers["Set-Cookie"].lower()
    assert said.startswith("flowops=")
    assert {"httponly", "samesite=lax", "path=/", "max-age=43200"} <= set(said.split("; "))


def test_over_https_the_cookie_belongs_to_this_host_alone(database_url: str, clock: Clock) -> None:
    settings = configuration.load(database_url=database_url, secret_key="k" * 32, public_url="https://ops.example")
    app = build(settings, clock)
    with app.unit(SYSTEM) as unit:
        user = operators.add_person(unit, "Ada", "ada@example.com", Role.OPERATOR)
        secret = operators.make_sign_in_link(unit, user.id)
    with live.in_process(app) as api:
        said = api.post(f"/console/link/{secret}", headers=SAME).headers["Set-Cookie"].lower()
    app.close()
    assert said.startswith("__host-flowops=")
    assert {"secure", "path=/"} <= set(said.split("; "))
    assert "domain" not in said


def test_signing_out_ends_the_session_in_the_database_too(sign_in: Callable[..., Visitor]) -> None:
    ada = sign_in("Ada")
    cookie = ada.client.cookies["flowops"]
    answer = ada.post("/logout")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/login")
    ada.client.cookies.set("flowops", cookie)
    assert ada.get("/q/all").status_code == 303


def test_signing_in_again_ends_the_session_before(stranger: Visitor, app: App, ada: str) -> None:
    stranger.post("/login", email="ada@example.com", password=PASSWORD)
    before = stranger.client.cookies["flowops"]
    stranger.post("/login", email="ada@example.com", password=PASSWORD)
    assert stranger.client.cookies["flowops"] != before
    stranger.client.cookies.clear()
    stranger.client.cookies.set("flowops", before)
    assert stranger.get("/q/all").status_code == 303
