"""A7 at its full size: a hundred restarts of workers under load, and a PostgreSQL server that is restarted."""

import random
import time
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from flowops.storage import migrate
from flowops.storage.engine import Database
from tests import crashes, postgres, restarts
from tests.prove.part import Bench, Figures, Part, spread, total

RESTARTS = 25  # in one trial
ROLLS = ("sqlite roll 1", "sqlite roll 2", "postgresql roll 1", "postgresql roll 2")
OUTAGES = (
    "sqlite locked for 3 s",
    "sqlite locked for 15 s",
    "postgresql server restarted",
    "postgresql without connections for 3 s",
)
GRACE = 5


class Restartable:
    """A PostgreSQL server of one's own, that can be stopped and started again on the same data."""

    def __init__(self, folder: Path, **configuration: str) -> None:
        self._folder, self._configuration = folder, configuration
        self.url = ""

    def __enter__(self) -> "Restartable":
        self._start()
        database = Database(self.url)
        migrate.upgrade(database)
        database.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def restart(self, seconds: float = 2) -> None:
        """Stop it as an operator does, and start it again after so long."""
        self._running.close()
        time.sleep(seconds)
        self._start()

    def _start(self) -> None:
        self._running = ExitStack()
        self.url = postgres.url(self._running.enter_context(postgres.serving(self._folder, **self._configuration)))


def run(bench: Bench, trial: str) -> Figures:
    folder, dice = bench.scratch(), random.Random(trial)
    kind, what = trial.split(" ")[:2]
    if what == "server":
        (folder / "server").mkdir(mode=0o700)
        with Restartable(folder / "server") as server, crashes.work(server.url) as work:
            return restarts.outlive(work, dice, server.restart, folder)
    with bench.database(kind) as url, crashes.work(url, stop_grace=f"{GRACE}s", outbox_lease="10s") as work:
        if what == "roll":
            return restarts.roll(work, dice, RESTARTS, folder)
        away = restarts.lock if kind == "sqlite" else restarts.refuse
        return restarts.outlive(work, dice, partial(away, work.app, float(trial.split(" ")[-2])), folder)


def lines(done: Mapping[str, Figures]) -> list[tuple[str, str, str]]:
    rolls = {trial: figures for trial, figures in done.items() if trial in ROLLS}
    took = [each for figures in rolls.values() for each in figures["seconds"]]
    found = [
        ("jobs lost or doubled in restarts under load", f"{total(done, 'faults')} of {total(done, 'jobs'):,}", "0"),
        ("restarts", f"{len(took)}", "100"),
        (f"until a process that was told to stop has ended, grace {GRACE} s", spread(took, "s"), f"<= {GRACE + 1} s"),
    ]
    for trial in OUTAGES:
        if figures := done.get(trial):
            alive = f"{figures['alive']} of {restarts.WORKERS} processes went on"
            found.append((trial, f"{alive}, all done {figures['seconds']:.1f} s after it", "all go on"))
    return found


PART = Part(name="restarts", promise="A7", trials=[*ROLLS, *OUTAGES], run=run, lines=lines)
