"""Shows how late deadlines are marked that pass in one minute or all at once, by two processes, on both databases.

Run as `python -m tests.prove.deadlines [DUE [OTHERS]]`: how many deadlines pass, among how many cases that are not due.
"""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from statistics import quantiles

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from sqlalchemy import func, select

from flowops import app as application
from flowops import settings as configuration
from flowops.domain import jobs
from flowops.domain.sla import Kind
from flowops.storage import tables
from tests import delivery, postgres, promising

PROCESSES = 2
SPANS = {"in a minute": timedelta(minutes=1), "at once": timedelta(0)}
AHEAD = timedelta(seconds=10)  # for writing the cases down, before the first deadline passes
PATIENCE = timedelta(minutes=2)
COLUMNS = ("database", "deadlines", "open", "p50", "p99", "max", "all seen after", "missing", "doubled")


@contextmanager
def built(database_url: str) -> Iterator[application.App]:
    """The app on a new database."""
    app = application.build(configuration.load(database_url=database_url, secret_key="k" * 32))
    app.migrate()
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


def watch(app: application.App, due: int, span: str, progress: Progress) -> list[str]:
    """Let this many deadlines pass and be marked; gives some columns of the table."""
    before, first = count(app), app.now() + AHEAD
    promising.open_many(app, due, first, SPANS[span])
    task = progress.add_task(f"{app.database.engine.name}, {span}", total=due)
    while (seen := count(app) - before) < due and app.now() < first + SPANS[span] + PATIENCE:
        progress.update(task, completed=seen)
        time.sleep(0.1)
    after = (app.now() - first - SPANS[span]).total_seconds()
    progress.update(task, completed=seen)
    late = lateness(app, first)
    figures = (*(quantiles(late, n=100)[cut] for cut in (49, 98)), late[-1], after)
    return [f"{due:,} {span}", *(f"{figure:.2f} s" for figure in figures), str(due - len(late)), str(doubled(app))]


def prove(app: application.App, due: int, others: int, progress: Progress) -> Iterator[list[str]]:
    """Rows of the table for one database."""
    promising.open_many(app, others, app.now() + timedelta(days=1))
    with ExitStack() as processes:
        for _ in range(PROCESSES):
            processes.enter_context(delivery.process(app.settings, "sweeps"))
        promising.open_many(app, 1, app.now())
        delivery.wait_until(lambda: count(app) == 1)  # so that they are seen to work
        for span in SPANS:
            deadlines, *figures = watch(app, due, span, progress)
            yield [app.database.engine.name, deadlines, f"{due + others:,}", *figures]


def main(due: int = 10_000, others: int = 90_000) -> None:
    """Prove it on both databases and print the table."""
    console = Console(width=120)
    table = Table(*COLUMNS)
    bars = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with tempfile.TemporaryDirectory(prefix="flowops-prove-") as folder, Progress(*bars, console=console) as progress:
        server = postgres.start(Path(folder))
        for url in (f"sqlite:///{folder}/flowops.db", server.create_database("prove")):
            with built(url) as app:
                for row in prove(app, due, others, progress):
                    table.add_row(*row)
        server.lease.close()
    console.print(table)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
