"""Which passwords are accepted."""

import pytest

from flowops import errors
from flowops.domain import passwords


@pytest.mark.parametrize("password", ["1234567", "x" * 1001, "PASSWORD", "Qwerty123", "letmein1"])
def test_what_is_short_long_or_common_is_refused(password: str) -> None:
    with pytest.raises(errors.Invalid):
        passwords.check(password)


@pytest.mark.parametrize("password", ["tr0ub4d8", "x" * 1000, "       8", "пароль-длинный", "🐎🔋✅📎" * 2])
def test_composition_does_not_matter(password: str) -> None:
    passwords.check(password)


def test_every_common_password_is_long_enough_to_need_refusing() -> None:
    assert all(len(common) >= passwords.SHORTEST and common == common.lower() for common in passwords._REFUSED)
