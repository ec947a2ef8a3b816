"""Asks the assistant for artifacts and keeps what it wrote; nothing here acts on what it says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.orm import undefer

from flowops import errors
from flowops.actions import handoffs
from flowops.domain import events, jobs
from flowops.storage import tables
from flowops.storage.unit import Unit

if TYPE_CHECKING:
    from flowops.ai.generator import Attempt


def request(unit: Unit, ref: str, kind: str, version: int | None = None) -> str:
    """Queue the writing of an artifact and give the job's id; while one waits or runs, that one."""
    handoff = handoffs.find(unit, ref, version)
    job = jobs.GenerateArtifact(handoff_id=handoff.id, kind=kind)
    alive = (jobs.Status.PENDING, jobs.Status.PROCESSING)
    waiting = unit.session.scalar(
        select(tables.Job.id).where(tables.Job.key == job.key, tables.Job.status.in_(alive)).limit(1)
    )
    if waiting is not None:
        return waiting
    job_id = unit.enqueue(job)
    unit.record(events.ArtifactRequested(handoff_id=handoff.id, kind=kind, job_id=job_id))
    return job_id


def keep(unit: Unit, handoff_id: str, kind: str, attempts: Sequence[Attempt], context: dict[str, Any]) -> None:
    """Store every attempt as a version of its own, the usable one last, with the exact context it was given."""
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


def read_context(unit: Unit, artifact_id: str) -> str:
    """The exact context an artifact was written from, as JSON text; reading it is itself recorded."""
    artifact = unit.session.get(tables.Artifact, artifact_id, options=[undefer(tables.Artifact.context)])
    if artifact is None:
        raise errors.NotFound(kind="artifact", id=artifact_id)
    handoffs.find(unit, artifact.handoff_id)
    unit.record(events.ContextRead(artifact_id=artifact.id, handoff_id=artifact.handoff_id))
    return artifact.context
