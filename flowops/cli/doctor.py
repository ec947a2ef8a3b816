"""The command that looks whether FlowOps can work here, and says what to do where it cannot; it changes nothing."""

import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import typer
from rich.text import Text

from flowops import errors, settings
from flowops.app import App
from flowops.cli import terminal
from flowops.domain import times
from flowops.domain.jobs import Status
from flowops.gateways.mail import SmtpMail
from flowops.queries import outbox, sla, switch

SKEW = timedelta(seconds=2)
NOBODY = "flowops-doctor"  # an id that no customer and no invoice has: asking for it harms nobody
MANY = 1000
PATIENCE = timedelta(seconds=10)


class State(StrEnum):
    """How bad it is; a warning lets FlowOps work, though not as it should."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


COLOURS = {State.OK: "green", State.WARN: "yellow", State.FAIL: "bold red"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, what was found, and what to do about it."""

    about: str
    state: State
    found: str
    advice: str = ""


def doctor() -> None:
    """Check settings, database, clock, gateways, mail and workers, and say what to do; exit code 1 when one fails."""
    table = terminal.table("Check", "State", "Found", "What to do")
    failed = 0
    for finding in examine():
        table.add_row(finding.about, Text(finding.state, style=COLOURS[finding.state]), finding.found, finding.advice)
        failed += finding.state is State.FAIL
    terminal.show(table)
    if failed:
        raise typer.Exit(1)


def examine() -> Iterator[Finding]:
    """Every finding in an order in which the first failure explains the later ones."""
    try:
        loaded = settings.load()
    except errors.WrongSetting as wrong:
        yield Finding("settings", State.FAIL, str(wrong))
        return
    unknown = settings.unknown()
    if unknown:
        yield Finding("settings", State.WARN, f"{', '.join(unknown)}: no such setting", "Correct or remove it.")
    else:
        yield Finding("settings", State.OK, "all can be read")
    if loaded.is_sqlite and not loaded.sqlite_path.exists():
        # Looking further would create it.
        yield Finding("database", State.FAIL, f"there is no file {loaded.sqlite_path}", "Run `flowops migrate`.")
        return
    try:
        with terminal.built(loaded) as app:
            yield from _examine(app)
    except errors.WrongSetting as wrong:
        yield Finding("settings", State.FAIL, str(wrong))


def _examine(app: App) -> Iterator[Finding]:
    if app.settings.secret_key is None:
        yield _key_file(Path(f"{app.settings.sqlite_path}.key"))
    try:
        clock = _clock(app)
        app.database.check_durability()
        yield Finding(
            "database", State.OK, f"answers and is durable ({'SQLite' if app.settings.is_sqlite else 'PostgreSQL'})"
        )
        app.check()
    except errors.Unavailable as silence:
        yield Finding("database", State.FAIL, str(silence), "Check FLOWOPS_DATABASE_URL and that the server runs.")
        return
    except errors.WrongSetting as wrong:
        yield Finding("database", State.FAIL, str(wrong))
        return
    yield Finding("migrations", State.OK, "up to date")
    yield clock
    yield _gateway("accounts", app.settings.accounts_url, lambda: app.accounts.account(NOBODY))
    yield _gateway("billing", app.settings.billing_url, lambda: app.billing.invoice(NOBODY))
    yield _mail(app)
    yield _workers(app)
    yield _effects(app)
    yield _deadlines(app)
    yield _dead_letters(app)


def _clock(app: App) -> Finding:
    before = time.time()
    with app.view() as view:
        now = view.now
    after = time.time()
    host = datetime.fromtimestamp((before + after) / 2, UTC)
    skew = now - host
    if abs(skew) <= SKEW + timedelta(seconds=after - before):
        return Finding("clock", State.OK, "host and database agree")
    side = "behind" if skew > timedelta(0) else "ahead of"
    found = f"this host is {abs(skew).total_seconds():.0f} s {side} the database"
    return Finding("clock", State.WARN, found, "Synchronise both by NTP; FlowOps goes by the database's clock.")


def _gateway(name: str, url: str, ask: Callable[[], object]) -> Finding:
    try:
        ask()
    except errors.FlowOpsError as trouble:
        advice = f"Check FLOWOPS_{name.upper()}_URL, its token and the service; until then people decide every case."
        return Finding(name, State.FAIL, str(trouble), advice)
    return Finding(name, State.OK, "answers" if url else "sandbox: nothing real is asked")


def _mail(app: App) -> Finding:
    if not isinstance(app.mail, SmtpMail):
        return Finding("mail", State.OK, "sandbox: nothing is sent")
    try:
        app.mail.greet()
    except errors.Unavailable as trouble:
        return Finding(
            "mail", State.FAIL, str(trouble), "Check FLOWOPS_SMTP_URL and the server; replies wait until then."
        )
    return Finding("mail", State.OK, "the server lets us in")


def _workers(app: App) -> Finding:
    with app.view() as view:
        ages = [view.now - heartbeat.seen_at for heartbeat in outbox.heartbeats(view)]
    alive = [age for age in ages if age <= outbox.patience(app.settings.outbox_lease)]
    if alive:
        return Finding("workers", State.OK, f"{len(alive)} alive, last heard of {min(alive).total_seconds():.0f} s ago")
    found = f"last heard of {min(ages)} ago" if ages else "none is running"
    return Finding("workers", State.WARN, found, "Start `flowops up` or `flowops work`; jobs wait until then.")


def _effects(app: App) -> Finding:
    with app.view() as view:
        row = switch.read(view)
    if not row.is_paused or row.at is None:
        return Finding("effects", State.OK, "may start")
    found = f"paused by {row.by_name} at {times.in_words(row.at)}: {row.reason}"
    advice = "None starts until somebody says `flowops effects resume`; look at what is approved before that."
    return Finding("effects", State.WARN, found, advice)


def _deadlines(app: App) -> Finding:
    with app.view() as view:
        missed = sla.unmarked(view)
    if missed <= PATIENCE:
        return Finding("deadlines", State.OK, "none has passed unnoticed")
    found = f"one passed {missed.total_seconds():.0f} s ago and nobody has noticed"
    return Finding("deadlines", State.WARN, found, "Start `flowops up` or `flowops work`; nobody is warned until then.")


def _dead_letters(app: App) -> Finding:
    with app.view() as view:
        dead, _ = outbox.search(view, status=Status.DEAD, limit=MANY)
    if not dead:
        return Finding("dead letters", State.OK, "none")
    found = f"{len(dead)}{' or more' if len(dead) == MANY else ''}, last: {dead[0].topic}"
    return Finding("dead letters", State.WARN, found, "See `flowops outbox list --status dead`; retry or discard them.")


def _key_file(path: Path) -> Finding:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Finding(
            "secret key", State.FAIL, f"{path} can be read by others ({mode:04o})", f"Run `chmod 600 {path}`."
        )
    return Finding("secret key", State.OK, f"only its owner can read {path}")
