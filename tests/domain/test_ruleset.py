"""Rules are loaded from their source, have a bound, and are known by the hash of it."""

from collections.abc import Callable

import pytest

from flowops import errors
from flowops.domain import policies, ruleset, steps
from flowops.domain.policy import Outcome, Policy, Spoken
from tests.domain import make

HEAD = "from flowops.domain.policy import Facts, Ruling, abstain, approve, review, rule\n"


def own(body: str, **others: str) -> Policy:
    return ruleset.load(
        {"own.py": f'{HEAD}@rule()\ndef said(facts: Facts) -> Ruling:\n    """Says."""\n{body}'} | others
    )


def said(body: str, **others: str) -> Spoken:
    return own(body, **others).decide(make.verified()).trace[0]


@pytest.mark.parametrize(
    "body",
    [
        "    for a in range(1000):\n        for b in range(1000):\n            pass\n    return approve('done')",
        "    return approve(str(sum(a * b for a in range(1000) for b in range(1000))))",
        "    return approve(str(sum(range(10_000_000))))",
        "    return approve(str(again(30)))\n\n"
        "def again(n: int) -> int:\n    return again(n - 1) + again(n - 1) if n else 1",
        "    f = lambda n: f(n - 1) + f(n - 1) if n else 1\n    return approve(str(f(30)))",
        "    try:\n        return approve(str([n for n in range(90_000) for m in range(90_000)]))\n"
        "    except Exception:\n        return approve('caught')",
    ],
)
def test_a_rule_that_would_take_for_ever_asks_for_a_person(body: str) -> None:
    first, second = said(body), said(body)
    assert (first.outcome, first.failed) == (Outcome.REVIEW, "Overrun")
    assert first == second


def test_the_bound_is_of_each_rule_and_not_of_all_of_them() -> None:
    body = f"    return abstain(str(len([n for n in range({steps.MOST - 1})])))"
    policy = own(body)
    assert [policy.decide(make.verified()).trace[0].failed for _ in range(3)] == [None] * 3


@pytest.mark.parametrize(
    ("body", "failed"),
    [
        ("    return 1 / 0", "ZeroDivisionError"),
        ("    return True", "giving bool and no ruling"),
        ("    return approve(5)", "TypeError"),
        ("    return review('r', 'whatever')", "ValueError"),
        ("    return review('r', approvals=99)", "ValueError"),
        ("    facts.asked.params.update(money=1)\n    return approve('changed')", "AttributeError"),
        ("    facts.asked.tools[0].data.clear()\n    return approve('changed')", "IndexError"),
        ("    return approve(facts.account.nothing)", "AttributeError"),
    ],
)
def test_a_rule_that_fails_asks_for_a_person(body: str, failed: str) -> None:
    spoken = said(body)
    assert (spoken.outcome, spoken.failed, spoken.reason) == (Outcome.REVIEW, failed, f"the rule failed with {failed}")


@pytest.mark.parametrize(
    "made",
    [
        "([],)",
        "'a b'.split()",
        "sorted((2, 1))",
        "{'a': 1} | {'b': 2}",
        "iter((1, 2))",
        "(n for n in (1, 2))",
        "(Y := [1])[0]",
        "Mutable()",
        "enumerate((1, 2))",
        "lambda seen=([],): seen",
    ],
)
def test_nothing_that_a_decision_could_change_is_kept(made: str) -> None:
    source = f"{HEAD}class Mutable:\n    pass\n\n\nKEPT = {made}\n"
    with pytest.raises(errors.Invalid, match=r"own.py: `\w+` cannot be kept: it holds a \w+, which can be changed"):
        ruleset.load({"own.py": source})


def test_what_nothing_can_change_is_kept() -> None:
    source = f"""
import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from flowops.domain.facts import Plan
from flowops.domain.money import Money

{HEAD}

class Grade(StrEnum):
    GOOD = "good"


@dataclass(frozen=True)
class Tariff:
    name: str
    steps: tuple[int, ...] = field(default=(1, 2))

    @property
    def first(self) -> int:
        return self.steps[0]


class Wrong(Exception):
    pass


def double(number: int, by: int = 2) -> int:
    return number * by


Name = Literal["a", "b"]
KEPT = (1, "a", None, Decimal("0.5"), date(2026, 1, 1), timedelta(days=1), UTC, Grade.GOOD, Tariff("a"), Plan.PRO)
WORD, PLANS, ZERO = re.compile(r"\\w+"), frozenset({{"a"}}), Money(amount=0, currency="EUR")
LATER = datetime(2026, 1, 1)
HALF = lambda number: double(number, 1)
"""
    assert ruleset.load({"own.py": source}).rules == ()


def test_a_kind_of_effect_that_there_is_none_of_is_said() -> None:
    source = f"{HEAD}@rule('refunds')\ndef r(facts: Facts) -> Ruling: ...\n"
    with pytest.raises(errors.Invalid, match=r"own.py:2: .* there is no kind of effect 'refunds'; there are account_"):
        ruleset.load({"own.py": source})


def test_a_rule_that_another_module_names_is_asked_once() -> None:
    other = f"{HEAD}@rule()\ndef r(facts: Facts) -> Ruling:\n    return abstain('once')\n"
    policy = ruleset.load({"other.py": other, "own.py": "from .other import r\nagain = r\n"})
    assert [rule.name for rule in policy.rules] == ["other.r"]


@pytest.mark.parametrize("search", ["re.search(P, 'a')", "find(P, 'a')", "re.search(pattern=P, string='a')"])
def test_a_pattern_that_can_take_for_ever_is_refused_wherever_it_comes_from(search: str) -> None:
    source = f"import re\nfrom re import search as find\n{HEAD}P = '(a+' + ')+$'\n\n@rule()\n"
    source += "def r(facts: Facts) -> Ruling:\n"
    [spoken] = ruleset.load({"own.py": f"{source}    return abstain(str({search}))\n"}).decide(make.verified()).trace
    assert spoken.failed in {"ValueError", "TypeError"}


def test_a_helper_that_is_decorated_counts_its_steps() -> None:
    source = f"""
{HEAD}
class C:
    @staticmethod
    def down(n: int) -> int:
        return C.down(n - 1) + C.down(n - 1) if n else 0


@rule()
def r(facts: Facts) -> Ruling:
    return abstain(str(C.down(30)))
"""
    [spoken] = ruleset.load({"own.py": source}).decide(make.verified()).trace
    assert spoken.failed == "Overrun"


def test_a_reason_is_one_line_that_can_be_stored() -> None:
    assert said("    return abstain('a\\0b\\nc' + 'd' * 600)").reason == f"a b c{'d' * 494}…"


def test_rules_may_be_shared_between_modules() -> None:
    others = {"limits.py": "HIGH = 5\n"}
    source = (
        f"from . import limits\n{HEAD}@rule()\ndef said(facts: Facts) -> Ruling:\n    return abstain(str(limits.HIGH))"
    )
    [rule] = ruleset.load({"own.py": source} | others).rules
    assert rule.rule_on(make.verified()).reason == "5"


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"a.py": "from . import b\n", "b.py": "from . import a\n"}, "import each other"),
        ({"a.py": "X = 1\n\nY = 1 / 0\n"}, "a.py:3: it cannot be loaded: ZeroDivisionError: division by zero"),
        (
            {"a.py": "X = tuple(n for n in range(99_000) for m in range(99_000))\n"},
            "a.py:1: it cannot be loaded: Overrun",
        ),
        ({"a.py": f"{HEAD}@rule(mode='maybe')\ndef r(facts: Facts) -> Ruling: ...\n"}, "a.py:2: it cannot be loaded"),
    ],
)
def test_what_cannot_be_loaded_is_said_with_its_line(files: dict[str, str], reason: str) -> None:
    with pytest.raises(errors.Invalid, match=reason):
        ruleset.load(files)


def test_the_version_is_that_of_the_source_on_every_platform() -> None:
    one, same, other = (ruleset.load({"a.py": text}).version for text in ("X = 1\n", "\ufeffX = 1\r\n", "X = 2\n"))
    assert one == same != other


def test_a_kept_policy_decides_as_it_did() -> None:
    policy = policies.builtin()
    kept = ruleset.restore(policy.version, policy.source)
    assert kept.decide(make.verified()).dump() == policy.decide(make.verified()).dump()


@pytest.mark.parametrize(
    "bend", [lambda source: source.replace("30", "60"), lambda source: "# rules", lambda source: '{"format":0}']
)
def test_a_source_that_is_not_the_versions_own_is_refused(bend: Callable[[str], str]) -> None:
    policy = policies.builtin()
    with pytest.raises(errors.Invalid, match="not the one it is the hash of"):
        ruleset.restore(policy.version, bend(policy.source))
    with pytest.raises(errors.Invalid, match="another version"):
        ruleset.restore(ruleset.version("{}"), "{}")


def test_a_file_of_ones_own_takes_the_place_of_a_built_in_one() -> None:
    together = policies.together({"replies.py": HEAD, "own.py": f"{HEAD}@rule()\ndef r(facts: Facts) -> Ruling: ...\n"})
    names = {rule.name for rule in together.rules}
    assert "own.r" in names
    assert not any(name.startswith("replies.") for name in names)
    assert names >= {rule.name for rule in policies.builtin().rules if not rule.name.startswith("replies.")}
