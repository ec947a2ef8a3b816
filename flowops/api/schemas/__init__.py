"""What callers get, as JSON; it shows what queries found and decides nothing."""

from flowops.api.schemas.answer import Answer, Page, Person
from flowops.api.schemas.artifacts import Artifact, Queued
from flowops.api.schemas.effects import Effect, Request
from flowops.api.schemas.handoffs import Handoff, HandoffItem
from flowops.api.schemas.record import Entry

__all__ = ["Answer", "Artifact", "Effect", "Entry", "Handoff", "HandoffItem", "Page", "Person", "Queued", "Request"]
