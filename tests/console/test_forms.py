"""What the console takes for a form, whoever sends it."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.routing import RouteContext, iter_route_contexts
from sqlalchemy import func, select

from flowops.app import App
from flowops.console import forms, pages
from flowops.domain.access import SYSTEM, Role
from flowops.queries import artifacts, handoffs
from flowops.queries import effects as proposals
from flowops.storage import tables
from tests import cases, world
from tests.console.test_case import summarise
from tests.console.test_dead import bury
from tests.console.visitor import SAME, Visitor

FORM = "application/x-www-form-urlencoded"


def parts(charset: str, value: bytes) -> tuple[str, bytes]:
    """A login as multipart, in an encoding of the sender's choice."""
    head = b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\n'
    return f"multipart/form-data; boundary=x; charset={charset}", head + value + b"\r\n--x--\r\n"


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        (*parts("utf-8", b"ada@example.com"), 415),
        (*parts("unicode_escape", rb"a\u0000b"), 415),
        (*parts("raw_unicode_escape", rb"a\ud800b"), 415),
        (*parts("utf-7", b"+2AA-"), 415),
        (*parts("punycode", b"\xff"), 415),
        ("application/json", b'{"email": "ada@example.com"}', 415),
        ("text/plain", b"email=a", 415),
        ("", b"email=a", 415),
        (f"{FORM}; charset=utf-7", b"email=a", 415),
        (f"{FORM}; charset=utf-8; charset=utf-7", b"email=a", 415),
        (FORM, b"email=%E9", 422),
        (FORM, b"email=%ED%A0%80", 422),
        (FORM, "email=é".encode(), 422),
        (FORM, b"email=a%00b", 422),
        (FORM, b"email=" + b"a" * 2**20, 413),
    ],
)
def test_what_is_no_form_of_ours_is_a_page_that_says_so(
    stranger: Visitor, content_type: str, body: bytes, status: int
) -> None:
    headers = SAME | {"Content-Type": content_type}
    answer = stranger.client.post("/console/login", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.headers["Content-Security-Policy"] == pages.POLICY
    assert "Go to the queue" in answer.text


@pytest.mark.parametrize("content_type", [FORM, f"{FORM};charset=UTF-8", f'{FORM.upper()}; charset="utf-8"'])
def test_a_form_as_browsers_send_it_is_read(stranger: Visitor, content_type: str) -> None:
    headers = SAME | {"Content-Type": content_type}
    answer = stranger.client.post("/console/login", content=b"email=%C3%A9+%25&password=x", headers=headers)
    assert answer.status_code == 401
    assert 'value="é %"' in answer.text


def test_every_address_that_takes_a_form_checks_it(app: App) -> None:
    takers = [c for c in iter_route_contexts(pages.console(app).routes) if c.methods and "POST" in c.methods]
    assert takers
    assert all(isinstance(context.route, forms.Route) for context in takers)


# What nobody types: a page fills it in, or offers it for a choice.
NOT_TYPED = {
    "csrf", "key", "next", "version", "caseId", "artifactId", "contentSha256", "lastMessageId", "ids", "action",
    "userId", "owner", "byMail", "priority", "outcome", "role", "for", "hours", "verdict", "expires",
}  # fmt: skip


def text_fields(context: RouteContext) -> Iterator[str]:
    """The fields of a form that somebody types."""
    fields = [context.dependant]
    for dependant in fields:
        fields += dependant.dependencies
        yield from (field.alias for field in dependant.body_params if field.alias not in NOT_TYPED)


def test_a_text_that_is_too_long_is_refused_by_every_form_and_changes_nothing(
    app: App, sign_in: Callable[..., Visitor], stranger: Visitor
) -> None:
    """The other fields are as they should be, so that nothing else can be the reason."""
    people = {role: sign_in(role.capitalize(), role) for role in (Role.SUPERVISOR, Role.ADMIN)}
    sue, admin = people[Role.SUPERVISOR], people[Role.ADMIN]
    assert sue.actor
    mine = cases.case(app, world.service(app), customer_id="cust_132")
    done = cases.case(app, world.service(app, "other"))
    for handoff in (mine, done):
        sue.post(f"/case/{handoff.label}/claim")
    sue.resolve(done.label, outcome="other")
    summarise(app, mine)
    effect = world.propose(app, sue.actor, mine.id, "refund", world.BIG)
    with app.view(SYSTEM) as view:
        (shown,) = artifacts.versions(view, mine).items
    (job,) = bury(app, "no", "one")
    named = {
        "effect_id": effect.id, "artifact_id": shown.artifact.id, "job_id": job, "user_id": sue.actor.id, "view": "all",
        "name": "summary", "token_id": "tok_none", "secret": "none",
    }  # fmt: skip
    usual = {
        "action": "escalate", "ids": mine.label, "for": "customer", "priority": "low", "outcome": "other",
        "role": "customer", "caseId": mine.id, "version": "0", "subject": "Hello", "body": "Hello.", "amount": "1.00",
        "currency": "EUR", "invoiceId": "inv_320", "verdict": "rejected", "text": "Hello.", "reason": "Because.",
        "notes": "", "name": "Bo", "email": "bo@example.com", "queues": "default", "service": "robot", "expires": "30d",
        "topic": "bell.ring", "error": "no",
    }  # fmt: skip
    password = {"password": "a long enough password", "again": "a long enough password"}

    def recorded() -> int | None:
        with app.view(SYSTEM) as view:
            entry = tables.AuditEntry
            return view.session.scalar(select(func.count()).select_from(entry).where(entry.event != "job.read"))

    tried = 0
    for context in iter_route_contexts(pages.console(app).routes):
        if not (context.methods and "POST" in context.methods):
            continue
        path = str(context.path)
        ref = done.label if path.endswith("/reopen") else mine.label
        address = path.format_map({"ref": ref} | named)
        who = admin if path.startswith("/admin") else stranger if path == "/login" else sue
        for name in text_fields(context):
            form = usual | ({"role": "operator"} if path.startswith("/admin") else {}) | password
            before = recorded()
            answer = who.send(address, form | {name: "x" * 900_000})
            assert answer.status_code == 422, (path, name, answer.status_code)
            assert len(answer.content) < 1_200_000, (path, name)
            assert recorded() == before, (path, name)
            tried += 1
    assert tried > 20


@pytest.fixture
def ada(sign_in: Callable[..., Visitor]) -> Visitor:
    return sign_in("Ada")


@pytest.fixture
def ref(app: App, ada: Visitor) -> str:
    """A case that Ada owns."""
    handoff = cases.case(app, world.service(app))
    assert ada.post(f"/case/{handoff.label}/claim").status_code == 303
    return handoff.label


def notes(app: App, ref: str) -> list[str]:
    with app.view(SYSTEM) as view:
        return [note.text for note in handoffs.get(view, ref).notes]


def test_a_form_sent_twice_is_done_once_and_answered_alike(app: App, ada: Visitor, ref: str) -> None:
    """A second click, or a reload; what they propose is not proposed twice either."""
    with app.view(SYSTEM) as view:
        case_id = handoffs.get(view, ref).handoff.id
    for verb, at, form in (
        ("note", "", {"text": "One note."}),
        ("reply", "#effects", {"body": "One reply.", "caseId": case_id}),
    ):
        twice = [ada.send(f"/case/{ref}/{verb}", form | {"key": verb.encode().hex().zfill(32)}) for _ in range(2)]
        assert [answer.status_code for answer in twice] == [303, 303]
        assert twice[0].headers["Location"] == twice[1].headers["Location"] == f"/console/case/{ref}{at}"
    assert notes(app, ref) == ["One note."]
    with app.view(SYSTEM) as view:
        assert len(proposals.search(view, handoff_id=case_id).items) == 1


def test_of_eight_who_press_one_button_at_once_one_is_done(app: App, ada: Visitor, ref: str) -> None:
    form = {"csrf": ada.csrf(), "key": "c" * 32, "text": "One note."}
    with ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(ada.send, f"/case/{ref}/note", form) for _ in range(8)]
    assert [answer.result().status_code for answer in sent] == [303] * 8
    assert notes(app, ref) == ["One note."]


def test_a_form_filled_in_anew_after_it_was_done_is_said_so_and_can_be_sent_again(
    app: App, ada: Visitor, ref: str
) -> None:
    ada.post(f"/case/{ref}/note", text="First.", key="d" * 32)
    answer = ada.post(f"/case/{ref}/note", text="Second.", key="d" * 32)
    assert answer.status_code == 422
    assert "This form was sent before, filled in differently." in answer.text
    assert "Your text is kept." in answer.text
    assert "Second." in answer.text
    key = re.search(r'/note"(?:(?!</form>).)*name="key" value="([0-9a-f]{32})"', answer.text, re.DOTALL)
    assert key
    assert ada.post(f"/case/{ref}/note", text="Second.", key=key[1]).status_code == 303
    assert notes(app, ref) == ["First.", "Second."]


def test_a_form_that_was_refused_is_done_when_sent_again(
    app: App, ada: Visitor, sign_in: Callable[..., Visitor]
) -> None:
    ref, bo = cases.case(app, world.service(app)).label, sign_in("Bo")
    bo.post(f"/case/{ref}/claim")
    assert ada.post(f"/case/{ref}/claim", key="e" * 32).status_code == 409
    bo.post(f"/case/{ref}/release")
    assert ada.post(f"/case/{ref}/claim", key="e" * 32).status_code == 303


def test_a_key_is_its_senders_own(app: App, ada: Visitor, ref: str, sign_in: Callable[..., Visitor]) -> None:
    bo = sign_in("Bo")
    for each in (ada, bo):
        assert each.post(f"/case/{ref}/note", text="One note.", key="f" * 32).status_code == 303
    assert notes(app, ref) == ["One note."] * 2


def test_a_form_without_a_key_of_ours_changes_nothing(app: App, ada: Visitor, ref: str) -> None:
    for key in ("", "x" * 32, "a" * 31, "A" * 32, "a" * 33):
        assert ada.post(f"/case/{ref}/note", text="No.", key=key).status_code == 403, key
    assert notes(app, ref) == []


def test_every_form_of_a_page_has_a_key_of_its_own(ada: Visitor, ref: str) -> None:
    page = ada.get(f"/case/{ref}").text
    forms_sent, keys = page.count('method="post"'), re.findall(r'name="key" value="([0-9a-f]{32})"', page)
    assert len(set(keys)) == len(keys) == forms_sent > 3
