"""The world of the demonstration: a database in a scratch folder, its people, and jobs that are done on the spot."""

import logging
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from flowops import errors, settings
from flowops.actions import leases, operators
from flowops.actions.leases import Claimed
from flowops.ai import extractive
from flowops.ai.generator import Candidate, Refused
from flowops.app import App
from flowops.cli import terminal
from flowops.cli.demo import cases
from flowops.domain import jobs
from flowops.domain.access import SYSTEM, Actor, Role
from flowops.domain.money import Money
from flowops.gateways.billing import SandboxBilling
from flowops.gateways.mail import SandboxMail
from flowops.gateways.receipts import Receipt
from flowops.workers import outbox as work

BOTS = {"default": "support-bot", "payments": "payments-bot", "trust": "trust-bot"}  # who sends in what, by queue
PEOPLE = {
    "ana": ("Ana Costa", Role.ADMIN, BOTS),
    "sam": ("Sam Okafor", Role.SUPERVISOR, BOTS),
    "noor": ("Noor Haddad", Role.SUPERVISOR, BOTS),
    "priya": ("Priya Shah", Role.OPERATOR, BOTS),
    "tom": ("Tom Berger", Role.OPERATOR, BOTS),
    "mei": ("Mei Tanaka", Role.OPERATOR, BOTS),
    "luis": ("Luis Ortega", Role.OPERATOR, ("default", "payments")),
    "vera": ("Vera Lind", Role.VIEWER, BOTS),
    "ines": ("Inès Moreau", Role.AUDITOR, BOTS),
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


def furnish(app: App, today: datetime) -> dict[str, Actor]:
    """Create the database, the sandbox's customers as of `today`, the bots and the people; gives them by first name."""
    app.migrate()
    app.sandbox.seed(today)
    for story in cases.stories():
        app.sandbox.put((c.account(today) for c in story.customers), (bill.invoice(today) for bill in story.invoices))
    with app.unit(terminal.operator()) as unit:
        people = {
            key: operators.add_person(unit, name, f"{key}@example.com", role, queues)
            for key, (name, role, queues) in PEOPLE.items()
        }
        people |= {bot: operators.add_service(unit, bot) for bot in BOTS.values()}
    queues = {key: frozenset(queues) for key, (_, _, queues) in PEOPLE.items()}
    return {
        key: Actor(user.kind, user.name, user.id, user.role, queues.get(key, frozenset()))
        for key, user in people.items()
    }


def deliver(app: App) -> None:
    """Do every job that is due, one after the other, before going on."""
    while due := _claim(app):
        for job in due:
            try:
                work.run(app, job)
            except errors.FlowOpsError as error:
                work.fail(app, job, error)


def _claim(app: App) -> list[Claimed]:
    with app.unit(SYSTEM) as unit:
        lease = app.settings.outbox_lease
        return [job for topic in jobs.JOBS for job in leases.claim(unit, "demo", topic, limit=50, lease=lease)]


class Inline:
    """The built-in generator without the process of its own, which a week of cases would start hundreds of times."""

    name = "extractive"
    tries = 1

    def generate(self, kind: str, context: dict[str, Any], refused: Refused | None = None) -> Candidate:
        """Write what the child process would."""
        started = time.monotonic()
        written = extractive.generate(kind, context)
        return Candidate(written, timedelta(seconds=time.monotonic() - started))


def broken(app: App) -> App:
    """The same app while billing does not answer and no mail server can be reached."""
    return replace(app, billing=_SilentBilling(app.sandbox), mail=_ClosedMail(app.sandbox))


class _SilentBilling(SandboxBilling):
    def refund(self, invoice_id: str, money: Money, reason: str | None, key: str) -> Receipt:
        raise errors.Unavailable(what="billing", reason="it took too long", sent=True, retry_after=None)


class _ClosedMail(SandboxMail):
    def send(self, to: str, subject: str, body: str, key: str) -> Receipt:
        raise errors.Unavailable(what="mail", reason="the connection failed", sent=False, retry_after=None)
