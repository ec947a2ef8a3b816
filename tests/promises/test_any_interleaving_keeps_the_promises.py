"""Whatever workers, crashes, stalls and the clock do in whatever order: each job takes effect once, in order, in time.

A failure names its seed; `city.City.run` with it does the same again.
"""

import logging
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import structlog

from tests.simulated import bugs, city
from tests.simulated.law import Broken

SEEDS = 1
TURNS = 150
SEEDS_FOR_A_BUG = 12


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Thousands of buried jobs are no news."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**before)


def simulate(seed: int, template: Path, folder: Path, kinds: Sequence[str] = city.KINDS) -> None:
    path = folder / f"{seed}.db"
    shutil.copy(template, path)
    try:
        city.City.run(seed, path, TURNS, kinds)
    except Broken as broken:
        raise Broken(f"seed {seed}: {broken}") from broken


@pytest.mark.parametrize("seed", range(SEEDS))
def test_nothing_is_lost_doubled_disordered_or_parked(seed: int, sqlite_template: Path, tmp_path: Path) -> None:
    simulate(seed, sqlite_template, tmp_path)


@pytest.mark.parametrize("bug", bugs.BUGS)
def test_a_planted_bug_is_found(
    bug: str, sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bugs.BUGS[bug](monkeypatch)
    for seed in range(SEEDS_FOR_A_BUG):
        try:
            simulate(seed, sqlite_template, tmp_path, bugs.SHOWN_BY.get(bug, city.KINDS))
        except Broken:
            return
    pytest.fail(f"{SEEDS_FOR_A_BUG} seeds did not show that {bug}")
