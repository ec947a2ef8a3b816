"""A3: how long the jobs of a killed worker wait until another one runs them, by the usual lease and by a short one."""

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import func, select

from flowops.domain import jobs
from flowops.storage import tables
from tests import crashes, delivery, forking
from tests.bells import Toll
from tests.prove.part import KINDS, Bench, Figures, Part, spread

LEASES = {"30s": 45, "2s": 3}  # and the seconds that were promised
TIMES = 5
TOLLS = 2  # as many as the doomed process has threads, so that the other one has nothing to do


def recover(work: crashes.Work, bench: Bench) -> float:
    """Kill a process that holds jobs beside one that has nothing to do: seconds until the last of them runs there."""
    folder, row, finished = bench.scratch(), tables.Job, tables.FinishedJob
    delivery.enqueue(work.app, *(Toll(tower=f"t{number}", how="long") for number in range(TOLLS)))
    running = select(func.count()).where(row.status == jobs.Status.PROCESSING)

    def holds_all() -> bool:
        with work.app.view() as view:
            return view.session.scalar(running) == TOLLS

    with forking.working(work.app.settings, folder / "doomed.log") as doomed:
        delivery.wait_until(holds_all)
        with forking.working(work.app.settings, folder / "other.log") as other:
            delivery.wait_until(lambda: crashes.count(work.app, tables.Heartbeat) == 2)
            doomed.kill()
            died_at = datetime.now(UTC)
            delivery.wait_until(lambda: crashes.count(work.app, finished) == TOLLS, 120, crashes.EVERY)
            crashes.stop([other])
    with work.app.view() as view:
        again = view.session.scalars(select(finished.started_at).where(finished.claim_token > 1)).all()
    assert again, "it held none"
    return max((at - died_at).total_seconds() for at in again if at)


def run(bench: Bench, trial: str) -> Figures:
    kind, lease, _ = trial.split(" ")
    with bench.database(kind) as url, crashes.work(url, outbox_lease=lease) as work:
        return {"seconds": recover(work, bench)}


def lines(done: Mapping[str, Figures]) -> list[tuple[str, str, str]]:
    found = []
    for lease, promised in LEASES.items():
        took = [figures["seconds"] for trial, figures in done.items() if trial.split(" ")[1] == lease]
        found.append(
            (f"until the jobs of a killed worker run elsewhere, lease {lease}", spread(took, "s"), f"<= {promised} s")
        )
    return found


PART = Part(
    name="recovery",
    promise="A3",
    trials=[f"{kind} {lease} {number}" for number in range(TIMES) for lease in LEASES for kind in KINDS],
    run=run,
    lines=lines,
    at_once=2,
)
