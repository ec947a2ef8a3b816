"""Runs rules on many facts, in a process of its own, and writes a line of JSON for each; it reaches no database.

What it reads: `{"files": ..., "rules": [...], "examples": n}` on standard input. A rule's line has a hash of all that
it ruled, to be compared with another process's, and what was wrong with it.
"""

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from flowops.cli.policy import samples
from flowops.domain import policy, reading, ruleset, steps
from flowops.domain.facts import Facts

TOO_LONG = f"it took more than {steps.MOST} steps"
MOST = 5  # things wrong with one rule, after which it is asked no more


def main() -> None:
    """Try the rules that are asked for."""
    given = json.load(sys.stdin)
    rules = {rule.name: rule for rule in ruleset.load(given["files"]).rules}
    facts = generated(given["examples"])
    for name in given["rules"]:
        say({"rule": name})  # it begins; whoever waits knows which one does not end
        say({"rule": name, "fuzzed": len(facts)} | tried(rules[name], facts))


def tried(rule: policy.Rule, others: Sequence[Facts] = ()) -> dict[str, Any]:
    """What was wrong with a rule: `[line, what]` of each, and the hash of everything it ruled."""
    digest, wrong = hashlib.sha256(), dict[tuple[int, str], None]()

    def look(facts: Facts, about: str | None = None) -> None:
        if len(wrong) >= MOST or (rule.line, TOO_LONG) in wrong:
            return
        first, error = asked(rule, facts)
        second, _ = asked(rule, facts)
        digest.update(json.dumps([*first]).encode())
        if first != second:
            wrong[rule.line, f"it ruled differently on the same facts: {first[1]!r}, then {second[1]!r}"] = None
        if error is not None:
            wrong[error] = None
        doubt = policy.doubt(facts)
        if first[0] == policy.Outcome.APPROVE and (about or doubt):
            wrong[rule.line, f"it approves although {about or doubt}"] = None

    for kind in (*samples.KINDS, None):
        if not rule.kinds or kind in rule.kinds:
            look(samples.sound(kind))
            for about, facts in samples.bent(kind) if kind else ():
                look(facts, about)
    for facts in others:
        if not rule.kinds or facts.asked.kind in rule.kinds:
            look(facts)
    return {"hash": digest.hexdigest(), "wrong": list(wrong)}


def generated(count: int) -> list[Facts]:
    """So many facts nobody thought of; none without Hypothesis."""
    try:
        from flowops.cli.policy import fuzz
    except ImportError:
        return []
    from hypothesis import given, settings

    found: list[Facts] = []

    @settings(fuzz.SETTINGS, max_examples=count)
    @given(fuzz.facts())
    def keep(facts: Facts) -> None:
        found.append(facts)

    keep()
    return found


def asked(rule: policy.Rule, facts: Facts) -> tuple[tuple[str, ...], tuple[int, str] | None]:
    """What a rule rules, for comparing, and where and how it failed."""
    spoken = rule.speak(reading.noting(facts, (read := list[str]()).append), read)
    error = None
    if spoken.failed == steps.Overrun.__name__:
        error = rule.line, TOO_LONG
    elif spoken.failed is not None:
        error = rule.line, f"it failed: {spoken.failed}"
        steps.begin()
        try:
            rule.judge(reading.noting(facts, read.append))
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is the finding
            *_, last = [rule.line, *_lines(fault, rule)]
            error = last, f"it failed: {type(fault).__name__}: {fault}"
    return (spoken.outcome.value, spoken.reason, *spoken.read), error


def _lines(fault: BaseException, rule: policy.Rule) -> Iterator[int]:
    """The lines of the rule's own module that led to its failure."""
    at = fault.__traceback__
    while at is not None:
        if at.tb_frame.f_code.co_filename == rule.judge.__code__.co_filename:
            yield at.tb_lineno
        at = at.tb_next


def say(line: dict[str, Any]) -> None:
    """One line for whoever started this process."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
