"""The form of a bearer token."""

import string

from hypothesis import given
from hypothesis import strategies as st

from flowops.domain import tokens

CHANCE = st.text(tokens.ALPHABET, min_size=tokens.CHANCE, max_size=tokens.CHANCE)


@given(CHANCE)
def test_every_token_is_wellformed_and_has_41_characters(chance: str) -> None:
    token = tokens.form(chance)
    assert tokens.is_wellformed(token)
    assert len(token) == 41


@given(CHANCE, st.integers(0, 40), st.sampled_from(string.ascii_letters + string.digits + "_- é\n"))
def test_a_token_with_one_other_character_is_refused(chance: str, place: int, other: str) -> None:
    token = tokens.form(chance)
    mistyped = token[:place] + other + token[place + 1 :]
    assert tokens.is_wellformed(mistyped) is (mistyped == token)


@given(st.text())
def test_any_other_text_is_refused(text: str) -> None:
    assert not tokens.is_wellformed(text)
    assert not tokens.is_wellformed(tokens.form("a" * 30) + text + "x")
