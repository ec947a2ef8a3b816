"""The commands about conflicts of interest: which people keep out of which customers' cases and effects."""

from typing import Annotated

import typer

from flowops.actions import links
from flowops.cli import terminal
from flowops.cli.people import Who
from flowops.domain import times
from flowops.domain.interests import Link
from flowops.queries import operators as people

conflicts = typer.Typer(no_args_is_help=True, help="Conflicts of interest.")

Customer = Annotated[str | None, typer.Option(metavar="ID", help="A customer, by the id the records have.")]
Email = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Whoever has this e-mail address.")]
Domain = Annotated[str | None, typer.Option(metavar="example.com", help="Whoever has an address of it or below it.")]


@conflicts.command()
def add(name: Who, customer: Customer = None, email: Email = None, domain: Domain = None) -> None:
    """Keep a person out of what concerns a customer, at once."""
    kind, value = _which(customer, email, domain)
    with terminal.opened() as app, app.unit(terminal.operator()) as unit:
        user = people.user(unit.view, name)
        link = links.add(unit, user.id, kind, value)
    terminal.say(f"{user.name} keeps out of what concerns the {kind} {link.value}.")


@conflicts.command()
def remove(name: Who, customer: Customer = None, email: Email = None, domain: Domain = None) -> None:
    """Let a person act for a customer again."""
    kind, value = _which(customer, email, domain)
    with terminal.opened() as app, app.unit(terminal.operator()) as unit:
        user = people.user(unit.view, name)
        links.remove(unit, user.id, kind, value)
    terminal.say(f"{user.name} does not keep out of what concerns the {kind} {value} any more.")


@conflicts.command("list")
def list_conflicts() -> None:
    """List who keeps out of what."""
    table = terminal.table("Name", "E-mail", "Keeps out of", "Since")
    with terminal.opened() as app, app.view() as view:
        for link, user in people.links(view):
            table.add_row(user.name, user.email or "-", f"{link.kind} {link.value}", times.in_words(link.created_at))
    terminal.show(table)


def _which(customer: str | None, email: str | None, domain: str | None) -> tuple[Link, str]:
    given = {Link.CUSTOMER: customer, Link.EMAIL: email, Link.DOMAIN: domain}
    named = [(kind, value) for kind, value in given.items() if value is not None]
    if len(named) != 1:
        raise typer.BadParameter("name one of --customer, --email and --domain")
    return named[0]
