"""Has an artifact written by something that cannot act, judges what comes back, and falls back when it is no good.

A generator runs as a child process (`process`): it gets a frozen context and nothing else of ours (no database, no
settings, no secrets but its provider's, an empty working folder). Whatever it does ends as a `Failure` or is judged; it
never ends as an exception, and never takes longer than the timeout.
"""

import json
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from flowops import errors
from flowops.ai import context as contexts
from flowops.ai import process
from flowops.domain import artifacts, grounding

MAX_KEPT = 64 * 1024  # bytes of rejected content that are kept for people to look at


@dataclass(frozen=True)
class Origin:
    """Where an answer comes from: the model, the prompt it was given, and how much was read and written."""

    model: str | None = None
    prompt_version: str | None = None
    prompt_sha256: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True)
class Candidate:
    """What a generator wrote, before anybody has judged it; None when it is no JSON object, and `wrong` says why."""

    value: dict[str, Any] | None
    latency: timedelta
    origin: Origin = field(default_factory=Origin)
    wrong: str | None = None


@dataclass(frozen=True)
class Failure:
    """A generator gave nothing that could be judged, and why."""

    reason: str
    latency: timedelta
    origin: Origin = field(default_factory=Origin)


@dataclass(frozen=True)
class Refused:
    """What was wrong with an answer, for whoever is to write a better one."""

    value: dict[str, Any] | None
    reasons: Sequence[str]


class Generator(Protocol):
    """Something that writes artifacts: a context in, a candidate out. It never raises for what it was given."""

    @property
    def name(self) -> str:
        """What provenance calls it: `extractive` or `llm`."""

    @property
    def tries(self) -> int:
        """How often it may answer; each time after the first it is told what was wrong."""

    def generate(self, kind: str, context: dict[str, Any], refused: Refused | None = None) -> Candidate | Failure:
        """Write one artifact of this kind, better than the one that was refused."""


@dataclass(frozen=True)
class Child:
    """A generator that is a program of its own and gives the artifact itself; safe to use from any thread."""

    name: str
    command: tuple[str, ...]
    timeout: timedelta = timedelta(seconds=30)
    tries: int = 1

    def generate(self, kind: str, context: dict[str, Any], refused: Refused | None = None) -> Candidate | Failure:
        """Ask the child once; its whole process group is dead when this returns."""
        started = time.monotonic()
        try:
            answer = process.ask(self.command, {"kind": kind, "context": context}, self.timeout.total_seconds())
        except process.Unusable as unusable:
            return Failure(str(unusable), timedelta(seconds=time.monotonic() - started))
        return Candidate(answer, timedelta(seconds=time.monotonic() - started))


def extractive(timeout: timedelta = timedelta(seconds=30)) -> Child:
    """The built-in generator: deterministic, needs no model, and is what every other one falls back to."""
    return Child("extractive", (sys.executable, "-I", "-m", "flowops.ai.child"), timeout)


@dataclass(frozen=True)
class Attempt:
    """One generator's try at an artifact, judged: everything an artifact row holds about how it came to be."""

    status: artifacts.Status
    content: dict[str, Any] | None
    grounding: dict[str, Any] | None
    reasons: tuple[str, ...]
    provenance: dict[str, Any]


def write(kind: str, context: dict[str, Any], generators: Iterable[Generator]) -> list[Attempt]:
    """Let the generators try in turn until one writes something usable; the last attempt is the answer.

    A generator that may try again is told why what it wrote was rejected. Every attempt after the first says whom it
    stands in for (`fallbackFrom`). What was rejected is kept with the reasons, so that people can see it, unless it is
    too large.
    """
    attempts: list[Attempt] = []
    for generator in generators:
        attempts.append(_try(kind, context, generator, attempts[0] if attempts else None))
        if attempts[-1].status is artifacts.Status.OK:
            break
    return attempts


def _try(kind: str, context: dict[str, Any], generator: Generator, instead_of: Attempt | None) -> Attempt:
    results: list[Candidate | Failure] = []
    refused: Refused | None = None
    while True:
        results.append(generator.generate(kind, context, refused))
        status, content, found, reasons = _judge(kind, context, results[-1])
        if status is not artifacts.Status.REJECTED or len(results) >= generator.tries:
            break
        refused = Refused(content, reasons)
    origins = [result.origin for result in results]
    small = content is None or len(json.dumps(content, ensure_ascii=False).encode()) <= MAX_KEPT
    provenance: dict[str, Any] = {
        "generator": generator.name,
        "model": origins[-1].model,
        "promptVersion": origins[-1].prompt_version,
        "promptSha256": origins[-1].prompt_sha256,
        "inputSha256": contexts.sha256(context),
        "schemaSha256": artifacts.schema_sha256(kind),
        "attempts": len(results),
        "latencyMs": round(sum((result.latency for result in results), timedelta()) / timedelta(milliseconds=1)),
        "inputTokens": _total(origin.input_tokens for origin in origins),
        "outputTokens": _total(origin.output_tokens for origin in origins),
        "fallbackFrom": instead_of.provenance["generator"] if instead_of else None,
    }
    return Attempt(status, content if small else None, found, reasons, provenance)


def _judge(
    kind: str, context: dict[str, Any], result: Candidate | Failure
) -> tuple[artifacts.Status, dict[str, Any] | None, dict[str, Any] | None, tuple[str, ...]]:
    """Status, content, grounding, and the reasons why it is not usable."""
    if isinstance(result, Failure):
        return artifacts.Status.FAILED, None, None, (result.reason,)
    if result.value is None:
        return artifacts.Status.REJECTED, None, None, (result.wrong or "it is no JSON object",)
    try:
        content = artifacts.validate(kind, result.value)
    except errors.Invalid as invalid:
        return artifacts.Status.REJECTED, result.value, None, (str(invalid),)
    found = grounding.check(context, artifacts.claims(kind, content))
    reasons = tuple(f"“{claim.text}”: {claim.why}" for claim in found.claims if not claim.ok)
    status = artifacts.Status.OK if found.passed else artifacts.Status.REJECTED
    return status, content, found.dump(), reasons


def _total(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
