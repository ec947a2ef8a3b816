"""The commands about policy: begin rules of one's own, check them, explain a decision, take all of them again."""

import typer

from flowops.cli.policy import checking, deciding

policy = typer.Typer(no_args_is_help=True, help="Rules: write, check, explain and try them on what was decided.")
policy.command()(checking.init)
policy.command()(checking.check)
policy.command()(deciding.explain)
policy.command()(deciding.replay)
