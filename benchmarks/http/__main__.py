"""Runs every server in rounds under the same load and prints what they did; `--help` lists the options."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import psutil
import typer
from rich.console import Console
from rich.table import Table

from benchmarks import figures, places, report
from benchmarks.http import load
from flowops import app as application
from flowops import settings
from flowops.actions import operators
from flowops.domain.access import SYSTEM
from flowops.domain.facts import Account, Plan
from tests.project import repository

OURS = "flowops"
WARM = 2.0  # seconds of load before the measured ones, for what is compiled on first use
PATIENCE = 30.0  # seconds until a server must answer
Measured = dict[str, Any]


@dataclass(frozen=True)
class Server:
    """A contestant: the module that serves and how it is told to commit."""

    module: str
    how: tuple[str, ...] = ()


SERVERS = {
    OURS: Server("product"),
    "flowops, a commit each": Server("product", ("alone",)),
    "bare, grouped": Server("bare", ("grouped",)),
    "bare, a commit each": Server("bare"),
}


def prepare(path: Path) -> str:
    """A database with a service and customers; the service's token."""
    app = application.build(settings.load(database_url=f"sqlite:///{path}", secret_key="k" * 32))
    app.migrate()
    now = app.now()
    app.sandbox.put(
        (
            Account(
                id=f"bench_{n}",
                email=f"c{n}@example.com",
                name=f"C {n}",
                plan=Plan.PRO,
                status="active",
                created_at=now,
            )
            for n in range(load.CUSTOMERS)
        ),
        (),
    )
    with app.unit(SYSTEM) as unit:
        token = operators.create_token(unit, operators.add_service(unit, "bench-bot").id)
    app.close()  # which writes the WAL back, so that the file can be copied alone
    return token


@contextmanager
def serving(server: Server, new: Path, folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    """The port of a server process on a fresh database, once it answers."""
    for left in folder.glob("served.db*"):
        left.unlink()
    path, port = folder / "served.db", _free_port()
    arguments = [str(path), str(port)] if server.module == "bare" else []
    if not arguments:
        shutil.copy(new, path)
    environment = os.environ | {
        "FLOWOPS_DATABASE_URL": f"sqlite:///{path}",
        "FLOWOPS_SECRET_KEY": "k" * 32,
        "FLOWOPS_PORT": str(port),
    }
    command = [sys.executable, "-m", f"benchmarks.http.{server.module}", *arguments, *server.how]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=repository.ROOT, env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command} did not start:\n{(folder / 'log').read_text()}")
            time.sleep(0.05)
        yield port, psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


def measure(port: int, process: psutil.Process, token: str, connections: int, seconds: float) -> Measured:
    """What this server does under the load; `cpu` is its milliseconds for each request, the warm-up's included."""
    before = sum(process.cpu_times()[:2])
    command = [
        sys.executable,
        "-m",
        "benchmarks.http.load",
        str(port),
        token,
        str(connections),
        str(WARM),
        str(seconds),
    ]
    said = subprocess.run(command, cwd=repository.ROOT, check=True, capture_output=True, text=True).stdout
    made: Measured = json.loads(said)
    if made["refused"] or not made["took"]:
        raise SystemExit(f"{len(made['refused'])} requests were not answered with 201, one: {made['refused'][:1]}")
    spent = sum(process.cpu_times()[:2]) - before
    return {
        "rate": len(made["took"]) / seconds,
        "p50": figures.percentile(made["took"], 50),
        "p99": figures.percentile(made["took"], 99),
        "serverCores": spent / (seconds + WARM),
        "loadCores": made["ownCores"],
    }


def table(found: dict[str, list[Measured]]) -> Table:
    """The medians, and what ours are to the others'."""
    made = Table(title="POST /handoffs, SQLite: medians of the rounds", title_justify="left")
    made.add_column("server")
    for column in ("requests/s", "p50 ms", "p99 ms", "server's cores", "load's cores", f"{OURS} /: rate", "p50"):
        made.add_column(column, justify="right")
    for name, runs in found.items():
        least, rate, most = figures.spread([run["rate"] for run in runs])
        values = (f"{median(run[what] for run in runs):.1f}" for what in ("p50", "p99"))
        cores = (f"{median(run[what] for run in runs):.2f}" for what in ("serverCores", "loadCores"))
        compared = ("", "") if name == OURS else (f"{one:.3g}" for one in ratios(found, name).values())
        made.add_row(name, f"{rate:,.0f}\n({least:,.0f} to {most:,.0f})", *values, *cores, *compared)
    return made


def ratios(found: dict[str, list[Measured]], other: str) -> dict[str, float]:
    """Ours to another's, by rounds."""
    return {
        what: figures.ratio([run[what] for run in found[OURS]], [run[what] for run in found[other]])
        for what in ("rate", "p50")
    }


def main(
    rounds: Annotated[int, typer.Option(min=1, help="How often every server runs.")] = 7,
    seconds: Annotated[float, typer.Option(help="How long the load lasts after the warm-up.")] = 5,
    connections: Annotated[int, typer.Option(min=1, help="How many clients wait for an answer at any time.")] = 64,
    quick: Annotated[bool, typer.Option(help="One short round: does it run?")] = False,
    folder: Annotated[Path, typer.Option(help="Where the databases lie: on a disk.")] = places.DISK,
    output: Annotated[Path, typer.Option(help="The file for all that was measured.")] = report.FOLDER / "http.json",
) -> None:
    """Measure, print the table, and write everything into a file."""
    console = Console(width=120)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # by itself it would leave a server running
    if quick:
        rounds, seconds = 1, 1.0
    found: dict[str, list[Measured]] = {name: [] for name in SERVERS}
    with places.scratch(folder) as place, report.progress(console, rounds * len(SERVERS)) as step:
        setting = {"machine": places.machine(place), "connections": connections, "seconds": seconds}
        console.print(f"On {report.described(places.machine(place))}; {connections} connections, synchronous=FULL.")
        new = place / "new.db"
        token = prepare(new)
        for number in range(1, rounds + 1):
            for name in random.sample(list(SERVERS), len(SERVERS)):
                step(f"{number}/{rounds} {name}")
                with serving(SERVERS[name], new, place) as (port, process):
                    found[name].append(measure(port, process, token, connections, seconds))
            compared = {name: ratios(found, name) for name in found if name != OURS}
            report.write(output, setting | {"rounds": number, "ratios": compared, "measured": found})
    console.print(table(found))
    console.print(f"Everything that was measured is in {output}.")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    """Whatever it answers: that somebody listens says nothing, the product does so long before it can serve."""
    try:
        with closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
            connection.request("GET", "/readyz")
            connection.getresponse().read()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    typer.run(main)
