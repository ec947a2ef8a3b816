"""A worker that stalled for longer than its lease, while others did its jobs, changes nothing when it comes to life."""

import random
from pathlib import Path

from tests import crashes, stalls


def test_a_worker_that_comes_to_life_changes_nothing_that_others_have(database_url: str, tmp_path: Path) -> None:
    with crashes.work(database_url) as work:
        found = stalls.stall(work, random.Random(1), tmp_path, others_finish=False)
    assert found["held"] > 0
    assert found == {"held": found["held"], "stale": 0, "faults": [], "exit": 0}
