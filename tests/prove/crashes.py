"""A1 at its full size: worker processes killed at every point, on both databases, by many seeds."""

import random
from collections.abc import Mapping

from tests import crashes
from tests.prove.part import KINDS, Bench, Figures, Part, total

SEEDS = 30
LATEST = 6  # a process is killed at the first to sixth time it gets to its point


def run(bench: Bench, trial: str) -> Figures:
    """Kill one, alone or beside another, let fresh processes do the rest, and count what is wrong."""
    kind, point, seed = trial.split(" ")
    dice = random.Random(trial)
    folder = bench.scratch()
    with bench.database(kind) as url, crashes.work(url) as work:
        crashes.bring_for(point, work, dice, tolls=dice.randint(12, 30), refunds=dice.randint(1, 4))
        time = dice.randint(1, LATEST)
        # What happens once only is waited for the first time; so it is when there was too little of the other.
        died = crashes.kill_at(work, f"{point}:{time}", folder)
        if not died:
            crashes.bring_for(point, work, dice, tolls=12, refunds=1)
            died = crashes.kill_at(work, point, folder)
        assert died, f"it did not get to {point}"
        crashes.drain(work, folder, workers=1 + int(seed) % 2)
        return {"kills": work.kills, "faults": work.faults(), "repeats": work.repeats}


def lines(done: Mapping[str, Figures]) -> list[tuple[str, str, str]]:
    sends = [figures["repeats"] for figures in done.values()]
    return [
        ("jobs, effects or entries lost, made up, doubled or out of order", str(total(done, "faults")), "0"),
        ("processes killed", f"{total(done, 'kills'):,}", ""),
        ("external calls repeated in one kill, each under its key", f"at most {max(sends)}", "1 for each in flight"),
    ]


POINTS = [(kind, point) for kind in KINDS for point in crashes.WORKED] + [("sqlite", p) for p in crashes.GROUPED]
PART = Part(
    name="crashes",
    promise="A1",
    trials=[f"{kind} {point} {seed}" for seed in range(SEEDS) for kind, point in POINTS],
    run=run,
    lines=lines,
    at_once=3,
)
