"""Whatever a generator does, the worker gets an answer in time and nothing is left behind."""

import contextlib
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flowops.ai import context, generator
from flowops.domain import artifacts
from tests.ai import cases, hostile

KIND = "handoff_summary.v1"
CONTEXT = context.build(cases.ordinary())
LARGE = context.build(cases.ordinary(metadata={"note": "x" * 200_000}))


def misbehaving(behaviour: str, *arguments: str, seconds: float = 20, name: str = "llm") -> generator.Child:
    command = (sys.executable, "-I", str(Path(__file__).with_name("hostile.py")), behaviour, *arguments)
    return generator.Child(name, command, timedelta(seconds=seconds))


def reason(result: generator.Candidate | generator.Failure) -> str:
    assert isinstance(result, generator.Failure)
    return result.reason


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def children() -> set[str]:
    """Our child processes, zombies included."""
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


def test_the_built_in_generator_answers() -> None:
    (attempt,) = generator.write(KIND, CONTEXT, [generator.extractive()])
    assert attempt.status is artifacts.Status.OK
    assert attempt.content is not None
    assert attempt.content["overview"].startswith("Ada Lovelace (enterprise plan): “Charged twice”.")
    assert attempt.grounding is not None
    assert attempt.grounding["passed"]
    assert attempt.reasons == ()
    latency = attempt.provenance.pop("latencyMs")
    assert 0 < latency < 20_000
    assert attempt.provenance == {
        "generator": "extractive",
        "model": None,
        "promptVersion": None,
        "promptSha256": None,
        "inputSha256": context.sha256(CONTEXT),
        "schemaSha256": artifacts.schema_sha256(KIND),
        "attempts": 1,
        "inputTokens": None,
        "outputTokens": None,
        "fallbackFrom": None,
    }


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        ("nonsense", "no usable JSON"),
        ("silent", "no usable JSON"),
        ("number", "not an object"),
        ("flood", "more than 1048576 bytes"),
        ("endless", "more than 1048576 bytes"),
        ("complains", "exit code 3: the model is on fire"),
        ("dies", "signal 6"),
        ("broken_utf8", "no usable JSON"),
        ("utf16", "no usable JSON"),
        ("nan", "not finite"),
        ("infinite", "not finite"),
        ("huge_number", "would round"),
        ("half_character", "half a character"),
        ("nul", "NUL"),
        ("deep", "deep"),
        ("very_deep", "deep"),
    ],
)
def test_a_child_that_misbehaves_is_a_failure_with_its_reason(behaviour: str, why: str) -> None:
    assert why in reason(misbehaving(behaviour).generate(KIND, LARGE))


@pytest.mark.parametrize("behaviour", ["hangs", "blocks", "closes_and_hangs"])
def test_a_child_that_hangs_is_ended_at_the_timeout(behaviour: str) -> None:
    started = time.monotonic()
    assert "longer than it may" in reason(misbehaving(behaviour, seconds=0.5).generate(KIND, LARGE))
    assert time.monotonic() - started < 5


def test_a_child_that_never_reads_its_question_can_still_answer() -> None:
    assert isinstance(misbehaving("deaf").generate(KIND, LARGE), generator.Candidate)


def test_a_command_that_does_not_exist_is_a_failure() -> None:
    missing = generator.Child("llm", ("/nowhere/to/be/found",))
    assert "could not be started" in reason(missing.generate(KIND, CONTEXT))


@pytest.mark.parametrize("behaviour", ["forks", "escapes"])
def test_a_process_left_behind_holds_nobody_up_and_dies_unless_it_left_the_group(
    behaviour: str, tmp_path: Path
) -> None:
    note, started = tmp_path / "pid", time.monotonic()
    result = misbehaving(behaviour, str(note)).generate(KIND, CONTEXT)
    assert isinstance(result, generator.Candidate)
    assert time.monotonic() - started < 10
    left = int(note.read_text())
    if behaviour == "escapes":
        os.kill(left, 9)  # still there: a session of its own is out of reach
    else:
        assert _ends(left)


def _ends(process: int) -> bool:
    """Is the process gone, or a zombie that waits for init, within a second?"""
    until = time.monotonic() + 1
    while time.monotonic() < until:
        with contextlib.suppress(FileNotFoundError):
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                time.sleep(0.01)
                continue
        return True
    return False


def test_a_child_sees_no_settings_no_secrets_and_an_empty_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWOPS_DATABASE_URL", "sqlite:///secret.db")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with Path(__file__).open() as _open_here:
        seen = misbehaving("spies").generate(KIND, CONTEXT)
    assert isinstance(seen, generator.Candidate)
    assert seen.value is not None
    assert set(seen.value["environment"]) <= {"PATH", "LANG", "LC_CTYPE"}
    assert "secret" not in json.dumps(seen.value)
    assert seen.value["open"] == ["0", "1", "2", "3"]  # the last is the listing itself
    assert not Path(seen.value["folder"]).exists()


def test_neither_files_nor_processes_leak() -> None:
    before, alive = open_files(), children()
    for behaviour in ("good", "flood", "dies", "hangs", "closes_and_hangs", "nonsense"):
        misbehaving(behaviour, seconds=0.5).generate(KIND, LARGE)
    assert open_files() == before
    assert children() <= alive


def test_many_threads_may_ask_at_once() -> None:
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda _: misbehaving("good").generate(KIND, LARGE), range(24)))
    assert [result.value for result in results if isinstance(result, generator.Candidate)] == [hostile.GOOD] * 24


def test_the_built_in_generator_stands_in_for_one_that_failed() -> None:
    first, last = generator.write(KIND, CONTEXT, [misbehaving("dies"), generator.extractive()])
    assert (first.status, first.content, first.grounding) == (artifacts.Status.FAILED, None, None)
    assert "signal 6" in first.reasons[0]
    assert (first.provenance["generator"], first.provenance["fallbackFrom"]) == ("llm", None)
    assert last.status is artifacts.Status.OK
    assert (last.provenance["generator"], last.provenance["fallbackFrom"]) == ("extractive", "llm")


def test_another_schema_is_rejected_and_kept_with_the_reasons() -> None:
    first, last = generator.write(KIND, CONTEXT, [misbehaving("another_schema"), generator.extractive()])
    assert first.status is artifacts.Status.REJECTED
    assert first.content == {"tool": "refund", "sql": "DELETE FROM handoffs"}
    assert first.grounding is None
    assert "overview: Field required" in first.reasons[0]
    assert last.status is artifacts.Status.OK


def test_rejected_content_that_is_too_large_is_not_kept() -> None:
    (only,) = generator.write(KIND, CONTEXT, [misbehaving("large_other_schema")])
    assert (only.status, only.content) == (artifacts.Status.REJECTED, None)


def test_invented_facts_are_rejected_and_kept_with_what_is_wrong_with_them() -> None:
    first, last = generator.write(KIND, CONTEXT, [misbehaving("invented"), generator.extractive()])
    assert first.status is artifacts.Status.REJECTED
    assert first.content is not None
    assert first.grounding is not None
    assert not first.grounding["passed"]
    assert "“Bob was promised 999 EUR.”: the source does not exist in the context" in first.reasons
    assert last.status is artifacts.Status.OK


def test_a_generator_that_writes_something_usable_is_not_replaced() -> None:
    attempts = generator.write(KIND, CONTEXT, [misbehaving("good"), generator.extractive()])
    assert [attempt.provenance["generator"] for attempt in attempts] == ["llm"]


def test_when_every_generator_fails_the_last_attempt_says_so() -> None:
    dead: list[Any] = [misbehaving("silent"), misbehaving("dies", name="extractive")]
    assert [attempt.status for attempt in generator.write(KIND, CONTEXT, dead)] == [artifacts.Status.FAILED] * 2
