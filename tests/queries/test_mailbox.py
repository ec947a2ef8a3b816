"""The sandbox mailbox, page by page."""

import pytest

from flowops import errors
from flowops.actions import notices
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.notices import About
from flowops.queries import mailbox
from tests import cases, delivery, make, verbs, world
from tests.conftest import NOW, Clock


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


def test_a_mail_about_a_case_is_for_those_who_see_its_queue(app: App, clock: Clock) -> None:
    """Replies to customers as well as what is told to people of ours."""
    app.sandbox.seed(NOW)
    bot, sue = world.service(app), cases.person(app, "Sue", Role.SUPERVISOR)
    eve = cases.person(app, "Eve", Role.SUPERVISOR, ("elsewhere",))
    told = make.user(app, Role.SUPERVISOR, "Both", ("default", "elsewhere"))
    for queue, title in (("default", "Ours"), ("elsewhere", "Theirs")):
        case = cases.case(app, bot, queue=queue, title=title, customer_id="cust_123")
        owner = cases.person(app, f"Owner of {queue}", queues=(queue,))
        with app.unit(SYSTEM) as unit:
            notices.notify(unit, told, case.id, About.ASSIGNED, "https://flowops.example.com")
        verbs.claim(app, owner, case.id)
        world.approve(app, owner, world.propose(app, owner, case.id, "reply", {"body": "Hello."}))
    clock.forward(seconds=10)
    delivery.deliver(app)
    app.mail.send("ada@example.com", "Nobodys", "Hello.", "key")

    def subjects(who: Actor) -> list[str]:
        with app.view(who) as view:
            seen = [mail.subject for mail in mailbox.mails(view).items]
            assert len(seen) == len([mailbox.mail(view, mail.key) for mail in mailbox.mails(view).items])
        return sorted(seen)

    assert subjects(sue) == ["H-1 is yours: Ours", "Nobodys", "Ours"]
    assert subjects(eve) == ["H-2 is yours: Theirs", "Nobodys", "Theirs"]
    assert len(subjects(SYSTEM)) == 5
    with app.view(SYSTEM) as view:
        hidden = [mail.key for mail in mailbox.mails(view).items if "Theirs" in mail.subject]
    with app.view(sue) as view:
        for key in hidden:
            with pytest.raises(errors.NotFound):
                mailbox.mail(view, key)
            with pytest.raises(errors.Invalid):
                mailbox.mails(view, key)
