"""A call repeated under its Idempotency-Key takes effect once, also when the server died before it could answer."""

from pathlib import Path

from tests import crashes, repeats


def test_repeated_calls_take_effect_once_and_are_answered_alike(database_url: str, tmp_path: Path) -> None:
    with crashes.built(database_url) as app:
        callers = repeats.Callers(app, number=4)
        assert callers.repeat_over_a_kill(tmp_path, killed_by=2) == []
        callers.close()
