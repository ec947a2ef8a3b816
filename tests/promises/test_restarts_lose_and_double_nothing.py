"""Workers that are restarted under load, and a database that goes away and comes back, lose and double nothing."""

import random
from functools import partial
from pathlib import Path

from tests import crashes, restarts


def test_workers_restarted_under_load_lose_and_double_nothing(database_url: str, tmp_path: Path) -> None:
    with crashes.work(database_url, outbox_lease="10s") as work:
        found = restarts.roll(work, random.Random(1), times=3, folder=tmp_path, pause=0.3)
    assert (found["faults"], found["codes"]) == ([], ["0"])


def test_the_same_workers_go_on_when_the_database_is_back(database_url: str, tmp_path: Path) -> None:
    with crashes.work(database_url) as work:
        away = restarts.lock if work.app.settings.is_sqlite else restarts.refuse
        found = restarts.outlive(work, random.Random(1), partial(away, work.app, 1), folder=tmp_path, pause=0.3)
    assert (found["faults"], found["alive"]) == ([], restarts.WORKERS)
