"""Tokens as pages: made, shown once, and revoked."""

import re
from collections.abc import Callable

import pytest

from flowops.app import App
from flowops.domain.access import Role
from flowops.queries import operators as known
from tests import make
from tests.conftest import Clock
from tests.console.visitor import Visitor


@pytest.fixture
def ana(sign_in: Callable[..., Visitor]) -> Visitor:
    return sign_in("Ana", Role.ADMIN)


def owner(app: App, token: str) -> str | None:
    with app.view() as view:
        actor = known.by_token(view, token)
        return actor.name if actor else None


def shown(page: str) -> str:
    found = re.search(r"<code>(fops_\w+)</code>", page)
    assert found
    return found[1]


def test_a_token_is_shown_once_however_often_the_form_is_sent(app: App, ana: Visitor) -> None:
    form = {"service": "billing-bot", "expires": "", "key": "b" * 32}
    made = ana.send("/admin/tokens", form)
    assert made.status_code == 200
    token = shown(made.text)
    assert owner(app, token) == "billing-bot"
    again = ana.send("/admin/tokens", form)
    assert again.status_code == 409
    assert "It was shown once and cannot be shown again." in again.text
    with app.view() as view:
        assert len(known.tokens(view)) == 1
    page = ana.get("/admin/tokens").text
    assert token not in again.text + page
    assert f"<code>{token[-4:]}</code>" in page
    assert "Never" in page


def test_a_token_for_somebody_known_expires_and_can_be_revoked(app: App, ana: Visitor, clock: Clock) -> None:
    bo = make.user(app, name="Bo")
    brief, revoked = (shown(ana.post("/admin/tokens", owner=bo, expires=each).text) for each in ("30d", "90d"))
    found = re.search(rf"/console(/admin/tokens/tok_\w+/revoke)(?:(?!</tr>).)*{revoked[-4:]}", _page(ana), re.DOTALL)
    assert found
    assert ana.post(found[1]).status_code == 303
    assert (owner(app, brief), owner(app, revoked)) == ("Bo", None)
    assert _page(ana).count("/revoke") == 1
    clock.forward(days=30)
    assert owner(app, brief) is None


def _page(who: Visitor) -> str:
    return who.get("/admin/tokens").text


def test_what_does_not_fit_makes_no_token(app: App, ana: Visitor) -> None:
    bo, bot = make.user(app, name="Bo"), make.user(app, Role.SERVICE, "bot")
    for form, status, said in (
        ({}, 422, "Choose who it is for, or name a new service."),
        ({"owner": bo, "service": "x"}, 422, "Choose who it is for, or name a new service."),
        ({"owner": bo, "expires": "9d"}, 422, "Choose how long it works."),
        ({"service": "bot"}, 409, "There is already a service bot."),
        ({"owner": "usr_none"}, 404, "There is no user usr_none"),
    ):
        answer = ana.send("/admin/tokens", form)
        assert answer.status_code == status, form
        assert said in answer.text
    assert ana.post("/admin/tokens/tok_none/revoke").status_code == 404
    with app.view() as view:
        assert known.tokens(view) == []
        assert {member.user.id for member in known.users(view)} >= {bo, bot}


def test_tokens_are_managed_by_admins_alone(app: App, sign_in: Callable[..., Visitor]) -> None:
    sue = sign_in("Sue", Role.SUPERVISOR)
    assert sue.get("/admin/tokens").status_code == 403
    assert sue.post("/admin/tokens", service="bot").status_code == 403
