"""What happened to the promises made about cases."""

from dataclasses import dataclass
from typing import ClassVar

from flowops.domain.events.event import Event


@dataclass(frozen=True, kw_only=True)
class SlaWarned(Event):
    """A deadline is near."""

    name: ClassVar[str] = "sla.warned"
    handoff_id: str
    clock: str
    sla_due_at: str


@dataclass(frozen=True, kw_only=True)
class SlaBreached(Event):
    """A deadline passed before what was promised happened."""

    name: ClassVar[str] = "sla.breached"
    handoff_id: str
    clock: str
    priority: str
    sla_due_at: str


@dataclass(frozen=True, kw_only=True)
class SlaEscalated(Event):
    """The people who can still help are being told of a breach."""

    name: ClassVar[str] = "sla.escalated"
    handoff_id: str
    clock: str
    user_ids: tuple[str, ...]
