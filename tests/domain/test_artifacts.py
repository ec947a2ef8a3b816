"""An artifact is what its schema says and nothing else."""

from typing import Any

import jsonschema
import pytest

from flowops import errors
from flowops.domain import artifacts

KIND = "handoff_summary.v1"
GOOD: dict[str, Any] = {
    "overview": "Ada was charged twice.",
    "keyFacts": [{"text": "490.00 EUR", "source": "/records/invoice/total"}],
    "risks": [{"text": "A lawyer is mentioned."}, {"text": "Check failed.", "source": "/verification/checks/0"}],
    "nextStep": "Read the case.",
}


DRAFT: dict[str, Any] = {
    "subject": "Re: Charged twice",
    "body": "Hello,\n\nwe are looking into it.",
    "claims": [{"text": "490.00 EUR", "source": "/records/invoice/total"}],
    "uncertainties": ["Nobody has decided yet."],
}
RISK: dict[str, Any] = {
    "level": "high",
    "reasons": [{"text": "A lawyer is mentioned.", "source": "/messages/0/text"}],
    "flags": ["legal_threat"],
}
RESOLUTION: dict[str, Any] = {
    "category": "ask_customer",
    "confidence": "0.62",
    "facts": [{"text": "490.00 EUR", "source": "/records/invoice/total"}],
    "uncertainties": ["The invoice is not known."],
    "internalNote": "Ask for the invoice.",
    "customerMessage": "Which invoice is it?",
}


def accepts(value: object, kind: str = KIND) -> bool:
    """What the published schema says; it must agree with `validate`."""
    return jsonschema.Draft202012Validator(artifacts.schema(kind)).is_valid(value)


@pytest.mark.parametrize("kind", artifacts.KINDS)
def test_every_schema_is_a_draft_2020_12_schema_with_a_name_of_its_own(kind: str) -> None:
    schema = artifacts.schema(kind)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:flowops:schema:{kind}"
    assert len(artifacts.schema_sha256(kind)) == 64


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"keyFacts": [], "risks": []},
        {"overview": "x" * 2000, "nextStep": "y" * 2000},
        {"keyFacts": [{"text": "x" * 500, "source": ""}] * 20, "risks": [{"text": "x"}] * 20},
    ],
)
def test_good_content_is_kept_as_it_is(changes: dict[str, Any]) -> None:
    assert accepts(GOOD | changes)
    assert artifacts.validate(KIND, GOOD | changes) == GOOD | changes


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (GOOD | {"approve": True}, "approve: Extra inputs"),
        ({name: part for name, part in GOOD.items() if name != "risks"}, "risks: Field required"),
        (GOOD | {"key_facts": []}, "key_facts: Extra inputs"),
        (GOOD | {"overview": ""}, "overview: String should have at least 1"),
        (GOOD | {"overview": "x" * 2001}, "overview: String should have at most 2000"),
        (GOOD | {"overview": 5}, "overview: Input should be a valid string"),
        (GOOD | {"nextStep": None}, "nextStep: Input should be a valid string"),
        (GOOD | {"keyFacts": [{"text": "x", "source": "/a"}] * 21}, "keyFacts: List should have at most 20"),
        (GOOD | {"risks": [{"text": "x"}] * 21}, "risks: List should have at most 20"),
        (GOOD | {"keyFacts": [{"text": "no source"}]}, "keyFacts.0.source: Field required"),
        (GOOD | {"keyFacts": [{"text": "x" * 501, "source": "/a"}]}, "keyFacts.0.text: String should have at most 500"),
        (GOOD | {"keyFacts": {"text": "x", "source": "/a"}}, "keyFacts: Input should be a valid list"),
        ([GOOD], "handoff_summary.v1: Input should be"),
        ("text", "handoff_summary.v1: Input should be"),
    ],
)
def test_anything_else_is_refused_by_name_and_by_the_schema(value: object, why: str) -> None:
    with pytest.raises(errors.Invalid) as refused:
        artifacts.validate(KIND, value)
    assert why in str(refused.value)
    assert not accepts(value)


@pytest.mark.parametrize(
    ("kind", "good", "texts", "wrong"),
    [
        (
            artifacts.DRAFT,
            DRAFT,
            [
                ("Re: Charged twice", None),
                (DRAFT["body"], None),
                ("490.00 EUR", "/records/invoice/total"),
                ("Nobody has decided yet.", None),
            ],
            [
                {"subject": "x" * 201},
                {"subject": ""},
                {"body": ""},
                {"body": "x" * 20_001},
                {"claims": [{"text": "no source"}]},
                {"uncertainties": [""]},
                {"uncertainties": ["x"] * 21},
                {"send": True},
            ],
        ),
        (
            artifacts.RISK,
            RISK,
            [("A lawyer is mentioned.", "/messages/0/text")],
            [
                {"level": "urgent"},
                {"level": 3},
                {"flags": ["angry"]},
                {"flags": ["legal_threat"] * 9},
                {"reasons": [{"text": "no source"}]},
                {"block": True},
            ],
        ),
        (
            artifacts.RESOLUTION,
            RESOLUTION,
            [
                ("490.00 EUR", "/records/invoice/total"),
                ("The invoice is not known.", None),
                ("Ask for the invoice.", None),
                ("Which invoice is it?", None),
            ],
            [
                {"category": "refund_now"},
                {"confidence": 0.62},
                {"confidence": "1.01"},
                {"confidence": "NaN"},
                {"confidence": "-0.1"},
                {"internalNote": "x" * 2001},
                {"facts": [{"text": "no source"}]},
                {"resolve": True},
            ],
        ),
    ],
)
def test_each_other_kind_takes_what_its_schema_says_and_nothing_else(
    kind: str, good: dict[str, Any], texts: list[artifacts.Claim], wrong: list[dict[str, Any]]
) -> None:
    assert accepts(good, kind)
    assert artifacts.validate(kind, good) == good
    assert artifacts.claims(kind, good) == texts
    for name in artifacts.KINDS[kind].model_json_schema()["required"]:
        wrong.append({name: None})
    for change in wrong:
        assert not accepts(good | change, kind), change
        with pytest.raises(errors.Invalid):
            artifacts.validate(kind, good | change)


def test_a_suggestion_without_a_message_to_the_customer_stays_without() -> None:
    quiet = {name: value for name, value in RESOLUTION.items() if name != "customerMessage"}
    assert artifacts.validate(artifacts.RESOLUTION, quiet) == quiet


def test_an_absent_source_stays_absent() -> None:
    content = artifacts.validate(KIND, GOOD | {"risks": [{"text": "x", "source": None}]})
    assert content["risks"] == [{"text": "x"}]


def test_reasons_stay_readable_however_wrong_the_content_is() -> None:
    with pytest.raises(errors.Invalid) as refused:
        artifacts.validate(KIND, {f"field{n}" * 100: n for n in range(1000)})
    assert len(str(refused.value)) < 3000


def test_an_unknown_kind_is_refused_and_the_known_ones_named() -> None:
    with pytest.raises(errors.Invalid, match=r"no artifact kind 'poem\.v1'; there are .*handoff_summary\.v1"):
        artifacts.schema("poem.v1")


def test_every_text_is_a_claim_and_carries_its_source() -> None:
    assert artifacts.claims(KIND, GOOD) == [
        ("Ada was charged twice.", None),
        ("490.00 EUR", "/records/invoice/total"),
        ("A lawyer is mentioned.", None),
        ("Check failed.", "/verification/checks/0"),
        ("Read the case.", None),
    ]
