"""What is kept of a password is made before a unit opens, for it takes its time."""

import inspect

import pytest

from flowops import errors
from flowops.actions import operators


@pytest.mark.parametrize("password", ["short", "Password1", "x" * 1001])
def test_nothing_is_kept_of_a_password_that_is_refused(password: str) -> None:
    with pytest.raises(errors.Invalid):
        operators.hashed(password)


def test_what_takes_its_time_needs_no_unit() -> None:
    assert list(inspect.signature(operators.hashed).parameters) == ["password"]
    assert operators.hashed("a long enough one") != operators.hashed("a long enough one"), "each has a salt of its own"
