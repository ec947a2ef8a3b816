"""What keeps a form from being sent by anybody else, and a page from who may not see it."""

import re
from collections.abc import Callable

import pytest

from flowops.app import App
from flowops.domain.access import SYSTEM, Role
from flowops.queries import audit, handoffs
from tests import cases, make
from tests.console.visitor import SAME, Visitor

FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8080"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {},
]


@pytest.fixture
def ref(app: App) -> str:
    return cases.case(app, cases.person(app, "bot", Role.SERVICE)).label


def status(app: App, ref: str) -> str:
    with app.view(SYSTEM) as view:
        return handoffs.get(view, ref).handoff.status


def test_a_form_of_another_site_changes_nothing(app: App, sign_in: Callable[..., Visitor], ref: str) -> None:
    ada = sign_in("Ada")
    for headers in FOREIGN:
        answer = ada.post(f"/case/{ref}/claim", headers=headers)
        assert answer.status_code == 403, headers
        assert "not sent by a page of yours here" in answer.text
    assert status(app, ref) == "pending"


def test_an_old_browser_is_known_by_its_origin(app: App, sign_in: Callable[..., Visitor], ref: str) -> None:
    answer = sign_in("Ada").post(f"/case/{ref}/claim", headers={"Origin": app.settings.origin})
    assert answer.status_code == 303
    assert status(app, ref) == "claimed"


def refusals(app: App) -> list[tuple[str, str | None, str]]:
    """Who was refused what, as recorded; the first refusal first."""
    with app.view(SYSTEM) as view:
        entries = audit.search(view, event="access.refused").items
    return [(entry.actor_name, entry.data["permission"], entry.data["path"]) for entry in reversed(entries)]


def test_a_form_of_another_site_is_recorded_when_somebody_signed_in_sends_it(
    app: App, sign_in: Callable[..., Visitor], stranger: Visitor, ref: str
) -> None:
    ada = sign_in("Ada")
    for path in (f"/case/{ref}/claim", "/login"):
        assert ada.post(path, headers=FOREIGN[0]).status_code == 403
    assert ada.post(f"/case/{ref}/claim", csrf="0").status_code == 403
    assert stranger.post("/login", headers=FOREIGN[0]).status_code == 403
    assert refusals(app) == [
        ("Ada", "foreign_form", f"/console{path}") for path in (f"/case/{ref}/claim", "/login", f"/case/{ref}/claim")
    ]


def test_a_form_without_the_token_of_its_session_changes_nothing(
    app: App, sign_in: Callable[..., Visitor], ref: str
) -> None:
    ada, tom = sign_in("Ada"), sign_in("Tom")
    for token in ("", "0" * 64, "ü", tom.csrf()):
        assert ada.post(f"/case/{ref}/claim", csrf=token).status_code == 403, token
    assert status(app, ref) == "pending"


def test_not_even_sign_in_forms_are_taken_from_another_site(stranger: Visitor) -> None:
    for path in ("/login", "/link/x"):
        answer = stranger.post(path, headers={"Sec-Fetch-Site": "cross-site"}, email="a@b", password="x")
        assert answer.status_code == 403


def test_a_form_of_a_session_that_ended_leads_to_the_sign_in_page(app: App, stranger: Visitor, ref: str) -> None:
    answer = stranger.client.post(f"/console/case/{ref}/claim?in=mine", headers=SAME)
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        f"/console/login?next=/console/q/mine%3Fcase%3D{ref}",
    )
    assert status(app, ref) == "pending"


SECRETS = {"csrf": "c5" * 32, "key": "d6" * 16, "password": "hunter22", "current": "hunter23", "other": "unknown"}
FORMS = [
    ("note", {"text": "my <b>words</b>"}, ["my &lt;b&gt;words&lt;/b&gt;"]),
    ("reply", {"subject": "my subject", "body": "my\r\nwords"}, ["my subject", "my\nwords"]),
    (
        "claim",
        {"typed-reply": "my words", "typed-decline-eff_1": "my reason", "typed-x": "unknown"},
        ["my words", "my reason"],
    ),
    ("refund", {"amount": "49.00", "invoiceId": "inv_1", "reason": "x" * 30_000}, ["49.00", "inv_1", "x" * 20_000]),
]


@pytest.mark.parametrize(("verb", "form", "shown"), FORMS)
def test_what_was_written_under_another_session_is_shown_once_more(
    app: App,
    sign_in: Callable[..., Visitor],
    stranger: Visitor,
    ref: str,
    verb: str,
    form: dict[str, str],
    shown: list[str],
) -> None:
    """Signed out, or signed in again: the form carries the token of a session that is over."""
    gone = stranger.client.post(f"/console/case/{ref}/{verb}?in=mine", data=SECRETS | form, headers=SAME)
    renewed = sign_in("Ada").send(f"/case/{ref}/{verb}", SECRETS | form)
    for answer, number, way in (
        (gone, 401, f"/console/login?next=/console/q/mine%3Fcase%3D{ref}"),
        (renewed, 403, f"/console/case/{ref}"),
    ):
        assert answer.status_code == number
        assert re.findall(r"<textarea [^>]*readonly>([^<]*)</textarea>", answer.text) == shown
        assert f'href="{way}"' in answer.text
        assert [secret for secret in (*SECRETS.values(), "unknown") if secret in answer.text] == []
    assert status(app, ref) == "pending"


def test_what_another_site_sends_is_not_repeated(sign_in: Callable[..., Visitor], stranger: Visitor, ref: str) -> None:
    for who in (sign_in("Ada"), stranger):
        for headers in FOREIGN:
            for verb, form, _ in FORMS:
                answer = who.send(f"/case/{ref}/{verb}", form, headers)
                assert answer.status_code == 403
                assert "<textarea" not in answer.text
    assert "<textarea" not in stranger.get(f"/case/{ref}/nowhere?text=words").text


def test_what_cannot_be_done_with_a_case_one_does_not_see_loses_no_text(
    app: App, sign_in: Callable[..., Visitor]
) -> None:
    hidden = cases.case(app, cases.person(app, "bot", Role.SERVICE, ("vault",)), queue="vault")
    answer = sign_in("Ada").post(f"/case/{hidden.label}/note", text="my words")
    assert answer.status_code == 404
    assert "my words</textarea>" in answer.text


def test_a_bearer_token_opens_no_page(app: App, stranger: Visitor) -> None:
    token = make.token(app)
    assert stranger.get("/q/all", headers={"Authorization": f"Bearer {token}"}).status_code == 303


def test_who_may_not_is_told_the_permission_and_the_refusal_is_recorded(
    app: App, sign_in: Callable[..., Visitor], ref: str
) -> None:
    answer = sign_in("Vic", Role.VIEWER).post(f"/case/{ref}/claim")
    assert answer.status_code == 403
    assert "This needs the permission handoffs.work, which the role viewer does not have." in answer.text
    assert status(app, ref) == "pending"
    with app.view(SYSTEM) as view:
        (entry,) = audit.search(view, event="access.refused").items
    assert entry.data == {
        "permission": "handoffs.work",
        "method": "POST",
        "path": f"/console/case/{ref}/claim",
    }


def test_a_case_of_a_queue_one_does_not_see_is_not_found(app: App, sign_in: Callable[..., Visitor]) -> None:
    hidden = cases.case(app, cases.person(app, "bot", Role.SERVICE, ("vault",)), queue="vault", title="Secret matter")
    ada = sign_in("Ada")
    for answer in (ada.get(f"/case/{hidden.label}"), ada.post(f"/case/{hidden.label}/claim"), ada.get("/q/all")):
        assert "Secret matter" not in answer.text
    assert ada.get(f"/case/{hidden.label}").status_code == 404
    assert ada.post(f"/case/{hidden.label}/claim").status_code == 404
