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


def accepts(value: object) -> bool:
    """What the published schema says; it must agree with `validate`."""
    return jsonschema.Draft202012Validator(artifacts.schema(KIND)).is_valid(value)


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


def test_an_absent_source_stays_absent() -> None:
    content = artifacts.validate(KIND, GOOD | {"risks": [{"text": "x", "source": None}]})
    assert content["risks"] == [{"text": "x"}]


def test_reasons_stay_readable_however_wrong_the_content_is() -> None:
    with pytest.raises(errors.Invalid) as refused:
        artifacts.validate(KIND, {f"field{n}" * 100: n for n in range(1000)})
    assert len(str(refused.value)) < 3000


def test_an_unknown_kind_is_refused_and_the_known_ones_named() -> None:
    with pytest.raises(errors.Invalid, match=r"no artifact kind 'poem\.v1'; there are handoff_summary\.v1"):
        artifacts.schema("poem.v1")


def test_every_text_is_a_claim_and_carries_its_source() -> None:
    assert artifacts.claims(KIND, GOOD) == [
        ("Ada was charged twice.", None),
        ("490.00 EUR", "/records/invoice/total"),
        ("A lawyer is mentioned.", None),
        ("Check failed.", "/verification/checks/0"),
        ("Read the case.", None),
    ]
