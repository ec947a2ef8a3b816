"""What happened to artifacts, jobs and the record itself."""

from dataclasses import dataclass
from typing import ClassVar

from flowops.domain.events.event import Event, personal


@dataclass(frozen=True, kw_only=True)
class ArtifactRequested(Event):
    """A person asked the assistant for an artifact."""

    name: ClassVar[str] = "artifact.requested"
    handoff_id: str
    kind: str
    job_id: str


@dataclass(frozen=True, kw_only=True)
class ArtifactCreated(Event):
    """The assistant wrote an artifact, usable or not."""

    name: ClassVar[str] = "artifact.created"
    artifact_id: str
    handoff_id: str
    kind: str
    version: int
    status: str
    generator: str
    input_sha256: str


@dataclass(frozen=True, kw_only=True)
class ArtifactReviewed(Event):
    """A person judged an artifact."""

    name: ClassVar[str] = "artifact.reviewed"
    artifact_id: str
    handoff_id: str
    kind: str
    verdict: str
    reason: str | None = personal()


@dataclass(frozen=True, kw_only=True)
class ContextRead(Event):
    """Somebody read the exact context an artifact was written from."""

    name: ClassVar[str] = "context.read"
    artifact_id: str
    handoff_id: str


@dataclass(frozen=True, kw_only=True)
class AuditExported(Event):
    """Somebody exported entries of the log."""

    name: ClassVar[str] = "audit.exported"
    format: str
    filters: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class JobRetried(Event):
    """A dead job was given another round of tries."""

    name: ClassVar[str] = "job.retried"
    job_id: str
    topic: str


@dataclass(frozen=True, kw_only=True)
class JobDiscarded(Event):
    """A dead job was given up on purpose."""

    name: ClassVar[str] = "job.discarded"
    job_id: str
    topic: str
    reason: str | None = personal()


@dataclass(frozen=True, kw_only=True)
class JobRead(Event):
    """Somebody read the payload of a job."""

    name: ClassVar[str] = "job.read"
    job_id: str


@dataclass(frozen=True, kw_only=True)
class DemoSeeded(Event):
    """Demonstration data was written; no real customer is in it."""

    name: ClassVar[str] = "demo.seeded"
    cases: int


@dataclass(frozen=True, kw_only=True)
class OperatorNotified(Event):
    """Somebody of ours is being told about a case, by mail, or was not because they chose so."""

    name: ClassVar[str] = "operator.notified"
    user_id: str
    handoff_id: str
    about: str
    by_mail: bool


@dataclass(frozen=True, kw_only=True)
class MailSent(Event):
    """A mail to somebody of ours was handed to the mail server."""

    name: ClassVar[str] = "mail.sent"
    reference: str


@dataclass(frozen=True, kw_only=True)
class MailRead(Event):
    """Somebody read a mail of the sandbox mailbox."""

    name: ClassVar[str] = "mail.read"
    key: str


@dataclass(frozen=True, kw_only=True)
class DatabaseMigrated(Event):
    """The database was created, or brought from one revision to another."""

    name: ClassVar[str] = "database.migrated"
    before: str | None
    after: str
