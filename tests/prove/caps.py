"""E5 at its full size: thousands of approvals around caps, sixty-four in the same moment each time."""

import random
from collections.abc import Mapping

from tests import rushes
from tests.prove.part import KINDS, Bench, Figures, Part, total

TRIALS = 10  # on each database
ROUNDS = 2  # of each kind of rush in one trial


def run(bench: Bench, trial: str) -> Figures:
    kind, _ = trial.split(" ")
    found: Figures = {"approvals": 0, "approved": 0, "faults": []}
    with bench.database(kind) as url:
        app, clock = rushes.open_app(url)
        for number in range(ROUNDS):
            for how in rushes.KINDS:
                rush = rushes.rush(app, clock, how, random.Random(f"{trial} {number} {how}"))
                found = {name: found[name] + rush[name] for name in found}
        app.close()
    return found


def lines(done: Mapping[str, Figures]) -> list[tuple[str, str, str]]:
    told = []
    for kind in KINDS:
        figures = {trial: each for trial, each in done.items() if trial.startswith(kind)}
        of = f"{total(figures, 'approvals'):,} at once, of which {total(figures, 'approved'):,} fitted"
        told.append(
            (f"caps exceeded, or room left unused, by approvals on {kind}", f"{total(figures, 'faults')} of {of}", "0")
        )
    return told


PART = Part(
    name="caps",
    promise="E5",
    trials=[f"{kind} {number}" for number in range(TRIALS) for kind in KINDS],
    run=run,
    lines=lines,
)
