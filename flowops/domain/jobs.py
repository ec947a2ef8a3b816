"""What must happen next: one frozen dataclass per outbox job, named in the imperative.

Jobs of one `key` run one at a time, in the order they were enqueued.
"""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, ClassVar, Self

from flowops.domain import retries


class Status(StrEnum):
    """Where a job is in its life; `done` and `discarded` have left the hot table."""

    PENDING = "pending"
    PROCESSING = "processing"
    DEAD = "dead"
    DONE = "done"
    DISCARDED = "discarded"


class Waits(StrEnum):
    """Why a claim passes a pending job over: an earlier one of its `key` lives, or it is to run `alone`."""

    KEY = "key"
    ALONE = "alone"


class AttemptOutcome(StrEnum):
    """How one attempt ended; `fenced` means the lease ran out and the job was given to somebody else."""

    DONE = "done"
    RETRY = "retry"
    DEAD = "dead"
    FENCED = "fenced"


@dataclass(frozen=True, kw_only=True)
class Job(ABC):
    """Work for the outbox; its fields are the payload, so they are JSON values."""

    topic: ClassVar[str]
    schedule: ClassVar[retries.Schedule] = retries.USUAL

    @property
    @abstractmethod
    def subject(self) -> str:
        """What the work is about; topic and subject make the ordering key."""

    @property
    def key(self) -> str:
        return f"{self.topic}:{self.subject}"

    @property
    def payload(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def load(cls, payload: dict[str, Any]) -> Self:
        """The job again; TypeError when the payload no longer fits, so that it is buried and not guessed at."""
        return cls(**payload)


@dataclass(frozen=True, kw_only=True)
class ExecuteEffect(Job):
    """Verify an approved effect once more and have the provider do it."""

    topic: ClassVar[str] = "effect.execute"
    effect_id: str
    case_id: str  # the handoff, else the request: its effects run one after another

    @property
    def subject(self) -> str:
        return self.case_id


@dataclass(frozen=True, kw_only=True)
class GenerateArtifact(Job):
    """Have the assistant write an artifact for a handoff."""

    topic: ClassVar[str] = "ai.generate"
    handoff_id: str
    kind: str

    @property
    def subject(self) -> str:
        return f"{self.handoff_id}:{self.kind}"


@dataclass(frozen=True, kw_only=True)
class CopySignals(Job):
    """Copy what the assistant last said of a case's risk to where the queue is sorted and filtered by it."""

    topic: ClassVar[str] = "handoff.signals"
    handoff_id: str

    @property
    def subject(self) -> str:
        return self.handoff_id


@dataclass(frozen=True, kw_only=True)
class EscalateSla(Job):
    """Tell the people who can still help that a promise was broken."""

    topic: ClassVar[str] = "sla.escalate"
    handoff_id: str
    clock: str

    @property
    def subject(self) -> str:
        return self.handoff_id


@dataclass(frozen=True, kw_only=True)
class NotifyOperator(Job):
    """Tell one person about a case, by the way they chose; `about` is one of `notices.About`."""

    topic: ClassVar[str] = "notify.operator"
    user_id: str
    handoff_id: str
    about: str

    @property
    def subject(self) -> str:
        return self.user_id


@dataclass(frozen=True, kw_only=True)
class SendMail(Job):
    """Send one mail about a case to somebody of ours; `idempotency_key` stays the same for every try.

    It begins with the id of the case, so that whoever keeps the mail knows who may read it.
    """

    topic: ClassVar[str] = "mail.send"
    recipient: str
    mail_subject: str
    body: str
    idempotency_key: str
    handoff_id: str | None = None

    @property
    def subject(self) -> str:
        return self.recipient


@dataclass(frozen=True, kw_only=True)
class DeliverWebhook(Job):
    """Tell one endpoint of one event, a CloudEvent without its source; `case_id` is what the event is about."""

    topic: ClassVar[str] = "webhook.deliver"
    schedule: ClassVar[retries.Schedule] = retries.PATIENT
    webhook_id: str
    case_id: str | None  # the handoff, else the request: what happened to one is told in order
    event: dict[str, Any]

    @property
    def subject(self) -> str:
        return f"{self.webhook_id}:{self.case_id or self.event['type']}"


JOBS: dict[str, type[Job]] = {
    job.topic: job
    for job in (
        ExecuteEffect,
        GenerateArtifact,
        CopySignals,
        EscalateSla,
        NotifyOperator,
        SendMail,
        DeliverWebhook,
    )
}


def schedule(topic: str) -> retries.Schedule:
    """How often jobs of this topic are tried; the usual one also for a topic that nobody knows."""
    return JOBS.get(topic, Job).schedule
