"""A model writes what is usable, or the built-in generator does: nothing a provider does leaves a case without."""

import importlib.util
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flowops import app as application
from flowops import errors, settings
from flowops.ai import context, generator, llm
from flowops.domain import artifacts
from flowops.domain.artifacts import Status
from tests.ai import cases, hostile, provider

KIND = artifacts.RISK
SECRET = "no-real-key"
CARD = "4111 1111 1111 1111"
CASE = cases.ordinary()
CASE["messages"][-1]["text"] += f" My card is {CARD}, call +49 30 1234567."
CONTEXT = context.build(CASE)
GOOD = {"level": "high", "reasons": [{"text": "The plan is pro.", "source": "/customer/plan"}], "flags": []}
INVENTED = hostile.WORST[KIND]


def model(url: str, seconds: float = 30, **more: Any) -> llm.Llm:
    return llm.Llm("openai:some-model", url, timedelta(seconds=seconds), secrets={"OPENAI_API_KEY": SECRET}, **more)


def write(asked: llm.Llm, kind: str = KIND) -> list[generator.Attempt]:
    return generator.write(kind, CONTEXT, [asked, generator.extractive()])


def test_a_model_writes_an_artifact_and_is_told_to_the_reader() -> None:
    with provider.answering(GOOD) as server:
        (attempt,) = write(model(server.url))
    assert (attempt.status, attempt.content) == (Status.OK, GOOD)
    told = attempt.provenance
    assert (told["generator"], told["model"], told["attempts"]) == ("llm", provider.NAME, 1)
    assert (told["inputTokens"], told["outputTokens"]) == (11, 7)
    assert len(told["promptSha256"]) == 64
    assert told["promptSha256"].startswith(told["promptVersion"])
    assert told["latencyMs"] > 0
    assert server.keys == [f"Bearer {SECRET}"]


def test_it_is_given_the_schema_the_case_and_no_tools() -> None:
    with provider.answering(GOOD) as server:
        write(model(server.url))
    (asked,) = server.asked
    assert not asked.get("tools")
    assert asked["response_format"]["type"] == "json_schema"
    assert "level" in asked["response_format"]["json_schema"]["schema"]["properties"]
    told = asked["messages"][-1]["content"]
    assert told.startswith("CASE\n")
    assert json.loads(told.removeprefix("CASE\n").removesuffix("\nEND OF CASE"))["handoff"]["title"] == "Charged twice"


def test_nobody_is_named_to_it_and_its_reader_sees_who_was_meant() -> None:
    drafted = {
        "subject": "Your charge",
        "body": "We write to [EMAIL-1].",
        "claims": [{"text": "[EMAIL-1]", "source": "/customer/email"}],
        "uncertainties": [],
    }
    with provider.answering(drafted) as server:
        (attempt,) = write(model(server.url), artifacts.DRAFT)
    sent = json.dumps(server.asked)
    assert [text for text in ("ada@example.com", CARD, "1234567") if text in sent] == []
    assert attempt.status is Status.OK, attempt.reasons
    assert attempt.content is not None
    assert attempt.content["body"] == "We write to ada@example.com."


@pytest.mark.parametrize("wrong", [INVENTED, {"level": "none"}, "I am sorry.", "[]"])
def test_what_was_refused_is_told_once_and_mended(wrong: Any) -> None:
    with provider.answering(wrong, GOOD) as server:
        (attempt,) = write(model(server.url))
    assert (attempt.status, attempt.content, attempt.provenance["attempts"]) == (Status.OK, GOOD, 2)
    assert attempt.provenance["inputTokens"] == 22
    assert "This was refused:" in server.asked[1]["messages"][-1]["content"]


def test_what_is_refused_twice_is_kept_and_the_built_in_generator_answers() -> None:
    with provider.answering(INVENTED) as server:
        rejected, usable = write(model(server.url))
    assert len(server.asked) == 2
    assert (rejected.status, rejected.content) == (Status.REJECTED, INVENTED)
    assert rejected.reasons
    assert (usable.status, usable.provenance["generator"]) == (Status.OK, "extractive")
    assert usable.provenance["fallbackFrom"] == "llm"


@pytest.mark.parametrize("fault", ["reset", "hang", 500, 529, 401, "truncated", "no JSON", "refused"])
def test_a_provider_in_trouble_keeps_no_case_waiting(fault: Any) -> None:
    with provider.answering(fault) as server:
        url = provider.refusing() if fault == "refused" else server.url
        failed, usable = write(model(url, seconds=9))
    assert (failed.status, usable.status) == (Status.FAILED, Status.OK)
    assert failed.reasons[0].startswith(("the provider", "it took longer than it may")), failed.reasons
    assert failed.provenance["latencyMs"] < 15_000
    assert SECRET not in json.dumps([failed.reasons, failed.provenance])


def test_trouble_that_passes_is_waited_for() -> None:
    with provider.answering(429, "slow", GOOD) as server:
        (attempt,) = write(model(server.url))
    assert (attempt.status, len(server.asked)) == (Status.OK, 3)


def test_a_provider_that_fails_again_and_again_is_left_alone_for_a_while() -> None:
    now = [0.0]
    breaker = llm.Breaker(lambda: now[0])
    for _ in range(llm.TOO_MUCH):
        assert breaker.wait() == 0
        breaker.end(well=False)
    assert 0 < breaker.wait() <= llm.ALONE
    with provider.answering(GOOD) as server:
        failed, _ = write(model(server.url, breaker=breaker))
        assert failed.reasons == ("its provider failed 5 times in a row, and is left alone for 30 s more",)
        assert server.asked == []
        now[0] += llm.ALONE
        assert breaker.wait() == 0  # one may see
        assert breaker.wait() > 0  # and no other one
        breaker.end(well=True)
        assert [attempt.status for attempt in write(model(server.url, breaker=breaker))] == [Status.OK]


def test_only_its_own_key_reaches_a_provider() -> None:
    known = {
        "OPENAI_API_KEY": "a",
        "ANTHROPIC_API_KEY": "b",
        "GEMINI_API_KEY": "c",
        "FLOWOPS_SECRET_KEY": "d",
        "FLOWOPS_DATABASE_URL": "e",
        "HTTPS_PROXY": "p",
        "HOME": "/root",
    }
    assert llm.keys("anthropic:some", known) == {"ANTHROPIC_API_KEY": "b", "HTTPS_PROXY": "p"}
    assert llm.keys("google-gla:some", known) == {"GEMINI_API_KEY": "c", "HTTPS_PROXY": "p"}
    assert llm.keys("ollama:some", known) == {"HTTPS_PROXY": "p"}


@pytest.mark.parametrize("name", ["openai:x", "nobody:x"])
def test_a_model_that_cannot_be_asked_says_what_is_missing(name: str) -> None:
    failed, usable = write(llm.Llm(name, timeout=timedelta(seconds=20)))
    assert (failed.status, usable.status) == (Status.FAILED, Status.OK)
    assert any(word in failed.reasons[0] for word in ("OPENAI_API_KEY", "Unknown model: nobody:x")), failed.reasons


def test_a_wrong_name_of_a_model_or_pattern_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value, why in (
        ("FLOWOPS_AI_MODEL", "gpt-5.2", "it reads like openai:gpt-5.2"),
        ("FLOWOPS_AI_REDACT", '["("]', "is no regular expression"),
    ):
        with monkeypatch.context() as inner:
            inner.setenv(name, value)
            with pytest.raises(errors.WrongSetting, match=f"{name}.*{why}"):
                settings.load()


def test_a_model_without_its_package_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    asked = settings.load(database_url=f"sqlite:///{tmp_path / 'f.db'}", ai_model="openai:gpt-5.2")
    with pytest.raises(errors.WrongSetting, match=r"pip install 'flowops\[ai\]'"):
        application.build(asked)


def test_a_configured_model_is_asked_first_and_the_built_in_generator_stands_in(tmp_path: Path) -> None:
    asked = settings.load(database_url=f"sqlite:///{tmp_path / 'f.db'}", ai_model="openai:gpt-5.2", ai_timeout="5s")
    app = application.build(asked)
    assert [each.name for each in app.generators] == ["llm", "extractive"]
    app.close()
