"""What the demonstration tells: who asked for what, and what people did about it; every word of it is made up.

Customers and invoices are those of the sandbox. Times are minutes before now, so that the queue looks like a working
day whenever it is opened.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from flowops.app import App
from flowops.cli.demo import acts
from flowops.domain.access import Actor
from flowops.domain.handoffs import Outcome


@dataclass(frozen=True)
class Step:
    """One thing a person did with a case."""

    ago: int
    who: str
    act: Callable[[App, Actor, str], object]


@dataclass(frozen=True)
class Case:
    """One request: the customer's words, what the automation answered, and what it wants done.

    `due_in` makes it a case that the automation opened itself, with a promise of its own.
    """

    key: str
    ago: int
    customer: str
    channel: str
    subject: str
    said: str
    answered: str | None = None
    confidence: str | None = None
    escalate: bool = False
    effect: dict[str, Any] | None = None
    facts: tuple[tuple[str, dict[str, Any]], ...] = ()
    due_in: timedelta | None = None
    steps: tuple[Step, ...] = ()


def refund(amount: int, currency: str, invoice: str, reason: str) -> dict[str, Any]:
    """The effect that gives money of one invoice back; the amount in minor units."""
    money = {"amount": amount, "currency": currency}
    return {"kind": "refund", "params": {"money": money, "invoiceId": invoice, "reason": reason}}


CASES = (
    Case(
        "twice",
        352,
        "cust_123",
        "chat",
        "Charged twice this month",
        "Hi, my card statement shows 49.00 EUR two times within an hour. I only have one subscription. Can you give "
        "one of them back?",
        "I see two payments for the same month, inv_122 and inv_123. I have asked for the first one to be refunded.",
        "0.94",
        effect=refund(4_900, "EUR", "inv_122", "The same month was charged twice"),
        facts=(("tool:get_invoice", {"invoiceId": "inv_122", "status": "paid", "currency": "EUR"}),),
    ),
    Case(
        "again",
        341,
        "cust_127",
        "email",
        "Refund for my last month",
        "You closed my account in the middle of the month. Please refund the 49.00 EUR of invoice inv_270.",
        confidence="0.88",
        effect=refund(4_900, "EUR", "inv_270", "Account closed within the month"),
    ),
    Case(
        "pause",
        335,
        "cust_125",
        "chat",
        "What happens to my projects if I stop for a while?",
        "I am on the free plan and will be travelling until March. If I do not sign in for four months, are my "
        "projects still there when I come back?",
        "Projects are usually kept. I am not sure about the free plan.",
        "0.41",
        steps=(
            Step(322, "tom", acts.claim),
            Step(
                318,
                "tom",
                partial(
                    acts.propose,
                    kind="reply",
                    params={
                        "subject": "Your projects while you are away",
                        "body": "Hello Alan,\n\nyour projects stay where they are, on the free plan too, whether you "
                        "sign in or not. Have a good trip.\n\nTom",
                    },
                ),
            ),
            Step(317, "tom", acts.approve),
            Step(
                312,
                "tom",
                partial(
                    acts.resolve,
                    outcome=Outcome.ANSWERED,
                    notes="Plain question; the help page says it only for paid plans.",
                ),
            ),
        ),
    ),
    Case(
        "export",
        310,
        "cust_134",
        "chat",
        "Export stops at 20 %",
        "The CSV export of my workspace stops at 20 % every time. I tried two browsers.",
        "Please try a smaller date range.",
        "0.71",
        steps=(
            Step(281, "tom", acts.claim),
            Step(
                279,
                "tom",
                partial(
                    acts.note,
                    text="Rows with an empty date stop the export. Handed to engineering, mend expected today.",
                ),
            ),
            Step(
                270,
                "tom",
                partial(acts.resolve, outcome=Outcome.OTHER, notes="Known defect, the customer was told by chat."),
            ),
        ),
    ),
    Case(
        "partial",
        290,
        "cust_128",
        "email",
        "Cancelled, please refund 120 EUR",
        "I cancelled on the day of the renewal. Please refund the whole 120.00 EUR of invoice inv_280.",
        "I have passed this on.",
        "0.90",
        effect=refund(12_000, "EUR", "inv_280", "Cancelled on the day of renewal"),
        steps=(
            Step(251, "priya", acts.claim),
            Step(
                249,
                "priya",
                partial(
                    acts.note,
                    text="50.00 EUR of this invoice went back to her in an earlier case, so 70.00 EUR are left.",
                ),
            ),
            Step(247, "priya", partial(acts.decline, reason="More than is left of the invoice")),
            Step(
                246,
                "priya",
                partial(acts.propose, **refund(7_000, "EUR", "inv_280", "The rest, cancelled on the day of renewal")),
            ),
            Step(245, "priya", acts.approve),
            Step(
                240,
                "priya",
                partial(acts.resolve, outcome=Outcome.APPROVED, notes="The remaining 70.00 EUR were refunded."),
            ),
        ),
    ),
    Case(
        "export-2",
        255,
        "cust_134",
        "email",
        "Export still broken",
        "I wrote about this an hour ago. The export still stops at 20 %.",
        escalate=True,
        steps=(
            Step(232, "tom", acts.claim),
            Step(
                231,
                "tom",
                partial(acts.resolve, outcome=Outcome.DUPLICATE, notes="The same defect.", duplicate_of="H-2"),
            ),
        ),
    ),
    Case(
        "late",
        232,
        "cust_129",
        "email",
        "Did not use it, money back?",
        "I bought a year in October and have not used it once, a new job came in between. Is there any chance to get "
        "the 99.00 EUR of inv_290 back?",
        confidence="0.86",
        effect=refund(9_900, "EUR", "inv_290", "Not used since it was bought"),
    ),
    Case(
        "yen",
        180,
        "cust_130",
        "chat",
        "二重請求について",
        "先週の請求 inv_300 が二重になっているようです。9800円の返金をお願いします。",
        "ご連絡ありがとうございます。担当者に引き継ぎます。",
        "0.83",
        effect=refund(9_800, "JPY", "inv_300", "Charged twice, says the customer"),
    ),
    Case(
        "address",
        130,
        "cust_123",
        "chat",
        "Change the billing address",
        "Where can I change the address on my invoices?",
        "Under Settings, Billing, Address. It is used from the next invoice on.",
        "0.97",
    ),
    Case(
        "contract",
        110,
        "cust_132",
        "email",
        "Credit for the outage on Tuesday",
        "Our contract promises 99.9 % and you were down for six hours on Tuesday. Please refund invoice inv_320 "
        "(600.00 EUR) by Friday, or I have to hand this to our legal department.",
        confidence="0.79",
        effect=refund(60_000, "EUR", "inv_320", "Six hours of outage"),
        steps=(
            Step(70, "noor", acts.claim),
            Step(
                68,
                "noor",
                partial(
                    acts.note,
                    text="The status page confirms six hours. The contract grants the whole month from four hours on.",
                ),
            ),
            Step(66, "noor", acts.approve),
            Step(65, "noor", acts.release),
        ),
    ),
    Case(
        "suspended",
        95,
        "cust_126",
        "chat",
        "Suspended, but still charged",
        "My account is suspended and you still took 49.00 EUR (inv_260). Please send it back.",
        "I have asked for a refund of 49.00 EUR.",
        "0.92",
        effect=refund(4_900, "EUR", "inv_260", "Charged while suspended"),
    ),
    Case(
        "dispute",
        75,
        "cust_131",
        "email",
        "Third reminder: 129 USD",
        "Nobody answered my first two mails, so I have opened a dispute with my card issuer about the 129.00 USD of "
        "invoice inv_310. If you refund it today I will withdraw it.",
        confidence="0.77",
        effect=refund(12_900, "USD", "inv_310", "Ordered by mistake"),
    ),
    Case(
        "stranger",
        60,
        "cust_900",
        "email",
        "Invoice for a company we do not know",
        "We received your invoice, but we never had an account with you. Please explain.",
        confidence="0.81",
    ),
    Case(
        "seat",
        52,
        "cust_133",
        "chat",
        "One seat too many",
        "I added a colleague by mistake and removed her within a minute, but inv_331 says 90.00 EUR.",
        "The seat was removed 40 seconds after it was added. I have asked for a refund of 90.00 EUR.",
        "0.96",
        effect=refund(9_000, "EUR", "inv_331", "Seat removed within a minute"),
        facts=(("tool:get_invoice", {"invoiceId": "inv_331", "status": "paid", "currency": "EUR"}),),
    ),
    Case(
        "credit",
        48,
        "cust_124",
        "email",
        "Credit note for unused seats",
        "We gave back 12 of our seats on the first of the month, but the invoice inv_240 still counts them. That is "
        "480.00 EUR too much. Please credit it.",
        "The seat count on the invoice and in the workspace differ by 12.",
        "0.89",
        effect=refund(48_000, "EUR", "inv_240", "12 unused seats"),
        steps=(
            Step(9, "priya", acts.claim),
            Step(
                8,
                "priya",
                partial(acts.note, text="Seat log checked: 12 seats were given back on the first, 40.00 EUR each."),
            ),
        ),
    ),
    Case(
        "export-3",
        40,
        "cust_134",
        "chat",
        "Export, third time",
        "It now stops at 35 %. I need the file for a meeting tomorrow morning.",
        "I am sorry that this is still not solved.",
        "0.80",
    ),
    Case(
        "renewal",
        26,
        "cust_133",
        "email",
        "Renewed for a year by accident",
        "My plan renewed for a whole year, but I had chosen monthly. Please refund invoice inv_330, 250.00 EUR, and I "
        "will subscribe monthly again.",
        "The billing settings were on yearly at the time of renewal.",
        "0.91",
        effect=refund(25_000, "EUR", "inv_330", "Renewed yearly instead of monthly"),
        steps=(Step(6, "tom", acts.claim),),
    ),
    Case(
        "downgrade",
        22,
        "cust_123",
        "chat",
        "Smaller plan?",
        "I might not need all of this any more, what would you do?",
        "You can cancel at any time, or change to the free plan.",
        "0.58",
    ),
    Case(
        "login",
        17,
        "cust_129",
        "chat",
        "A login I do not know",
        "Your mail says I signed in from Lisbon at 06:40. I was asleep in Vienna. Somebody logged into my account!",
        "I have asked a person to look at this at once.",
        "0.93",
    ),
    Case(
        "open-invoice",
        12,
        "cust_125",
        "email",
        "Refund 9 EUR",
        "Please refund invoice inv_250, I do not need it.",
        confidence="0.85",
        effect=refund(900, "EUR", "inv_250", "Not needed"),
    ),
    Case(
        "callback",
        8,
        "cust_128",
        "phone",
        "Callback promised: tax number on invoices",
        "I need my tax number on the last three invoices before my accountant leaves today.",
        "A colleague will call you back within the hour.",
        due_in=timedelta(minutes=52),
    ),
)
