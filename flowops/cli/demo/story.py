"""One request from intake to receipt, told on the terminal while it really happens."""

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text

from flowops import errors
from flowops.app import App
from flowops.cli import terminal
from flowops.cli.demo import acts, cases, seed, world
from flowops.domain import times
from flowops.domain.access import SYSTEM, Actor
from flowops.domain.facts import Facts
from flowops.domain.handoffs import Outcome
from flowops.domain.policy import Verdict
from flowops.queries import artifacts, effects, handoffs

if TYPE_CHECKING:
    from flowops.queries.effects import Proposal

SAID = (
    "My plan renewed for a whole year, but I had chosen monthly. Please refund invoice inv_330, 250.00 EUR.",
    "The billing settings were on yearly at the time of renewal. I have asked for a refund.",
)
CASE = cases.Case(
    key="once",
    ago=timedelta(0),
    customer="cust_133",
    channel="chat",
    subject="Renewed for a year by accident",
    thread=(cases.Said("customer", SAID[0]), cases.Said("automation", SAID[1])),
    confidence=Decimal("0.91"),
    refund=cases.Refund(25_000, "EUR", "inv_330", "Renewed yearly instead of monthly"),
    facts=(cases.Tool("tool:get_invoice", {"invoiceId": "inv_330", "status": "paid", "currency": "EUR"}),),
)
SIGNS = {True: ("✓", "green"), False: ("✗", "bold red")}
COLOURS = {"approve": "green", "review": "yellow", "deny": "bold red"}


def tell(app: App) -> None:
    """Play the one request on a new database and show every step; nothing is invented for the screen."""
    people = world.furnish(app, app.now())
    ref = seed.receive(app, people, CASE)
    _step(1, "The request", "A support bot sends in what a customer wants, and what it would do about it.")
    _show_request()
    proposal = acts.open_effect(app, people["priya"], ref)
    _step(2, "Facts and checks", "FlowOps asks the systems of record itself and holds the request against them.")
    _show_checks(proposal.facts)
    _step(3, "The verdict", "Policy is code. The strictest rule wins, and each says why.")
    _show_verdict(Verdict.load(proposal.verdict))
    _step(4, "The handoff", "What policy may not decide alone becomes a case that a person must own.")
    _show_handoff(app, ref, proposal)
    world.deliver(app)
    _step(
        5,
        "The summary",
        "The assistant writes for the person, and can do nothing else. Every claim is checked by code.",
    )
    _show_summary(app, ref)
    _step(6, "The claim", "One person owns the case. Whoever comes second is told, and changes nothing.")
    _show_claim(app, people, ref)
    _step(7, "The approval", "A person approves exactly what they saw: any other content has another hash.")
    _show_approval(app, people["priya"], ref, proposal)
    _step(8, "The execution", "The records are verified once more, then the provider is called under one key.")
    world.deliver(app)
    _show_receipt(app, proposal)
    _step(9, "The resolution", "A person says how it ended.")
    resolved = acts.resolve(app, people["priya"], ref, Outcome.APPROVED, "Refunded in full.")
    terminal.out.print(f"{resolved.label} is {resolved.status}: {resolved.outcome}, “{resolved.outcome_notes}”")
    _step(10, "The record", "Each change and its entry were one transaction. Nobody can change an entry afterwards.")
    _show_record(app, ref)


def _step(number: int, title: str, about: str) -> None:
    terminal.out.print()
    terminal.out.print(Rule(Text(f"{number}. {title}", style="bold"), align="left", style="dim"))
    terminal.out.print(about, style="dim")
    terminal.out.print()


def _show_request() -> None:
    conversation = Text()
    for role, text in zip(("Customer", "Bot"), SAID, strict=True):
        conversation.append(f"{role}: ", style="bold").append(f"{text}\n")
    conversation.append("\nWanted: ", style="bold").append("refund 250.00 EUR of invoice inv_330")
    conversation.append(f"\nConfidence of the bot: {CASE.confidence}")
    terminal.out.print(Panel(conversation, title=CASE.subject, title_align="left", border_style="dim"))


def _show_checks(facts: Facts) -> None:
    account, invoice = facts.records.account, facts.records.invoice
    if account and invoice:
        terminal.out.print(f"account {account.id}: {account.name}, plan {account.plan}, {account.status}")
        terminal.out.print(
            f"invoice {invoice.id}: {invoice.status}, {invoice.refundable} of {invoice.total} refundable"
        )
    table = terminal.table("", "Check", "Expected", "Found", "Source")
    for check in facts.checks:
        table.add_row(Text(*SIGNS[check.passed]), check.name, check.expected, check.actual, check.source)
    terminal.show(table)


def _show_verdict(verdict: Verdict) -> None:
    terminal.out.print(Text.assemble("Verdict: ", (verdict.outcome, COLOURS[verdict.outcome])))
    table = terminal.table("Rule", "Says", "Because")
    for ruling in verdict.rulings:
        table.add_row(ruling.rule, Text(ruling.outcome, style=COLOURS.get(ruling.outcome, "")), ruling.reason)
    terminal.show(table)
    terminal.out.print(f"policy version {verdict.policy_version[:19]}…", style="dim")


def _show_handoff(app: App, ref: str, proposal: "Proposal") -> None:
    handoff = _case(app, ref).handoff
    due = f"{handoff.sla_clock} due {times.in_words(handoff.sla_due_at)}" if handoff.sla_due_at else "no deadline"
    terminal.out.print(
        f"{handoff.label} “{handoff.title}”: {handoff.status}, {handoff.priority}, {handoff.reason}, {due}"
    )
    effect = proposal.effect
    terminal.out.print(
        f"The {effect.kind} is {effect.status}; somebody with the right {effect.approval_permission} must approve it."
    )


def _show_summary(app: App, ref: str) -> None:
    with app.view() as view:
        artifact = artifacts.latest(view, handoffs.get(view, ref).handoff, "handoff_summary.v1")
    content, claims = artifact.content or {}, (artifact.grounding or {})["claims"]
    written = Text(content["overview"] + "\n")
    for fact in content["keyFacts"]:
        written.append(f"\n• {fact['text']}").append(f"  {fact['source']}", style="dim")
    for risk in content["risks"]:
        written.append(f"\n! {risk['text']}", style="yellow").append(f"  {risk.get('source', '')}", style="dim")
    written.append("\n\nNext: ", style="bold").append(content["nextStep"])
    grounded = sum(claim["ok"] for claim in claims)
    how = artifact.provenance
    made = f"{grounded} of {len(claims)} claims grounded · {how['generator']} · {how['latencyMs']} ms"
    terminal.out.print(Panel(written, title="Summary", title_align="left", subtitle=made, border_style="magenta"))


def _show_claim(app: App, people: dict[str, Actor], ref: str) -> None:
    claimed = acts.claim(app, people["priya"], ref)
    until = f"{claimed.claim_expires_at:%H:%M} UTC"
    terminal.out.print(
        Text.assemble(("Priya Shah", "bold"), f" owns {claimed.label} until {until}; her work extends it.")
    )
    try:
        acts.claim(app, people["tom"], ref)
    except errors.AlreadyClaimed as refusal:
        terminal.out.print(Text.assemble(("Tom Berger", "bold"), ": ", (str(refusal), "yellow")))


def _show_approval(app: App, who: Actor, ref: str, proposal: "Proposal") -> None:
    effect = acts.approve(app, who, ref)
    terminal.out.print(Text.assemble(("Priya Shah", "bold"), " approves the content"))
    terminal.say(f"{proposal.effect.content_sha256}")
    terminal.out.print(f"The {effect.kind} is {effect.status}.")


def _show_receipt(app: App, proposal: "Proposal") -> None:
    with app.view() as view:
        effect = effects.get(view, proposal.effect.id).effect
    at = f"{effect.receipt_at:%H:%M:%S} UTC" if effect.receipt_at else "no time"
    terminal.out.print(Text.assemble(f"The {effect.kind} is ", (effect.status, "green"), f", key {effect.id}"))
    terminal.out.print(f"receipt {effect.receipt_reference}, {at}")
    if invoice := app.billing.invoice("inv_330"):
        terminal.out.print(
            f"invoice {invoice.id}: {invoice.status}, {invoice.refundable} of {invoice.total} refundable"
        )


def _show_record(app: App, ref: str) -> None:
    with app.view(SYSTEM) as view:
        entries = handoffs.timeline(view, ref).items
    table = terminal.table("No.", "At", "Who", "Kind", "Event")
    for entry in entries:
        row = entry.row
        table.add_row(str(row.seq), f"{row.at:%H:%M:%S}", entry.actor_name, row.actor_kind, row.event)
    terminal.show(table)


def _case(app: App, ref: str) -> handoffs.Case:
    with app.view() as view:
        return handoffs.get(view, ref)
