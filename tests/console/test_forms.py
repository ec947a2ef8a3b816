"""What the console takes for a form, whoever sends it."""

from collections.abc import Callable

import pytest
from fastapi.routing import iter_route_contexts

from flowops.app import App
from flowops.console import forms, pages
from flowops.domain.access import SYSTEM
from flowops.queries import handoffs
from tests import cases, world
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


def test_a_version_nobody_gave_is_not_looked_at(app: App, sign_in: Callable[..., Visitor]) -> None:
    ref = cases.case(app, world.service(app)).label
    ada = sign_in("Ada")
    ada.post(f"/case/{ref}/claim")
    assert ada.post(f"/case/{ref}/resolve", outcome="answered", version="9" * 5000).status_code == 303
    with app.view(SYSTEM) as view:
        assert handoffs.get(view, ref).handoff.status == "resolved"
