"""A10: PostgreSQL under a steady load while somebody else holds a snapshot open, as a long report does.

`SNAPSHOT_MINUTES` makes it shorter; what was promised is the usual time.
"""

import json
import os
import time
from collections.abc import Mapping
from contextlib import ExitStack

from sqlalchemy import func, select, text

from flowops.domain import jobs
from flowops.storage import tables
from tests import crashes, delivery, forking
from tests.bells import Toll
from tests.prove.part import Bench, Figures, Part, spread

MINUTES = int(os.environ.get("SNAPSHOT_MINUTES", "15"))
EARLY = 3  # minutes after which the figures are shown too
RATE = 50  # jobs a second
BATCHES = 10  # a second
PROCESSES = 2


def backlog(work: crashes.Work) -> int:
    """How many jobs are due and not claimed."""
    row = tables.Job
    with work.app.view() as view:
        due = select(func.count()).where(row.status == jobs.Status.PENDING, row.run_at <= view.now)
        return view.session.scalar(due) or 0


def run(bench: Bench, trial: str) -> Figures:
    folder = bench.scratch()
    with bench.database("postgresql") as url, crashes.work(url, outbox_lease="30s") as work, ExitStack() as stack:
        times = [folder / f"claims-{number}" for number in range(PROCESSES)]
        for path in times:
            log = folder / "workers.log"
            stack.enter_context(forking.working(work.app.settings, log, "times-claims", CLAIM_TIMES=str(path)))
        delivery.wait_until(lambda: crashes.count(work.app, tables.Heartbeat) == PROCESSES, every=0.1)
        holder = stack.enter_context(work.app.database.engine.connect())
        holder.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        holder.execute(text("SELECT count(*) FROM jobs"))
        began, backlogs, number = time.time(), [], 0
        while (now := time.time() - began) < MINUTES * 60:
            batch = RATE // BATCHES
            delivery.enqueue(work.app, *(Toll(tower=str(number + each)) for each in range(batch)))
            number += batch
            if number % RATE == 0:
                backlogs.append((now, backlog(work)))
            time.sleep(max(0.0, number / RATE - (time.time() - began)))
        holder.rollback()
        claims = [json.loads(line) for path in times for line in path.read_text().splitlines()]
    figures: Figures = {"jobs": number}
    for minutes in sorted({min(EARLY, MINUTES), MINUTES}):
        since = (minutes - 1) * 60
        figures[str(minutes)] = {
            "backlog": max(size for at, size in backlogs if at <= minutes * 60),
            "claims": [took * 1000 for at, took in claims if since <= at - began < minutes * 60],
        }
    return figures


def lines(done: Mapping[str, Figures]) -> list[tuple[str, str, str]]:
    found = []
    for figures in done.values():
        for minutes, seen in figures.items():
            if minutes != "jobs":
                when = f"{RATE} jobs/s, snapshot held for {minutes} min"
                found.append((f"largest backlog, {when}", f"{seen['backlog']}", "<= 100"))
                found.append(
                    (f"a claim in the last of these minutes, {when}", spread(seen["claims"], "ms"), "p95 <= 50 ms")
                )
    return found


PART = Part(name="snapshot", promise="A10", trials=[f"{MINUTES} min"], run=run, lines=lines)
