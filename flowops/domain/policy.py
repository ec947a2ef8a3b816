"""Rules, rulings and verdicts: the strictest verdict wins, and the trace says why.

What a rule module needs is here: `rule`, `Facts`, and the four rulings.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple, Self

from flowops.domain import effects, reading, steps
from flowops.domain.facts import Facts as Facts  # for rule modules
from flowops.domain.handoffs import Priority, Reason, Tier

LONGEST_REASON = 500
MOST_APPROVALS = 5
MOST_READ = 500  # facts that a rule is said to have read


class Outcome(StrEnum):
    """What a rule or a verdict says, mildest first; a rule that has nothing to say abstains."""

    ABSTAIN = "abstain"
    APPROVE = "approve"
    REVIEW = "review"
    DENY = "deny"


# Named once, for a class's own names are looked up slowly, and these are made many times in each decision.
_ABSTAIN, _APPROVE, _REVIEW, _DENY = Outcome
_new = tuple.__new__


class Mode(StrEnum):
    """Does a rule count (`on`), is what it says only kept beside the verdict (`shadow`), or is it not asked (`off`)?"""

    ON = "on"
    SHADOW = "shadow"
    OFF = "off"


_ON = Mode.ON
_MEDIUM = Priority.MEDIUM


class Ruling(NamedTuple):
    """What one rule said and why, in a sentence with the numbers in it.

    `issue` is the handoff reason a review of this rule stands for. The rest is the least the case deserves: its
    priority, whose role is needed for it, and how many different people must approve the effect.
    """

    outcome: Outcome
    reason: str
    issue: Reason | None = None
    priority: Priority | None = None
    tier: Tier | None = None
    approvals: int = 0


def approve(reason: str) -> Ruling:
    """Nothing here needs a person."""
    return _new(Ruling, (_APPROVE, _plain(reason), None, None, None, 0))


def review(
    reason: str,
    issue: Reason = Reason.POLICY_BOUNDARY,
    priority: Priority | None = None,
    *,
    tier: Tier | None = None,
    approvals: int = 0,
) -> Ruling:
    """A person must decide; `issue` becomes one of the handoff's issues."""
    if priority is None and tier is None and approvals == 0:
        issue = issue if type(issue) is Reason else Reason(issue)
        return _new(Ruling, (_REVIEW, _plain(reason), issue, None, None, 0))
    return Ruling(Outcome.REVIEW, _plain(reason), Reason(issue), *_least(priority, tier, approvals))


def deny(reason: str) -> Ruling:
    """Nobody may do this, a person neither."""
    return Ruling(Outcome.DENY, _plain(reason))


def abstain(reason: str, priority: Priority | None = None, *, tier: Tier | None = None, approvals: int = 0) -> Ruling:
    """This rule has nothing to say about the outcome; it may still speak about who decides, and how soon."""
    if priority is None and tier is None and approvals == 0:
        return _new(Ruling, (_ABSTAIN, _plain(reason), None, None, None, 0))
    return Ruling(Outcome.ABSTAIN, _plain(reason), None, *_least(priority, tier, approvals))


def _plain(reason: object) -> str:
    """One line that every database can store, and of a length that people read."""
    if type(reason) is str and len(reason) <= LONGEST_REASON and reason.isprintable():
        return reason
    if isinstance(reason, str):  # a member of an enum is one
        reason = str(reason)
    else:
        msg = f"the reason of a ruling is a sentence, not {type(reason).__name__}"
        raise TypeError(msg)
    reason = "".join(each if each.isprintable() else " " for each in reason[: 2 * LONGEST_REASON])
    return reason if len(reason) <= LONGEST_REASON else reason[: LONGEST_REASON - 1] + "…"


def _least(priority: Priority | None, tier: Tier | None, approvals: int) -> tuple[Priority | None, Tier | None, int]:
    if not 0 <= approvals <= MOST_APPROVALS:
        msg = f"an effect waits for at most {MOST_APPROVALS} approvals, not {approvals}"
        raise ValueError(msg)
    return priority and Priority(priority), tier and Tier(tier), int(approvals)


_NOTHING_MORE = (None, None, 0)


class Spoken(NamedTuple):
    """One rule's part in a decision: what it ruled, and the facts it read, each time it read them.

    `failed` names what kept it from ruling, so that it asked for a person.
    """

    rule: str
    mode: Mode
    ruling: Ruling
    read: tuple[str, ...]
    failed: str | None = None

    @property
    def outcome(self) -> Outcome:
        return self.ruling.outcome

    @property
    def reason(self) -> str:
        return self.ruling.reason


@dataclass(frozen=True)
class Rule:
    """A named pure function from facts to a ruling; `kinds` are the effects it rules on, empty means every request."""

    name: str
    doc: str
    kinds: frozenset[str]
    judge: Callable[[Facts], Ruling]
    mode: Mode = Mode.ON
    line: int = 0
    counts: bool = True  # may it take steps that are counted?

    def rule_on(self, facts: Facts) -> Ruling:
        """This rule's ruling; a rule that fails asks for a person, it never stops a decision."""
        return self.speak(facts, []).ruling

    def speak(self, facts: Facts, read: list[str]) -> Spoken:
        """Its part in a decision on facts that note in `read` what is read of them."""
        if self.counts:
            steps.begin()
        failed = None
        try:
            ruling = self.judge(facts)
            if type(ruling) is not Ruling:
                failed = f"giving {type(ruling).__name__} and no ruling"
        except (Exception, steps.Overrun) as error:
            # Its message may change with a library's version, and the same facts must give the same bytes.
            failed = type(error).__name__
        if failed:
            ruling = review(f"the rule failed with {failed}")
        spoken = _new(Spoken, (self.name, self.mode, ruling, (*read,), failed))
        read.clear()
        return spoken


def rule(*kinds: str, mode: str = "on") -> Callable[[Callable[[Facts], Ruling]], Rule]:
    """Make a function a rule named after its module and itself, for these kinds of effect (none: for everything).

    Its mode is on, shadow or off; anything else is a ValueError, and so is a kind of effect that there is none of.
    """
    if unknown := [kind for kind in kinds if kind not in effects.KINDS]:
        msg = f"there is no kind of effect {unknown[0]!r}; there are {', '.join(sorted(effects.KINDS))}"
        raise ValueError(msg)

    def decorate(judge: Callable[[Facts], Ruling]) -> Rule:
        name = f"{judge.__module__.rpartition('.')[2]}.{judge.__name__}"
        doc = " ".join((judge.__doc__ or "").split())
        return Rule(name, doc, frozenset(kinds), judge, Mode(mode), judge.__code__.co_firstlineno)

    return decorate


class Divergence(NamedTuple):
    """What the verdict would have been with a rule that is only in shadow."""

    rule: str
    outcome: Outcome


class Verdict(NamedTuple):
    """What policy decided, with every rule's part in it; `rulings` are those that mattered.

    `tier` and `approvals` are the least that rules asked for, None and 0 when none did.
    """

    outcome: Outcome
    trace: tuple[Spoken, ...]
    policy_version: str
    priority: Priority
    issues: tuple[Reason, ...] = ()
    tier: Tier | None = None
    approvals: int = 0
    divergences: tuple[Divergence, ...] = ()

    @property
    def rulings(self) -> tuple[Spoken, ...]:
        """The rules that count and said more than that they have nothing to say."""
        return tuple(s for s in self.trace if s.mode is Mode.ON and _matters(s.ruling))

    @property
    def reason(self) -> str:
        """The sentence of the first ruling that made the outcome what it is."""
        return next((s.ruling.reason for s in self._decisive), "no rule approved it")

    @property
    def decided_by(self) -> str:
        """The rule behind that sentence; `default` when no rule approved it."""
        return next((s.rule for s in self._decisive), "default")

    @property
    def _decisive(self) -> Iterable[Spoken]:
        return (s for s in self.trace if s.mode is Mode.ON and s.ruling.outcome is self.outcome)

    def dump(self) -> dict[str, Any]:
        """The verdict as it is kept: JSON types, under the names clients see."""
        return {
            "outcome": self.outcome.value,
            "rulings": [_told(spoken) for spoken in self.rulings],
            "policyVersion": self.policy_version,
            "priority": self.priority.value,
            "issues": [issue.value for issue in self.issues],
            "tier": self.tier and self.tier.value,
            "approvals": self.approvals,
            "divergences": [{"rule": each.rule, "outcome": each.outcome.value} for each in self.divergences],
            "trace": [
                _told(s) | {"mode": s.mode.value, "read": list(dict.fromkeys(s.read))[:MOST_READ], "failed": s.failed}
                for s in self.trace
            ],
        }

    @classmethod
    def load(cls, kept: dict[str, Any]) -> Self:
        """The verdict that was kept; what versions before kept says less."""
        return cls(
            outcome=Outcome(kept["outcome"]),
            trace=tuple(_spoken(each) for each in kept.get("trace", kept["rulings"])),
            policy_version=kept["policyVersion"],
            priority=Priority(kept["priority"]),
            issues=tuple(map(Reason, kept["issues"])),
            tier=Tier(kept["tier"]) if kept.get("tier") else None,
            approvals=kept.get("approvals", 0),
            divergences=tuple(Divergence(d["rule"], Outcome(d["outcome"])) for d in kept.get("divergences", ())),
        )


@dataclass(frozen=True)
class Policy:
    """A set of rules under one version, the hash of their source."""

    version: str
    rules: tuple[Rule, ...]
    source: str = ""
    _of: dict[str | None, tuple[Rule, ...]] = field(init=False, default_factory=dict, repr=False, compare=False)

    def decide(self, facts: Facts) -> Verdict:
        """Let every rule that applies speak; the strictest wins, and when nobody approves the verdict is review.

        No rule alone approves an effect of which a record is missing, or a check did not pass.
        """
        read: list[str] = []
        noting, kind = reading.noting(facts, read.append), facts.asked.kind
        trace: list[Spoken] = []
        shadows: list[Spoken] = []
        issues: set[Reason] = set()
        strictest, urgent, least, most = _ABSTAIN, None, None, 0
        for rule in self._of.get(kind) or self._rules(kind):  # in one pass over locals: it is done for every decision
            spoken = rule.speak(noting, read)
            trace.append(spoken)
            if rule.mode is not _ON:
                shadows.append(spoken)
                continue
            outcome, _, issue, priority, tier, approvals = spoken.ruling
            if outcome is not _ABSTAIN and outcome is not strictest and strictest is not _DENY:
                strictest = _stricter(strictest, outcome)
            if issue is not None:
                issues.add(issue)
            if priority is not None:
                urgent = highest((urgent, priority))
            if tier is not None and tier is Tier.SUPERVISOR:
                least = tier
            if approvals > most:
                most = approvals
        if strictest is _APPROVE and (why := doubt(facts)):
            ruling = review(why, Reason.VERIFICATION_FAILED)
            trace.append(Spoken("default.known_and_verified", _ON, ruling, ()))
            strictest = _REVIEW
            issues.add(Reason.VERIFICATION_FAILED)
        outcome = _REVIEW if strictest is _ABSTAIN else strictest  # what nobody approves goes to a person
        ordered = tuple(sorted(issues, key=_RANK.__getitem__)) if issues else ()
        divergences = tuple(_divergences(shadows, strictest)) if shadows else ()
        told = (outcome, tuple(trace), self.version, urgent or _MEDIUM, ordered, least, most, divergences)
        return _new(Verdict, told)

    def describe(self) -> list[dict[str, Any]]:
        """The rules for people to read."""
        return [{"name": r.name, "doc": r.doc, "kinds": sorted(r.kinds), "mode": r.mode.value} for r in self.rules]

    def _rules(self, kind: str | None) -> tuple[Rule, ...]:
        """Those that speak about this kind of effect; kinds nobody knows are not remembered, or there were no end."""
        known = kind if kind is None or kind in effects.KINDS else ""
        if known not in self._of:
            self._of[known] = tuple(
                rule for rule in self.rules if rule.mode is not Mode.OFF and (not rule.kinds or known in rule.kinds)
            )
        return self._of[known]


def highest(priorities: Iterable[Priority | None]) -> Priority:
    """The most urgent of these; MEDIUM when none is given.

    >>> highest([None, Priority.LOW, Priority.HIGH])
    <Priority.HIGH: 'high'>
    """
    return max((p for p in priorities if p), key=lambda p: p.rank, default=Priority.MEDIUM)


_RANK = {reason: rank for rank, reason in enumerate(Reason)}
_SEVERITY = {outcome: rank for rank, outcome in enumerate(Outcome)}


def _divergences(shadows: Iterable[Spoken], strictest: Outcome) -> Iterator[Divergence]:
    """The rules in shadow that would have made it another outcome, each alone."""
    verdict = _REVIEW if strictest is _ABSTAIN else strictest
    for spoken in shadows:
        outcome = _stricter(strictest, spoken.outcome)
        if outcome not in {verdict, _ABSTAIN}:
            yield Divergence(spoken.rule, outcome)


def _stricter(one: Outcome, other: Outcome) -> Outcome:
    return max(one, other, key=_SEVERITY.__getitem__)


def _matters(ruling: Ruling) -> bool:
    return ruling.outcome is not Outcome.ABSTAIN or ruling[3:] != _NOTHING_MORE


def doubt(facts: Facts) -> str | None:
    """Why nobody but a person can approve the effect that is asked for."""
    asked, records, checks = facts.asked, facts.records, facts.checks
    if asked.kind is None:
        return None
    needed = effects.KINDS[asked.kind].records if asked.kind in effects.KINDS else ()
    missing = [name for name in needed if getattr(records, name) is None]
    if not needed or missing or asked.effect is None:
        return f"the {' and the '.join(missing) or 'effect'} it needs is not known"
    if not checks or [check for check in checks if not check.passed]:
        return "it was not verified, or not everything of it"
    return None


def _told(spoken: Spoken) -> dict[str, Any]:
    ruling = spoken.ruling
    return {
        "rule": spoken.rule,
        "outcome": ruling.outcome.value,
        "reason": ruling.reason,
        "issue": ruling.issue and ruling.issue.value,
        "priority": ruling.priority and ruling.priority.value,
        "tier": ruling.tier and ruling.tier.value,
        "approvals": ruling.approvals,
    }


def _spoken(told: dict[str, Any]) -> Spoken:
    ruling = Ruling(
        Outcome(told["outcome"]),
        told["reason"],
        Reason(told["issue"]) if told["issue"] else None,
        Priority(told["priority"]) if told["priority"] else None,
        Tier(told["tier"]) if told.get("tier") else None,
        told.get("approvals", 0),
    )
    return Spoken(told["rule"], Mode(told.get("mode", "on")), ruling, tuple(told.get("read", ())), told.get("failed"))
