"""Runs FlowOps: the web interface, the workers, or both in one process, until somebody says stop."""

import gc
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import StrEnum
from functools import partial
from queue import Empty, SimpleQueue
from typing import Annotated

import typer

from flowops import errors
from flowops.actions import operators
from flowops.app import App
from flowops.cli import database, terminal
from flowops.domain.access import Role
from flowops.queries import operators as people
from flowops.settings import Settings
from flowops.workers import loop, sla

LOOK = 0.5  # seconds
Part = Callable[[threading.Event], None]
Told = SimpleQueue[int | None]  # the signal that ended it, or None for a part that ended on its own


class Work(StrEnum):
    """What a worker process can be told to do alone."""

    OUTBOX = "outbox"
    SLA = "sla"


def up() -> None:
    """Run the API, the console and the workers in one process.

    A SQLite database is migrated first. While there is no admin, a one-time sign-in link for one is printed.
    """
    settings, listener = listen(terminal.read_settings())
    with listener, terminal.built(settings) as app:
        if settings.is_sqlite:
            database.prepare(app)
        app.check()
        told = heed()
        greet(app)
        if secret := _first_admin(app):
            terminal.say("\nThere is no admin yet. This link signs the first one in, once, within 15 minutes:")
            terminal.say(terminal.sign_in_link(app, secret))
        run(app, [website(app, listener), *workers(app)], told)


def serve() -> None:
    """Run the API and the console without workers; `flowops work` does the work."""
    settings, listener = listen(terminal.read_settings())
    with listener, terminal.built(settings) as app:
        app.check()
        told = heed()
        greet(app)
        run(app, [website(app, listener)], told)


def work(
    only: Annotated[
        Work | None, typer.Option(help="Deliver jobs (outbox), or watch over deadlines (sla); else both.")
    ] = None,
) -> None:
    """Run the workers alone, beside `flowops serve` or another `flowops work`."""
    with terminal.opened() as app:
        told = heed()
        wanted = [only] if only else list(Work)
        terminal.out.print(f"Working on {' and '.join(wanted)}. Stop it with Ctrl+C.")
        run(app, workers(app, wanted), told)


def heed() -> Told:
    """From now on keep SIGTERM, Ctrl+C and a closed terminal for `run`; said first, what is told early ends cleanly."""
    told: Told = SimpleQueue()  # unlike an Event, safe to use in a signal handler
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(each) is not signal.SIG_IGN:  # as nohup and background jobs wish
            signal.signal(each, lambda number, _: told.put(number))
    return told


def run(app: App, parts: list[Part], told: Told) -> None:
    """Run these until we are told to stop (`heed`); what runs then may end within the grace of the settings.

    A part that ends on its own ends the process with exit code 1.
    """
    stop = threading.Event()

    def keep(part: Part) -> None:
        try:
            part(stop)
        finally:
            told.put(None)

    # What was loaded by now stays: going through it for garbage would stop every thread for a tenth of a second.
    gc.collect()
    gc.freeze()
    # Daemons: what outlasts the grace must not keep the process from ending.
    threads = [threading.Thread(target=keep, args=(part,), daemon=True) for part in parts]
    for thread in threads:
        thread.start()
    reason = _reason(told)
    stop.set()
    app.stopping.set()
    deadline = time.monotonic() + app.settings.stop_grace.total_seconds() + 0.5
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    if reason is None:
        raise typer.Exit(1)


def _reason(told: Told) -> int | None:
    """Wait for what ends the process, in steps.

    A signal that comes between the last look for one and the beginning of a wait, or to another thread, does not end
    the wait, and its handler runs only after that.
    """
    while True:
        with suppress(Empty):
            return told.get(timeout=LOOK)


def listen(settings: Settings) -> tuple[Settings, socket.socket]:
    """Take the address, so that it answers as soon as it is printed; port 0 becomes the port that was free.

    Raises `errors.WrongSetting` when the address cannot be had.
    """
    host, port = settings.host, settings.port
    try:
        listener = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
        )
    except OSError as error:
        why = str(error.strerror).partition(" (while")[0]
        reason = (
            f"FLOWOPS_HOST and FLOWOPS_PORT are wrong: nobody can listen on {host} port {port} ({why}). "
            "Nothing was started; free the port or name another one."
        )
        raise errors.WrongSetting(reason=reason) from None
    return settings.model_copy(update={"port": listener.getsockname()[1]}), listener


def greet(app: App) -> None:
    """Say where FlowOps is."""
    terminal.say(f"FlowOps listens on {app.settings.origin}")
    terminal.out.print("Stop it with Ctrl+C.", style="dim")


def website(app: App, listener: socket.socket) -> Part:
    """The API and the console on this socket."""
    from flowops.cli import website  # web frameworks take a second, which no other command should wait

    server = website.server(app)
    return lambda stop: server.run_until(stop, listener)


def workers(app: App, wanted: Iterable[Work] = Work) -> list[Part]:
    """What works, each in a thread of its own, so that a long job delays no deadline."""
    return [partial(_RUN[work], app) for work in wanted]


_RUN: dict[Work, Callable[[App, threading.Event], None]] = {Work.OUTBOX: loop.run, Work.SLA: sla.run}


def _first_admin(app: App) -> str | None:
    """The secret of a sign-in link for the first admin, who is added now; None when there is an active one."""
    with app.unit(terminal.operator()) as unit:
        if any(m.user.role is Role.ADMIN and m.user.disabled_at is None for m in people.users(unit.view)):
            return None
        admin = operators.add_person(unit, "admin", "admin@localhost", Role.ADMIN)
        return operators.make_sign_in_link(unit, admin.id)
