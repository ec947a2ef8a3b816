"""The command that creates or upgrades the database."""

from flowops.cli import terminal


def migrate() -> None:
    """Create the database or bring it up to date; safe to repeat."""
    with terminal.built(terminal.read_settings()) as app:
        before, after = app.migrate(terminal.operator())
    if before == after:
        terminal.say(f"The database is at revision {after} already; nothing was changed.")
    else:
        terminal.say(f"The database is now at revision {after} (before: {before or 'empty'}).")
