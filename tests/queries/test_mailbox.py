"""The sandbox mailbox, page by page."""

import pytest

from flowops import errors
from flowops.app import App
from flowops.queries import mailbox
from tests.conftest import Clock


def test_every_mail_is_on_one_page_newest_first(app: App, clock: Clock) -> None:
    for number in range(7):
        app.mail.send("ada@example.com", f"Mail {number}", "Hello.", f"key_{number}")
        clock.forward(minutes=number % 2)  # some of one moment
    seen: list[str] = []
    cursor = None
    with app.view() as view:
        while True:
            page = mailbox.mails(view, cursor, limit=2)
            seen += [mail.subject for mail in page.items]
            if not (cursor := page.next_cursor):
                break
        assert mailbox.mail(view, "key_3").subject == "Mail 3"
    assert sorted(seen) == [f"Mail {number}" for number in range(7)]
    assert seen[0] == "Mail 6"


def test_a_key_of_no_mail_is_neither_found_nor_a_cursor(app: App) -> None:
    with app.view() as view:
        with pytest.raises(errors.NotFound):
            mailbox.mail(view, "none")
        with pytest.raises(errors.Invalid):
            mailbox.mails(view, "none")
