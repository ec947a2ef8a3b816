"""What happened to side effects."""

from dataclasses import dataclass
from typing import ClassVar

from flowops.domain.events.event import Event, personal


@dataclass(frozen=True, kw_only=True)
class EffectProposed(Event):
    """A side effect was put up for decision; `approvals_needed` 0 means policy alone approved it."""

    name: ClassVar[str] = "effect.proposed"
    effect_id: str
    handoff_id: str | None
    request_id: str
    kind: str
    content_sha256: str
    verdict: str
    approvals_needed: int


@dataclass(frozen=True, kw_only=True)
class EffectApproved(Event):
    """Somebody approved exactly this content; `missing` more approvals are needed."""

    name: ClassVar[str] = "effect.approved"
    effect_id: str
    handoff_id: str | None
    content_sha256: str
    missing: int
    execute_after: str | None


@dataclass(frozen=True, kw_only=True)
class EffectDeclined(Event):
    """Somebody said no to a proposed effect."""

    name: ClassVar[str] = "effect.declined"
    effect_id: str
    handoff_id: str | None
    reason: str | None = personal()


@dataclass(frozen=True, kw_only=True)
class EffectExpired(Event):
    """An effect waited too long for its decision or its execution and can no longer happen."""

    name: ClassVar[str] = "effect.expired"
    effect_id: str
    handoff_id: str | None
    was: str


@dataclass(frozen=True, kw_only=True)
class EffectStarted(Event):
    """The records were verified again and the provider is about to be called for the first time."""

    name: ClassVar[str] = "effect.started"
    effect_id: str
    handoff_id: str | None
    content_sha256: str


@dataclass(frozen=True, kw_only=True)
class EffectPutBack(Event):
    """The provider certainly got nothing, so the effect is approved and waiting again."""

    name: ClassVar[str] = "effect.put_back"
    effect_id: str
    handoff_id: str | None
    reason: str


@dataclass(frozen=True, kw_only=True)
class EffectUnknown(Event):
    """The provider was asked and gave no answer that can be understood, so nobody knows whether it did it."""

    name: ClassVar[str] = "effect.unknown"
    effect_id: str
    handoff_id: str | None
    kind: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class EffectHeld(Event):
    """The records changed since the approval, so nothing was executed and its approvals are void.

    `changed` names the fields, or the checks that fail now; `difference` holds what the fields said and say.
    """

    name: ClassVar[str] = "effect.held"
    effect_id: str
    handoff_id: str
    content_sha256: str
    changed: tuple[str, ...]
    difference: tuple[dict[str, str], ...] = personal()


@dataclass(frozen=True, kw_only=True)
class EffectDone(Event):
    """The provider did it and gave a receipt."""

    name: ClassVar[str] = "effect.done"
    effect_id: str
    handoff_id: str | None
    kind: str
    reference: str


@dataclass(frozen=True, kw_only=True)
class EffectFailed(Event):
    """The provider said no for good."""

    name: ClassVar[str] = "effect.failed"
    effect_id: str
    handoff_id: str
    kind: str
    error: str


@dataclass(frozen=True, kw_only=True)
class EffectCancelled(Event):
    """A proposal was withdrawn, or an approved effect called back, before anything left."""

    name: ClassVar[str] = "effect.cancelled"
    effect_id: str
    handoff_id: str | None


@dataclass(frozen=True, kw_only=True)
class EffectsPaused(Event):
    """From here on no effect starts, whatever was approved, until they are resumed."""

    name: ClassVar[str] = "effects.paused"
    reason: str | None = personal()


@dataclass(frozen=True, kw_only=True)
class EffectsResumed(Event):
    """Effects start again, those that waited first."""

    name: ClassVar[str] = "effects.resumed"
    reason: str | None = personal()
