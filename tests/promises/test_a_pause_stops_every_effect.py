"""After a pause is committed no effect starts, whatever is running, and after the resume each is carried out once."""

from pathlib import Path

from tests import crashes, pausing

EFFECTS = 120


def test_no_effect_starts_after_a_pause_and_each_is_done_once_after_the_resume(
    database_url: str, tmp_path: Path
) -> None:
    with crashes.work(database_url, outbox_lease="10s") as work:
        found = pausing.pause(work, EFFECTS, tmp_path)
    assert found["left"] > 0, "all was done before the pause"
    stopped = ("started after the pause", "started while paused", "calls while paused", "claims while paused")
    assert {name: found[name] for name in stopped} == dict.fromkeys(stopped, 0)
    assert found["claims that counted"] == 0, "to be given back is no try"
    assert (found["faults"], found["doubled"]) == ([], [])
