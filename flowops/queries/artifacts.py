"""Answers about what the assistant wrote."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, select, tuple_
from sqlalchemy.orm import joinedload

from flowops import errors
from flowops.domain import jobs
from flowops.domain.artifacts import KINDS, Status
from flowops.queries.paging import Page
from flowops.storage import tables
from flowops.storage.unit import View


@dataclass(frozen=True)
class Shown:
    """An artifact, whether somebody wrote to its case after the assistant read it, and the judgement that counts."""

    artifact: tables.Artifact
    stale: bool
    review: tables.ArtifactReview | None


def versions(
    view: View, handoff: tables.Handoff, kind: str | None = None, cursor: str | None = None, limit: int = 50
) -> Page[Shown]:
    """The versions of a case's artifacts, newest first.

    The cursor is the id of the last one shown. The contexts are not read.
    """
    row = tables.Artifact
    place = (row.created_at, row.version, row.kind)
    query = select(row).where(row.handoff_id == handoff.id)
    if kind is not None:
        query = query.where(row.kind == kind)
    if cursor is not None:
        last = view.session.execute(select(*place).where(row.id == cursor, row.handoff_id == handoff.id)).one_or_none()
        if last is None:
            raise errors.Invalid(reason="The cursor is not one this list gave. Start again without it.")
        query = query.where(tuple_(*place) < tuple_(*last, types=[column.type for column in place]))
    newest = query.order_by(*(column.desc() for column in place)).limit(limit + 1)
    found = view.session.scalars(newest).all()
    return Page(shown(view, found[:limit]), found[limit - 1].id if len(found) > limit else None)


def shown(view: View, found: Sequence[tables.Artifact]) -> list[Shown]:
    """These artifacts as they are shown, in the same order."""
    ids = [artifact.id for artifact in found]
    outdated = set(view.session.scalars(select(tables.Artifact.id).where(tables.Artifact.id.in_(ids), is_outdated())))
    row = tables.ArtifactReview
    judged = select(row).where(row.artifact_id.in_(ids)).order_by(row.created_at, row.id)
    reviews = view.session.scalars(judged.options(joinedload(row.reviewer)).execution_options(populate_existing=True))
    latest = {review.artifact_id: review for review in reviews}
    return [Shown(artifact, artifact.id in outdated, latest.get(artifact.id)) for artifact in found]


def latest(view: View, handoff: tables.Handoff, kind: str) -> tables.Artifact:
    """The newest usable version of a kind; NoArtifact before there is one."""
    row = tables.Artifact
    good = select(row).where(row.handoff_id == handoff.id, row.kind == kind, row.status == Status.OK)
    found = view.session.scalar(good.order_by(row.version.desc()).limit(1))
    if found is None:
        raise errors.NoArtifact(kind=kind, label=handoff.label)
    return found


def get(view: View, artifact_id: str) -> tables.Artifact:
    """One artifact; NotFound when there is none or the viewer may not see its case."""
    found = view.session.get(tables.Artifact, artifact_id)
    if found is not None:
        handoff = view.session.scalar(select(tables.Handoff).where(tables.Handoff.id == found.handoff_id))
        if handoff is not None and view.viewer.sees(handoff.queue, handoff.created_by):
            return found
    raise errors.NotFound(kind="artifact", id=artifact_id)


def being_written(view: View, handoff: tables.Handoff) -> set[str]:
    """The kinds that the assistant is writing, or is about to write, for a case."""
    alive = (jobs.Status.PENDING, jobs.Status.PROCESSING)
    keys = {jobs.GenerateArtifact(handoff_id=handoff.id, kind=kind).key: kind for kind in KINDS}
    query = select(tables.Job.key).where(tables.Job.key.in_(keys), tables.Job.status.in_(alive))
    return {keys[key] for key in view.session.scalars(query)}


def context(view: View, artifact: tables.Artifact) -> dict[str, Any]:
    """What the artifact was written from."""
    text = view.session.scalar(select(tables.Artifact.context).where(tables.Artifact.id == artifact.id))
    read: dict[str, Any] = json.loads(text or "{}")
    return read


def is_outdated() -> ColumnElement[bool]:
    """Whether a case has a message newer than the newest an artifact was written from.

    Not by time: an artifact is written from a context read earlier, and a message may have come in between.
    """
    newest = (
        select(func.max(tables.Message.position))
        .where(tables.Message.handoff_id == tables.Artifact.handoff_id)
        .correlate(tables.Artifact)
        .scalar_subquery()
    )
    return func.coalesce(newest, 0) > func.coalesce(tables.Artifact.last_message_position, 0)
