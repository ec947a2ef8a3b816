"""The command that creates or upgrades the database."""

from flowops.app import App
from flowops.cli import terminal


def migrate() -> None:
    """Create the database or bring it up to date; safe to repeat."""
    with terminal.built(terminal.read_settings()) as app:
        before, after = prepare(app)
    if before == after:
        terminal.say(f"The database is at revision {after} already; nothing was changed.")
    else:
        terminal.say(f"The database is now at revision {after} (before: {before or 'empty'}).")


def prepare(app: App) -> tuple[str | None, str | None]:
    """Bring the database up to date; gives its revisions before and after.

    A new one has the customers of the sandbox from the start, so that what the manual shows can be tried.
    """
    before, after = app.migrate(terminal.operator())
    if before is None and not (app.settings.accounts_url and app.settings.billing_url):
        app.sandbox.seed(app.now())
    return before, after
