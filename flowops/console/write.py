"""What a person writes in a case: notes, messages that came another way, a reply in work, and what they propose."""

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import Response

from flowops import errors
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
    wrong = forms.unfit(text, "Write something first.") if role in {"customer", "third_party"} else "Choose who."
    if wrong:
        return acting.missing(change, ref, {"message": wrong}, {"message": text})
    lease = change.app.settings.claim_lease

    def work(unit: "Unit") -> None:
        said = Message.model_validate({"role": role, "text": forms.lines(text), "at": unit.now})
        conversation.receive(unit, ref, said, lease=lease)

    return acting.do(change, ref, work, {"message": text})


@router.post("/draft")
def draft(
    change: Worker,
    ref: str,
    case_id: Annotated[str, Form(alias="caseId")] = "",
    subject: Written = "",
    body: Written = "",
    version: Written = "",
) -> Response:
    """Keep the text as far as it is."""
    typed = {"reply": body, "subject": subject}
    if wrong := _unfit(change, ref, case_id, typed, needs_text=False):
        return acting.missing(change, ref, wrong, typed)
    seen = int(version) if re.fullmatch("[0-9]{1,9}", version) else 0
    lease = change.app.settings.claim_lease
    text, line = forms.lines(body), _line(subject)
    return acting.do(change, ref, lambda unit: conversation.save_draft(unit, ref, line, text, seen, lease=lease), typed)


@router.post("/reply")
def reply(
    change: Proposer,
    ref: str,
    case_id: Annotated[str, Form(alias="caseId")] = "",
    subject: Written = "",
    body: Written = "",
    artifact_id: Annotated[str, Form(alias="artifactId")] = "",
) -> Response:
    """Propose an answer to the customer; it is sent once it is approved."""
    typed = {"reply": body, "subject": subject}
    if wrong := _unfit(change, ref, case_id, typed, needs_text=True):
        return acting.missing(change, ref, wrong, typed)
    params = {"body": forms.lines(body), "subject": _line(subject), "artifactId": artifact_id}
    return _propose(change, ref, "reply", {name: value for name, value in params.items() if value}, typed)


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
    wrong = {} if minor else {"amount": "An amount reads like 49.00, of a currency like EUR."}
    if not 0 < len(invoice_id.strip()) <= SUBJECT:
        wrong["invoice_id"] = "Name the invoice."
    if len(reason) > SUBJECT:
        wrong["refund_reason"] = f"{SUBJECT} characters are the most."
    if wrong:
        return acting.missing(change, ref, wrong, typed)
    params: dict[str, Any] = {"money": {"amount": minor, "currency": currency}, "invoiceId": invoice_id.strip()}
    return _propose(change, ref, "refund", params | ({"reason": _line(reason)} if _line(reason) else {}), typed)


def _propose(change: Change, ref: str, kind: str, params: dict[str, Any], typed: dict[str, str]) -> Response:
    with change.app.view(change.actor) as view:
        asked = proposals.proposal(handoffs.get(view, ref).handoff, kind, params)
    records = change.app.fetch(asked)

    def work(unit: "Unit") -> None:
        effects.propose(unit, ref, asked, records, change.app.policy, change.app.settings)

    return acting.do(change, ref, work, typed)


def _unfit(change: Change, ref: str, case_id: str, typed: dict[str, str], *, needs_text: bool) -> dict[str, str]:
    """What is wrong with a text for the customer, by field.

    Raises Invalid for one that was written in another case: nothing is worse than to send it to somebody else.
    """
    with change.app.view(change.actor) as view:
        if handoffs.get(view, ref).handoff.id != case_id:
            reason = "This text was written in another case. Nothing was kept or sent; go back and copy it there."
            raise errors.Invalid(reason=reason)
    body = typed["reply"]
    wrong = forms.unfit(body, "Write something first.") if needs_text or body.strip() else None
    found = {"reply": wrong} if wrong else {}
    return found | (
        {"subject": f"{SUBJECT} characters are the most."} if len(_line(typed["subject"])) > SUBJECT else {}
    )


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
