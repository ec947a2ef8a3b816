"""F2: how late deadlines are marked that pass in one minute or all at once, by two processes, on both databases."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from statistics import quantiles

from sqlalchemy import func, select

from flowops import app as application
from flowops import settings as configuration
from flowops.domain import jobs
from flowops.domain.sla import Kind
from flowops.storage import tables
from tests import delivery, promising
from tests.prove.part import KINDS, Bench, Figures, Part

PROCESSES = 2
SPANS = {"in a minute": timedelta(minutes=1), "at once": timedelta(0)}
AHEAD = timedelta(seconds=10)  # for writing the cases down, before the first deadline passes
PATIENCE = timedelta(minutes=2)
DUE, OTHERS = 10_000, 90_000  # deadlines that pass, and cases that are not due


@contextmanager
def built(database_url: str) -> Iterator[application.App]:
    """The app on a migrated database."""
    app = application.build(configuration.load(database_url=database_url, secret_key="k" * 32))
    yield app
    app.close()


def lateness(app: application.App, since: datetime) -> list[float]:
    """How many seconds late each deadline from then on was marked, the least first."""
    row = tables.SlaMark
    with app.view() as view:
        found = view.session.execute(select(row.at, row.due_at).where(row.kind == Kind.BREACHED, row.due_at >= since))
        return sorted((at - due_at).total_seconds() for at, due_at in found)


def count(app: application.App) -> int:
    """How many breaches everybody sees."""
    with app.view() as view:
        return view.session.scalar(select(func.count()).where(tables.SlaMark.kind == Kind.BREACHED)) or 0


def doubled(app: application.App) -> int:
    """How many breaches and escalations there are too many."""
    with app.view() as view:
        breached = view.session.scalars(select(tables.SlaMark.handoff_id).where(tables.SlaMark.kind == Kind.BREACHED))
        told = view.session.scalars(select(tables.Job.key).where(tables.Job.topic == jobs.EscalateSla.topic))
        return sum(times - 1 for times in (*Counter(breached).values(), *Counter(told).values()))


def watch(app: application.App, due: int, span: str) -> Figures:
    """Let this many deadlines pass and be marked."""
    before, first = count(app), app.now() + AHEAD
    promising.open_many(app, due, first, SPANS[span])
    while count(app) - before < due and app.now() < first + SPANS[span] + PATIENCE:
        time.sleep(0.1)
    after = (app.now() - first - SPANS[span]).total_seconds()
    late = lateness(app, first)
    return {"late": late, "all seen after": after, "missing": due - len(late), "doubled": doubled(app)}


def run(bench: Bench, trial: str) -> Figures:
    """All of it on one database; the figures of each span."""
    with bench.database(trial) as url, built(url) as app, ExitStack() as processes:
        promising.open_many(app, OTHERS, app.now() + timedelta(days=1))
        for _ in range(PROCESSES):
            processes.enter_context(delivery.process(app.settings, "sweeps"))
        promising.open_many(app, 1, app.now())
        delivery.wait_until(lambda: count(app) == 1)  # so that they are seen to work
        return {span: watch(app, DUE, span) for span in SPANS}


def lines(done: Mapping[str, Figures]) -> list[tuple[str, str, str]]:
    found = []
    for kind, figures in done.items():
        for span, seen in figures.items():
            cuts = quantiles(seen["late"], n=100)
            lateness = f"p50 {cuts[49]:.2f}, p99 {cuts[98]:.2f}, max {seen['late'][-1]:.2f} s"
            what = f"{DUE:,} deadlines {span} among {OTHERS:,} others, {kind}"
            found.append(
                (f"marked late, {what}", f"{lateness}; all seen after {seen['all seen after']:.2f} s", "p99 <= 2 s")
            )
            found.append((f"missing, doubled, {what}", f"{seen['missing']}, {seen['doubled']}", "0, 0"))
    return found


PART = Part(name="deadlines", promise="F2", trials=KINDS, run=run, lines=lines)
