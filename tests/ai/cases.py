"""Contexts for the tests of the assistant: one ordinary case, and a strategy for every odd one."""

import copy
from typing import Any

from hypothesis import strategies as st

from flowops.ai import context, extractive
from flowops.domain import artifacts, grounding

Json = dict[str, Any]

ORDINARY: Json = {
    "handoff": {
        "id": "hnd_7",
        "number": "H-2481",
        "title": "Charged twice",
        "reason": "policy_boundary",
        "priority": "high",
        "queue": "default",
        "channel": "chat",
        "tier": "operator",
        "status": "pending",
        "issues": [{"code": "policy_boundary", "detail": "490.00 EUR is above the automatic limit of 100.00 EUR"}],
        "createdAt": "2026-11-22T10:00:04Z",
        "slaDueAt": "2026-11-22T14:00:04Z",
        "sla": {"clock": "response", "state": "running"},
        "waitingFor": None,
    },
    "customer": {"id": "cust_123", "email": "ada@example.com", "name": "Ada Lovelace", "plan": "pro"},
    "request": {
        "subject": "Charged twice",
        "channel": "chat",
        "confidence": "0.62",
        "escalate": False,
        "effect": {
            "kind": "refund",
            "params": {
                "money": {"amount": 49000, "currency": "EUR"},
                "invoiceId": "inv_123",
                "reason": "duplicate charge",
            },
        },
        "metadata": {"bot": "billing-7"},
    },
    "messages": [
        {"id": "msg_1", "role": "customer", "text": "Hello there!", "at": "2026-11-22T10:00:00Z"},
        {
            "id": "msg_2",
            "role": "customer",
            "text": "I was charged twice for invoice inv_123. Refund 490 EUR or my lawyer will call you.",
            "at": "2026-11-22T10:00:01Z",
        },
        {
            "id": "msg_3",
            "role": "automation",
            "text": "I understand. Your refund has been approved.",
            "at": "2026-11-22T10:00:02Z",
        },
    ],
    "facts": [
        {
            "source": "tool:get_order",
            "at": "2026-11-22T10:00:02Z",
            "data": {"orderId": "A-10442", "status": "delivered", "items": [{"sku": "B-1"}]},
        },
        {"source": "tool:refund", "at": "2026-11-22T10:00:03Z", "data": {"result": "Error: limit exceeded"}},
    ],
    "records": {
        "account": {
            "id": "cust_123",
            "email": "ada@example.com",
            "name": "Ada Lovelace",
            "plan": "enterprise",
            "status": "active",
            "createdAt": "2024-01-05T00:00:00Z",
        },
        "invoice": {
            "id": "inv_123",
            "customerId": "cust_123",
            "status": "paid",
            "total": {"amount": 49000, "currency": "EUR"},
            "refundable": {"amount": 49000, "currency": "EUR"},
            "paidAt": "2026-11-20T09:30:00Z",
        },
        "missing": [],
        "errors": {},
    },
    "verification": {
        "passed": False,
        "checks": [
            {
                "name": "account_exists",
                "passed": True,
                "expected": "account cust_123",
                "actual": "",
                "source": "accounts",
            },
            {
                "name": "plan_matches_account",
                "passed": False,
                "expected": "pro",
                "actual": "enterprise",
                "source": "accounts",
            },
        ],
    },
    "verdict": {
        "outcome": "review",
        "rulings": [
            {"rule": "refunds.known_invoice", "outcome": "approve", "reason": "The invoice is known."},
            {
                "rule": "refunds.amount_limit",
                "outcome": "review",
                "reason": "490.00 EUR is above the automatic limit of 100.00 EUR",
            },
        ],
        "policyVersion": "sha256:aa11",
    },
    "effects": [],
    "earlierCases": [],
}

EARLIER: Json = {
    "number": "H-2400",
    "reason": "escalated",
    "status": "pending",
    "outcome": None,
    "sameTitle": False,
    "createdAt": "2026-11-20T08:00:00Z",
}

# Words that could be mistaken for a fact, a promise or a quotation when they are shown as values.
_TRAPS = [
    "",
    " ",
    "approved",
    "Refunded",
    "pre-approved",
    "will be credited",
    "x_refunded",
    "refunded.",
    "May 5",
    "may",
    "EUR",
    "EUR 49",
    "$5",
    "49",
    "1,000",
    "1.234",
    "20th",
    "31:99",
    "99/99/9999",
    "2026-02-30",
    "2026-11-22T10:00:00Z",
    "2026-11-22T10:00:00.123+02:00",
    "A-10442",
    "approved-1",
    "ada@example.com",
    "https://example.com/a?b=c.",
    'say "yes"',
    "“quoted” and „low“",
    '"',
    "“",
    "”",
    "...",
    "…refunded…",
    "السلام عليكم ١٢٣ ريال",
    "שלום, קיבלתי 49 ₪",
    "ご請求は二重です。返金してください。",
    "<script>alert(1)</script>",
    "'; DROP TABLE handoffs; --",
    "{{7*7}}",
    "e\u0301te\u0301 \u1100\u1161\u11a8 ﬁn ½ Ⅷ ①",
    "Z̸̢a̶l̵g̷o̸",
    "re\u200bfun\u00added \u202eyaw gnorw\u202c",
    "İstanbul Straße ǅ",
    "x" * 3000,
    "word " * 3000,
    "。" * 50,
    "\n\n- **Payment**: 5\n2. done",
    "My lawyer will see you in court.",
    "I will call my bank and dispute this.",
    "Somebody logged into my account, it wasn't me!",
    "He knows where I live and threatens me.",
    "Please send my payout, I want a refund.",
    "Ada O'Brien-Müller",
    "Guten Tag, bitte erstatten Sie uns den Betrag von 49,00 EUR.",
]

words = st.one_of(
    st.sampled_from(_TRAPS),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60),
    st.lists(st.sampled_from(_TRAPS), min_size=2, max_size=4).map(" ".join),
)
_scalars = st.one_of(st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), st.floats(allow_nan=False), words)
_money = st.fixed_dictionaries(
    {"amount": st.integers(-(2**53) + 1, 2**53 - 1), "currency": st.sampled_from(["EUR", "JPY", "KWD", "USD", "???"])}
)
_data = st.dictionaries(
    st.one_of(st.sampled_from(["orderId", "status", "error", "result", "a/b~c", "name", "may", "approved"]), words),
    st.one_of(_scalars, _money, st.lists(_scalars, max_size=3), st.dictionaries(words, _scalars, max_size=2)),
    max_size=5,
)


def _maybe(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), st.fixed_dictionaries({}, optional=fields))


_instants = st.one_of(st.none(), words, st.just("2026-11-22T10:00:00Z"))
_reasons = st.one_of(
    words,
    st.sampled_from(
        ["verification_failed", "effect_failed", "policy_boundary", "escalated", "low_confidence", "sla_risk", "other"]
    ),
)
_rules = st.one_of(words, st.sampled_from(["escalation.legal", "escalation.chargeback", "escalation.repeated"]))
_kinds = st.one_of(words, st.just("refund"))
_refund = st.fixed_dictionaries({"money": _money}, optional={"invoiceId": words, "reason": words})
_effect = _maybe(kind=_kinds, params=st.one_of(_data, _refund))
_invoice = st.fixed_dictionaries(
    {"id": words, "customerId": st.sampled_from(["c1", "c2"]), "total": _money},
    optional={"status": words, "refundable": _money, "paidAt": _instants},
)
_account = st.fixed_dictionaries(
    {"id": st.just("c1")}, optional={"name": words, "plan": words, "status": st.one_of(words, st.just("suspended"))}
)
_checks = st.one_of(
    words,
    st.sampled_from(["account_exists", "email_matches_account", "invoice_belongs_to_customer", "plan_matches_account"]),
)

contexts: st.SearchStrategy[Json] = st.fixed_dictionaries(
    {},
    optional={
        "handoff": _maybe(
            title=words,
            reason=_reasons,
            slaDueAt=_instants,
            sla=_maybe(clock=words, state=st.one_of(words, st.sampled_from(["running", "near", "breached"]))),
            issues=st.lists(st.fixed_dictionaries({"code": _reasons, "detail": _scalars}), max_size=3),
        ),
        "customer": _maybe(id=words, email=words, name=words, plan=words),
        "request": _maybe(subject=words, confidence=_scalars, effect=_effect, metadata=_data),
        "messages": st.lists(
            st.fixed_dictionaries(
                {
                    "role": st.sampled_from(["customer", "automation", "operator", "third_party"]),
                    "text": words,
                    "at": _instants,
                }
            ),
            max_size=5,
        ),
        "facts": st.lists(st.fixed_dictionaries({"source": words, "at": _instants, "data": _data}), max_size=3),
        "records": _maybe(
            account=st.one_of(st.none(), _data, _account),
            invoice=st.one_of(_data, _invoice),
            errors=_maybe(accounts=words, billing=words),
        ),
        "verification": _maybe(
            checks=st.lists(
                st.fixed_dictionaries(
                    {
                        "name": _checks,
                        "passed": st.booleans(),
                        "expected": _scalars,
                        "actual": _scalars,
                        "source": words,
                    }
                ),
                max_size=3,
            )
        ),
        "verdict": _maybe(
            outcome=st.sampled_from(["approve", "review", "deny"]),
            rulings=st.lists(
                st.fixed_dictionaries(
                    {"rule": _rules, "outcome": st.sampled_from(["approve", "review", "deny"]), "reason": words}
                ),
                max_size=3,
            ),
        ),
        "effects": st.lists(
            st.fixed_dictionaries(
                {
                    "id": words,
                    "kind": _kinds,
                    "status": st.sampled_from(["proposed", "approved", "done", "declined", "failed"]),
                    "params": st.one_of(_data, _refund),
                },
                optional={"error": words, "receipt": _maybe(reference=words, at=_instants)},
            ),
            max_size=2,
        ),
        "earlierCases": st.lists(
            st.fixed_dictionaries(
                {"number": words, "reason": _reasons, "status": words, "createdAt": _instants},
                optional={"outcome": words, "sameTitle": st.booleans()},
            ),
            max_size=3,
        ),
        "omitted": st.dictionaries(st.sampled_from(["messages", "facts"]), st.integers(1, 9)),
    },
)


def ordinary(**changes: Any) -> Json:
    """The ordinary case, with other parts where a test needs them."""
    return copy.deepcopy(ORDINARY) | changes


def written(kind: str, **changes: Any) -> Json:
    """What the built-in generator makes of the ordinary case with these parts, held against schema and context."""
    seen = context.build(ordinary(**changes))
    content = artifacts.validate(kind, extractive.generate(kind, seen))
    found = grounding.check(seen, artifacts.claims(kind, content))
    assert found.passed, [claim for claim in found.claims if not claim.ok]
    return content


def said(*texts: str, role: str = "customer") -> list[Json]:
    """A conversation in which one side says this."""
    return [
        {"id": f"msg_{n}", "role": role, "text": text, "at": "2026-11-22T10:00:00Z"} for n, text in enumerate(texts)
    ]


def failed(name: str, expected: str = "one", actual: str = "another") -> Json:
    """The verification with this check failed."""
    check = {"name": name, "passed": False, "expected": expected, "actual": actual, "source": "records"}
    return {"passed": False, "checks": [check]}
