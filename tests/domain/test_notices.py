"""A mail to our people says which case, what happened, by when and where, and nothing else of the customer."""

from datetime import timedelta
from typing import Any

from flowops.domain.handoffs import Priority
from flowops.domain.notices import About, Notice
from flowops.domain.sla import Clock, Kind, Mark
from tests.domain import make

NOW = make.NOW


def notice(about: About, **other: Any) -> Notice:
    usual = {"number": "H-12", "title": "Charged twice", "queue": "billing", "priority": Priority.HIGH, "due_at": NOW}
    return Notice(about=about, **{**usual, **other})


def test_a_mail_says_which_case_what_happened_by_when_and_where() -> None:
    said = notice(About.ASSIGNED)
    assert said.subject == "H-12 is yours: Charged twice"
    assert said.body("https://flowops.example.com") == (
        "H-12: Charged twice\n\n"
        "The case was assigned to you.\n"
        "Priority high, queue billing, due 2026-11-22 10:00 UTC.\n\n"
        "https://flowops.example.com/console/case/H-12\n\n"
        "You are told because you own or owned this case, or look after its queue. "
        "To get no such mail: https://flowops.example.com/console/me\n"
    )


def test_a_breach_names_the_promise_that_was_broken_and_not_the_next_one() -> None:
    for clock, done in ((Clock.RESPONSE, "claimed"), (Clock.RESOLUTION, "resolved")):
        broken = Mark(NOW, Kind.BREACHED, clock, Priority.HIGH, NOW - timedelta(hours=1))
        body = notice(About.BREACHED, broken=broken).body("")
        assert f"It was to be {done} by 2026-11-22 09:00 UTC, and was not." in body
        assert "due 2026-11-22 10:00 UTC" in body


def test_a_former_owner_is_told_what_became_of_the_case() -> None:
    assert notice(About.TAKEN).subject == "H-12 is no longer yours: Charged twice"
    assert "Somebody else escalated the case" in notice(About.TAKEN).body("")


def test_a_case_without_a_deadline_says_so() -> None:
    assert "without a running deadline" in notice(About.ESCALATED, due_at=None).body("")
