"""What a person writes in a case: notes, messages that came another way, a reply in work, and what they propose."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Form
from fastapi.responses import Response

from flowops.actions import conversation, effects
from flowops.console import acting, forms
from flowops.console.session import Change, changes
from flowops.domain.access import Permission
from flowops.domain.facts import Message
from flowops.domain.money import EXPONENTS
from flowops.queries import effects as proposals
from flowops.queries import handoffs

if TYPE_CHECKING:
    from flowops.storage.unit import Unit

router = APIRouter(prefix="/case/{ref}", route_class=forms.Route)
Worker = Annotated[Change, changes(Permission.HANDOFFS_WORK)]
Proposer = Annotated[Change, changes(Permission.EFFECTS_PROPOSE)]
Written = Annotated[str, Form()]
SUBJECT = 200  # characters
_AMOUNT = "An amount reads like 49.00, of a currency like EUR."


@dataclass(frozen=True)
class Text:
    """A text for the customer as the editor sends it: from which case, saved version and draft of the assistant."""

    case_id: Annotated[str, Form(alias="caseId")] = ""
    subject: Written = ""
    body: Written = ""
    version: Written = ""
    artifact_id: Annotated[str, Form(alias="artifactId")] = ""

    @property
    def typed(self) -> dict[str, str]:
        """What the editor shows again when it was refused."""
        return {"subject": self.subject, "reply": self.body, "version": self.version, "artifactId": self.artifact_id}


Editor = Annotated[Text, Depends()]


@router.post("/note")
def note(change: Worker, ref: str, text: Written = "") -> Response:
    """Write an internal note."""
    if wrong := forms.unfit(text, "Write something first."):
        return acting.missing(change, ref, {"note": wrong}, {"note": text})
    lease = change.app.settings.claim_lease
    return acting.do(
        change, ref, lambda unit: conversation.note(unit, ref, forms.lines(text), lease=lease), {"note": text}
    )


@router.post("/message")
def message(change: Worker, ref: str, role: Written = "", text: Written = "") -> Response:
    """Add what the customer or a third party wrote or said another way."""
    typed = {"message": text, "role": role}
    wrong = forms.unfit(text, "Write something first.") if role in {"customer", "third_party"} else "Choose who."
    if wrong:
        return acting.missing(change, ref, {"message": wrong}, typed)
    lease = change.app.settings.claim_lease

    def work(unit: "Unit") -> None:
        said = Message.model_validate({"role": role, "text": forms.lines(text), "at": unit.now})
        conversation.receive(unit, ref, said, lease=lease)

    return acting.do(change, ref, work, typed)


@router.post("/draft")
def draft(change: Worker, ref: str, text: Editor) -> Response:
    """Keep the text as far as it is."""
    if wrong := _unfit(change, ref, text, needs_body=False):
        return acting.missing(change, ref, wrong, text.typed)
    seen, lease = forms.number(text.version), change.app.settings.claim_lease

    def work(unit: "Unit") -> None:
        conversation.save_draft(unit, ref, _line(text.subject), forms.lines(text.body), seen, lease=lease)

    return acting.do(change, ref, work, text.typed, at="reply")


@router.post("/reply")
def reply(change: Proposer, ref: str, text: Editor) -> Response:
    """Propose an answer to the customer; it is sent once it is approved."""
    if wrong := _unfit(change, ref, text, needs_body=True):
        return acting.missing(change, ref, wrong, text.typed)
    params = {"body": forms.lines(text.body), "subject": _line(text.subject), "artifactId": text.artifact_id}
    return _propose(change, ref, "reply", {name: value for name, value in params.items() if value}, text.typed)


@router.post("/refund")
def refund(
    change: Proposer,
    ref: str,
    amount: Written = "",
    currency: Written = "",
    invoice_id: Annotated[str, Form(alias="invoiceId")] = "",
    reason: Written = "",
) -> Response:
    """Propose to give money back."""
    typed = {"amount": amount, "currency": currency, "invoice_id": invoice_id, "refund_reason": reason}
    minor = _minor(amount.strip(), currency)
    wrong = {} if minor else {"amount": _AMOUNT}
    if not 0 < len(invoice_id.strip()) <= SUBJECT:
        wrong["invoice_id"] = "Name the invoice."
    if len(reason) > SUBJECT:
        wrong["refund_reason"] = f"{SUBJECT} characters are the most."
    if wrong:
        return acting.missing(change, ref, wrong, typed)
    params: dict[str, Any] = {"money": {"amount": minor, "currency": currency}, "invoiceId": invoice_id.strip()}
    return _propose(change, ref, "refund", params | ({"reason": _line(reason)} if _line(reason) else {}), typed)


@router.post("/suspend")
def suspend(change: Proposer, ref: str, reason: Written = "") -> Response:
    """Propose to suspend the customer's account."""
    typed = {"suspend_reason": reason}
    wrong = "Say why." if not _line(reason) else f"{SUBJECT} characters are the most." if len(reason) > SUBJECT else ""
    if wrong:
        return acting.missing(change, ref, {"suspend_reason": wrong}, typed)
    return _propose(change, ref, "account_suspend", {"reason": _line(reason)}, typed)


@router.post("/payout")
def payout(
    change: Proposer,
    ref: str,
    amount: Written = "",
    currency: Written = "",
    payout_id: Annotated[str, Form(alias="payoutId")] = "",
) -> Response:
    """Propose to release a held payout."""
    typed = {"payout_amount": amount, "payout_currency": currency, "payout_id": payout_id}
    minor = _minor(amount.strip(), currency)
    wrong = {} if minor else {"payout_amount": _AMOUNT}
    if not 0 < len(payout_id.strip()) <= SUBJECT:
        wrong["payout_id"] = "Name the payout."
    if wrong:
        return acting.missing(change, ref, wrong, typed)
    params = {"money": {"amount": minor, "currency": currency}, "payoutId": payout_id.strip()}
    return _propose(change, ref, "payout_release", params, typed)


def _propose(change: Change, ref: str, kind: str, params: dict[str, Any], typed: dict[str, str]) -> Response:
    with change.app.view(change.actor) as view:
        asked = proposals.proposal(handoffs.get(view, ref).handoff, kind, params)
    records = change.app.fetch(asked)

    def work(unit: "Unit") -> None:
        effects.propose(unit, ref, asked, records, change.app.policy, change.app.settings)

    return acting.do(change, ref, work, typed, at="effects")


def _unfit(change: Change, ref: str, text: Text, *, needs_body: bool) -> dict[str, str]:
    """What is wrong with a text for the customer, by field; raises Invalid for one that was written in another case."""
    acting.refuse_other_case(change, ref, text.case_id)
    wrong = forms.unfit(text.body, "Write something first.") if needs_body or text.body.strip() else None
    found = {"reply": wrong} if wrong else {}
    return found | ({"subject": f"{SUBJECT} characters are the most."} if len(_line(text.subject)) > SUBJECT else {})


def _line(text: str) -> str:
    return " ".join(text.split())


def _minor(amount: str, currency: str) -> int | None:
    """The minor units of an amount as people write it; None when it is none, or nothing.

    >>> _minor("49.00", "EUR"), _minor("1200", "JPY"), _minor("1.234", "EUR"), _minor("0", "EUR")
    (4900, 1200, None, None)
    """
    if currency not in EXPONENTS or not re.fullmatch(r"[0-9]{1,12}([.,][0-9]{1,4})?", amount):
        return None
    minor = Decimal(amount.replace(",", ".")).scaleb(EXPONENTS[currency])
    return int(minor) or None if minor == int(minor) else None
