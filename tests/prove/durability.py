"""A9: that what is acknowledged was synced to disk before, counted by PostgreSQL itself and, of SQLite, by strace."""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping

from sqlalchemy import text

from flowops.storage.engine import Database
from tests import writing
from tests.project import repository
from tests.prove.part import Bench, Figures, Part
from tests.prove.restarts import Restartable

UNITS = 200
# One after the other, so that each is a group of its own.
WRITES = """
import sys
from tests.writing import write
write(sys.argv[1], int(sys.argv[2]))
"""


def syncs(database: Database) -> int:
    """How often PostgreSQL synced its log, as far as its statistics know."""
    with database.engine.connect() as connection:
        version = connection.exec_driver_sql("SHOW server_version_num").scalar_one()
        query = "SELECT wal_sync FROM pg_stat_wal"
        if int(version) >= 180000:
            query = "SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal'"
        connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")
        return int(connection.execute(text(query)).scalar_one())


def on_postgresql(bench: Bench) -> int:
    folder = bench.scratch()
    (folder / "server").mkdir(mode=0o700)
    with Restartable(folder / "server", fsync="on") as server:
        database = Database(server.url)
        before = syncs(database)
        writing.write(server.url, UNITS)
        time.sleep(2)  # for the statistics of connections that are idle
        after = syncs(database)
        database.close()
    return after - before


def on_sqlite(bench: Bench) -> int | None:
    """None where there is no strace, or it may not look."""
    strace = shutil.which("strace")
    if strace is None:
        return None
    counted = []
    with bench.database("sqlite") as url:
        for units in (0, UNITS):
            command = [strace, "-f", "-c", "-e", "trace=fsync,fdatasync", sys.executable, "-c", WRITES, url, str(units)]
            ran = subprocess.run(command, check=False, cwd=repository.ROOT, capture_output=True, text=True)
            if ran.returncode:
                return None
            found = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+\d*\s*f(?:data)?sync$", ran.stderr, re.MULTILINE)
            counted.append(sum(map(int, found)))
    return counted[1] - counted[0]


def run(bench: Bench, trial: str) -> Figures:
    return {"units": UNITS, "syncs": on_sqlite(bench) if trial == "sqlite" else on_postgresql(bench)}


def lines(done: Mapping[str, Figures]) -> list[tuple[str, str, str]]:
    found = []
    for kind, figures in done.items():
        syncs = "not counted, there is no strace" if figures["syncs"] is None else f"{figures['syncs']}"
        found.append(
            (f"syncs of the disk in {figures['units']} acknowledged commits, {kind}", syncs, f">= {figures['units']}")
        )
    return found


PART = Part(name="durability", promise="A9", trials=["sqlite", "postgresql"], run=run, lines=lines)
