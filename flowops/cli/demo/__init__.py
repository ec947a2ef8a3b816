"""The command that shows FlowOps on made-up cases, in a scratch folder that is gone afterwards."""

from typing import Annotated

import typer

from flowops.actions import operators
from flowops.cli import serve, terminal
from flowops.cli.demo import cases, seed, story, world
from flowops.queries import operators as people


def demo(
    once: Annotated[
        bool, typer.Option(help="Tell one request from intake to receipt on the terminal, and end.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where the demonstration listens; 0 takes a free one.")
    ] = 8080,
) -> None:
    """Show FlowOps with made-up cases, everything in one process; nothing is kept and nothing real is reached."""
    if once:
        _tell()
    else:
        _run(port)


def _tell() -> None:
    with world.scratch(undo_seconds=0) as settings, terminal.built(settings) as app:
        story.tell(app)


def _run(port: int) -> None:
    with world.scratch(port=port) as free:
        settings, listener = serve.listen(free)
        with listener, terminal.built(settings) as app:
            with terminal.out.status("Letting a working day happen…"):
                seed.seed(settings, world.now(app))
            with app.unit(terminal.operator()) as unit:
                sam = people.user(unit.view, "sam@example.com")
                secret = operators.make_sign_in_link(unit, sam.id)
            told = serve.heed()
            serve.greet(app)
            terminal.say(f"\n{len(cases.CASES)} made-up requests are in. Sign in as {sam.name}, {sam.role}:")
            terminal.say(terminal.sign_in_link(app, secret))
            serve.run(app, [serve.website(app, listener), serve.workers(app)], told)
