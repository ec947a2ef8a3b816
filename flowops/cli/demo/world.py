"""The world of the demonstration: a database in a scratch folder, its people, and jobs that are done on the spot."""

import logging
import signal
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flowops import settings
from flowops.actions import operators, outbox
from flowops.app import App
from flowops.cli import terminal
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.workers import outbox as work

if TYPE_CHECKING:
    from flowops.storage import tables

BOT = "support-bot"
PEOPLE = {
    "ana": ("Ana Costa", Role.ADMIN),
    "sam": ("Sam Okafor", Role.SUPERVISOR),
    "noor": ("Noor Haddad", Role.SUPERVISOR),
    "priya": ("Priya Shah", Role.OPERATOR),
    "tom": ("Tom Berger", Role.OPERATOR),
    "vera": ("Vera Lind", Role.VIEWER),
}


@contextmanager
def scratch(**given: Any) -> Iterator[settings.Settings]:
    """Settings for a database that is gone afterwards, with nothing real behind any gateway."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # by itself it would leave the folder behind
    with tempfile.TemporaryDirectory(prefix="flowops-demo-", ignore_cleanup_errors=True) as folder:
        free = terminal.read_settings(
            database_url=f"sqlite:///{folder}/flowops.db",
            secret_key=None,
            host="127.0.0.1",
            public_url="",
            accounts_url="",
            billing_url="",
            smtp_url=None,
            **given,
        )
        logging.getLogger().setLevel(logging.WARNING)  # the terminal is for the story
        yield free


def now(app: App) -> datetime:
    """What time it is."""
    with app.view() as view:
        return view.now


def furnish(app: App, today: datetime) -> dict[str, Actor]:
    """Create the database, the sandbox's customers as of `today`, the bot and the people; gives them by first name."""
    app.migrate()
    app.sandbox.seed(today)
    with app.unit(terminal.operator()) as unit:
        people = {
            key: operators.add_person(unit, name, f"{key}@example.com", role) for key, (name, role) in PEOPLE.items()
        }
        people[BOT] = operators.add_service(unit, BOT)
    queues = frozenset({"default"})
    return {key: Actor(user.kind, user.name, user.id, user.role, queues) for key, user in people.items()}


def deliver(app: App) -> None:
    """Do every job that is due, as the workers would, before going on."""
    with ThreadPoolExecutor(app.settings.workers) as pool:
        while due := _claim(app):
            for done in [pool.submit(work.run, app, job) for job in due]:
                done.result()


def _claim(app: App) -> "list[tables.Job]":
    with app.unit(SYSTEM) as unit:
        return outbox.claim(unit, "demo", None, limit=50, lease=app.settings.outbox_lease)
