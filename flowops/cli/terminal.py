"""What every command shares: the two streams, the app it works on, who is acting, and how a table looks."""

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import structlog
import typer
from rich import box
from rich.console import Console
from rich.table import Table

from flowops import app as application
from flowops import logs, settings
from flowops.app import App
from flowops.domain.access import Actor, ActorKind

# What is printed is often somebody else's text: nothing in it is markup, an emoji or code.
out = Console(markup=False, emoji=False, highlight=False)
err = Console(markup=False, emoji=False, highlight=False, stderr=True)

NAMES = {"Id", "Check", "Rule"}  # columns of words that somebody may want to copy

Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON object instead of words.")]


def read_settings(**given: Any) -> settings.Settings:
    """The settings of this process, its log already set up by them; a misspelt variable is warned about."""
    loaded = settings.load(**given)
    logs.configure(loaded.log_format)
    for name in settings.unknown():
        err.print(f"{name} is no setting and is ignored; is it misspelt?", style="yellow")
    return loaded


@contextmanager
def built(by: settings.Settings) -> Iterator[App]:
    """The app by these settings; what is recorded inside bears the name of who sits here."""
    app = application.build(by)
    with structlog.contextvars.bound_contextvars(request_id=f"cli:{who()}"):
        try:
            yield app
        finally:
            app.close()


@contextmanager
def opened() -> Iterator[App]:
    """The app on a database that is ready for it; `errors.WrongSetting` when it is not."""
    with built(read_settings()) as app:
        app.check()
        yield app


def operator() -> Actor:
    """Who acts when a command changes something: the system, on behalf of the operating system's user."""
    return Actor(ActorKind.SYSTEM, who())


def say(text: str) -> None:
    """One line for people, or for a program that reads them: never wrapped, never coloured."""
    out.print(text, soft_wrap=True)


def sign_in_link(app: App, secret: str) -> str:
    """The address that signs a person in once."""
    return f"{app.settings.origin}/console/link/{secret}"


def table(*columns: str) -> Table:
    """An empty table in the one look that all have; long cells are folded, never cut, names and ids not even that."""
    made = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold", no_wrap=column in NAMES)
    return made


def show(shown: Table) -> None:
    """Print a table; a program that reads it gets every row on one line."""
    wide = Console(file=out.file, width=1000, markup=False, emoji=False, highlight=False)
    (out if out.is_terminal else wide).print(shown)


def who() -> str:
    """The operating system's user, by the process and not by variables anybody can set."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run under a number without a name
        return f"uid-{os.getuid()}"
