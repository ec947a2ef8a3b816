"""The commands about effects: keep every one of them from starting, and let them start again."""

from typing import Annotated

import typer

from flowops.actions import switch
from flowops.cli import terminal
from flowops.domain import times
from flowops.queries import switch as queries

effects = typer.Typer(no_args_is_help=True, help="Effects: what is done to the world.")


@effects.command()
def pause(reason: Annotated[str, typer.Option(help="Why; it is recorded, and everybody is shown it.")]) -> None:
    """Let no effect start anywhere from here on; everything else goes on."""
    _say(reason, is_paused=True)


@effects.command()
def resume(reason: Annotated[str | None, typer.Option(help="Why; it is recorded.")] = None) -> None:
    """Let effects start again, those that waited first."""
    _say(reason, is_paused=False)


def _say(reason: str | None, *, is_paused: bool) -> None:
    with terminal.opened() as app:
        with app.unit(terminal.operator()) as unit:
            if is_paused:
                switch.pause(unit, reason or "")
            else:
                switch.resume(unit, reason)
        with app.view() as view:
            row = queries.read(view)
    if not row.is_paused:
        terminal.say("Effects start.")
    else:
        since = times.in_words(row.at) if row.at else "an unknown time"
        terminal.say(f"Effects are paused since {since} by {row.by_name}: {row.reason}")
