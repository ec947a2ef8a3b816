"""Asks the assistant for artifacts, keeps what it wrote and how people judged it; nothing here acts on what it says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.orm import undefer

from flowops import errors
from flowops.actions import handoffs
from flowops.domain import artifacts, events, jobs
from flowops.domain.access import ActorKind, Permission
from flowops.domain.artifacts import Judgement, Status
from flowops.storage import tables
from flowops.storage.unit import Unit

if TYPE_CHECKING:
    from sqlalchemy.orm.interfaces import ORMOption

    from flowops.ai.generator import Attempt


def request(unit: Unit, ref: str, kind: str, *, lease: timedelta, version: int | None = None) -> str:
    """Queue the writing of an artifact and give the job's id; while one waits or runs, that one."""
    handoff = handoffs.find(unit, ref, version)
    is_extended = handoffs.stay(unit, handoff, lease=lease)
    job = jobs.GenerateArtifact(handoff_id=handoff.id, kind=kind)
    alive = (jobs.Status.PENDING, jobs.Status.PROCESSING)
    waiting = unit.session.scalar(
        select(tables.Job.id).where(tables.Job.key == job.key, tables.Job.status.in_(alive)).limit(1)
    )
    if waiting is not None:
        if is_extended:
            handoffs.record_extension(unit, handoff)
        return waiting
    job_id = unit.enqueue(job)
    unit.record(events.ArtifactRequested(handoff_id=handoff.id, kind=kind, job_id=job_id))
    return job_id


def keep(unit: Unit, handoff_id: str, kind: str, attempts: Sequence[Attempt], context: dict[str, Any]) -> None:
    """Store every attempt as a version of its own, the usable one last, with the exact context it was given.

    What an assessment says of the risk is copied to the case by a job: the assistant itself changes no case.
    """
    unit.lock(f"artifacts:{handoff_id}:{kind}")
    version = unit.session.scalar(
        select(func.max(tables.Artifact.version)).where(
            tables.Artifact.handoff_id == handoff_id, tables.Artifact.kind == kind
        )
    )
    read = [message["id"] for message in context["messages"]]
    position = unit.session.scalar(select(func.max(tables.Message.position)).where(tables.Message.id.in_(read)))
    text = json.dumps(context, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for number, attempt in enumerate(attempts, (version or 0) + 1):
        artifact = tables.Artifact(
            handoff_id=handoff_id,
            kind=kind,
            version=number,
            status=attempt.status,
            content=attempt.content,
            grounding=attempt.grounding,
            provenance=attempt.provenance,
            generator=attempt.provenance["generator"],
            latency_ms=attempt.provenance["latencyMs"],
            input_tokens=attempt.provenance["inputTokens"],
            output_tokens=attempt.provenance["outputTokens"],
            model=attempt.provenance["model"],
            prompt_version=attempt.provenance["promptVersion"],
            reasons=list(attempt.reasons),
            context=text,
            last_message_position=position,
            created_at=unit.now,
        )
        unit.session.add(artifact)
        unit.record(
            events.ArtifactCreated(
                artifact_id=artifact.id,
                handoff_id=handoff_id,
                kind=kind,
                version=number,
                status=attempt.status,
                generator=attempt.provenance["generator"],
                input_sha256=attempt.provenance["inputSha256"],
            )
        )
    if kind == artifacts.RISK and attempts[-1].status is Status.OK:
        unit.enqueue(jobs.CopySignals(handoff_id=handoff_id))


def copy_signals(unit: Unit, handoff_id: str) -> None:
    """Note the level of the newest usable risk assessment on the case, for sorting and filtering alone.

    The case's version stays: nothing an operator decided upon has changed.
    """
    handoff = handoffs.find(unit, handoff_id)
    newest = unit.session.scalar(
        select(tables.Artifact)
        .where(
            tables.Artifact.handoff_id == handoff.id,
            tables.Artifact.kind == artifacts.RISK,
            tables.Artifact.status == Status.OK,
        )
        .order_by(tables.Artifact.version.desc())
        .limit(1)
    )
    if newest is None or newest.content is None or newest.content["level"] == handoff.risk_level:
        return
    handoff.risk_level = level = newest.content["level"]
    unit.record(events.RiskCopied(handoff_id=handoff.id, artifact_id=newest.id, risk_level=level))


def review(
    unit: Unit,
    artifact_id: str,
    verdict: Judgement,
    reason: str | None = None,
    content: dict[str, Any] | None = None,
    *,
    lease: timedelta,
    version: int | None = None,
) -> None:
    """Write down what a person makes of an artifact, which itself never changes; the latest judgement counts.

    `content` is the artifact as they edited it. Raises Invalid when it breaks the schema, when an edited artifact has
    none or another verdict has one, and for an artifact that could not be used in the first place.
    """
    unit.actor.require(Permission.HANDOFFS_WORK)
    artifact, handoff = _find(unit, artifact_id, version)
    if artifact.status is not Status.OK:
        raise errors.Invalid(reason=f"The artifact is {artifact.status}, so there is nothing in it to judge.")
    if (verdict is Judgement.EDITED) is (content is None):
        raise errors.Invalid(reason="The verdict edited, and no other, comes with the content. Nothing was recorded.")
    edited = None if content is None else artifacts.validate(artifact.kind, content)
    is_extended = handoffs.stay(unit, handoff, lease=lease)
    if not _judge(unit, artifact, verdict, reason, edited) and is_extended:
        handoffs.record_extension(unit, handoff)


def take_draft(unit: Unit, handoff: tables.Handoff, artifact_id: str, subject: str | None, body: str) -> None:
    """Judge a reply draft by what its reader makes of it: sent as it was it is accepted, with other words edited.

    Raises Invalid unless it is a usable reply draft of this case. A service's use of it is nobody's judgement.
    """
    artifact = unit.session.get(tables.Artifact, artifact_id)
    if (
        artifact is None
        or (artifact.handoff_id, artifact.kind, artifact.status) != (handoff.id, artifacts.DRAFT, Status.OK)
        or artifact.content is None
    ):
        raise errors.Invalid(
            reason=f"{artifact_id} is no usable reply draft of {handoff.label}. Nothing was proposed; leave artifactId "
            "out, or name one."
        )
    if unit.actor.kind is ActorKind.PERSON:
        sent = artifacts.sent(artifact.content, subject, body)
        same = sent == artifact.content
        _judge(unit, artifact, Judgement.ACCEPTED if same else Judgement.EDITED, None, None if same else sent)


def _judge(
    unit: Unit, artifact: tables.Artifact, verdict: Judgement, reason: str | None, content: dict[str, Any] | None
) -> bool:
    """Whether the judgement was written down; one that only repeats the one that counts is not."""
    row = tables.ArtifactReview
    latest = unit.session.scalar(
        select(row).where(row.artifact_id == artifact.id).order_by(row.created_at.desc(), row.id.desc()).limit(1)
    )
    said = (unit.actor.id, verdict, reason, content)
    if latest is not None and (latest.reviewer_id, latest.verdict, latest.reason, latest.content) == said:
        return False
    judged = row(
        artifact_id=artifact.id,
        reviewer_id=unit.actor.id,
        verdict=verdict,
        reason=reason,
        content=content,
        created_at=unit.now,
    )
    unit.session.add(judged)
    unit.record(
        events.ArtifactReviewed(
            artifact_id=artifact.id,
            handoff_id=artifact.handoff_id,
            kind=artifact.kind,
            verdict=verdict,
            reason=reason,
        )
    )
    return True


def read_context(unit: Unit, artifact_id: str) -> str:
    """The exact context an artifact was written from, as JSON text; reading it is itself recorded."""
    artifact, _ = _find(unit, artifact_id, None, undefer(tables.Artifact.context))
    unit.record(events.ContextRead(artifact_id=artifact.id, handoff_id=artifact.handoff_id))
    return artifact.context


def _find(
    unit: Unit, artifact_id: str, version: int | None, *options: ORMOption
) -> tuple[tables.Artifact, tables.Handoff]:
    """The artifact and its case, locked; NotFound also when the actor may not see it."""
    artifact = unit.session.get(tables.Artifact, artifact_id, options=options)
    if artifact is None:
        raise errors.NotFound(kind="artifact", id=artifact_id)
    return artifact, handoffs.find(unit, artifact.handoff_id, version, of=("artifact", artifact_id))
