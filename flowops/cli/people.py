"""The commands about people, services and their tokens; secrets are printed once and kept nowhere."""

import json
import sys
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from flowops import settings
from flowops.actions import operators
from flowops.cli import terminal
from flowops.domain import times
from flowops.domain.access import ActorKind, Role
from flowops.queries import operators as people

if TYPE_CHECKING:
    from flowops.storage import tables
    from flowops.storage.unit import Unit

users = typer.Typer(no_args_is_help=True, help="People who work on cases.")
tokens = typer.Typer(no_args_is_help=True, help="Bearer tokens for the API.")


class Mail(StrEnum):
    ON = "on"
    OFF = "off"


Who = Annotated[str, typer.Argument(metavar="NAME", help="A name, an e-mail address or an id.")]


@users.command()
def add(
    name: Annotated[str, typer.Argument(help="The name others see.")],
    email: Annotated[str, typer.Option(help="The address to sign in with.")],
    role: Annotated[Role, typer.Option(help="What they may do.")],
    queue: Annotated[
        list[str] | None, typer.Option(help="A queue they see; may be repeated. A new one is made.")
    ] = None,
    password_stdin: Annotated[bool, typer.Option(help="Read a password from standard input.")] = False,
    as_json: terminal.Json = False,
) -> None:
    """Add a person."""
    password = operators.hashed(sys.stdin.readline().rstrip("\r\n")) if password_stdin else None
    queues = sorted(set(queue or ["default"]))
    with terminal.opened() as app, app.unit(terminal.operator()) as unit:
        user = operators.add_person(unit, name, email, role, queues, password)
    if as_json:
        said = {"id": user.id, "name": user.name, "email": user.email, "role": user.role, "queues": queues}
        terminal.say(json.dumps(said))
        return
    terminal.say(f"Added {user.name} <{user.email}> as {user.role}, in the queues {', '.join(queues)}.")
    if password is None:
        terminal.say(f"They have no password; `flowops users link {user.email}` makes a one-time sign-in link.")


@users.command("list")
def list_users() -> None:
    """List people and services."""
    table = terminal.table("Name", "E-mail", "Role", "Queues", "State", "Id")
    with terminal.opened() as app, app.view() as view:
        for user, queues in ((member.user, member.queues) for member in people.users(view)):
            state = "disabled" if user.disabled_at else "active"
            table.add_row(user.name, user.email or "-", user.role, ", ".join(queues), state, user.id)
    terminal.show(table)


@users.command()
def disable(name: Who) -> None:
    """End somebody's access at once; they are kept, for the record names them."""
    with terminal.opened() as app, app.unit(terminal.operator()) as unit:
        user = operators.disable(unit, people.user(unit.view, name).id)
    terminal.say(f"{user.name} has no access any more.")


@users.command("role")
def change_role(name: Who, role: Role) -> None:
    """Give a person another role."""
    with terminal.opened() as app, app.unit(terminal.operator()) as unit:
        user = operators.change_role(unit, people.user(unit.view, name).id, role)
    terminal.say(f"{user.name} is now {user.role}.")


@users.command()
def notify(name: Who, mail: Annotated[Mail, typer.Argument(help="Whether mail is sent.")]) -> None:
    """Choose whether a person is told by mail of cases that need them."""
    with terminal.opened() as app, app.unit(terminal.operator()) as unit:
        user = operators.set_notify(unit, people.user(unit.view, name).id, mail is Mail.ON)
    terminal.say(f"{user.name} is {'' if user.notify else 'not '}told by mail.")


@users.command("link")
def make_link(name: Who) -> None:
    """Print a one-time sign-in link for a person, good for 15 minutes."""
    with terminal.opened() as app:
        with app.unit(terminal.operator()) as unit:
            secret = operators.make_sign_in_link(unit, people.user(unit.view, name).id)
        terminal.say(terminal.sign_in_link(app, secret))


def _duration(text: str) -> timedelta:
    try:
        duration: timedelta = settings.parse_duration(text)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong)) from None
    if not duration:
        msg = "it must last for some time"
        raise typer.BadParameter(msg)
    return duration


@tokens.command()
def create(
    user: Annotated[str | None, typer.Option(metavar="NAME", help="The person it is for.")] = None,
    service: Annotated[
        str | None, typer.Option(metavar="NAME", help="The service it is for; made on first use.")
    ] = None,
    expires: Annotated[
        timedelta | None, typer.Option(parser=_duration, metavar="90d", help="How long it works; else until revoked.")
    ] = None,
    as_json: terminal.Json = False,
) -> None:
    """Make a token and print it, for the only time."""
    if (user is None) is (service is None):
        raise typer.BadParameter("name either a --user or a --service")
    with terminal.opened() as app, app.unit(terminal.operator()) as unit:
        owner = people.user(unit.view, user) if user else _service(unit, service or "")
        token = operators.create_token(unit, owner.id, expires)
    if as_json:
        terminal.say(json.dumps({"token": token}))
        return
    terminal.out.print(f"The token of {owner.name}. It is shown once; keep it where secrets are kept:")
    terminal.say(token)


@tokens.command("list")
def list_tokens() -> None:
    """List tokens by their last four characters."""
    table = terminal.table("Of", "Ends in", "Made", "Expires", "State", "Id")
    with terminal.opened() as app, app.view() as view:
        for token, owner in people.tokens(view):
            expires = times.in_words(token.expires_at) if token.expires_at else "never"
            state = people.token_state(token, owner, view.now)
            table.add_row(owner.name, token.hint, times.in_words(token.created_at), expires, state, token.id)
    terminal.show(table)


@tokens.command()
def revoke(token_id: Annotated[str, typer.Argument(metavar="ID", help="The id `flowops tokens list` shows.")]) -> None:
    """Make a token stop working at once."""
    with terminal.opened() as app, app.unit(terminal.operator()) as unit:
        operators.revoke_token(unit, token_id)
    terminal.say(f"{token_id} does not work any more.")


def _service(unit: "Unit", name: str) -> "tables.User":
    known = (member.user for member in people.users(unit.view) if member.user.kind is ActorKind.SERVICE)
    return next((user for user in known if user.name == name), None) or operators.add_service(unit, name)
