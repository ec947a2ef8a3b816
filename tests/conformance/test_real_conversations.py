"""Real conversations between customers and an automation become cases, of which the assistant writes what is true."""

import json
from pathlib import Path
from typing import Any

from flowops.ai import extractive
from flowops.app import App
from flowops.domain import artifacts, grounding
from flowops.domain.access import Role
from tests import delivery, live, make


def as_case(conversation: dict[str, Any]) -> dict[str, Any]:
    """The body of `POST /handoffs` that an integrator would make of one."""
    said = [m for m in conversation["messages"] if m["role"] in {"customer", "automation"}]
    tools = [m for m in conversation["messages"] if m["role"] == "tool"]
    return {
        "externalId": conversation["id"],
        "channel": "chat",
        "customer": {"id": conversation["id"]},
        "title": next(m["text"] for m in said if m["role"] == "customer")[:200],
        "reason": "other",
        "messages": [{"role": m["role"], "text": m["text"]} for m in said if m["text"].strip()],
        "facts": [
            {
                "source": f"tool:{tool['tool']}",
                "data": tool["result"] if isinstance(tool["result"], dict) else {"result": tool["result"]},
            }
            for tool in tools
        ],
    }


def test_every_conversation_gets_artifacts_of_every_kind_whose_every_claim_is_grounded(
    published: Path, app: App
) -> None:
    conversations = json.loads((published / "conversations" / "airline.json").read_text())
    assert len(conversations) == 25
    bot, viewer = make.token(app, Role.SERVICE, "bot"), make.token(app, Role.VIEWER, "Vera")
    with live.in_process(app) as api:
        numbers = []
        for conversation in conversations:
            answer = api.post("/handoffs", bot, json=as_case(conversation))
            assert answer.status_code == 201, answer.text
            numbers.append(answer.json()["number"])
        delivery.deliver(app)
        for number in numbers:
            summary = api.get(f"/handoffs/{number}/ai/summary", viewer).json()
            assert summary["status"] == "ok", summary
            assert summary["content"]["keyFacts"]
            assert all(claim["ok"] for claim in summary["grounding"]["claims"]), summary["grounding"]
            assert summary["grounding"]["claims"]
            seen = api.get(f"/artifacts/{summary['id']}/context", viewer).json()
            claims = []
            for kind in (artifacts.DRAFT, artifacts.RISK, artifacts.RESOLUTION):
                content = artifacts.validate(kind, extractive.generate(kind, seen))
                claims += artifacts.claims(kind, content)
            found = grounding.check(seen, claims)
            assert found.passed, (number, [claim for claim in found.claims if not claim.ok])
