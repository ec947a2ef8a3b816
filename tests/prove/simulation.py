"""A8 at its full size: thousands of simulated cities, and every planted bug found."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.prove.part import Bench, Figures, Part, total
from tests.simulated import bugs, city
from tests.simulated.law import Broken

SEEDS = 1000
AT_ONCE = 10  # seeds in one trial
TURNS = 400
SEEDS_FOR_A_BUG = 50
MEMORY = Path("/dev/shm")  # noqa: S108 - a file in it costs no disk


def simulate(bench: Bench, seed: int, *kinds: str) -> city.City:
    """One city, in memory where there is some."""
    with tempfile.TemporaryDirectory(prefix="flowops-city-", dir=MEMORY if MEMORY.is_dir() else None) as folder:
        path = Path(shutil.copy(bench.template, folder))
        try:
            return city.City.run(seed, path, TURNS, kinds or city.KINDS)
        except Broken as broken:
            raise Broken(f"seed {seed}: {broken}") from broken


def run(bench: Bench, trial: str) -> Figures:
    if trial.startswith("seeds "):
        first = int(trial.split(" ")[1])
        cities = [simulate(bench, seed) for seed in range(first, first + AT_ONCE)]
        return {"cities": len(cities), "commits": sum(each.judge.commits for each in cities)}
    with pytest.MonkeyPatch.context() as patch:
        bugs.BUGS[trial](patch)
        for seed in range(SEEDS_FOR_A_BUG):
            try:
                simulate(bench, seed, *bugs.SHOWN_BY.get(trial, ()))
            except Broken:
                return {"seeds": seed + 1}
    raise AssertionError(f"{SEEDS_FOR_A_BUG} seeds did not show that {trial}")


def lines(done: Mapping[str, Figures]) -> list[tuple[str, str, str]]:
    cities = {trial: figures for trial, figures in done.items() if "cities" in figures}
    found = [figures["seeds"] for figures in done.values() if "seeds" in figures]
    judged = f"{total(cities, 'cities'):,} seeds, {total(cities, 'commits'):,} commits"
    return [
        ("broken promises in simulated interleavings", f"0 in {judged}", "0"),
        ("planted bugs found", f"{len(found)}, each within {max(found, default=0)} seeds", f"all {len(bugs.BUGS)}"),
    ]


PART = Part(
    name="simulation",
    promise="A8",
    trials=[*bugs.BUGS, *(f"seeds {first}" for first in range(0, SEEDS, AT_ONCE))],
    run=run,
    lines=lines,
)
