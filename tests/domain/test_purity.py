"""What a module of rules may not do is refused with its line and the reason, before any of it runs."""

from textwrap import dedent

import pytest

from flowops.domain import policies, purity, ruleset
from flowops.domain.policy import Mode

RULE = "@rule()\ndef r(facts: Facts) -> Ruling:\n"
HEAD = "from flowops.domain.policy import Facts, Ruling, abstain, approve, deny, review, rule\n"
# what is wrong -> the lines of a module, of which the one that ends in "# here" is to be named, and a word of why
IMPURE = {
    "a clock": ("import time  # here", "`time` cannot be imported"),
    "the time of this machine": ("from datetime import datetime\nNOW = datetime.now()  # here", "facts.now"),
    "the time by another name": ("from datetime import datetime as d\nNOW = d.utcnow()  # here", "facts.now"),
    "the day of this machine": ("from datetime import date\nTODAY = date.today()  # here", "facts.now"),
    "the clock of a time": (RULE + "    return abstain(f'{facts.now.now()}')  # here", "clock"),
    "a clock in the place of the facts": ("def at(facts: Facts) -> str:\n    return f'{facts.now()}'  # here", "clock"),
    "the clock by a pattern": (
        RULE + "    match facts:\n        case Facts(now=at):  # here\n            pass",
        "clock",
    ),
    "the seconds of a local time": (RULE + "    return abstain(f'{facts.now.timestamp()}')  # here", "time zone"),
    "the seconds by a format": (RULE + "    return abstain(f'{facts.now:%s}')  # here", "time zone"),
    "a module of a module": ("import re as patterns\nSYS = patterns.enum.sys  # here", "`enum` of `patterns`"),
    "a part of an aliased module": (
        "from flowops.domain import policy as p\nD = p.doubt  # here",
        "`doubt` of `p` is not for rules",
    ),
    "another function of a module": ("import re\nre.search = re.match  # here", "changes what was lent"),
    "another ruling": ("from flowops.domain import policy\npolicy.deny = policy.approve  # here", "changes what was"),
    "a kind of effect less": (
        "from flowops.domain.effects import KINDS\nKINDS['x'] = 1  # here",
        "changes what was lent",
    ),
    "the globals by a pattern": (
        RULE + "    match r:\n        case Facts(__globals__=g):  # here\n            pass",
        "reaches behind",
    ),
    "the frame of a generator": (RULE + "    return (x for x in ()).gi_frame  # here", "reaches behind"),
    "the builtins of a frame": (RULE + "    return facts.f_builtins  # here", "reaches behind"),
    "a pickle": ("from flowops.domain.money import Money\nM = Money.parse_raw(b'')  # here", "reaches behind"),
    "a file read by a fact": (
        "from flowops.domain.facts import Account\nA = Account.parse_file('a')  # here",
        "reaches",
    ),
    "looser money": ("from flowops.domain.money import Money\nM = Money.model_config  # here", "reaches behind"),
    "a class whose annotations are run": (
        "from flowops.domain.money import Money\nclass M(Money):  # here\n    pass",
        "inherits",
    ),
    "a ruling by another name": ("R = Ruling  # here", "rulings are made by"),
    "a ruling of the module": ("from flowops.domain import policy\nR = policy.Ruling  # here", "rulings are made by"),
    "other checks": (RULE + "    return approve(f'{facts.verified(())}')  # here", "`.verified` reaches behind"),
    "a change by the class": (RULE + "    dict.update(facts.asked.params, a=1)  # here", "`dict.update` changes"),
    "an iterator without an end": (RULE + "    return abstain(f'{any(iter(int, 1))}')  # here", "may never end"),
    "a step of one's own": ("def r(__step__: int) -> int:  # here\n    return 1", "two underscores"),
    "another rule that is asked": (RULE + "    return r.rule_on(facts)  # here", "reaches behind"),
    "a finally that returns": (
        RULE + "    try:  # here\n        pass\n    finally:\n        return approve('late')",
        "swallows that the rule took too long",
    ),
    "a rule about nothing": (
        "@rule\ndef r(facts: Facts) -> Ruling:  # here\n    return abstain('')",
        "@rule() for everything",
    ),
    "two rules of one name": (
        RULE
        + "    return deny('')\n"
        + RULE.replace("def r(facts: Facts) -> Ruling:\n", "def r(facts: Facts) -> Ruling:  # here\n")
        + "    return abstain('')",
        "the first would be lost",
    ),
    "a rule within a class": (
        "class C:\n    @rule()\n    def r(facts: Facts) -> Ruling:  # here\n        return abstain('')",
        "never be asked",
    ),
    "a factorial": ("import math\nN = math.factorial(9)  # here", "`factorial` of `math`"),
    "a private part of another module of the folder": ("from .words import _x  # here", "cannot be imported"),
    "a local time": (
        "from datetime import datetime\nAT = datetime.fromtimestamp(0)  # here",
        "this machine's clock or time zone",
    ),
    "the time zone of this machine": (
        RULE + "    return abstain(facts.now.astimezone().isoformat())  # here",
        "time zone",
    ),
    "dice": ("import random  # here", "`random` cannot be imported"),
    "secret dice": ("from secrets import token_hex  # here", "`secrets` cannot be imported"),
    "ids by chance": ("import uuid  # here", "`uuid` cannot be imported"),
    "the environment": ("import os  # here", "`os` cannot be imported"),
    "the interpreter": ("import sys  # here", "`sys` cannot be imported"),
    "a process": ("import subprocess  # here", "`subprocess` cannot be imported"),
    "the network": ("import urllib.request  # here", "`urllib.request` cannot be imported"),
    "a library": ("import httpx  # here", "`httpx` cannot be imported"),
    "the database": ("from flowops.storage import tables  # here", "`flowops.storage` cannot be imported"),
    "what acts": ("from flowops.actions import effects  # here", "`flowops.actions` cannot be imported"),
    "a part that is not for rules": ("from flowops.domain.policy import Policy  # here", "`Policy` of"),
    "everything of a module": ("from math import *  # here", "`*` of `math`"),
    "a file": ("RATES = open('rates.csv').read()  # here", "`open` is not for rules"),
    "a question to the terminal": ("ANSWER = input()  # here", "`input` is not for rules"),
    "a word to the terminal": (RULE + "    print(facts)  # here\n    return abstain('')", "`print`"),
    "text as code": ("LIMIT = eval('1 + 1')  # here", "`eval` is not for rules"),
    "text as a module": ("exec('import os')  # here", "`exec` is not for rules"),
    "an import in disguise": ("OS = __import__('os')  # here", "`__import__`"),
    "an attribute by its name": (RULE + "    return getattr(facts, 'x')  # here", "`getattr`"),
    "the class of a value": ("BASE = ().__class__  # here", "`.__class__` reaches behind"),
    "the globals of a function": (RULE + "    return r.__globals__  # here", "reaches behind"),
    "a private part": (RULE + "    return facts._note('x')  # here", "`._note` reaches behind"),
    "attributes by a format": ("SEEN = '{0.x}'.format(1)  # here", "put together by an f-string"),
    "a number that differs between processes": ("SEED = hash('refund')  # here", "`hash` is not for rules"),
    "an address in memory": ("ID = id(1)  # here", "`id` is not for rules"),
    "a list of the module": ("SEEN = []  # here", "can be changed"),
    "a dict of the module": ("COUNTS = {'a': 1}  # here", "can be changed"),
    "a set that is made": ("KNOWN = set()  # here", "can be changed"),
    "a list of a class": ("class Memory:\n    seen = []  # here", "can be changed"),
    "a default that remembers": ("def count(x: int, seen: list = []) -> int:  # here\n    return x", "a default"),
    "global state": ("N = 0\n" + RULE + "    global N  # here\n    return abstain('')", "`global`"),
    "state of a closure": (
        "def outer() -> int:\n    n = 0\n    def inner() -> int:\n        nonlocal n  # here\n        return n\n"
        "    return inner()",
        "`nonlocal`",
    ),
    "a change of the facts": (
        RULE + "    facts.now = None  # here\n    return abstain('')",
        "changes what it was given",
    ),
    "a change of what was told": (
        RULE + "    facts.asked.params['money'] = 1  # here\n    return abstain('')",
        "changes what it was given",
    ),
    "a loop without a bound": (RULE + "    while True:  # here\n        pass", "no bound"),
    "a power": ("HUGE = 10 ** 10  # here", "`**`"),
    "a shift": ("HUGE = 1 << 10  # here", "`<<`"),
    "a pattern that explodes": ("import re\nP = re.compile('(a+)+$')  # here", "a repetition within a repetition"),
    "something opened": ("def f(x: str) -> str:\n    with x:  # here\n        return x", "`with`"),
    "something awaited": ("async def f() -> None:  # here\n    return None", "waits for nothing"),
    "a function half done": ("def f() -> int:\n    yield 1  # here", "`yield`"),
    "a catch of everything": (
        "def f() -> int:\n    try:\n        return 1\n    except:  # here\n        return 2",
        "everything",
    ),
    "a ruling of its own making": ("R = Ruling('approve', 'x')  # here", "made by approve"),
    "an action when it is loaded": ("for n in (1, 2):  # here\n    X = n", "only imports"),
    "no Python": ("def r(facts:  # here", "no Python"),
}


@pytest.mark.parametrize("what", IMPURE)
def test_what_rules_may_not_do_is_refused_by_its_line(what: str) -> None:
    body, reason = IMPURE[what]
    source = HEAD + body + "\n"
    line = 1 + next(number for number, text in enumerate(source.splitlines()) if text.endswith("# here"))
    found = purity.check("own.py", source)
    assert [(each.file, each.line) for each in found if reason in each.reason] == [("own.py", line)], found
    with pytest.raises(Exception, match=f"own.py:{line}: "):
        ruleset.load({"own.py": source})


def test_there_are_enough_of_them() -> None:
    assert len(IMPURE) >= 40


@pytest.mark.parametrize("name", sorted(policies.files()))
def test_the_built_in_rules_are_pure(name: str) -> None:
    files = policies.files()
    assert ruleset.check(name, files[name], files) == []


def test_ordinary_rules_are_accepted() -> None:
    source = dedent('''
        """Rules on payouts."""

        import re
        from dataclasses import dataclass
        from datetime import timedelta
        from decimal import Decimal
        from enum import StrEnum

        from flowops.domain.facts import Plan
        from flowops.domain.handoffs import Priority, Reason, Tier
        from flowops.domain.policy import Facts, Ruling, abstain, review, rule

        RATES = (("EUR", Decimal("1")), ("USD", Decimal("0.9")))
        WORDS = re.compile(r"\\b(?:urgent|asap)\\b", re.IGNORECASE)

        class Colour(StrEnum):
            RED = "red"

        @dataclass(frozen=True)
        class Range:
            low: int
            high: int = 10

        def worth(facts: Facts) -> Decimal:
            """In euros."""
            rates = {}
            for currency, rate in RATES:
                rates[currency] = rate
            money = facts.money
            return rates[money.currency] * money.amount if money and money.currency in rates else Decimal(0)

        @rule("refund", mode="shadow")
        def worth_much(facts: Facts) -> Ruling:
            """A person looks at much."""
            if worth(facts) > Range(1).high and facts.now - facts.account.created_at < timedelta(days=9):
                return review(f"{Colour.RED}", Reason.POLICY_BOUNDARY, Priority.HIGH, tier=Tier.SUPERVISOR)
            said = [message.text for message in facts.asked.messages if WORDS.search(message.text)]
            return abstain(f"{len(said)} {facts.account.plan is Plan.FREE}")
        ''')
    assert purity.check("payouts.py", source) == []
    [rule] = ruleset.load({"payouts.py": source}).rules
    assert (rule.name, rule.mode, sorted(rule.kinds)) == ("payouts.worth_much", Mode.SHADOW, ["refund"])
