"""What the assistant wrote, as callers see it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from flowops.api.schemas.answer import Answer

if TYPE_CHECKING:
    from flowops.storage import tables


class Artifact(Answer):
    """What the assistant wrote, and where it came from; `stale` when somebody wrote to the case afterwards."""

    id: str
    handoff_id: str
    kind: str
    version: int
    status: str
    content: dict[str, Any] | None
    grounding: dict[str, Any] | None
    provenance: dict[str, Any]
    reasons: list[str]
    review: None = None
    stale: bool
    created_at: datetime

    @classmethod
    def of(cls, row: tables.Artifact, stale: bool) -> Self:
        names = cls.model_fields.keys() - {"review", "stale"}
        return cls(stale=stale, **{name: getattr(row, name) for name in names})


class Queued(Answer):
    """What was asked of the assistant, and the job that will do it."""

    job_id: str
    kind: str
    status: str
