"""The draft of a reply: what is known, what is still being checked and what the customer can help with.

It repeats no promise, names no rule or check of ours, gives no deadline, and says nothing from the records to somebody
who may not be the customer. A person edits and sends it.
"""

import re
from collections.abc import Iterator

from flowops.ai.extractive import reading
from flowops.ai.extractive.reading import Sentence, items, part
from flowops.ai.extractive.wording import (
    Claim,
    Json,
    bare,
    cited,
    closed,
    day,
    is_sum,
    name,
    quote,
    scalar,
    shown,
    words,
)

_CLAIMS, _DOUBTS, _TOPICS = 12, 10, 2
_WHOLE = 4  # words that make a sentence worth repeating
_SUBJECT = 100  # characters of somebody else's that are a subject, and not a text

_CARD = re.compile(r"\d(?:[ -]?\d){12,}")  # never sent back, whoever wrote it

_ASK = {
    "account_exists": "We could not find your account under the details we have. Please tell us the e-mail address it "
    "is registered with.",
    "email_matches_account": "The e-mail address we were given is not the one your account has. Please tell us which "
    "address your account is registered with.",
    "effect_well_formed": "Some details we need are missing. Please tell us which invoice or payment this is about, "
    "and the amount.",
    "invoice_exists": "We could not find the invoice. Please check its number, or tell us the date and the amount of "
    "the payment.",
    "invoice_belongs_to_customer": "We could not match the invoice to your account. Please check its number, or tell "
    "us the date and the amount of the payment.",
    "payout_exists": "We could not find the payout. Please check its number, or tell us its date and its amount.",
    "payout_belongs_to_customer": "We could not match the payout to your account. Please check its number, or tell us "
    "its date and its amount.",
}
# What is said first when the customer writes about it, and what helps when nothing else waits for a decision.
_SERIOUS = (
    (
        reading.TROUBLE[reading.PERIL],
        "If you have links or screenshots that show what happened, please send them to us. If anybody is in danger, "
        "please call the emergency services first.",
    ),
    (
        reading.TROUBLE[reading.SECURITY],
        "Your message is about security, so a person is looking at it first. If your own account may be affected, "
        "please change its password, and share neither the password nor any code you receive with anyone, us included.",
    ),
    (
        reading.TROUBLE[reading.LEGAL],
        "We take what you write about legal steps seriously. This message is about the matter itself and answers no "
        "legal question.",
    ),
    (
        reading.TROUBLE[reading.DISPUTE],
        "If a bank has opened a dispute about this payment, please tell us its reference, so that the same payment is "
        "not handled twice.",
    ),
    (
        words(r"gdpr rgpd dsgvo personal\sdata (?:delete|erase)\smy\s(?:account|data)"),
        "Your message is about your personal data. So that no other person can ask for it or delete it, we may first "
        "have to check that it is you who writes.",
    ),
)
_HELPFUL = (
    (
        words(r"pay-?outs? withdraw(?:al|als|n)? settlements? (?:bank|wire|money)\stransfers?"),
        "To find the right transfer we need its reference, its amount and its date. Please send us what you have not "
        "sent yet.",
    ),
    (
        words(r"appeal\w* banned suspen(?:ded|sion) taken\sdown takedown removed reinstat\w* strike restricted"),
        "If there is anything we should know before a person looks at the decision again, please send it to us.",
    ),
    (
        words(r"outage crash\w* bug error\w* slow time-?outs? (?:log|sign)(?:ging|ing)?[-\s]in sso not\sworking"),
        "It would help us to know when you saw this last, and what was on the screen: the text of the error or a "
        "screenshot, please.",
    ),
)


def draft(context: Json) -> Json:
    """A `reply_draft.v1`."""
    known = list(_known(context))
    who = part(context, "records", "account").get("name") or part(context, "customer").get("name")
    greeting = None if _is_doubtful(context) else name(who)
    opening, said = _opening(context)
    body = [
        f"Hello {greeting}," if greeting else "Hello,",
        " ".join(opening),
        " ".join(text for text, _ in known),
        " ".join(_open(context)),
        "We will write to you again as soon as we know more. If anything here is not right, please reply to this "
        "message.",
        "Kind regards,\nThe support team",
    ]
    return {
        "subject": _subject(context),
        "body": "\n\n".join(paragraph for paragraph in body if paragraph),
        "claims": cited([*said, *known], _CLAIMS),
        "uncertainties": list(uncertainties(context)),
    }


def uncertainties(context: Json) -> list[str]:
    """What nobody knows or has decided yet, for the person who works on the case and not for the customer."""
    return list(dict.fromkeys(_uncertain(context)))[:_DOUBTS]


def _uncertain(context: Json) -> Iterator[str]:
    yield from (text for text, _ in reading.doubts(context))
    for sentence in reading.unbacked(context)[:1]:
        yield f"The automation told the customer {quote(sentence.text)}; no record stands behind it"
    for _, effect in items(context, "effects"):
        if effect.get("status") in {"proposed", "held"} and effect.get("kind") != "reply":
            yield f"The {_action(effect)} is not decided yet, so it must not be promised"
    for _, ruling in reading.unsettled(context):
        if ruling.get("outcome") == "deny":
            why = quote(ruling.get("reason"))
            yield f"Policy does not allow what was asked, and the customer is not told why: {why}"
    if _is_doubtful(context):
        yield "The one who writes may not be the customer, so nothing from the records is told"
    if context.get("facts"):
        yield "What the tools said is the caller's word and is not repeated to the customer"
    if not reading.said(context, "customer"):
        yield "The customer has not written, so say why you write to them"
    if reading.is_foreign(context):
        yield "The customer seems to write in another language"
    if part(context, "omitted"):
        yield "The case is large, and its oldest parts were not read"
    yield "What the customer describes was compared with the records and with nothing else"


def _subject(context: Json) -> str:
    if not reading.said(context, "customer"):
        return "About your account"
    told = _telling(context)
    lines = [
        part(context, "handoff").get("title"),
        part(context, "request").get("subject"),
        told.text if told else None,
    ]
    short = [line for text in lines if (line := bare(text)) and len(line) <= _SUBJECT]
    return f"Re: {short[0]}" if short else "Your message to us"


def _opening(context: Json) -> tuple[list[str], list[Claim]]:
    """Thanks, and what we take the request to be, with the claims in it."""
    asked = part(context, "request", "effect")
    if asked.get("kind") == "refund" and is_sum(part(asked, "params").get("money")):
        request = f"We have your request for a {_action(asked)}."
        return [f"Thank you for your message. {request}"], [(request, "/request/effect")]
    if not reading.said(context, "customer"):
        return ["We are writing to you about your account."], []
    told = _telling(context)
    if told is None:
        return ["Thank you for your message."], []
    words_of = closed(f"You wrote: {quote(told.text)}")
    return [f"Thank you for your message. {words_of}"], [(words_of, told.source)]


def _telling(context: Json) -> Sentence | None:
    """What the customer wants, in a sentence that can be sent back to them."""
    wanted = [told for told in reading.said(context, "customer") if not _CARD.search(told.text)]
    calm = [told for told in wanted if not any(words.search(told.text) for words in reading.TROUBLE.values())]
    whole = [told for told in [*calm, *wanted] if len(told.text.split()) >= _WHOLE]
    return next((told for told in whole if reading.wishes(told)), whole[0] if whole else None)


def _known(context: Json) -> Iterator[Claim]:
    """What was done, and what the records show of the customer's own money and account."""
    for index, effect in items(context, "effects"):
        if said := _state(effect):
            yield said, f"/effects/{index}"
    if _is_doubtful(context):
        return
    account, invoice = part(context, "records", "account"), part(context, "records", "invoice")
    if invoice and invoice.get("customerId") == account.get("id") and is_sum(invoice.get("total")):
        paid = f", paid on {paid_on}" if (paid_on := day(invoice.get("paidAt"))) else ""
        yield (
            f"Our records show invoice {shown(invoice.get('id'))} over {shown(invoice['total'])} with the status "
            f"{shown(invoice.get('status'))}{paid}.",
            "/records/invoice",
        )
        left = part(invoice, "refundable")
        if left.get("amount") == 0:
            yield "Nothing of it is left to give back.", "/records/invoice/refundable"
        elif is_sum(left) and left["text"] != part(invoice, "total").get("text"):
            yield f"Of this, {shown(left)} is left that could be given back.", "/records/invoice/refundable"
    if (status := scalar(account.get("status"))) in {"suspended", "closed"}:
        # In quotation marks: that it is so promises nothing of ours.
        yield f"Our records show your account as “{status}”.", "/records/account/status"


def _state(effect: Json) -> str | None:
    """What has become of an action, told to the customer; None for what they need not know."""
    if effect.get("kind") != "refund" or not is_sum(part(effect, "params").get("money")):
        return None
    match effect.get("status"):
        case "done":
            receipt = part(effect, "receipt")
            reference = f", under the reference {shown(receipt['reference'])}" if receipt.get("reference") else ""
            when = f" on {done_on}" if (done_on := day(receipt.get("at"))) else ""
            return f"The {_action(effect)} was carried out{when}{reference}."
        case "approved" | "executing":
            return f"The {_action(effect)} is being carried out."
        case "proposed" | "held":
            return f"A person still has to decide on the {_action(effect)}; no money has moved so far."
        case "declined":
            return f"After looking at it, we cannot offer the {_action(effect)}."
        case "failed":
            return f"The {_action(effect)} could not be carried out, and we are finding out why."
    return None


def _action(effect: Json) -> str:
    """An action in a few words, such as "refund of 49.00 EUR for invoice inv_123"."""
    params = part(effect, "params")
    money, invoice = params.get("money"), params.get("invoiceId")
    of = f" of {shown(money)}" if is_sum(money) else ""
    return f"{shown(effect.get('kind'))}{of}" + (f" for invoice {shown(invoice)}" if scalar(invoice) else "")


def _open(context: Json) -> Iterator[str]:
    """What is being checked, and what the customer could tell us."""
    denied = part(context, "verdict").get("outcome") == "deny"
    if denied and part(context, "request", "effect").get("kind"):
        yield "As things stand, we cannot do what was asked."
    failed = {scalar(check.get("name")) for _, check in reading.failed(context)}
    asks = [text for check, text in _ASK.items() if check in failed]
    if part(context, "records", "errors"):
        yield "We cannot read all of our records at the moment, so we are still checking the details."
    elif asks:
        yield from asks[:1]
    elif failed:
        yield "Some details differ from what our records show, so we are still checking them."
    wrote = [told.text for told in reading.said(context, "customer")]
    wrote += [scalar(part(context, "handoff").get("title"))] if wrote else []
    waits = reading.is_undecided(context)
    about = _SERIOUS if waits or denied else (*_SERIOUS, *_HELPFUL)
    topics = [text for pattern, text in about if any(map(pattern.search, wrote))][:_TOPICS]
    yield from topics
    if not (denied or failed or topics or waits):
        yield "A person on our team is looking into it."


def _is_doubtful(context: Json) -> bool:
    """May somebody else than the customer be writing, or about somebody else's money?"""
    differs = any(check.get("name") == "email_matches_account" for _, check in reading.failed(context))
    return differs or not part(context, "records", "account") or reading.is_somebody_elses(context)
