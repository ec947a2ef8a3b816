"""A language model behind the generator's protocol: any that pydantic-ai knows, and any server that speaks as OpenAI's.

Each question is asked by a process of its own (`asking`) that gets the redacted case and the provider's key. After
too much trouble the model is left alone for a while, so that cases do not wait for it.
"""

import hashlib
import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from importlib import resources
from typing import Any

from flowops.ai import process, redaction
from flowops.ai.generator import Candidate, Failure, Origin, Refused
from flowops.domain import artifacts

COMMAND = (sys.executable, "-I", "-m", "flowops.ai.asking")
TOO_MUCH = 5  # failures in a row after which the model is left alone
ALONE = 30.0  # seconds
START = 2.0  # seconds that a process needs to begin and to end
AT_ONCE = 4  # questions that one process asks at a time
# Providers whose key is not called after them.
_KEYS = {"google": ("GOOGLE_API_KEY", "GEMINI_API_KEY"), "cohere": ("CO_API_KEY",), "huggingface": ("HF_TOKEN",)}
_NETWORK = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


class Breaker:
    """Is it worth asking? After too many failures in a row nobody does for a while, and then one, to see."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._mutex = clock, threading.Lock()
        self._failures, self._closes_at, self._is_tried = 0, 0.0, False

    def wait(self) -> float:
        """Seconds until somebody may ask again, 0 when whoever asks may now; they must say how it ended."""
        with self._mutex:
            if self._failures < TOO_MUCH:
                return 0.0
            left = self._closes_at - self._clock()
            if left > 0 or self._is_tried:
                return max(left, 1.0)
            self._is_tried = True
            return 0.0

    def end(self, *, well: bool) -> None:
        """A question was answered, or not."""
        with self._mutex:
            self._is_tried = False
            self._failures = 0 if well else self._failures + 1
            if self._failures >= TOO_MUCH:
                self._closes_at = self._clock() + ALONE


@dataclass(frozen=True)
class Llm:
    """A model by its pydantic-ai name, such as `openai:gpt-5.2` or `ollama:llama3.2`; safe to use from any thread."""

    model: str
    base_url: str = ""
    timeout: timedelta = timedelta(seconds=30)
    patterns: tuple[str, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    breaker: Breaker = field(default_factory=Breaker, repr=False, compare=False)
    name: str = "llm"
    tries: int = 2
    _room: threading.BoundedSemaphore = field(
        default_factory=lambda: threading.BoundedSemaphore(AT_ONCE), init=False, repr=False, compare=False
    )

    def generate(self, kind: str, context: dict[str, Any], refused: Refused | None = None) -> Candidate | Failure:
        """Ask the model about the redacted case, once there is room."""
        began = time.monotonic()
        redacted = redaction.redact(context, self.patterns)
        prompt = _prompt(kind)
        origin = Origin(self.model, prompt.version, prompt.sha256)
        if not self._room.acquire(timeout=self.timeout.total_seconds()):
            return Failure("too many others were asking", self.timeout, origin)
        try:
            answer = self._ask(kind, prompt, redacted, refused)
        finally:
            self._room.release()
        latency = timedelta(seconds=time.monotonic() - began)
        if not isinstance(answer.get("answer"), str):
            return Failure(str(answer.get("failed", "it gave no answer")), latency, origin)
        used = answer.get("inputTokens"), answer.get("outputTokens")
        tokens = (number if isinstance(number, int) else None for number in used)
        origin = Origin(str(answer.get("model") or self.model), prompt.version, prompt.sha256, *tokens)
        return _candidate(answer["answer"], redacted, latency, origin)

    def _ask(
        self, kind: str, prompt: "_Prompt", redacted: redaction.Redacted, refused: Refused | None
    ) -> dict[str, Any]:
        seconds = self.timeout.total_seconds()
        question = {
            "model": self.model,
            "baseUrl": self.base_url,
            "name": kind.partition(".")[0],
            "instructions": prompt.text,
            "question": f"CASE\n{json.dumps(redacted.context, ensure_ascii=False)}\nEND OF CASE",
            "schema": artifacts.schema(kind),
            "earlier": _earlier(refused, redacted),
            "seconds": seconds - START,
        }
        if wait := self.breaker.wait():
            why = f"its provider failed {TOO_MUCH} times in a row, and is left alone for {wait:.0f} s more"
            return {"failed": why}
        try:
            answer = process.ask(COMMAND, question, seconds, self.secrets)
        except process.Unusable as unusable:
            answer = {"failed": str(unusable), "mayPass": True}
        self.breaker.end(well=not answer.get("mayPass"))  # a wrong key says nothing about the provider
        return answer


def keys(model: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Of these variables those that the model's provider needs: its key, and the way to the network.

    >>> keys("openai:gpt-5.2", {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "l", "FLOWOPS_SECRET_KEY": "m"})
    {'OPENAI_API_KEY': 'k'}
    """
    provider = model.partition(":")[0].removeprefix("gateway/").split("-")[0]
    names = (*_KEYS.get(provider, ()), f"{provider.upper()}_API_KEY", *_NETWORK, *map(str.lower, _NETWORK))
    return {name: environment[name] for name in dict.fromkeys(names) if environment.get(name)}


@dataclass(frozen=True)
class _Prompt:
    text: str
    sha256: str

    @property
    def version(self) -> str:
        return self.sha256[:12]


@cache
def _prompt(kind: str) -> _Prompt:
    """What the model is told about every case and about this kind of artifact; the hash of the text is its version."""
    folder = resources.files("flowops.ai") / "prompts"
    text = "\n".join(folder.joinpath(f"{name}.md").read_text("utf-8") for name in ("general", kind))
    return _Prompt(text, hashlib.sha256(text.encode()).hexdigest())


def _candidate(text: str, redacted: redaction.Redacted, latency: timedelta, origin: Origin) -> Candidate:
    text = text.strip()
    if text.startswith("```") and text.endswith("```"):  # some cannot be talked out of it
        text = text.removesuffix("```").partition("\n")[2]
    try:
        return Candidate(redacted.restore(process.parse(text)), latency, origin)
    except process.Unusable as unusable:
        return Candidate(None, latency, origin, str(unusable))


def _earlier(refused: Refused | None, redacted: redaction.Redacted) -> dict[str, str] | None:
    """The answer that was refused and why, as the provider may see them."""
    if refused is None:
        return None
    reasons = "\n".join(f"- {reason}" for reason in refused.reasons[:20])
    told = {
        "answer": json.dumps(refused.value, ensure_ascii=False) if refused.value is not None else "(no JSON object)",
        "wrong": f"This was refused:\n{reasons}\nAnswer again, with the whole JSON object, and mend what was wrong.",
    }
    return {name: redacted.hide(text) for name, text in told.items()}
