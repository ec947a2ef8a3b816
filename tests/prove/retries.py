"""A5: when a thousand jobs come back that failed in the same moment, by the schedule alone and in databases."""

import random
from collections.abc import Mapping

from flowops import app as application
from flowops import settings as configuration
from flowops.domain import retries
from tests import herds
from tests.conftest import Clock
from tests.prove.part import KINDS, Bench, Figures, Part

RUNS = 1000
TRIES = retries.USUAL.tries - 1


def run(bench: Bench, trial: str) -> Figures:
    if trial == "expected":
        runs = [herds.returns(random.Random(seed)) for seed in range(RUNS)]
        return {"herds": [herds.herd([at for each in runs for at in each[number]], RUNS) for number in range(TRIES)]}
    clock = Clock()
    with bench.database(trial) as url:
        app = application.build(configuration.load(database_url=url, secret_key="k" * 32), clock)
        found = herds.real_returns(app, clock, TRIES)
        app.close()
    return {"herds": [herds.herd(at) for at in found]}


def lines(done: Mapping[str, Figures]) -> list[tuple[str, str, str]]:
    found = []
    for trial, figures in done.items():
        later = figures["herds"][1:]
        if trial == "expected":
            worst = max(busiest / mean for busiest, mean in later)
            found.append(
                (f"busiest second and mean, tries 3 to 5, expected over {RUNS:,} runs", f"{worst:.2f} x", "<= 3 x")
            )
            continue
        third = later[0][1]
        told = ", ".join(f"try {number}: {busiest} jobs" for number, (busiest, _) in enumerate(later, start=3))
        figure = f"{told}; third try's mean {third:.1f}"
        found.append((f"busiest second of 1,000 jobs, {trial}", figure, f"<= {3 * third:.0f}"))
    return found


PART = Part(name="retries", promise="A5", trials=["expected", *KINDS], run=run, lines=lines)
