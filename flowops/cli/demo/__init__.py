"""The command that shows FlowOps on made-up cases, in a scratch folder that is gone afterwards."""

import logging
from datetime import timedelta
from functools import partial
from typing import Annotated

import typer

from flowops.actions import operators
from flowops.app import App
from flowops.cli import serve, terminal
from flowops.cli.demo import cases, seed, story, trickle, world
from flowops.domain.access import Actor

SIGNING_IN = ("sam", "noor", "priya")  # two supervisors, so that what needs two people can be tried
TOKEN = timedelta(days=1)
BODY = (
    '{"customer":{"id":"cust_124"},"channel":"api","messages":[{"role":"customer","text":"Please call me back."}],'
    '"escalate":true}'
)


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Tell one request from intake to receipt on the terminal, and end.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Let no new requests come in by themselves.")] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where the demonstration listens; 0 takes a free one.")
    ] = 8080,
) -> None:
    """Show FlowOps with made-up cases, everything in one process; nothing is kept and nothing real is reached."""
    if once:
        _tell()
    else:
        _run(port, quiet)


def _tell() -> None:
    with world.scratch(undo_seconds=0) as settings, terminal.built(settings) as app:
        story.tell(app)


def _run(port: int, quiet: bool) -> None:
    with world.scratch(port=port) as free:
        settings, listener = serve.listen(free)
        with listener, terminal.built(settings) as app:
            told = serve.heed()
            serve.greet(app)
            with terminal.out.status("Letting a working week happen…"):
                logging.disable(logging.ERROR)  # what fails in that week is part of the story
                people = seed.seed(settings, app.now(), cases.everything(), partial(_go_on, told))
                logging.disable(logging.NOTSET)
            _suggest(app, people)
            more = [] if quiet else [partial(trickle.run, app, people)]
            serve.run(app, [serve.website(app, listener), *serve.workers(app), *more], told)


def _go_on(told: serve.Told) -> None:
    if not told.empty():
        raise typer.Exit


def _suggest(app: App, people: dict[str, Actor]) -> None:
    """Say what to try first, with what it takes: sign-in links and a token."""
    with app.unit(terminal.operator()) as unit:
        bot = people[world.BOTS["default"]]
        token = operators.create_token(unit, bot.id or "", expires=TOKEN)
        secrets = {key: operators.make_sign_in_link(unit, people[key].id or "") for key in SIGNING_IN}
    url = f"{app.settings.origin}/requests"
    terminal.say(f"\n{len(cases.everything())} made-up requests are in. What to try first:")
    terminal.say("1. Send one more, and watch it come into the queue:")
    terminal.say(f"curl -s {url} -H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' -d '{BODY}'")
    terminal.say(
        "2. Approve “Credit for the outage on Tuesday” as Sam: 600.00 EUR need two people, and Noor was the first."
    )
    terminal.say("3. Sign in, each of them in a browser of their own; a link is good once, within 15 minutes:")
    for key, secret in secrets.items():
        who = people[key]
        terminal.say(f"{who.name}, {who.role}: {terminal.sign_in_link(app, secret)}")
