"""A reply may say what the records, an approved effect of its case or the customer say, and no more of the kind."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flowops.domain import replies, verification
from flowops.domain.facts import Case, Deed, Facts, Plan
from flowops.domain.money import Money
from flowops.domain.replies import Finding
from tests.domain import make

PAID = make.NOW - timedelta(days=5)
BILL = make.invoice(id="inv_123", total=make.euros(4900), refundable=make.euros(4900), paid_at=PAID)
GIVEN_BACK = make.invoice(id="inv_122", total=make.euros(2500), refundable=make.euros(0), status="refunded")
REFUND = Deed(kind="refund", status="done", at=make.NOW, money=make.euros(4900), ids=("eff_1", "inv_123"))


def facts(body: str, *deeds: Deed, subject: str | None = None, **known: Any) -> Facts:
    params = {"body": body} | ({"subject": subject} if subject else {})
    mentioned = replies.mentions(known.pop("wrote", ()), 200)
    records = make.records(**{"invoice": None, "invoices": (BILL, GIVEN_BACK), **known})
    return make.facts(
        asked=make.asked(kind="reply", params=params), records=records, case=Case(deeds=deeds, mentioned=mentioned)
    )


def found(body: str, *deeds: Deed, **known: Any) -> dict[str, Finding]:
    return {finding.check: finding for finding in replies.findings(facts(body, *deeds, **known))}


def wrong(body: str, *deeds: Deed, **known: Any) -> set[str]:
    return {name for name, finding in found(body, *deeds, **known).items() if not finding.supported}


@pytest.mark.parametrize(
    "body",
    [
        "Hello Ada, we are looking into it and will write again within 3 to 5 business days.",
        "We are open from 9:00 to 17:30, on 5 days a week, and 24/7 for enterprise customers.",
        "Please restart twice; about 50 % of such errors go away. It is step 2 of 3.",
        "See https://example.com/help/2026/10 or write to help2@example.com.",
        "You can upgrade to the Enterprise plan whenever you like. The Free plan has no support.",
        "Feel free to ask. Which plan are you on?",
        "Nothing was refunded yet. If it is approved, you will be refunded.",
        "You asked to be refunded. Was it refunded before? You cancelled it yourself.",
        "A new version will be released next month.",
        "No more than 20 may arrive at once; we march 5 abreast.",
        "Your iPhone15 and A4 paper are fine.",
    ],
)
def test_ordinary_prose_states_nothing_that_is_read(body: str) -> None:
    assert found(body) == {}
    assert replies.needs_billing("reply", {"body": body}) in {False, "A4" in body}


def test_an_effect_of_another_kind_says_nothing() -> None:
    assert list(replies.findings(make.facts())) == []
    assert not replies.needs_billing("refund", make.refund())
    assert not replies.needs_billing("reply", {})


def test_what_is_not_known_is_told_beside_what_is() -> None:
    amount = found("Invoice inv_123 is 59.00 EUR.")["reply_amounts_are_known"]
    assert (amount.supported, amount.said) == (False, "the reply says 59.00 EUR")
    assert amount.known.startswith("the records know 49.00 EUR (inv_123), ")
    promise = found("We refunded you.")["reply_promises_are_kept"]
    assert promise.said == "the reply says the refund was made (“refunded”)"
    assert promise.known == "no refund of this case is approved"
    plan = found("You are on the Enterprise plan.")["reply_plan_is_the_accounts"]
    assert (plan.said, plan.known) == ("the reply says the plan is enterprise", "the account has the plan pro")


@pytest.mark.parametrize(
    ("body", "classes"),
    [
        ("It was $49.", {"reply_amounts_are_known"}),
        ("It was 59 euros.", {"reply_amounts_are_known"}),
        ("It was 59 eur.", {"reply_amounts_are_known"}),
        ("Invoice inv_999 is yours.", {"reply_ids_are_known"}),
        ("INV-2026-7 is yours.", {"reply_ids_are_known"}),
        ("Your invoice no. 10442 is yours.", {"reply_ids_are_known"}),
        ("It was paid on 18 November.", {"reply_dates_are_known"}),
        ("It was paid on 20 May.", {"reply_dates_are_known"}),
        ("It was paid on 20 may 2026.", {"reply_dates_are_known"}),
        ("It was paid on 2026-11-18.", {"reply_dates_are_known"}),
        ("Your plan is free.", {"reply_plan_is_the_accounts"}),
        ("We will refund you.", {"reply_promises_are_kept"}),
        ("Your account was suspended.", {"reply_promises_are_kept"}),
        ("Your payout was released.", {"reply_promises_are_kept"}),
        ("It was paid out.", {"reply_promises_are_kept"}),
        ("Your order was cancelled.", {"reply_promises_are_kept"}),
    ],
)
def test_each_class_of_statements_is_caught_in_body_and_subject(body: str, classes: set[str]) -> None:
    assert wrong(body) == classes
    assert wrong("Hello.", subject=body) == classes


def test_what_the_customer_wrote_may_be_repeated() -> None:
    wrote = ["I paid 59 EUR on 3 May 2026 for invoice 10442 and INV-7."]
    assert wrong("You paid 59.00 EUR on 2026-05-03 for invoice 10442 and inv-7.", wrote=wrote) == set()
    assert wrong("You paid 58 EUR on 4 May 2026 for invoice 10443 and INV-8.", wrote=wrote) == {
        "reply_amounts_are_known",
        "reply_dates_are_known",
        "reply_ids_are_known",
    }


@pytest.mark.parametrize("status", ["proposed", "held", "declined", "cancelled", "failed", "expired"])
def test_an_effect_that_nobody_stands_for_supports_nothing(status: str) -> None:
    deed = REFUND.model_copy(update={"status": status, "money": make.euros(7700), "ids": ("inv_77",)})
    assert wrong("77 EUR of inv_77 will be refunded.", deed) == {
        "reply_amounts_are_known",
        "reply_ids_are_known",
        "reply_promises_are_kept",
    }


def test_a_promise_needs_an_effect_that_fits_what_its_sentence_says() -> None:
    approved = REFUND.model_copy(update={"status": "approved"})
    assert wrong("49 EUR will be refunded.", approved) == set()
    assert wrong("49 EUR were refunded.", approved) == {"reply_promises_are_kept"}
    assert wrong("49 EUR were refunded for inv_123.", REFUND) == set()
    assert wrong("25 EUR were refunded.", REFUND) == {"reply_promises_are_kept"}, "the money of another invoice"
    assert wrong("inv_122 will be refunded.", REFUND) == {"reply_promises_are_kept"}
    second = REFUND.model_copy(update={"money": make.euros(2500), "ids": ("eff_2", "inv_122")})
    assert wrong("In total 74 EUR were refunded.", REFUND, second) == set()


def test_a_record_supports_what_is_done_to_it_where_it_is_named_and_nothing_to_come() -> None:
    assert wrong("Your invoice inv_122 was refunded.") == set()
    assert wrong("Your money was refunded.") == {"reply_promises_are_kept"}
    assert wrong("Your invoice inv_122 will be refunded.") == {"reply_promises_are_kept"}
    assert wrong("Your account is suspended.", account=make.account(status="suspended")) == set()


def test_another_customers_invoice_supports_nothing() -> None:
    theirs = make.invoice(id="inv_9", customer_id="cust_9", total=make.euros(7700))
    assert wrong("inv_9 is 77 EUR.", invoice=theirs) == {"reply_amounts_are_known", "reply_ids_are_known"}


def test_without_the_records_nothing_is_supported() -> None:
    told = wrong("Your Pro plan: inv_123 of 49 EUR, paid on 17 Nov 2026.", account=None, invoices=())
    assert len(told) == 4


def test_each_unsupported_class_is_a_failed_check_of_its_own() -> None:
    known = facts("Invoice inv_999 of 59 EUR was refunded on 3 May 2026.")
    failed = {check.name: check for check in verification.verify(known) if not check.passed}
    assert failed.keys() == {
        "reply_amounts_are_known",
        "reply_ids_are_known",
        "reply_dates_are_known",
        "reply_promises_are_kept",
    }
    assert {check.source for check in failed.values()} == {"reply"}


# Replies made of true facts, in the forms people write them


MONEY_FORMS = ("{0:.2f} EUR", "EUR {0:.2f}", "€{0:.2f}", "{0:,.2f} EUR", "{0:.2f} euros", "{0:.2f}€", "{0:.2f} eur")
DATE_FORMS = ("%Y-%m-%d", "%d %B %Y", "%B %d, %Y", "%d %b %Y", "%d.%m.%Y", "%d/%m/%Y", "%d %B", "%b %d", "%B %Y")


def as_written(amount: int, form: str) -> str:
    return form.format(amount / 100)


@st.composite
def stories(draw: st.DrawFn) -> dict[str, Any]:
    """What is true, and how it is written."""
    return {
        "amount": draw(st.integers(1, 5_000_000)),
        "money_form": draw(st.sampled_from(MONEY_FORMS)),
        "paid": draw(st.dates(date(2020, 1, 1), date(2026, 11, 21))),
        "date_form": draw(st.sampled_from(DATE_FORMS)),
        "id": draw(st.from_regex(r"\Ainv_[0-9]{3,8}\Z") | st.from_regex(r"\AR-20[0-9]{2}-[0-9]{3,6}\Z")),
        "plan": draw(st.sampled_from(Plan)),
        "is_done": draw(st.booleans()),
    }


def told(story: dict[str, Any], **said: Any) -> set[str]:
    """What is wrong with a reply about what is true, of which some is said otherwise."""
    paid = make.NOW.replace(year=story["paid"].year, month=story["paid"].month, day=story["paid"].day)
    money = make.euros(story["amount"])
    bill = make.invoice(id=story["id"], total=money, refundable=money, paid_at=paid)
    status = "done" if story["is_done"] else "approved"
    deed = Deed(kind="refund", status=status, at=make.NOW, money=money, ids=("eff_1", story["id"]))
    say = {**story, "deeds": (deed,), **said}
    promise = "was refunded" if story["is_done"] else "will be refunded"
    body = (
        f"Dear Ada,\nyou are on the {say['plan'].capitalize()} plan. "
        f"Your invoice {say['id']} of {as_written(say['amount'], story['money_form'])} "
        f"was paid on {say['paid'].strftime(story['date_form'])}.\n"
        f"It {promise}, to the same card. Anything else? Write within 14 days."
    )
    account = make.account(plan=story["plan"], created_at=paid)
    return wrong(body, *say["deeds"], account=account, invoices=(bill,))


@given(stories())
def test_a_reply_made_of_true_facts_passes_in_every_form(story: dict[str, Any]) -> None:
    assert told(story) == set()


@given(stories(), st.integers(1, 5_000_000))
def test_another_amount_is_caught(story: dict[str, Any], amount: int) -> None:
    assume(amount != story["amount"])
    assert told(story, amount=amount) == {"reply_amounts_are_known"}


@given(stories(), st.dates(date(2020, 1, 1), date(2026, 11, 21)))
def test_another_date_is_caught(story: dict[str, Any], paid: date) -> None:
    form = story["date_form"]
    known = {day.strftime(form) for day in (story["paid"], make.NOW.date())}
    swapped = {f"{day:%m/%d/%Y}" for day in (story["paid"], make.NOW.date())} if form == "%d/%m/%Y" else set()
    assume(paid.strftime(form) not in known | swapped)
    assert told(story, paid=paid) == {"reply_dates_are_known"}


@given(stories(), st.integers(0, 9))
def test_another_invoice_is_caught(story: dict[str, Any], digit: int) -> None:
    other = f"{story['id'][:-1]}{digit}"
    assume(other != story["id"])
    assert told(story, id=other) == {"reply_ids_are_known"}


@given(stories(), st.sampled_from(Plan))
def test_another_plan_is_caught(story: dict[str, Any], plan: Plan) -> None:
    assume(plan != story["plan"])
    assert told(story, plan=plan) == {"reply_plan_is_the_accounts"}


@given(stories(), st.sampled_from(["proposed", "declined", "held", None]))
def test_a_promise_that_nobody_stands_for_is_caught(story: dict[str, Any], status: str | None) -> None:
    deed = Deed(kind="refund", status=status or "", at=make.NOW, money=make.euros(story["amount"]))
    assert told(story, deeds=(deed,) if status else ()) == {"reply_promises_are_kept"}


@given(st.text(max_size=300), st.text(max_size=50))
def test_any_text_is_read_and_nothing_raises(body: str, subject: str) -> None:
    assume(body.strip())
    list(replies.findings(facts(body, subject=subject)))
    replies.mentions([body], 5)


def test_mentions_are_bounded() -> None:
    assert replies.mentions(["1 EUR, 2 EUR, 3 EUR, 2 EUR"], 2) == ("1 EUR", "2 EUR")


def test_money_of_another_currency_is_not_the_same() -> None:
    yen = make.invoice(id="inv_5", total=Money(amount=9800, currency="JPY"), refundable=Money(amount=0, currency="JPY"))
    assert wrong("inv_5 is 9800 JPY, or ¥9,800.", invoices=(yen,)) == set()
    assert wrong("inv_5 is 98 JPY.", invoices=(yen,)) == {"reply_amounts_are_known"}
