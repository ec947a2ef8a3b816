"""What became of each of many cases, as callers see it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from flowops import boundary
from flowops.api.schemas.answer import Answer

if TYPE_CHECKING:
    from flowops.bulk import Result


class Done(Answer):
    """A case that was acted on, and its version since; the id is as the caller gave it."""

    id: str
    status: int = 200
    version: int


class Refused(Answer):
    """A case that was not changed: the status, code and detail a call for it alone would have been answered with."""

    id: str
    status: int
    code: str
    detail: str


class Results(Answer):
    """One result for each id, in their order."""

    results: list[Done | Refused]

    @classmethod
    def of(cls, results: Iterable[Result]) -> Self:
        return cls(results=[_told(result) for result in results])


def _told(result: Result) -> Done | Refused:
    if (error := result.error) is not None:
        return Refused(id=result.ref, status=boundary.status(error), code=error.code, detail=str(error))
    assert result.version is not None
    return Done(id=result.ref, version=result.version)
