"""Answers about what the assistant wrote."""

import json
from typing import Any

from sqlalchemy import ColumnElement, func, select, tuple_

from flowops import errors
from flowops.domain.artifacts import Status
from flowops.queries.paging import Page
from flowops.storage import tables
from flowops.storage.unit import View


def versions(
    view: View, handoff: tables.Handoff, kind: str | None = None, cursor: str | None = None, limit: int = 50
) -> Page[tuple[tables.Artifact, bool]]:
    """The versions of a case's artifacts, newest first, each with whether it is stale.

    The cursor is the id of the last one shown. The contexts are not read.
    """
    row = tables.Artifact
    place = (row.created_at, row.version, row.kind)
    query = select(row, is_outdated()).where(row.handoff_id == handoff.id)
    if kind is not None:
        query = query.where(row.kind == kind)
    if cursor is not None:
        last = view.session.execute(select(*place).where(row.id == cursor, row.handoff_id == handoff.id)).one_or_none()
        if last is None:
            raise errors.Invalid(reason="The cursor is not one this list gave. Start again without it.")
        query = query.where(tuple_(*place) < tuple_(*last, types=[column.type for column in place]))
    newest = query.order_by(*(column.desc() for column in place)).limit(limit + 1)
    found = [(artifact, stale) for artifact, stale in view.session.execute(newest)]
    return Page(found[:limit], found[limit - 1][0].id if len(found) > limit else None)


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


def context(view: View, artifact: tables.Artifact) -> dict[str, Any]:
    """What the artifact was written from."""
    text = view.session.scalar(select(tables.Artifact.context).where(tables.Artifact.id == artifact.id))
    read: dict[str, Any] = json.loads(text or "{}")
    return read


def is_stale(view: View, artifact: tables.Artifact) -> bool:
    """Did anybody write to the case after the assistant read it?"""
    return bool(view.session.scalar(select(is_outdated()).where(tables.Artifact.id == artifact.id)))


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
