"""What somebody types into a search is read as filters and words, or refused with a sentence that helps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowops import errors
from flowops.domain import filters
from flowops.domain.filters import Filters, Risk, Waiting
from flowops.domain.handoffs import Priority, Status


def test_every_filter_can_be_typed() -> None:
    typed = {
        "status": "pending",
        "priority": "high",
        "reason": "escalated",
        "queue": "billing",
        "channel": "chat",
        "tier": "supervisor",
        "assignee": "me",
        "risk": "none",
        "customer": "cust_1",
        "breached": "true",
        "waiting": "third_party",
        "due": "<1h",
    }
    assert typed.keys() == Filters.model_fields.keys()
    found, words = filters.parse(" ".join(f"{name}:{value}" for name, value in typed.items()))
    assert found == filters.read(typed)
    assert (found.status, found.priority, found.risk) == (Status.PENDING, Priority.HIGH, Risk.NONE)
    assert (found.breached, found.waiting, words) == (True, Waiting.THIRD_PARTY, [])


def test_an_owner_is_an_assignee_and_names_are_read_in_any_case() -> None:
    assert filters.parse("Owner:me")[0] == Filters(assignee="me")
    assert filters.parse('customer:"cust 1"')[0] == Filters(customer="cust 1")


def test_what_is_no_operator_is_a_word() -> None:
    found = filters.parse('Re: 10:30 "https://example.com a" H-12 "" " " 50% "half')
    assert found == (filters.ALL, ["Re:", "10:30", "https://example.com a", "H-12", "50%", '"half'])
    found = filters.parse('https://example.com order:123 q:ada "status:done" from:"Ada L"')
    assert found == (filters.ALL, ["https://example.com", "order:123", "q:ada", "status:done", "from:Ada L"])


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("status:done", "status cannot be 'done'.*'pending', 'claimed' or 'resolved'"),
        ("status:", "status cannot be ''"),
        ("status:pending status:claimed", "status: is there twice"),
        ("owner:me assignee:none", "assignee: is there twice"),
        ("due:1h", "due cannot be '1h': it reads like due:<1h or due:>2d"),
        ("due:<99999d", "due cannot be"),
        ("breached:maybe", "breached cannot be 'maybe': it is true or false"),
        (" ".join("abcdefghijk"), "11 words"),
    ],
)
def test_what_cannot_be_read_is_refused_with_help(line: str, said: str) -> None:
    with pytest.raises(errors.Invalid, match=said):
        filters.parse(line)


@given(st.text(max_size=60) | st.text(alphabet='ab:"<1h statusdueowner', max_size=40))
def test_any_line_is_read_or_refused(line: str) -> None:
    try:
        found, words = filters.parse(line)
    except errors.Invalid:
        return
    assert all(word.strip() for word in words)
    assert len(words) <= filters.WORDS
    assert found.due is None or filters.span(found.due)


@given(st.lists(st.text(alphabet=st.characters(exclude_characters='"'), min_size=1, max_size=10), max_size=10))
def test_what_is_quoted_is_found_as_it_is(words: list[str]) -> None:
    found = filters.parse(" ".join(f'"{word}"' for word in words))
    assert found == (filters.ALL, [word for word in words if word.strip()])
