"""The commands about policy: rules are begun, checked, and tried on what was decided."""

import csv
import json
from pathlib import Path

import pytest
from sqlalchemy import text

from flowops.app import App
from flowops.cli.policy import checking, samples
from flowops.domain import effects, policies, policy
from flowops.domain.policy import Outcome
from flowops.queries import decisions
from tests import world
from tests.cli.conftest import Flowops

HEAD = "from flowops.domain.policy import Facts, Ruling, abstain, approve, deny, review, rule\n\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "rules"


def write(folder: Path, body: str, name: str = "own.py") -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(HEAD + body)


@pytest.mark.usefixtures("environment")
def test_rules_are_begun_with_examples_that_nothing_is_wrong_with(flowops: Flowops, folder: Path) -> None:
    assert flowops("policy", "init", str(folder)).code == 0
    checked = flowops("policy", "check", str(folder))
    assert (checked.code, "Nothing is wrong with them." in checked.out) == (0, True), checked
    assert "asked about 300 generated facts" in checked.err
    again = flowops("policy", "init", str(folder))
    assert (again.code, "is there already" in again.err) == (1, True)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("import os\n", "own.py:3: `os` cannot be imported"),
        ("X = 1 // 0\n", "own.py:3: it cannot be loaded: ZeroDivisionError"),
        (
            "@rule('refund')\ndef lax(facts: Facts) -> Ruling:\n    return approve('fine')\n",
            "own.py:3: own.lax: it approves although the account is not known",
        ),
        (
            "@rule('refund')\ndef lax(facts: Facts) -> Ruling:\n    return review(f'{facts.account.plan}')\n",
            "own.py:5: own.lax: it failed: AttributeError",
        ),
        (
            "@rule()\ndef late(facts: Facts) -> Ruling:\n    for a in range(9999):\n        for b in range(9999):\n"
            "            pass\n    return abstain('')\n",
            "own.py:3: own.late: it took more than 100000 steps",
        ),
        (
            "@rule()\ndef odd(facts: Facts) -> Ruling:\n    return abstain(' '.join({'a', 'b', 'c', 'd', 'e'}))\n",
            "own.py:3: own.odd: two processes got different rulings for the same facts",
        ),
    ],
)
def test_what_is_wrong_with_rules_is_said_by_line(
    flowops: Flowops, folder: Path, monkeypatch: pytest.MonkeyPatch, body: str, said: str
) -> None:
    monkeypatch.setattr(checking, "EXAMPLES", 30)
    write(folder, body)
    checked = flowops("policy", "check", str(folder))
    assert checked.code == 3
    assert said in checked.out + checked.err


@pytest.mark.usefixtures("environment")
def test_a_rule_that_does_not_end_is_ended_and_the_others_are_tried(
    flowops: Flowops, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checking, "LIMIT", 5.0)
    monkeypatch.setattr(checking, "EXAMPLES", 10)
    # Neither part is endless within the other, and yet it tries every way to read so many letters.
    body = "import re\nSLOW = re.compile('(?:a|aa)*b')\n\n\n@rule()\ndef stuck(facts: Facts) -> Ruling:\n"
    body += "    return abstain(str(SLOW.search('a' * 99)))\n\n\n"
    write(folder, f"{body}@rule()\ndef well(facts: Facts) -> Ruling:\n    return abstain('fine')\n")
    checked = flowops("policy", "check", str(folder))
    assert checked.code == 3
    assert "own.stuck: it did not end within 5 seconds" in checked.out
    assert "own.well:" not in checked.out


@pytest.mark.usefixtures("environment")
def test_a_folder_that_is_not_there_is_a_usage_error(flowops: Flowops, folder: Path) -> None:
    missing = flowops("policy", "check", str(folder))
    assert (missing.code, "there is no folder" in missing.err) == (2, True)


@pytest.mark.parametrize("kind", samples.KINDS)
def test_each_kind_of_effect_has_a_sample_that_all_speaks_for_and_ways_to_bend_it(kind: str) -> None:
    facts = samples.sound(kind)
    assert effects.read(kind, facts.asked.params) is not None
    assert facts.failed == ()
    assert policy.doubt(facts) is None
    bent = dict(samples.bent(kind))
    assert len(bent) > 10
    assert [what for what, odd in bent.items() if policies.builtin().decide(odd).outcome is Outcome.APPROVE] == []


@pytest.fixture
def decided(app: App, on_database: None) -> list[str]:
    """Three decisions: one refund approved, one reviewed, one denied."""
    app.sandbox.seed(app.now())
    bot = world.service(app)
    much = world.asked().params | {"money": {"amount": 20_000, "currency": "EUR"}}
    return [world.receive(app, bot).decision_id, world.receive(app, bot, params=much).decision_id]


def test_a_decision_is_explained_rule_by_rule(flowops: Flowops, decided: list[str]) -> None:
    said = flowops("policy", "explain", decided[1]).out
    assert "200.00 EUR is above the automatic limit of 100.00 EUR" in said
    assert "refunds.amount_limit" in said
    assert "money, limits, limits.automatic" in said
    shown = json.loads(flowops("policy", "explain", decided[0], "--json").out)
    assert shown["outcome"] == "approve"


def test_the_same_rules_decide_the_same_to_the_byte(flowops: Flowops, app: App, decided: list[str]) -> None:
    assert flowops("policy", "replay").out.startswith("2 of 2 decisions are the same, byte for byte.")
    told = json.loads(flowops("policy", "replay", "--json", "--since", "2100-01-01").out)
    assert told["decisions"] == 0


def test_a_decision_that_was_tampered_with_is_found(flowops: Flowops, app: App, decided: list[str]) -> None:
    with app.database.writing() as connection:
        if app.settings.is_sqlite:
            names = "SELECT name FROM sqlite_master WHERE tbl_name = 'decisions' AND type = 'trigger'"
            for (name,) in connection.execute(text(names)).all():
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("ALTER TABLE decisions DISABLE TRIGGER USER"))
        change = text("UPDATE decisions SET facts = replace(facts, '20000', '200') WHERE id = :id")
        connection.execute(change, {"id": decided[1]})
    ran = flowops("policy", "replay")
    assert ran.code == 3
    assert f"{decided[1]} is decided differently" in ran.out


def test_a_candidate_is_told_by_what_it_would_change(
    flowops: Flowops, app: App, decided: list[str], folder: Path, tmp_path: Path
) -> None:
    write(folder, "@rule('refund')\ndef none(facts: Facts) -> Ruling:\n    return review('a person looks at all')\n")
    path = tmp_path / "flips.csv"
    told = json.loads(flowops("policy", "replay", "--candidate", str(folder), "--json", "--csv", str(path)).out)
    assert [(flip["decision"], flip["before"], flip["after"]) for flip in told["flips"]] == [
        (decided[0], "approve", "review")
    ]
    assert (told["reviews"], told["moved"], told["same"]) == (1, {"EUR": -4900}, 1)
    with path.open() as file:
        assert [row["rule"] for row in csv.DictReader(file)] == ["own.none"]
    said = flowops("policy", "replay", "--candidate", str(folder)).out
    assert "1 of 2 decisions would be others." in said
    assert "A person would decide +1 of them." in said
    with app.view() as view:
        assert decisions.count(view) == 2


def test_a_candidate_that_is_wrong_decides_nothing(flowops: Flowops, decided: list[str], folder: Path) -> None:
    write(folder, "import os\n")
    ran = flowops("policy", "replay", "--candidate", str(folder))
    assert (ran.code, "own.py:3" in ran.err) == (3, True)


def test_rules_of_ones_own_decide_beside_the_built_in_ones(
    flowops: Flowops, monkeypatch: pytest.MonkeyPatch, folder: Path, decided: list[str]
) -> None:
    write(folder, "@rule('refund')\ndef none(facts: Facts) -> Ruling:\n    return review('a person looks at all')\n")
    monkeypatch.setenv("FLOWOPS_POLICY_DIR", str(folder))
    assert flowops("policy", "replay").code == 0
    write(folder, "import os\n")
    ran = flowops("policy", "replay")
    assert (ran.code, "FLOWOPS_POLICY_DIR is wrong: own.py:3" in ran.err) == (1, True)
