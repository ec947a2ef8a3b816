"""A2 at its full size: processes that stall past their lease with jobs in every state, and come to life again."""

import random
from collections.abc import Mapping

from tests import crashes, stalls
from tests.prove.part import KINDS, Bench, Figures, Part, total

STALLS = 200


def run(bench: Bench, trial: str) -> Figures:
    kind, number = trial.split(" ")
    with bench.database(kind) as url, crashes.work(url) as work:
        return stalls.stall(work, random.Random(trial), bench.scratch(), others_finish=int(number) % 2 == 0)


def lines(done: Mapping[str, Figures]) -> list[tuple[str, str, str]]:
    stalled = f"of {len(done)} stalled processes that held {total(done, 'held'):,} jobs"
    return [
        ("changes made by processes that came to life again", f"{total(done, 'stale')} {stalled}", "0 of 200"),
        ("jobs lost, made up, doubled or out of order meanwhile", str(total(done, "faults")), "0"),
    ]


PART = Part(
    name="zombies",
    promise="A2",
    trials=[f"{kind} {number}" for number in range(STALLS // len(KINDS)) for kind in KINDS],
    run=run,
    lines=lines,
    at_once=3,
)
