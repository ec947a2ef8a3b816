"""What an automation really wrote to customers, read as replies of ours: how much of it states what nobody knows."""

import json
import re
import sys
from pathlib import Path
from typing import Any

from flowops.domain import replies
from flowops.domain.facts import Case, Facts
from tests.domain import make

# Whatever could be a fact, read more widely than the product reads it: a digit, or a word of something done.
_FACT = re.compile(
    r"\d|approv|cancel|compensat|credit|paid out|pay .*out|refund|reimburs|releas|suspend|waiv|plan", re.IGNORECASE
)


def show(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def replied(conversation: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Each text of the automation, with everything the customer had written before."""
    found, before = [], []
    for message in conversation["messages"]:
        if message["role"] == "customer":
            before.append(message["text"])
        elif message["role"] == "automation" and message["text"].strip():
            found.append((message["text"], list(before)))
    return found


def facts(text: str, before: list[str]) -> Facts:
    asked = make.asked(kind="reply", params={"body": text[:20_000]})
    return make.facts(asked=asked, case=Case(mentioned=replies.mentions(before, 200)))


def test_replies_that_state_no_fact_are_never_blocked(published: Path) -> None:
    conversations = json.loads((published / "conversations" / "airline.json").read_text())
    texts = [each for conversation in conversations for each in replied(conversation)]
    found = [(text, list(replies.findings(facts(text, before)))) for text, before in texts]
    blocked = [(text, [f.said for f in said if not f.supported]) for text, said in found]
    blocked = [(text, why) for text, why in blocked if why]
    plain = [text for text, _ in texts if not _FACT.search(text)]
    alarms = [text for text, _ in blocked if not _FACT.search(text)]
    read = sum(1 for _, said in found if said)
    show(f"{len(texts)} replies, {read} state something that is read, {len(blocked)} are blocked without records;")
    show(f"{len(plain)} state no fact, {len(alarms)} of them are blocked")
    assert len(texts) > 200
    assert alarms == []
