"""The sandbox mailbox as pages."""

import re
from collections.abc import Callable

from flowops import settings as configuration
from flowops.app import App, build
from flowops.domain.access import SYSTEM, Role
from flowops.queries import audit
from tests import live
from tests.console import visitor
from tests.console.visitor import Visitor


def test_mails_are_shown_as_text_and_said_not_to_be_sent(app: App, sign_in: Callable[..., Visitor]) -> None:
    sue = sign_in("Sue", Role.SUPERVISOR)
    assert "No mail yet." in sue.get("/mail").text
    key = "a/b?<key>"
    app.mail.send("ada@example.com", "<b>Your refund</b>", "Dear Ada,\n<script>alert(1)</script>", key)
    page = sue.get("/mail").text
    assert "None of this was sent." in page
    assert "&lt;b&gt;Your refund&lt;/b&gt;" in page
    address = re.search(r'href="(/console/mail/[^"]+)"', page)
    assert address
    page = sue.client.get(address[1]).text
    assert "Dear Ada,\n&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "not sent" in page
    with app.view(SYSTEM) as view:
        (entry,) = audit.search(view, event="mail.read").items
    assert (entry.actor_name, entry.data) == ("Sue", {"key": key})
    assert sue.get("/mail/none").status_code == 404


def test_more_mails_than_a_page_are_loaded_onward_newest_first(app: App, sign_in: Callable[..., Visitor]) -> None:
    sue = sign_in("Sue", Role.SUPERVISOR)
    for number in range(51):
        app.mail.send("ada@example.com", f"Mail {number}", "Hello.", f"key_{number:02}")
    first = sue.get("/mail").text
    onward = re.search(r'href="(/console/mail\?cursor=[^"]*)">Load more', first)
    assert onward
    second = sue.client.get(onward[1]).text
    shown = re.findall(r"/console/mail/(key_\d+)", first + second)
    assert shown == [f"key_{number:02}" for number in range(51)]  # all of one moment, so by key
    assert sue.get("/mail?cursor=none").status_code == 422


def test_mails_of_every_queue_are_for_those_who_manage_jobs(app: App, sign_in: Callable[..., Visitor]) -> None:
    app.mail.send("ada@example.com", "Hello", "Hello.", "key")
    for role in (Role.VIEWER, Role.OPERATOR, Role.AUDITOR, Role.ADMIN):
        somebody = sign_in(role.capitalize(), role)
        assert [somebody.get(path).status_code for path in ("/mail", "/mail/key")] == [403, 403]
        assert "/console/mail" not in somebody.get("/q/all").text


def test_with_a_mail_server_there_is_no_such_page(app: App) -> None:
    settings = configuration.load(
        database_url=app.settings.database_url, secret_key="k" * 32, smtp_url="smtp://127.0.0.1:9"
    )
    real = build(settings)
    with live.server(real) as address, live.client(address) as client:
        sue = visitor.signed_in(real, client, "Sue", Role.SUPERVISOR, ("default",))
        assert [sue.get(path).status_code for path in ("/mail", "/mail/key")] == [404, 404]
        assert "/console/mail" not in sue.get("/q/all").text
    real.close()
