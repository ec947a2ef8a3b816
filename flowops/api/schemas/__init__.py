"""What callers get, as JSON; it shows what queries found and decides nothing."""

from flowops.api.schemas.answer import Answer, Page, Person
from flowops.api.schemas.artifacts import Artifact, Queued
from flowops.api.schemas.bulk import Results
from flowops.api.schemas.effects import Effect, Request
from flowops.api.schemas.handoffs import Draft, Handoff, HandoffItem
from flowops.api.schemas.outbox import Job, JobHistory, Retried
from flowops.api.schemas.record import Entry
from flowops.api.schemas.sla import Explanation

__all__ = [
    "Answer",
    "Artifact",
    "Draft",
    "Effect",
    "Entry",
    "Explanation",
    "Handoff",
    "HandoffItem",
    "Job",
    "JobHistory",
    "Page",
    "Person",
    "Queued",
    "Request",
    "Results",
    "Retried",
]
