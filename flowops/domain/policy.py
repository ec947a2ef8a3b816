"""Rules, rulings and verdicts: the strictest verdict wins, and the trace says why."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flowops.domain.facts import Fact, Facts
from flowops.domain.handoffs import Priority, Reason


class Outcome(StrEnum):
    """What a rule or a verdict says, mildest first; a rule that has nothing to say abstains."""

    ABSTAIN = "abstain"
    APPROVE = "approve"
    REVIEW = "review"
    DENY = "deny"


class Ruling(Fact):
    """What one rule said and why, in a sentence with the numbers in it.

    `issue` is the handoff reason a review of this rule stands for; `priority` is the least the case deserves.
    """

    rule: str
    outcome: Outcome
    reason: str
    issue: Reason | None = None
    priority: Priority | None = None


def approve(reason: str) -> Ruling:
    """Nothing here needs a person."""
    return Ruling(rule="", outcome=Outcome.APPROVE, reason=reason)


def review(reason: str, issue: Reason = Reason.POLICY_BOUNDARY, priority: Priority | None = None) -> Ruling:
    """A person must decide; `issue` becomes one of the handoff's issues."""
    return Ruling(rule="", outcome=Outcome.REVIEW, reason=reason, issue=issue, priority=priority)


def deny(reason: str) -> Ruling:
    """Nobody may do this, a person neither."""
    return Ruling(rule="", outcome=Outcome.DENY, reason=reason)


def abstain(reason: str, priority: Priority | None = None) -> Ruling:
    """This rule has nothing to say about the outcome; it may still speak about the priority."""
    return Ruling(rule="", outcome=Outcome.ABSTAIN, reason=reason, priority=priority)


@dataclass(frozen=True)
class Rule:
    """A named pure function from facts to a ruling; `kinds` are the effects it rules on, empty means every request."""

    name: str
    doc: str
    kinds: frozenset[str]
    judge: Callable[[Facts], Ruling]

    def rule_on(self, facts: Facts) -> Ruling:
        """This rule's ruling under its name; a rule that fails asks for a person, it never stops a decision."""
        try:
            ruling = self.judge(facts)
        except Exception as error:
            # Its message may change with a library's version, and the same facts must give the same bytes.
            ruling = review(f"the rule failed with {type(error).__name__}")
        return ruling.model_copy(update={"rule": self.name})


def rule(*kinds: str) -> Callable[[Callable[[Facts], Ruling]], Rule]:
    """Make a function a rule named after its module and itself, for these kinds of effect (none: for everything)."""

    def decorate(judge: Callable[[Facts], Ruling]) -> Rule:
        name = f"{judge.__module__.rpartition('.')[2]}.{judge.__name__}"
        return Rule(name, " ".join((judge.__doc__ or "").split()), frozenset(kinds), judge)

    return decorate


class Verdict(Fact):
    """What policy decided, and every rule that spoke."""

    outcome: Outcome
    rulings: tuple[Ruling, ...]
    policy_version: str
    priority: Priority
    issues: tuple[Reason, ...] = ()

    @property
    def reason(self) -> str:
        """The sentence of the first ruling that made the outcome what it is."""
        return next((r.reason for r in self.rulings if r.outcome is self.outcome), "no rule approved it")

    @property
    def decided_by(self) -> str:
        """The rule behind that sentence; `default` when no rule approved it."""
        return next((r.rule for r in self.rulings if r.outcome is self.outcome), "default")


@dataclass(frozen=True)
class Policy:
    """A set of rules under one version, the hash of their source."""

    version: str
    rules: tuple[Rule, ...]

    def decide(self, facts: Facts) -> Verdict:
        """Let every rule that applies speak; the strictest wins, and when nobody approves the verdict is review.

        Abstentions are left out of the trace unless they say something about the priority.
        """
        spoke = (rule.rule_on(facts) for rule in self.rules if not rule.kinds or facts.asked.kind in rule.kinds)
        rulings = tuple(r for r in spoke if r.outcome is not Outcome.ABSTAIN or r.priority is not None)
        spoken = {r.outcome for r in rulings}
        outcome = next((o for o in (Outcome.DENY, Outcome.REVIEW, Outcome.APPROVE) if o in spoken), Outcome.REVIEW)
        issues = {r.issue for r in rulings if r.issue is not None}
        return Verdict(
            outcome=outcome,
            rulings=rulings,
            policy_version=self.version,
            priority=highest(r.priority for r in rulings),
            issues=tuple(reason for reason in Reason if reason in issues),
        )

    def describe(self) -> list[dict[str, Any]]:
        """The rules for people to read."""
        return [{"name": r.name, "doc": r.doc, "kinds": sorted(r.kinds), "mode": "on"} for r in self.rules]


def highest(priorities: Iterable[Priority | None]) -> Priority:
    """The most urgent of these; MEDIUM when none is given.

    >>> highest([None, Priority.LOW, Priority.HIGH])
    <Priority.HIGH: 'high'>
    """
    return max((p for p in priorities if p), key=lambda p: p.rank, default=Priority.MEDIUM)
