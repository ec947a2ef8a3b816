"""Who gets in, and that every route says whom it lets in."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from sqlalchemy import event, select

from flowops import web
from flowops.actions import operators
from flowops.api import deps
from flowops.app import App
from flowops.domain import tokens
from flowops.domain.access import SYSTEM, Role
from flowops.queries import operators as known
from flowops.storage import tables
from tests import live, make
from tests.api import planted
from tests.conftest import Clock
from tests.live import Api

WRONG = tokens.form("a" * 30)


def declarations(dependant: Dependant) -> Iterator[object]:
    for each in dependant.dependencies:
        if each.call is deps.anyone or isinstance(each.call, deps.Requires):
            yield each.call
        yield from declarations(each)


def undeclared(api: FastAPI) -> list[str]:
    """The routes that do not say, exactly once, who may call them."""

    def is_declared(route: RouteContext) -> bool:
        return isinstance(route.route, APIRoute) and len(list(declarations(route.dependant))) == 1

    contexts: Iterable[RouteContext] = iter_route_contexts(api.routes)
    return [str(route.path) for route in contexts if not is_declared(route)]


def refusals(app: App) -> list[tables.AuditEntry]:
    with app.view() as view:
        wanted = select(tables.AuditEntry).where(tables.AuditEntry.event == "access.refused")
        return list(view.session.scalars(wanted))


@pytest.mark.in_process
def test_every_route_declares_who_may_call_it(app: App) -> None:
    assert undeclared(web.api(app)) == []


@pytest.mark.in_process
def test_a_route_without_a_declaration_is_found(app: App) -> None:
    api = web.api(app)
    api.get("/planted/unguarded")(lambda: None)
    api.mount("/planted/mounted", FastAPI())
    assert undeclared(api) == ["/planted/unguarded", "/planted/mounted"]


def test_without_a_token_nobody_gets_in(api: Api) -> None:
    for header in (None, "", "Bearer", "Basic YTpi", f"Token {WRONG}", "Bearer é"):
        answer = api.get("/metrics", headers={"Authorization": header.encode()} if header is not None else {})
        assert answer.status_code == 401, header
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="flowops"'
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "not_authenticated"


def test_a_token_of_nobody_is_refused(api: Api) -> None:
    assert api.get("/metrics", WRONG).status_code == 401


@pytest.mark.in_process
@pytest.mark.parametrize(("token", "asked"), [(WRONG, True), (WRONG[:-1] + "x", False), (WRONG[:-1], False)])
def test_a_wrong_checksum_is_refused_without_asking_the_database(api: Api, app: App, token: str, asked: bool) -> None:
    statements: list[str] = []
    event.listen(app.database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    assert api.get("/metrics", token).status_code == 401
    assert bool(statements) is asked


def test_a_revoked_token_is_refused(api: Api, app: App) -> None:
    token = make.token(app, Role.VIEWER)
    assert api.get("/metrics", token).status_code == 200
    with app.unit(SYSTEM) as unit:
        ((row, _),) = known.tokens(unit.view)
        operators.revoke_token(unit, row.id)
    assert api.get("/metrics", token).status_code == 401


def test_a_token_of_somebody_disabled_is_refused(api: Api, app: App) -> None:
    user_id = make.user(app, Role.VIEWER)
    token = make.token_of(app, user_id)
    with app.unit(SYSTEM) as unit:
        operators.disable(unit, user_id)
    assert api.get("/metrics", token).status_code == 401


@pytest.mark.in_process
def test_an_expired_token_is_refused(api: Api, app: App, clock: Clock) -> None:
    user_id = make.user(app, Role.VIEWER)
    with app.unit(SYSTEM) as unit:
        token = operators.create_token(unit, user_id, timedelta(hours=1))
    assert api.get("/metrics", token).status_code == 200
    clock.forward(hours=1)
    assert api.get("/metrics", token).status_code == 401


def test_a_refusal_names_the_permission_and_is_recorded_and_changes_nothing_else(api: Api, app: App) -> None:
    user_id = make.user(app, Role.SERVICE, "bot")
    answer = api.get("/metrics", make.token_of(app, user_id))
    assert answer.status_code == 403
    problem = answer.json()
    assert (problem["code"], problem["permission"], problem["role"]) == ("not_permitted", "metrics.read", "service")
    (entry,) = refusals(app)
    assert entry.data == {"permission": "metrics.read", "method": "GET", "path": "/metrics"}
    assert (entry.actor_id, entry.correlation_id) == (user_id, answer.headers["X-Request-Id"])


@pytest.mark.in_process
def test_a_refusal_comes_before_the_body_is_looked_at(app: App) -> None:
    token = make.token(app, Role.VIEWER)
    with live.in_process(app, planted.router) as api:
        assert api.post("/planted/services", token, json={"wrong": 1}).status_code == 403
        assert api.post("/planted/services", json={"wrong": 1}).status_code == 401


@pytest.mark.in_process
def test_after_thirty_wrong_tokens_an_address_waits_while_a_valid_token_never_does(api: Api, app: App) -> None:
    answers = [api.get("/metrics", WRONG) for _ in range(31)]
    assert [answer.status_code for answer in answers] == [401] * 30 + [429]
    seconds = answers[-1].json()["seconds"]
    assert 1 <= seconds <= 60
    assert answers[-1].headers["Retry-After"] == str(seconds)
    assert answers[-1].json()["code"] == "too_many_tries"
    token = make.token(app, Role.VIEWER)
    assert {api.get("/metrics", token).status_code for _ in range(40)} == {200}
