"""A reply is never sent on policy's word alone."""

from flowops.domain import policies
from flowops.domain.policy import Outcome
from tests.domain import make


def test_a_reply_always_waits_for_a_person() -> None:
    facts = make.verified(asked=make.asked(kind="reply", params={"body": "Hello"}))
    verdict = policies.builtin().decide(facts)
    assert verdict.outcome is Outcome.REVIEW
    assert verdict.reason == "a reply is sent only after a person has approved it"
