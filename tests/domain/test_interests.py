"""Who has to do with a customer: by id, by address, by domain and what lies below it."""

import pytest

from flowops import errors
from flowops.domain import interests
from flowops.domain.interests import Link


@pytest.mark.parametrize(
    ("email", "is_met"),
    [
        ("ada@example.com", True),
        ("ada@mail.example.com", True),
        ("ada@a.b.example.com", True),
        ("ADA@EXAMPLE.COM", True),
        ("ada@example.com.", True),
        ("ada@notexample.com", False),
        ("ada@example.com.evil.org", False),
        ("example.com@evil.org", False),
        ("ada@com", False),
    ],
)
def test_a_domain_is_met_exactly_and_by_what_lies_below_it(email: str, is_met: bool) -> None:
    assert ("example.com" in interests.domains(interests.addresses(email))) is is_met


def test_no_address_lies_nowhere() -> None:
    assert interests.domains(interests.addresses(None, "", " ")) == ()


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Link.CUSTOMER, " "),
        (Link.CUSTOMER, "x" * 201),
        (Link.CUSTOMER, "a\nb"),
        (Link.EMAIL, "example.com"),
        (Link.EMAIL, "a b@example.com"),
        (Link.DOMAIN, "com"),
        (Link.DOMAIN, "ada@example.com"),
        (Link.DOMAIN, "exam ple.com"),
        (Link.DOMAIN, "example..com"),
    ],
)
def test_what_is_no_id_address_or_domain_is_refused(kind: Link, value: str) -> None:
    with pytest.raises(errors.Invalid, match="is none: "):
        interests.normal(kind, value)
