"""The `flowops` command: what an administrator does at a terminal; an expected error is one sentence, never a trace."""

import sys

import typer

from flowops import errors
from flowops.cli import audit, conflicts, database, demo, doctor, effects, outbox, people, policy, serve, terminal

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="FlowOps: policy decides, people own, the assistant only suggests, and everything can be checked.",
)
app.command()(demo.demo)
app.command()(serve.up)
app.command()(serve.serve)
app.command()(serve.work)
app.command()(database.migrate)
app.add_typer(people.users, name="users")
app.add_typer(people.tokens, name="tokens")
app.add_typer(conflicts.conflicts, name="conflicts")
app.add_typer(effects.effects, name="effects")
app.add_typer(outbox.outbox, name="outbox")
app.add_typer(policy.policy, name="policy")
app.add_typer(audit.audit, name="audit")
app.command()(doctor.doctor)


def main() -> None:
    """Run the command of this process: exit code 0 is done, 1 failed, 2 was asked wrongly."""
    try:
        app()
    except errors.FlowOpsError as error:
        terminal.err.print(str(error), style="red", soft_wrap=True)
        sys.exit(1)
