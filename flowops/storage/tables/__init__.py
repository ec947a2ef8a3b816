"""Every table, in the order a reader needs them; rows are entities and nothing loads lazily."""

from flowops.storage.tables.cases import (
    Approval,
    Artifact,
    ArtifactReview,
    Draft,
    Effect,
    EffectSwitch,
    Handoff,
    Message,
    Note,
    SlaMark,
)
from flowops.storage.tables.intake import Customer, Decision, PolicyVersion, Request, RuleFinding
from flowops.storage.tables.outbox import FinishedJob, Heartbeat, IdempotencyKey, Job, JobAttempt, PrunedAttempts
from flowops.storage.tables.people import BrowserSession, PersonLink, Queue, QueueMember, SignInLink, Token, User
from flowops.storage.tables.record import AuditEntry, AuditPrivate
from flowops.storage.tables.row import BOOKKEEPING, Base
from flowops.storage.tables.sandbox import (
    SandboxAccount,
    SandboxDeed,
    SandboxInvoice,
    SandboxMail,
    SandboxPayout,
    SandboxRefund,
)
from flowops.storage.tables.webhooks import Webhook, WebhookSecret

__all__ = [
    "BOOKKEEPING",
    "Base",
    "User",
    "Queue",
    "QueueMember",
    "PersonLink",
    "Token",
    "BrowserSession",
    "SignInLink",
    "Customer",
    "Request",
    "Decision",
    "RuleFinding",
    "PolicyVersion",
    "Handoff",
    "SlaMark",
    "Message",
    "Note",
    "Draft",
    "Artifact",
    "ArtifactReview",
    "Effect",
    "EffectSwitch",
    "Approval",
    "Job",
    "FinishedJob",
    "JobAttempt",
    "PrunedAttempts",
    "Heartbeat",
    "IdempotencyKey",
    "Webhook",
    "WebhookSecret",
    "AuditEntry",
    "AuditPrivate",
    "SandboxAccount",
    "SandboxDeed",
    "SandboxInvoice",
    "SandboxRefund",
    "SandboxMail",
    "SandboxPayout",
]
