"""What the assistant wrote, as callers see it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from flowops.api.schemas.answer import Answer, Person

if TYPE_CHECKING:
    from flowops.queries import artifacts
    from flowops.storage import tables


class Review(Answer):
    """What a person made of an artifact; `content` is what they made it say."""

    verdict: str
    reason: str | None
    content: dict[str, Any] | None
    by: Person
    at: datetime

    @classmethod
    def of(cls, row: tables.ArtifactReview | None) -> Self | None:
        if row is None:
            return None
        by = Person(id=row.reviewer.id, name=row.reviewer.name)
        return cls(verdict=row.verdict, reason=row.reason, content=row.content, by=by, at=row.created_at)


class Artifact(Answer):
    """What the assistant wrote, where it came from, and the latest review; `stale` when somebody wrote afterwards."""

    id: str
    handoff_id: str
    kind: str
    version: int
    status: str
    content: dict[str, Any] | None
    grounding: dict[str, Any] | None
    provenance: dict[str, Any]
    reasons: list[str]
    review: Review | None
    stale: bool
    created_at: datetime

    @classmethod
    def of(cls, shown: artifacts.Shown) -> Self:
        names = cls.model_fields.keys() - {"review", "stale"}
        values = {name: getattr(shown.artifact, name) for name in names}
        return cls(stale=shown.stale, review=Review.of(shown.review), **values)


class Queued(Answer):
    """What was asked of the assistant, and the job that will do it."""

    job_id: str
    kind: str
    status: str
