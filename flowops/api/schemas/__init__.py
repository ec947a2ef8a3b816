"""What callers get, as JSON; it shows what queries found and decides nothing."""

from flowops.api.schemas.answer import Answer, Page, Person
from flowops.api.schemas.artifacts import Artifact, Queued
from flowops.api.schemas.bulk import Results
from flowops.api.schemas.effects import Effect, Pause, Request
from flowops.api.schemas.handoffs import Draft, Handoff, HandoffItem
from flowops.api.schemas.outbox import Job, JobHistory, Retried
from flowops.api.schemas.policies import Decision, DecisionItem, Evaluated, Policy
from flowops.api.schemas.record import Entry
from flowops.api.schemas.sla import Explanation
from flowops.api.schemas.webhooks import Delivery, NewSecret, Webhook, WebhookWithSecret

__all__ = [
    "Answer",
    "Artifact",
    "Decision",
    "DecisionItem",
    "Delivery",
    "Draft",
    "Effect",
    "Entry",
    "Evaluated",
    "Explanation",
    "Handoff",
    "HandoffItem",
    "Job",
    "JobHistory",
    "NewSecret",
    "Page",
    "Pause",
    "Person",
    "Policy",
    "Queued",
    "Request",
    "Results",
    "Retried",
    "Webhook",
    "WebhookWithSecret",
]
