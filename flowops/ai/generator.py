"""Has an artifact written by a process that cannot act, judges what comes back, and falls back when it is no good.

A generator is a child process: it gets a frozen context on standard input and nothing else of ours (no database, no
settings, no secrets, an empty working folder), and gives JSON on standard output. Whatever it does (lie, hang, die,
flood, fork) ends as a `Failure`; it never ends as an exception, and never takes longer than the timeout.
"""

import contextlib
import json
import math
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from flowops import errors
from flowops.ai import context as contexts
from flowops.domain import artifacts, grounding

MAX_OUTPUT = 1024 * 1024  # bytes a child may write before it is stopped
MAX_KEPT = 64 * 1024  # bytes of rejected content that are kept for people to look at
_MAX_DEPTH = 32  # of nested JSON
_TAIL = 4096  # bytes of standard error that are looked at for the reason
_CHUNK = 64 * 1024  # bytes read or written at a time
_GLANCE = 0.05  # seconds between two looks at whether the child has ended
_TOO_SLOW = "it took longer than it may"
_ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8"}


@dataclass(frozen=True)
class Candidate:
    """What a generator wrote, before anybody has judged it."""

    value: dict[str, Any]
    latency: timedelta


@dataclass(frozen=True)
class Failure:
    """A generator gave nothing that could be judged, and why."""

    reason: str
    latency: timedelta


class Generator(Protocol):
    """Something that writes artifacts: a context in, a candidate out. It never raises for what it was given."""

    @property
    def name(self) -> str:
        """What provenance calls it: `extractive` or `llm`."""

    def generate(self, kind: str, context: dict[str, Any]) -> Candidate | Failure:
        """Write one artifact of this kind."""


@dataclass(frozen=True)
class Child:
    """A generator that runs as a process of its own, spoken to in JSON; safe to use from any thread."""

    name: str
    command: tuple[str, ...]
    timeout: timedelta = timedelta(seconds=30)

    def generate(self, kind: str, context: dict[str, Any]) -> Candidate | Failure:
        """Ask the child once; its whole process group is dead when this returns."""
        asked = json.dumps({"kind": kind, "context": context}, ensure_ascii=False).encode()
        started = time.monotonic()
        try:
            answer = _parse(_converse(self.command, asked, started + self.timeout.total_seconds()))
        except _Unusable as unusable:
            return Failure(str(unusable), timedelta(seconds=time.monotonic() - started))
        return Candidate(answer, timedelta(seconds=time.monotonic() - started))


def extractive(timeout: timedelta = timedelta(seconds=30)) -> Child:
    """The built-in generator: deterministic, needs no model, and is what every other one falls back to."""
    return Child("extractive", (sys.executable, "-I", "-m", "flowops.ai.child"), timeout)


@dataclass(frozen=True)
class Attempt:
    """One try at an artifact, judged: everything an artifact row holds about how it came to be."""

    status: artifacts.Status
    content: dict[str, Any] | None
    grounding: dict[str, Any] | None
    reasons: tuple[str, ...]
    provenance: dict[str, Any]


def write(kind: str, context: dict[str, Any], generators: Iterable[Generator]) -> list[Attempt]:
    """Let the generators try in turn until one writes something usable; the last attempt is the answer.

    Every attempt after the first says whom it stands in for (`fallbackFrom`). What was rejected is kept with the
    reasons, so that people can see it, unless it is too large.
    """
    attempts: list[Attempt] = []
    asked = {"inputSha256": contexts.sha256(context), "schemaSha256": artifacts.schema_sha256(kind)}
    for generator in generators:
        result = generator.generate(kind, context)
        provenance: dict[str, Any] = {
            "generator": generator.name,
            "model": None,
            "promptVersion": None,
            "promptSha256": None,
            **asked,
            "attempts": 1,
            "latencyMs": round(result.latency / timedelta(milliseconds=1)),
            "inputTokens": None,
            "outputTokens": None,
            "fallbackFrom": attempts[0].provenance["generator"] if attempts else None,
        }
        attempts.append(_judge(kind, context, result, provenance))
        if attempts[-1].status is artifacts.Status.OK:
            break
    return attempts


def _judge(kind: str, context: dict[str, Any], result: Candidate | Failure, provenance: dict[str, Any]) -> Attempt:
    if isinstance(result, Failure):
        return Attempt(artifacts.Status.FAILED, None, None, (result.reason,), provenance)
    try:
        content = artifacts.validate(kind, result.value)
    except errors.Invalid as invalid:
        small = len(json.dumps(result.value, ensure_ascii=False).encode()) <= MAX_KEPT
        kept = result.value if small else None
        return Attempt(artifacts.Status.REJECTED, kept, None, (str(invalid),), provenance)
    found = grounding.check(context, artifacts.claims(kind, content))
    reasons = tuple(f"“{claim.text}”: {claim.why}" for claim in found.claims if not claim.ok)
    status = artifacts.Status.OK if found.passed else artifacts.Status.REJECTED
    return Attempt(status, content, found.dump(), reasons, provenance)


class _Unusable(Exception):
    """The child gave no answer that could be judged."""


def _parse(output: bytes) -> dict[str, Any]:
    try:
        value = json.loads(output.decode())
        _check(value)
    except RecursionError:
        raise _Unusable("it wrote JSON that is nested too deeply") from None
    except ValueError as wrong:
        raise _Unusable(f"it wrote no usable JSON: {str(wrong)[:200]}") from None
    if not isinstance(value, dict):
        raise _Unusable("it wrote JSON that is not an object")
    return value


def _check(value: Any, depth: int = 0) -> None:
    """Refuse what JSON parsers let through and databases and RFC 8785 do not."""
    if depth > _MAX_DEPTH:
        raise ValueError(f"nested more than {_MAX_DEPTH} levels deep")
    if isinstance(value, dict):
        for name, inner in value.items():
            _check(name)
            _check(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth + 1)
    elif isinstance(value, str) and ("\0" in value or any("\ud800" <= c <= "\udfff" for c in value)):
        raise ValueError("a text with NUL or half a character")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("a number that is not finite")
    elif isinstance(value, int) and abs(value) >= 2**53:
        raise ValueError("an integer that readers would round")


def _converse(command: tuple[str, ...], asked: bytes, deadline: float) -> bytes:
    """Start the child, hand it the question and take its answer; nothing of its process group is left behind."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="flowops-ai-", ignore_cleanup_errors=True))
        try:
            pipes = subprocess.PIPE
            child = subprocess.Popen(
                command, stdin=pipes, stdout=pipes, stderr=pipes, cwd=folder, env=_ENVIRONMENT, start_new_session=True
            )
        except OSError as refused:
            raise _Unusable(f"it could not be started: {refused.strerror}") from None
        stack.enter_context(child)  # closes the pipes and waits for a child that is dead by then
        stack.callback(_kill, child)
        output, complaint = _exchange(child, asked, deadline)
        try:
            code = child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise _Unusable(_TOO_SLOW) from None
    if code != 0:
        lines = complaint.decode(errors="replace").strip().splitlines()
        how = f"exit code {code}" if code > 0 else f"signal {-code}"
        raise _Unusable(f"it ended with {how}" + (f": {lines[-1][:200]}" if lines else ""))
    return output


def _exchange(child: subprocess.Popen[bytes], asked: bytes, deadline: float) -> tuple[bytes, bytes]:
    """Write and read at the same time, so that neither side waits for the other, until the child has said all.

    A child that ended has said what is in the pipes: a process it left behind can hold them open, not us up.
    """
    stdin, stdout, stderr = child.stdin, child.stdout, child.stderr
    assert stdin
    assert stdout
    assert stderr
    unsent, reading = asked, {stdout, stderr}
    said = {stdout: bytearray(), stderr: bytearray()}
    with selectors.DefaultSelector() as pipes:
        for pipe, event in (
            (stdin, selectors.EVENT_WRITE),
            (stdout, selectors.EVENT_READ),
            (stderr, selectors.EVENT_READ),
        ):
            os.set_blocking(pipe.fileno(), False)
            pipes.register(pipe, event, pipe)
        while reading:
            if (left := deadline - time.monotonic()) <= 0:
                raise _Unusable(_TOO_SLOW)
            ended = child.poll() is not None
            ready = pipes.select(0 if ended else min(left, _GLANCE))
            if ended and not ready:
                break
            for key, _ in ready:
                if key.data is stdin:
                    unsent = more = _send(key.fd, unsent)
                else:
                    more = os.read(key.fd, _CHUNK)
                    said[key.data] += more
                if not more:
                    pipes.unregister(key.data)
                    key.data.close()
                    reading.discard(key.data)
            del said[stderr][:-_TAIL]
            if len(said[stdout]) > MAX_OUTPUT:
                raise _Unusable(f"it wrote more than {MAX_OUTPUT} bytes")
    return bytes(said[stdout]), bytes(said[stderr])


def _send(pipe: int, unsent: bytes) -> bytes:
    """Write what fits; nothing is left to send to a child that does not listen any more."""
    try:
        return unsent[os.write(pipe, unsent[:_CHUNK]) :]
    except BlockingIOError:
        return unsent
    except BrokenPipeError:
        return b""


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End what is left of the child's process group; a process that left the group is out of reach."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
