"""The built-in generator says only what it can cite, whatever the case, and the same for the same case."""

import json
import subprocess
import sys
from typing import Any

from hypothesis import given, settings

from flowops.ai import context, extractive
from flowops.domain import artifacts, grounding
from tests.ai import cases


def test_every_kind_has_an_extractive_version() -> None:
    assert extractive.GENERATORS.keys() == artifacts.KINDS.keys()


@settings(max_examples=200, deadline=None)
@given(cases.contexts)
def test_whatever_the_context_every_kind_is_valid_and_every_claim_grounded(parts: dict[str, Any]) -> None:
    seen = context.build(parts)
    contents = [(kind, artifacts.validate(kind, extractive.generate(kind, seen))) for kind in artifacts.KINDS]
    claims = [claim for kind, content in contents for claim in artifacts.claims(kind, content)]
    found = grounding.check(seen, claims)  # at once, because reading the context is what takes the time
    assert found.passed, [claim for claim in found.claims if not claim.ok]


@settings(max_examples=40, deadline=None)
@given(cases.contexts)
def test_the_same_context_gives_the_same_bytes(parts: dict[str, Any]) -> None:
    seen = context.build(parts)
    for kind in artifacts.KINDS:
        again = extractive.generate(kind, json.loads(json.dumps(seen)))
        assert json.dumps(extractive.generate(kind, seen)) == json.dumps(again)


def test_the_child_loads_nothing_that_is_slow_or_could_act() -> None:
    script = "import flowops.ai.child, sys; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True).stdout
    heavy = {"pydantic", "sqlalchemy", "httpx", "socket", "asyncio", "sqlite3", "flowops.storage", "flowops.actions"}
    assert not heavy & set(loaded.split())
