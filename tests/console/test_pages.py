"""The console as a whole: who may open what, what every answer carries, and what no template may contain."""

import re
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from flowops import errors
from flowops.app import App
from flowops.console import activity, pages, queue, rail, render, session
from flowops.domain import access, events
from tests import cases, live, world
from tests.console.visitor import Visitor

TEMPLATES = sorted((Path(render.__file__).parent / "templates").rglob("*.html"))
# What the content policy would refuse, or what would need a weaker one.
BANNED = re.compile(
    r"""\sstyle=|<style|<script(?! type="module" src="\{\{ asset\('[\w./-]+'\) \}\}"></script>)|\son[a-z]+=|hx-on"""
    r"""|javascript:|\bjs:|\|\s*safe\b|autoescape""",
    re.IGNORECASE,
)


def declarations(dependant: Dependant) -> Iterator[object]:
    """What a route says about who may call it."""
    for each in dependant.dependencies:
        if each.call is session.anyone or isinstance(each.call, session.Requires):
            yield each.call
        yield from declarations(each)


def undeclared(console: FastAPI) -> list[str]:
    """The routes that do not say, exactly once, who may call them, and the forms that take what anybody sends."""

    def is_declared(route: RouteContext) -> bool:
        if not isinstance(route.route, APIRoute):
            return False
        (said, *more) = [*declarations(route.dependant), None]
        guarded = route.methods == {"GET"} or said is session.anyone or isinstance(said, session.Changes)
        return said is not None and more == [None] and guarded

    return [str(route.path) for route in iter_route_contexts(console.routes) if not is_declared(route)]


def test_every_page_declares_who_may_open_it_and_every_form_is_guarded(app: App) -> None:
    assert undeclared(pages.console(app)) == []


def test_a_page_without_a_declaration_is_found(app: App) -> None:
    console = pages.console(app)
    console.get("/planted")(lambda: None)
    console.post("/planted-form", dependencies=[session.requires()])(lambda: None)
    console.mount("/planted-mount", FastAPI())
    assert undeclared(console) == ["/planted", "/planted-form", "/planted-mount"]


def test_every_form_for_everybody_asks_where_it_comes_from(app: App, stranger: Visitor) -> None:
    """The rest is `Changes`, which the test above finds; a sign-in form has no session to hold a token of."""
    contexts = [c for c in iter_route_contexts(pages.console(app).routes) if c.methods == {"POST"}]
    public = {str(c.path) for c in contexts if session.anyone in declarations(c.dependant)}
    assert public == {"/login", "/link/{secret}"}
    for path in public:
        assert stranger.post(path, headers={}).status_code == 403


def test_every_answer_carries_the_policy_that_lets_only_our_files_run(
    app: App, stranger: Visitor, sign_in: Callable[..., Visitor]
) -> None:
    ada = sign_in("Ada")
    ref = cases.case(app, world.service(app)).label
    answers = [
        stranger.get("/login"),
        stranger.get("/q/all"),
        stranger.get("/nowhere"),
        stranger.client.put("/console/login"),
        ada.get(f"/case/{ref}"),
        ada.post(f"/case/{ref}/claim", csrf="wrong"),
        ada.get("/q/nowhere"),
        stranger.client.get(render.asset("console.css")),
    ]
    assert [answer.status_code for answer in answers] == [200, 303, 404, 405, 200, 403, 404, 200]
    for answer in answers:
        assert answer.headers["Content-Security-Policy"] == pages.POLICY
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Request-Id"]
    assert {answer.headers["Cache-Control"] for answer in answers[:-1]} == {"no-store"}


def test_no_address_leads_to_where_the_request_says_it_was_sent(stranger: Visitor) -> None:
    for path in ("/dash/", "/login/", "/q/all/", "/link/secret/", "/", "", "//evil.example/"):
        answer = stranger.client.get(f"/console{path}", headers={"Host": "evil.example"})
        assert "evil.example" not in answer.headers.get("Location", ""), path


def test_an_asset_is_kept_for_ever_under_the_address_of_its_content(stranger: Visitor) -> None:
    answer = stranger.client.get(render.asset("icons.svg"))
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert stranger.get("/static/0000000000000000/icons.svg").status_code == 404
    assert stranger.get("/static//pages.py").status_code == 404


def test_an_unexpected_error_is_a_page_with_the_id_to_find_it_by(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        msg = "a secret of the inside"
        raise RuntimeError(msg)

    monkeypatch.setattr(session, "identify", fail)
    with live.in_process(app) as api, live.log() as logged:
        answer = api.get("/console/q/all")
    assert "unexpected error" in {line["event"] for line in logged}
    assert answer.status_code == 500
    assert answer.headers["Content-Security-Policy"] == pages.POLICY
    assert f"<code>{answer.headers['X-Request-Id']}</code>" in answer.text
    assert "a secret of the inside" not in answer.text


def test_a_database_that_does_not_answer_is_said_so(
    app: App, stranger: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise errors.Unavailable(what="The database", reason="it is restarting")

    monkeypatch.setattr(session, "identify", refuse)
    answer = stranger.get("/q/all")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "The database did not answer: it is restarting." in answer.text


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_needs_a_weaker_policy(path: Path) -> None:
    assert BANNED.findall(path.read_text()) == []


def test_every_form_of_somebody_signed_in_is_sealed() -> None:
    """It carries the token of the session and a key of its own (`signs.html`); two forms sign in."""
    texts = "".join(path.read_text() for path in TEMPLATES)
    assert texts.count('method="post"') - texts.count("{{ sealed(visit) }}") == 2


def test_the_style_sheet_stays_small() -> None:
    assert len(render.ASSETS["console.css"][1]) <= 30_000


def test_every_icon_that_is_used_is_drawn() -> None:
    drawn = set(re.findall(r'<symbol id="([\w-]+)"', render.ASSETS["icons.svg"][1].decode()))
    used = {name for path in TEMPLATES for name in re.findall(r'icon\("([\w-]+)"', path.read_text())}
    assert used | set(queue.VIEWS) | set(rail.PLACES) | set(access.ActorKind) | {"resolve"} == drawn


def test_everything_that_happens_to_a_case_has_a_sentence() -> None:
    happening = [
        kind for kind in events.Event.__subclasses__() if {"handoff_id", "request_id"} & {f.name for f in fields(kind)}
    ]
    assert {kind.name for kind in happening} == set(activity.VERBS)
    for kind in happening:
        described = activity.describe(kind.name, {f.name: "x_y" for f in fields(kind)})
        assert "{" not in described
