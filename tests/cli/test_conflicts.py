"""The commands about conflicts of interest."""

import pytest

from tests.cli.conftest import Flowops

pytestmark = pytest.mark.usefixtures("on_database")

ADD = ("users", "add", "Priya Shah", "--email", "priya@example.com", "--role", "operator")


def test_people_are_linked_listed_and_let_go(flowops: Flowops) -> None:
    flowops(*ADD)
    added = flowops("conflicts", "add", "Priya Shah", "--domain", "@Example.COM")
    assert (added.code, added.out) == (0, "Priya Shah keeps out of what concerns the domain example.com.\n")
    flowops("conflicts", "add", "priya@example.com", "--customer", "cust_123")
    rows = [line for line in flowops("conflicts", "list").out.splitlines() if "Priya" in line]
    assert [row.split()[3:5] for row in rows] == [["customer", "cust_123"], ["domain", "example.com"]]
    assert flowops("conflicts", "remove", "Priya Shah", "--domain", "example.com").code == 0
    assert "example.com " not in flowops("conflicts", "list").out.replace("priya@example.com", "")


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ((), 2),
        (("--email", "a@example.com", "--domain", "example.com"), 2),
        (("--domain", "com"), 1),
        (("--email", "nobody"), 1),
    ],
)
def test_a_link_names_one_thing_that_there_can_be(flowops: Flowops, given: tuple[str, ...], code: int) -> None:
    flowops(*ADD)
    assert flowops("conflicts", "add", "Priya Shah", *given).code == code


def test_a_link_that_is_not_there_cannot_be_removed(flowops: Flowops) -> None:
    flowops(*ADD)
    refused = flowops("conflicts", "remove", "Priya Shah", "--customer", "cust_123")
    assert (refused.code, len(refused.err.splitlines())) == (1, 1)
