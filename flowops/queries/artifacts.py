"""Answers about what the assistant wrote."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select

from flowops import errors
from flowops.domain.artifacts import Status
from flowops.storage import tables
from flowops.storage.unit import View


def versions(view: View, handoff: tables.Handoff, kind: str | None = None) -> Sequence[tables.Artifact]:
    """Every version of a case's artifacts, newest first."""
    query = select(tables.Artifact).where(tables.Artifact.handoff_id == handoff.id)
    if kind is not None:
        query = query.where(tables.Artifact.kind == kind)
    newest = (tables.Artifact.created_at.desc(), tables.Artifact.version.desc(), tables.Artifact.id.desc())
    return view.session.scalars(query.order_by(*newest)).all()


def latest(view: View, handoff: tables.Handoff, kind: str) -> tables.Artifact:
    """The newest usable version of a kind; NoArtifact before there is one."""
    good = (artifact for artifact in versions(view, handoff, kind) if artifact.status is Status.OK)
    if (found := next(good, None)) is None:
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


def is_stale(view: View, artifact: tables.Artifact) -> bool:
    """Did anybody write to the case after the assistant read it?"""
    return view.session.scalar(select(knows_newest()).where(tables.Artifact.id == artifact.id)) is False


def knows_newest() -> ColumnElement[bool]:
    """Whether an artifact's context holds the case's newest message; null for a case without messages.

    Not by time: an artifact is written from a context read earlier, and a message may have come in between.
    """
    newest = (
        select(tables.Message.id)
        .where(tables.Message.handoff_id == tables.Artifact.handoff_id)
        .order_by(tables.Message.position.desc())
        .limit(1)
        .scalar_subquery()
    )
    return tables.Artifact.context.contains(newest)
