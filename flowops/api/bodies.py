"""What callers may send, as JSON: strict types, bounded sizes, and no field that nobody knows; it decides nothing."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt
from pydantic.alias_generators import to_camel

from flowops.api.strict import AnyLine, JsonObject, Line, Text
from flowops.domain import addresses, handoffs, webhooks
from flowops.domain.artifacts import Judgement
from flowops.domain.facts import Asked, Message, Slug, ToolOutput
from flowops.domain.money import EXPONENTS, MAX_INTEGER


def _moment(value: Any) -> Any:
    # pydantic would also take numbers and dates; and a year at the edge cannot be moved to UTC.
    if not isinstance(value, str) or not re.match(r"(19[7-9]|2\d\d)\d-\d\d-\d\d[Tt ]\d\d:\d\d", value):
        msg = "a time reads like 2026-11-22T10:00:00Z, from 1970 to 2999"
        raise ValueError(msg)
    return value


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        msg = "a time needs its offset, for example Z"
        raise ValueError(msg)
    return value.astimezone(UTC)


def _number(value: Any) -> Any:
    if isinstance(value, bool):
        msg = "a number or a decimal text"
        raise ValueError(msg)
    return value


def _plain_money(params: JsonObject) -> JsonObject:
    """Refuse money nobody could mean; what is only missing or too much is for verification to find."""
    money = params.get("money")
    if isinstance(money, dict):
        if type(money.get("amount", 0)) is not int:
            msg = "money.amount is a whole number of minor units"
            raise ValueError(msg)
        if str(money.get("currency", "EUR")) not in EXPONENTS:
            msg = "money.currency is no ISO 4217 code"
            raise ValueError(msg)
    return params


Moment = Annotated[datetime, BeforeValidator(_moment), AfterValidator(_aware)]
Confidence = Annotated[Decimal, BeforeValidator(_number), Field(ge=0, le=1, max_digits=20)]
Params = Annotated[JsonObject, AfterValidator(_plain_money)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class Body(BaseModel):
    """What a caller sends; a field nobody knows is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


class CustomerBody(Body):
    id: Name
    email: Annotated[str, Field(max_length=320)] | None = None
    name: Annotated[str, Field(max_length=200)] | None = None
    plan: Annotated[str, Field(max_length=40)] | None = None


class MessageBody(Body):
    role: Literal["customer", "automation", "operator", "third_party"]
    text: Text
    at: Moment | None = None


class FactBody(Body):
    source: Name
    at: Moment | None = None
    data: JsonObject


class ProposeEffect(Body):
    kind: Annotated[str, Field(min_length=1, max_length=40)]
    params: Params


class _Intake(Body):
    external_id: Name | None = None
    channel: Slug
    queue: Slug = "default"
    customer: CustomerBody
    facts: Annotated[list[FactBody], Field(max_length=200)] = []
    effect: ProposeEffect | None = None
    metadata: JsonObject = {}

    def asked(self, now: datetime, messages: list[MessageBody], **more: Any) -> Asked:
        """What is asked, with the time of receipt where the caller gave none."""
        return Asked(
            channel=self.channel,
            customer_id=self.customer.id,
            email=self.customer.email,
            name=self.customer.name,
            plan=self.customer.plan,
            messages=tuple(Message(role=m.role, text=m.text, at=m.at or now) for m in messages),
            tools=tuple(ToolOutput(source=f.source, at=f.at or now, data=f.data) for f in self.facts),
            kind=self.effect.kind if self.effect else None,
            params=self.effect.params if self.effect else {},
            **more,
        )


class IntakeRequest(_Intake):
    mode: Literal["live", "shadow"] = "live"
    subject: AnyLine = ""
    messages: Annotated[list[MessageBody], Field(min_length=1, max_length=500)]
    confidence: Confidence | None = None
    escalate: StrictBool = False


class OpenHandoff(_Intake):
    """A case opened directly; `slaDueAt` left out is our promise, null is none."""

    title: Line
    reason: handoffs.Reason
    priority: handoffs.Priority | None = None
    messages: Annotated[list[MessageBody], Field(max_length=500)] = []
    sla_due_at: Moment | None = None

    @property
    def promise(self) -> bool:
        return self.sla_due_at is not None or "sla_due_at" not in self.model_fields_set


class Reply(Body):
    body: Text
    subject: Line | None = None
    artifact_id: Name | None = None


class Review(Body):
    verdict: Judgement
    reason: Text | None = None
    content: JsonObject | None = None


class Approve(Body):
    content_sha256: Annotated[str, Field(alias="contentSha256", max_length=100)]
    last_message_id: Annotated[str, Field(max_length=200)] | None = None


class Evaluate(Body):
    """The facts to judge, in the form of a decision's."""

    facts: JsonObject


class Decline(Body):
    reason: Text


class RetryJobs(Body):
    """Which dead jobs; neither means all of them."""

    topic: Name | None = None
    error: Annotated[str, Field(min_length=1, max_length=500)] | None = None


class Because(Body):
    """Why something is done, in the caller's words."""

    reason: Text


class Assign(Body):
    user_id: Name
    reason: Text | None = None


class Wait(Body):
    waiting_for: Annotated[handoffs.WaitingFor, Field(alias="for")]
    until: Moment | None = None


class SetPriority(Because):
    priority: handoffs.Priority


class Note(Body):
    text: Text


class LaterMessage(Body):
    role: Literal["customer", "third_party"]
    text: Text
    at: Moment | None = None

    def message(self, now: datetime) -> Message:
        """What was written, at the time of receipt where the caller gave none."""
        return Message(role=self.role, text=self.text, at=self.at or now)


class SaveDraft(Body):
    subject: AnyLine
    body: Annotated[str, Field(max_length=20_000)]
    version: Annotated[StrictInt, Field(ge=0, le=MAX_INTEGER)]


class Resolve(Body):
    outcome: handoffs.Outcome
    notes: Annotated[str, Field(max_length=20_000)]
    duplicate_of: Name | None = None


def _public(types: list[str]) -> list[str]:
    """Each type once, in the order of the manual; one that nobody can be told of is refused."""
    if unknown := set(types) - set(webhooks.FIELDS):
        msg = f"{sorted(unknown)[0]!r} is no public event"
        raise ValueError(msg)
    return [name for name in webhooks.FIELDS if name in types]


_TYPE = Annotated[str, Field(json_schema_extra={"enum": list(webhooks.FIELDS)})]
Types = Annotated[list[_TYPE], Field(max_length=100), AfterValidator(_public)]
Url = Annotated[str, Field(min_length=1, max_length=addresses.LONGEST)]


class AddWebhook(Body):
    """Where to send; without `types`, or with none, every public event."""

    url: Url
    description: AnyLine = ""
    types: Types = []


class ChangeWebhook(Body):
    """What is to be different; what is left out, or null, stays."""

    url: Url | None = None
    description: AnyLine | None = None
    types: Types | None = None
    enabled: StrictBool | None = None


class AddSecret(Body):
    """When the secrets there are now stop signing; left out, they go on."""

    others_end_in_seconds: Annotated[StrictInt, Field(ge=0, le=30 * 86_400)] | None = None


class PerhapsBecause(Body):
    """Why, if somebody wants to say so."""

    reason: Text | None = None


class Nothing(Body):
    """No parameters."""


class _OnEach(Body):
    """One action on many cases, each named by its id or number; `params` are the body of the action's own call."""

    ids: Annotated[list[Name], Field(min_length=1, max_length=1000)]


class BulkPlain(_OnEach):
    action: Literal["claim", "release", "resume"]
    params: Nothing = Nothing()


class BulkAssign(_OnEach):
    action: Literal["assign"]
    params: Assign


class BulkWait(_OnEach):
    action: Literal["wait"]
    params: Wait


class BulkPriority(_OnEach):
    action: Literal["priority"]
    params: SetPriority


class BulkBecause(_OnEach):
    action: Literal["escalate", "reopen"]
    params: Because


class BulkNote(_OnEach):
    action: Literal["note"]
    params: Note


class BulkResolve(_OnEach):
    action: Literal["resolve"]
    params: Resolve


Bulk = Annotated[
    BulkPlain | BulkAssign | BulkWait | BulkPriority | BulkBecause | BulkNote | BulkResolve,
    Field(discriminator="action"),
]
