"""Processes and databases that are stopped and started again under load."""

import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, select

from flowops import errors
from flowops.app import App
from flowops.storage import tables
from tests import crashes, delivery, forking
from tests.crashes import Work

WORKERS = 2


@contextmanager
def load(work: Work, dice: random.Random, pause: float) -> Iterator[None]:
    """Ask for more all the time, until the block ends; what the database cannot take is asked for again."""
    ending = threading.Event()

    def feed() -> None:
        is_behind = False
        while not ending.wait(pause):
            try:
                if is_behind:  # the database may have kept what it could not confirm
                    work.adopt()
                    is_behind = False
                work.bring(dice, 4, how=dice.choice(["", "quiet", "brisk"]))
                work.bring(dice, 0, refunds=dice.random() < 0.1)
            except errors.Unavailable:
                is_behind = True

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        yield
    finally:
        ending.set()
        feeder.join()
        work.adopt()


def is_up(app: App, process: BaseProcess) -> bool:
    """Does the process work already? Before, nothing can be told to it."""
    worker = tables.Heartbeat.worker
    with app.view() as view:
        return view.session.scalar(select(worker).where(worker.contains(f":{process.pid}:"))) is not None


def roll(work: Work, dice: random.Random, times: int, folder: Path, pause: float = 0.05) -> dict[str, Any]:
    """Stop one of the workers after the other and start another one, so many times; how long each took to end."""
    log, took, codes = folder / "workers.log", [], set()
    running = [forking.worker(work.app.settings, log) for _ in range(WORKERS)]
    try:
        with load(work, dice, pause):
            for _ in range(times):
                time.sleep(dice.uniform(0.05, 0.5))
                delivery.wait_until(partial(is_up, work.app, running[0]), every=0.1)
                oldest = running.pop(0)
                told = time.monotonic()
                oldest.terminate()
                running.append(forking.worker(work.app.settings, log))
                oldest.join(60)
                took.append(time.monotonic() - told)
                codes.add(oldest.exitcode)
        delivery.wait_until(work.is_done, crashes.PATIENCE, crashes.EVERY)
        crashes.stop(running)
    finally:
        for process in running:
            process.kill()
    return {"seconds": took, "codes": sorted(map(str, codes)), "jobs": len(work.tolls), "faults": work.faults()}


def outlive(work: Work, dice: random.Random, outage: Any, folder: Path, pause: float = 0.05) -> dict[str, Any]:
    """Have an outage of the database under load, and all that was asked for done afterwards by the same processes."""
    log = folder / "workers.log"
    running = [forking.worker(work.app.settings, log) for _ in range(WORKERS)]
    try:
        with load(work, dice, pause):
            time.sleep(1)
            outage()
            ended = time.monotonic()
            done = len(work.tolls)
            time.sleep(1)
        delivery.wait_until(work.is_done, crashes.PATIENCE, crashes.EVERY)
        took = time.monotonic() - ended
        alive = sum(process.is_alive() for process in running)
        crashes.stop(running)
    finally:
        for process in running:
            process.kill()
    work.kills += 1  # a call of the provider may have been repeated
    return {"seconds": took, "alive": alive, "jobs": done, "faults": work.faults()}


def lock(app: App, seconds: float) -> None:
    """Somebody else writes to the SQLite file for so long."""
    with sqlite3.connect(app.settings.sqlite_path, timeout=30, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        other.execute("ROLLBACK")
    other.close()


def refuse(app: App, seconds: float) -> None:
    """PostgreSQL ends every connection to the database and takes none for so long, as when it is restarted."""
    name = app.database.engine.url.database
    server = app.database.engine.url.set(database="postgres").render_as_string(hide_password=False)
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        others = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        connection.exec_driver_sql(others)
        time.sleep(seconds)
        connection.exec_driver_sql(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    engine.dispose()
