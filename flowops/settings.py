"""One frozen Settings, built once from `FLOWOPS_*` variables and `flowops.toml`; nothing is read at import."""

import os
import re
from datetime import timedelta
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from flowops import errors, killpoints

FILE = "flowops.toml"
SHORTEST_KEY = 32
_NOTHING = "Nothing was started; mend it and start again."
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: Any) -> Any:
    """A duration as people write it: a whole number and one of s, m, h, d. Timedeltas pass through.

    >>> parse_duration("15m")
    datetime.timedelta(seconds=900)
    """
    if isinstance(text, timedelta):
        return text
    match = re.fullmatch(r"(\d{1,6})([smhd])", str(text))
    if not match:
        msg = "a duration reads like 30s, 15m, 2h or 90d"
        raise ValueError(msg)
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def parse_networks(text: Any) -> Any:
    """Networks as people list them, with commas between; a list is taken as it is.

    >>> parse_networks("10.0.0.0/8, 127.0.0.1")
    ('10.0.0.0/8', '127.0.0.1')
    """
    networks = text.split(",") if isinstance(text, str) else text
    if not isinstance(networks, list | tuple):
        msg = "networks read like 10.0.0.0/8, with commas between"
        raise ValueError(msg)  # no TypeError, of which pydantic would make no sentence
    networks = tuple(stripped for network in networks if (stripped := str(network).strip()))
    for network in networks:
        ip_network(network)  # raises ValueError with a sentence of its own
    return networks


def _set_or_none(value: Any) -> Any:
    return value or None


def _a_kill_point(value: str | None) -> str | None:
    if value is not None:
        killpoints.parse(value)  # raises ValueError with a sentence of its own
    return value


def _a_model(value: str) -> str:
    if value and not re.fullmatch(r"[a-z][a-z0-9/-]*:\S+", value):
        msg = f"it reads like openai:gpt-5.2 or ollama:llama3.2, a provider and a model of it, not {value!r}"
        raise ValueError(msg)
    return value


def _a_pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as wrong:
        msg = f"{value!r} is no regular expression: {wrong}"
        raise ValueError(msg) from None
    return value


# Compose files and unit files name a variable they have no value for.
Secret = Annotated[SecretStr | None, BeforeValidator(_set_or_none)]
Duration = Annotated[timedelta, BeforeValidator(parse_duration), Field(gt=timedelta(0))]


class LimitSetting(BaseModel):
    """How much may happen on whose word, in minor units; `quorum` is how many people it takes from `two_people` on."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    automatic: int = Field(ge=0)
    operator: int = Field(ge=0)
    two_people: int = Field(ge=0)
    quorum: int = Field(default=2, ge=2, le=20)


class MoneySetting(BaseModel):
    """An amount in the minor units of its currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: int = Field(ge=0)
    currency: str = Field(pattern="^[A-Z]{3}$")


class CapSetting(BaseModel):
    """How much of one kind of effect may be approved within a window, for each customer or by each person."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    per: Literal["customer", "operator"]
    window: Annotated[Duration, Field(le=timedelta(days=3660))]
    count: int | None = Field(default=None, ge=0)
    money: MoneySetting | None = None


def is_loopback(host: str) -> bool:
    """Does this name or address stay on this machine?

    >>> is_loopback("127.0.0.1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _is_origin(url: str) -> bool:
    """Is this a scheme, a host and perhaps a port, and nothing else?"""
    try:
        host, _ = urlsplit(url).hostname, urlsplit(url).port
    except ValueError:  # half a bracket, or no port that there is
        return False
    return bool(host) and re.fullmatch(r"\w+://[^/?#@\s]+(?<!:)/?", url) is not None


class Settings(BaseSettings):
    """Every setting; the variable is the field's name in capitals after `FLOWOPS_`."""

    model_config = SettingsConfigDict(
        env_prefix="FLOWOPS_", toml_file=FILE, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    # Where everything is kept.
    database_url: str = "sqlite:///flowops.db"
    # Where the server listens, and the address people and links use for it.
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    public_url: str = ""
    # Networks whose X-Forwarded-* headers are believed.
    trusted_proxies: Annotated[tuple[str, ...], NoDecode, BeforeValidator(parse_networks)] = ()
    # Signs what a browser is handed. SQLite: made on first run beside the database.
    secret_key: Secret = None
    # Lets a scraper read /metrics without a user's token.
    metrics_token: Secret = None
    # The systems of record; empty means the sandbox.
    accounts_url: str = ""
    accounts_token: Secret = None
    billing_url: str = ""
    billing_token: Secret = None
    gateway_timeout: Duration = timedelta(seconds=5)
    # Outgoing mail; empty means the sandbox mailbox.
    smtp_url: Secret = None
    mail_from: str = "support@localhost"
    # Networks that webhooks may reach although they are not on the public internet.
    outbound_allow: Annotated[tuple[str, ...], NoDecode, BeforeValidator(parse_networks)] = ()
    # How long a claim lasts without activity, and a job without a heartbeat.
    claim_lease: Duration = timedelta(minutes=15)
    outbox_lease: Duration = timedelta(seconds=30)
    # How long an approved effect can still be called back, in seconds.
    undo_seconds: int = Field(default=10, ge=0, le=3600)
    # How long a proposal waits for a decision, and an approval for its execution.
    proposal_expiry: Duration = timedelta(days=7)
    approval_expiry: Duration = timedelta(hours=24)
    # A folder of rules of one's own, beside the built-in ones; empty means none.
    policy_dir: str = ""
    # Below this confidence of the caller a person looks.
    confidence_floor: Decimal = Field(default=Decimal("0.75"), ge=0, le=1)
    # kind -> currency -> limits; what is not listed needs a review by two people.
    limits: dict[str, dict[str, LimitSetting]] = {
        "refund": {"EUR": LimitSetting(automatic=100_00, operator=250_00, two_people=500_00)},
        "payout_release": {"EUR": LimitSetting(automatic=0, operator=250_00, two_people=1000_00)},
    }
    # How much may be approved within a window, for a customer or by a person; nobody can go beyond.
    caps: tuple[CapSetting, ...] = ()
    # topic -> threads of one process that run its jobs, where it is not to be the topic's own number.
    workers: dict[str, Annotated[int, Field(ge=1, le=64)]] = {}
    # How long jobs that were done or discarded are kept.
    job_retention: Duration = timedelta(days=30)
    # Which model writes artifacts, by its pydantic-ai name; empty means the built-in generator, which needs none.
    ai_model: Annotated[str, AfterValidator(_a_model)] = ""
    # A server of one's own that speaks as OpenAI's does.
    ai_base_url: str = ""
    # Regular expressions: what they find is hidden from the model's provider, besides what always is.
    ai_redact: tuple[Annotated[str, AfterValidator(_a_pattern)], ...] = ()
    # How long the generator of an artifact may take.
    ai_timeout: Duration = timedelta(seconds=30)
    # How a stopping process waits for its running jobs.
    stop_grace: Duration = timedelta(seconds=20)
    log_format: Literal["text", "json"] = "text"
    # Where the process is to kill itself, for the proof that nothing is lost there; on this machine alone.
    kill_point: Annotated[str | None, BeforeValidator(_set_or_none), AfterValidator(_a_kill_point)] = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @model_validator(mode="after")
    def _check(self) -> Self:
        scheme = self.database_url.partition(":")[0]
        if scheme not in {"sqlite", "postgresql", "postgresql+psycopg"}:
            msg = "database_url: must begin with sqlite:///, postgresql:// or postgresql+psycopg://"
            raise ValueError(msg)
        if scheme == "sqlite" and str(self.sqlite_path) in {"sqlite:", "sqlite:/", ".", ":memory:"}:
            msg = "database_url: SQLite needs a file, like sqlite:///flowops.db; nothing may be lost with the process"
            raise ValueError(msg)
        if self.secret_key is None and scheme != "sqlite":
            msg = f"secret_key: with PostgreSQL it must be set, to any string of {SHORTEST_KEY} characters or more"
            raise ValueError(msg)
        if self.secret_key is not None and len(self.secret_key) < SHORTEST_KEY:
            msg = f"secret_key: it must be a string of {SHORTEST_KEY} characters or more"
            raise ValueError(msg)
        if self.public_url and not _is_origin(self.public_url):
            msg = "public_url: it must name a host and no path or user, like https://flowops.example.com"
            raise ValueError(msg)
        if not _is_origin(self.origin):
            msg = "host: it must be a name or an address, like 127.0.0.1"
            raise ValueError(msg)
        origin = urlsplit(self.origin)
        if origin.scheme != "https" and not (origin.scheme == "http" and is_loopback(origin.hostname or "")):
            msg = "public_url: off loopback it must be https, or passwords and sessions would travel in the clear"
            raise ValueError(msg)
        if self.kill_point and not (is_loopback(self.host) and is_loopback(origin.hostname or "")):
            msg = "kill_point: it kills the process, and is for tests on loopback; host and public_url lead elsewhere"
            raise ValueError(msg)
        return self

    @property
    def origin(self) -> str:
        """The address of the console as a browser names it, without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")

    @property
    def outbound_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """The networks of `outbound_allow`."""
        return tuple(map(ip_network, self.outbound_allow))

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite:")

    @property
    def sqlite_path(self) -> Path:
        return Path(self.database_url.removeprefix("sqlite:///").partition("?")[0])


def load(**given: Any) -> Settings:
    """Settings from the environment, `flowops.toml` and what is given here, which wins.

    Raises `errors.WrongSetting` with one sentence naming the setting.
    """
    try:
        return Settings(**given)
    except SettingsError as wrong:
        name = str(wrong).split('"')[1]  # it names the field, and repeats no value
        raise errors.WrongSetting(reason=f"FLOWOPS_{name.upper()} is wrong: it is no JSON. {_NOTHING}") from None
    except TOMLDecodeError as wrong:
        raise errors.WrongSetting(reason=f"flowops.toml is wrong: {wrong}. {_NOTHING}") from None
    except ValidationError as wrong:
        first = wrong.errors(include_url=False)[0]
        name, said = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        name, said = (name, said) if name else (said.partition(": ")[0], said.partition(": ")[2] or said)
        reason = f"FLOWOPS_{name.upper()} is wrong: {said}. {_NOTHING}"
        raise errors.WrongSetting(reason=reason) from None


def unknown() -> list[str]:
    """The `FLOWOPS_*` variables and the lines of `flowops.toml` that are no setting: spelling mistakes, most likely."""
    known = {f"FLOWOPS_{name.upper()}" for name in Settings.model_fields}
    variables = sorted(name for name in os.environ if name.startswith("FLOWOPS_") and name not in known)
    lines = TomlConfigSettingsSource(Settings).toml_data
    return variables + [f"{name} in {FILE}" for name in sorted(lines.keys() - Settings.model_fields.keys())]
