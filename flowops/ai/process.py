"""Asks a child process that knows nothing else: one question on standard input, one JSON object on standard output.

Whatever the child does (hang, die, flood, fork, write nonsense) ends as `Unusable`, never later than the deadline, and
nothing of its process group is left behind.
"""

import contextlib
import json
import math
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from typing import Any

MAX_OUTPUT = 1024 * 1024  # bytes a child may write before it is stopped
_MAX_DEPTH = 32  # of nested JSON
_TAIL = 4096  # bytes of standard error that are looked at for the reason
_CHUNK = 64 * 1024  # bytes read or written at a time
_GLANCE = 0.05  # seconds between two looks at whether the child has ended
_TOO_SLOW = "it took longer than it may"
_ENVIRONMENT = {"PATH": os.defpath, "LANG": "C.UTF-8"}


class Unusable(Exception):
    """The child gave no answer that could be judged."""


def ask(
    command: tuple[str, ...], question: dict[str, Any], seconds: float, secrets: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """What the child answers, within so many seconds; of ours its environment has the `secrets` alone."""
    asked = json.dumps(question, ensure_ascii=False).encode()
    return parse(_converse(command, asked, time.monotonic() + seconds, _ENVIRONMENT | dict(secrets or {})))


def parse(output: bytes | str) -> dict[str, Any]:
    """The JSON object that this is, when every database and RFC 8785 can hold it; Unusable otherwise."""
    try:
        value = json.loads(output.decode() if isinstance(output, bytes) else output)
        _check(value)
    except RecursionError:
        raise Unusable("it wrote JSON that is nested too deeply") from None
    except ValueError as wrong:
        raise Unusable(f"it wrote no usable JSON: {str(wrong)[:200]}") from None
    if not isinstance(value, dict):
        raise Unusable("it wrote JSON that is not an object")
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


def _converse(command: tuple[str, ...], asked: bytes, deadline: float, environment: Mapping[str, str]) -> bytes:
    """Start the child, hand it the question and take its answer; nothing of its process group is left behind."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="flowops-ai-", ignore_cleanup_errors=True))
        try:
            pipes = subprocess.PIPE
            child = subprocess.Popen(
                command, stdin=pipes, stdout=pipes, stderr=pipes, cwd=folder, env=environment, start_new_session=True
            )
        except OSError as refused:
            raise Unusable(f"it could not be started: {refused.strerror}") from None
        stack.enter_context(child)  # closes the pipes and waits for a child that is dead by then
        stack.callback(_kill, child)
        output, complaint = _exchange(child, asked, deadline)
        try:
            code = child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise Unusable(_TOO_SLOW) from None
    if code != 0:
        lines = complaint.decode(errors="replace").strip().splitlines()
        how = f"exit code {code}" if code > 0 else f"signal {-code}"
        raise Unusable(f"it ended with {how}" + (f": {lines[-1][:200]}" if lines else ""))
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
                raise Unusable(_TOO_SLOW)
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
                raise Unusable(f"it wrote more than {MAX_OUTPUT} bytes")
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
