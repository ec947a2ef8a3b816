"""A worker that is killed at any of the named points loses nothing, makes nothing up and does nothing twice."""

import random
from pathlib import Path

import pytest

from tests import crashes

KILLS = 4  # before all is drained: what one of them lost the next may lose again, and a fifth claim would be the last


def chunks(points: list[str]) -> list[list[str]]:
    return [points[start : start + KILLS] for start in range(0, len(points), KILLS)]


def crash(database_url: str, points: list[str], folder: Path) -> None:
    """Kill a process at each of the points, each with work of its own, and drain what they left."""
    with crashes.work(database_url) as work:
        for point in points:
            crashes.bring_for(point, work, random.Random(point))
            assert crashes.kill_at(work, point, folder), f"it did not get to {point}"
        crashes.drain_here(work)
        assert work.faults() == []


@pytest.mark.parametrize("points", chunks(crashes.WORKED))
def test_a_crash_loses_and_doubles_nothing(database_url: str, points: list[str], tmp_path: Path) -> None:
    crash(database_url, points, tmp_path)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_crash_around_a_shared_commit_loses_and_doubles_nothing(database_url: str, tmp_path: Path) -> None:
    crash(database_url, [f"{point}:{number}" for point in crashes.GROUPED for number in (3, 6)], tmp_path)
