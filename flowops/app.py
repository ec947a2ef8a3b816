"""The composition root: settings in; database, gateways, generators, policy, unit() and view() out."""

import importlib.util
import os
import secrets
import threading
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile

import structlog
from pydantic import SecretStr, ValidationError

from flowops import errors, killpoints
from flowops.ai import generator, llm
from flowops.domain import caps, jobs, policies, replies
from flowops.domain.access import SYSTEM, Actor
from flowops.domain.facts import Asked, Records
from flowops.domain.policy import Policy
from flowops.gateways import accounts, billing, mail, records, webhooks
from flowops.queries import feed
from flowops.settings import SHORTEST_KEY, Settings
from flowops.storage import migrate
from flowops.storage.engine import Clock, Database
from flowops.storage.sandbox import Sandbox
from flowops.storage.sealing import Seal
from flowops.storage.unit import Unit, View, open_unit, open_view
from flowops.tries import Tries
from flowops.turns import Turns


@dataclass(frozen=True)
class App:
    """Everything one process needs, wired once; the front doors and workers take it as their only argument."""

    settings: Settings
    database: Database
    policy: Policy
    accounts: accounts.Accounts
    billing: billing.Billing
    mail: mail.Mail
    webhooks: webhooks.Webhooks
    sandbox: Sandbox
    generators: tuple[generator.Generator, ...]
    secret_key: bytes
    seal: Seal  # of secrets that are used again
    tries: Tries
    turns: Turns  # of calls to webhooks
    changes: feed.Watch
    seats: feed.Seats  # of those who listen to the changes
    stopping: threading.Event  # set when the process is to end, so that what has no end of its own ends too

    def unit(self, actor: Actor) -> AbstractContextManager[Unit]:
        """A transaction that may write, on behalf of this actor; the log's request id goes into its entries."""
        return open_unit(self.database, actor, _correlation_id())

    def view(self, viewer: Actor = SYSTEM) -> AbstractContextManager[View]:
        """A transaction that can only read what this viewer may see."""
        return open_view(self.database, viewer)

    def fetch(self, asked: Asked, now: datetime | None = None) -> Records:
        """What the systems of record know about this request now; asked with no transaction open."""
        invoices = replies.needs_billing(asked.kind, asked.params)
        at = now or self.now()
        return records.fetch(self.accounts, self.billing, asked.customer_id, asked.params, at, invoices=invoices)

    def now(self) -> datetime:
        """The database's time."""
        return self.database.now()

    def check(self) -> None:
        """Refuse to start on a database that is not durable or not migrated (`errors.WrongSetting`)."""
        self.database.check_durability()
        at = migrate.current(self.database)
        if at != migrate.newest():
            raise errors.WrongSetting(
                reason=f"The database is at revision {at or 'none'}, this version needs {migrate.newest()}. "
                "Nothing was started; run `flowops migrate` first."
            )

    def migrate(self, by: Actor = SYSTEM) -> tuple[str | None, str]:
        """Create the database or bring it up to date, safe to repeat; gives the revision before and after."""
        return migrate.upgrade(self.database, by, _correlation_id())

    def close(self) -> None:
        """Give back every connection."""
        self.database.close()


def build(settings: Settings, clock: Clock | None = None) -> App:
    """Wire one process; `clock` replaces the database's clock in tests. Raises `errors.WrongSetting`."""
    if strange := sorted(settings.workers.keys() - jobs.JOBS.keys()):
        reason = f"FLOWOPS_WORKERS is wrong: there is no topic {strange[0]}, only {', '.join(sorted(jobs.JOBS))}."
        raise errors.WrongSetting(reason=f"{reason} Nothing was started; mend it and start again.")
    _check_caps(settings)
    killpoints.arm(settings.kill_point)
    database = Database(settings.database_url, clock)
    sandbox = Sandbox(database)
    timeout = settings.gateway_timeout.total_seconds()
    secret_key = _secret_key(settings)
    return App(
        settings=settings,
        database=database,
        policy=_policy(settings),
        accounts=accounts.HttpAccounts(settings.accounts_url, _secret(settings.accounts_token), timeout)
        if settings.accounts_url
        else accounts.SandboxAccounts(sandbox),
        billing=billing.HttpBilling(settings.billing_url, _secret(settings.billing_token), timeout)
        if settings.billing_url
        else billing.SandboxBilling(sandbox),
        mail=mail.SmtpMail(settings.smtp_url.get_secret_value(), settings.mail_from)
        if settings.smtp_url
        else mail.SandboxMail(sandbox),
        webhooks=webhooks.Webhooks(settings.outbound_networks, timeout),
        sandbox=sandbox,
        generators=_generators(settings),
        secret_key=secret_key,
        seal=Seal(secret_key, "webhooks"),
        tries=Tries(),
        turns=Turns(),
        changes=feed.Watch(),
        seats=feed.Seats(),
        stopping=threading.Event(),
    )


def _generators(settings: Settings) -> tuple[generator.Generator, ...]:
    """The model, if one is configured, and the built-in generator that stands in for it."""
    built_in = generator.extractive(settings.ai_timeout)
    if not settings.ai_model:
        return (built_in,)
    if importlib.util.find_spec("pydantic_ai") is None:
        hope = "pip install 'flowops[ai]'. Nothing was started."
        raise errors.WrongSetting(reason=f"FLOWOPS_AI_MODEL needs a package that is not installed: {hope}")
    secrets = llm.keys(settings.ai_model, os.environ)
    model = llm.Llm(settings.ai_model, settings.ai_base_url, settings.ai_timeout, settings.ai_redact, secrets)
    return (model, built_in)


def _policy(settings: Settings) -> Policy:
    """The built-in rules and those of the configured folder."""
    if not settings.policy_dir:
        return policies.builtin()
    try:
        return policies.together(read_rules(Path(settings.policy_dir)))
    except errors.Invalid as wrong:
        raise errors.WrongSetting(reason=f"FLOWOPS_POLICY_DIR is wrong: {wrong}") from None


def read_rules(folder: Path) -> dict[str, str]:
    """The modules of rules in a folder, file name to source; those of its folders and of tests are not among them.

    Raises `errors.WrongSetting` when there is no such folder, or a file of it is no text.
    """
    if not folder.is_dir():
        reason = f"FLOWOPS_POLICY_DIR is wrong: there is no folder {str(folder)!r}. Nothing was started."
        raise errors.WrongSetting(reason=reason)
    files = [
        file for file in sorted(folder.glob("*.py")) if not file.name.startswith(("__init__", "test_", "conftest"))
    ]
    try:
        return {file.name: file.read_text("utf-8") for file in files}
    except (OSError, UnicodeDecodeError) as error:
        reason = f"FLOWOPS_POLICY_DIR is wrong: a file in it cannot be read ({error}). Nothing was started."
        raise errors.WrongSetting(reason=reason) from None


def _check_caps(settings: Settings) -> None:
    for number, cap in enumerate(settings.caps):
        try:
            caps.Cap.model_validate(cap.model_dump())
        except ValidationError as wrong:
            said = wrong.errors(include_url=False)[0]["msg"].removeprefix("Value error, ")
            reason = f"FLOWOPS_CAPS.{number} is wrong: {said}. Nothing was started; mend it and start again."
            raise errors.WrongSetting(reason=reason) from None


def _correlation_id() -> str | None:
    return structlog.contextvars.get_contextvars().get("request_id")


def _secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value else None


def _secret_key(settings: Settings) -> bytes:
    """The configured key, or, with SQLite, one made on first run beside the database, readable by its owner only."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value().encode()
    path = Path(f"{settings.sqlite_path}.key")
    try:
        if not path.exists():
            _make_key(path)
        key = path.read_bytes()
    except OSError as error:
        reason = f"FLOWOPS_DATABASE_URL is wrong: {path} cannot be made ({error.strerror}). Nothing was started."
        raise errors.WrongSetting(reason=reason) from None
    if len(key) < SHORTEST_KEY:
        reason = f"The secret key in {path} is cut short. Nothing was started; remove the file, and a new one is made."
        raise errors.WrongSetting(reason=reason)
    return key


def _make_key(path: Path) -> None:
    """A key appears whole or not at all: of several processes that start at once, each reads the same one."""
    with NamedTemporaryFile(dir=path.parent, prefix=path.name) as file:  # only its owner can read it
        file.write(secrets.token_hex(32).encode())
        file.flush()
        os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(file.name)
