"""A4: what a job that kills its process costs the others, in runs with and without one in turn."""

import time
from collections.abc import Mapping
from statistics import median

from flowops.domain import jobs
from flowops.queries import outbox
from flowops.storage import tables
from tests import crashes, delivery
from tests.bells import Toll
from tests.prove.part import KINDS, Bench, Figures, Part

PAIRS = 5
TOLLS = 3000  # about 30 seconds of work, for the run has to outlast the job that kills: five leases of 2 s and more
PROCESSES = 2


def rate(bench: Bench, kind: str, poison: int) -> tuple[float, list[Figures]]:
    """How many harmless jobs a second are done; and what became of each poison."""
    folder = bench.scratch()
    with bench.database(kind) as url, crashes.work(url, outbox_lease="2s") as work:
        deadly = delivery.enqueue(work.app, *(Toll(tower=f"p{number}", how="deadly") for number in range(poison)))
        delivery.enqueue(work.app, *(Toll(tower=f"t{number}", how="brisk") for number in range(TOLLS)))
        began = time.monotonic()
        with crashes.Supervised(work.app, PROCESSES, folder / "workers.log"):
            delivery.wait_until(lambda: crashes.count(work.app, tables.FinishedJob) == TOLLS, seconds=300)
            took = time.monotonic() - began

            def ends() -> list[outbox.History]:
                with work.app.view() as view:
                    return [outbox.get(view, job_id) for job_id in deadly]

            delivery.wait_until(lambda: all(end.job.status is jobs.Status.DEAD for end in ends()), seconds=120)
        buried = crashes.count(work.app, tables.Job) - poison
        fates = [{"claims": end.job.claims, "outcomes": [each.outcome for each in end.attempts]} for end in ends()]
        return TOLLS / took, [*fates, {"buried beside": buried}]


def run(bench: Bench, trial: str) -> Figures:
    kind, number = trial.split(" ")
    rates, fates = {}, []
    for poison in (0, 1) if int(number) % 2 else (1, 0):
        rates[poison], found = rate(bench, kind, poison)
        fates += found
    return {"ratio": rates[1] / rates[0], "rate": rates[0], "fates": fates}


def lines(done: Mapping[str, Figures]) -> list[tuple[str, str, str]]:
    fates = [fate for figures in done.values() for fate in figures["fates"]]
    claims = sorted({fate["claims"] for fate in fates if "claims" in fate})
    beside = sum(fate.get("buried beside", 0) for fate in fates)
    found = [
        ("claims after which a job that kills its process is buried", ", ".join(map(str, claims)), "5"),
        ("harmless jobs buried beside it", str(beside), "0"),
    ]
    for kind in KINDS:
        if ratios := [figures["ratio"] for trial, figures in done.items() if trial.startswith(kind)]:
            rates = median(figures["rate"] for trial, figures in done.items() if trial.startswith(kind))
            figure = f"{median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f}; {rates:.0f} jobs/s without)"
            found.append((f"throughput with and without it, {kind}", figure, ">= 0.8"))
    return found


PART = Part(
    name="poison",
    promise="A4",
    trials=[f"{kind} {number}" for number in range(PAIRS) for kind in KINDS],
    run=run,
    lines=lines,
)
