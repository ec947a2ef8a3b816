"""What the assistant may write for a person: each kind of artifact, its schema, and the statements in it to be checked.

An artifact is text for people. No kind has a field that anything acts upon.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from flowops import errors
from flowops.domain import effects

SUMMARY = "handoff_summary.v1"
DRAFT = "reply_draft.v1"
RISK = "risk_assessment.v1"
RESOLUTION = "resolution_suggestion.v1"
NAMED = {"summary": SUMMARY, "draft": DRAFT, "risk": RISK, "resolution": RESOLUTION}  # by their names in addresses


class Status(StrEnum):
    """Whether an artifact can be used: `rejected` broke its schema or was not grounded, `failed` gave no answer."""

    OK = "ok"
    REJECTED = "rejected"
    FAILED = "failed"


class Judgement(StrEnum):
    """What a person made of an artifact; it changes nothing about the artifact."""

    ACCEPTED = "accepted"
    EDITED = "edited"
    REJECTED = "rejected"


Claim = tuple[str, str | None]  # a text, and the JSON Pointer into the context it rests on

Prose = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Pointer = Annotated[str, StringConstraints(max_length=500)]
# A decimal text as everywhere in the record, which holds no floats.
Confidence = Annotated[str, StringConstraints(pattern=r"^(0|1|0\.[0-9]{1,4}|1\.0{1,4})$")]

Level = Literal["low", "medium", "high"]
Flag = Literal[
    "sla_near_breach",
    "ambiguous_intent",
    "policy_edge_case",
    "missing_information",
    "repeat_escalation",
    "financial_sensitivity",
    "legal_threat",
    "security_concern",
]
# What a person could do with the case; that they do it is for them to say, by the calls that do it.
Category = Literal["approve", "decline", "answer", "ask_customer", "investigate", "escalate", "duplicate", "other"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", alias_generator=to_camel)


class Content(_Part, ABC):
    """The body of an artifact of one kind."""

    @abstractmethod
    def texts(self) -> list[Claim]:
        """Every text a person will read, with its source where the kind has one."""


class Fact(_Part):
    """A statement, and the JSON Pointer (RFC 6901) to the value in the context that it rests on."""

    text: Line
    source: Pointer


class Risk(_Part):
    """Something to watch out for; the source is left out when it rests on the case as a whole."""

    text: Line
    source: Pointer | None = None


class HandoffSummary(Content):
    """What a person needs to know to take over a case."""

    overview: Prose
    key_facts: Annotated[list[Fact], Field(max_length=20)]
    risks: Annotated[list[Risk], Field(max_length=20)]
    next_step: Prose

    def texts(self) -> list[Claim]:
        return [(self.overview, None), *_cited([*self.key_facts, *self.risks]), (self.next_step, None)]


class ReplyDraft(Content):
    """A reply to the customer for a person to edit and send, what it states, and what it leaves open."""

    subject: effects.Line
    body: effects.Text
    claims: Annotated[list[Fact], Field(max_length=20)]
    uncertainties: Annotated[list[Line], Field(max_length=20)]

    def texts(self) -> list[Claim]:
        return [
            (self.subject, None),
            (self.body, None),
            *_cited(self.claims),
            *((text, None) for text in self.uncertainties),
        ]


class RiskAssessment(Content):
    """How much attention a case deserves, and why; it sorts and filters, nothing else depends on it."""

    level: Level
    reasons: Annotated[list[Fact], Field(max_length=20)]
    flags: Annotated[list[Flag], Field(max_length=8)]

    def texts(self) -> list[Claim]:
        return _cited(self.reasons)


class ResolutionSuggestion(Content):
    """How a person could settle a case, on which facts, and what they should know before they do."""

    category: Category
    confidence: Confidence
    facts: Annotated[list[Fact], Field(max_length=20)]
    uncertainties: Annotated[list[Line], Field(max_length=20)]
    internal_note: Prose
    customer_message: effects.Text | None = None

    def texts(self) -> list[Claim]:
        prose = [*self.uncertainties, self.internal_note, *([self.customer_message] if self.customer_message else [])]
        return [*_cited(self.facts), *((text, None) for text in prose)]


def _cited(parts: Sequence[Fact | Risk]) -> list[Claim]:
    return [(part.text, part.source) for part in parts]


KINDS: dict[str, type[Content]] = {
    SUMMARY: HandoffSummary,
    DRAFT: ReplyDraft,
    RISK: RiskAssessment,
    RESOLUTION: ResolutionSuggestion,
}


def _model(kind: str) -> type[Content]:
    if kind not in KINDS:
        raise errors.Invalid(reason=f"There is no artifact kind {kind!r}; there are {', '.join(sorted(KINDS))}.")
    return KINDS[kind]


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) an artifact of this kind satisfies.

    >>> schema("handoff_summary.v1")["required"]
    ['overview', 'keyFacts', 'risks', 'nextStep']
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:flowops:schema:{kind}",
        **_model(kind).model_json_schema(),
    }


def schema_sha256(kind: str) -> str:
    """The hash of the schema's RFC 8785 bytes, so that an artifact says which schema it was held against."""
    return hashlib.sha256(rfc8785.dumps(schema(kind))).hexdigest()


def validate(kind: str, value: object) -> dict[str, Any]:
    """The content as JSON types, once it satisfies the schema of its kind; an absent source stays absent.

    Raises `errors.Invalid` naming every wrong field and what is wrong with it, also for an unknown kind.
    """
    try:
        return _model(kind).model_validate(value).model_dump(mode="json", by_alias=True, exclude_none=True)
    except ValidationError as wrong:
        found = [f"{'.'.join(map(str, e['loc'])) or kind}: {e['msg']}" for e in wrong.errors(include_url=False)]
        shown = "; ".join(text[:200] for text in found[:10])
        raise errors.Invalid(reason=f"This is no {kind}: {shown}.") from wrong


def claims(kind: str, content: dict[str, Any]) -> list[Claim]:
    """Every text of valid content, in reading order, with the source it cites (None: it rests on the whole context).

    >>> facts = [{"text": "B", "source": "/c"}]
    >>> claims("handoff_summary.v1", {"overview": "A", "keyFacts": facts, "risks": [], "nextStep": "D"})
    [('A', None), ('B', '/c'), ('D', None)]
    """
    return _model(kind).model_validate(content).texts()


def sent(draft: dict[str, Any], subject: str | None, body: str) -> dict[str, Any]:
    """A reply draft as it was sent; the very same content when only line ends and outer space differ.

    >>> draft = {"subject": "Hi", "body": "One\\nTwo", "claims": [], "uncertainties": []}
    >>> sent(draft, None, "One\\r\\nTwo\\n") == draft
    True
    >>> sent(draft, "Hi", "Two")["body"]
    'Two'
    """
    changed = {"subject": subject or draft["subject"], "body": body}
    return draft | {name: text for name, text in changed.items() if _lines(text) != _lines(draft[name])}


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]
