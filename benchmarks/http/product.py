"""The product's server in a process of its own, as `flowops serve` runs it; workers are elsewhere.

Run as `python -m benchmarks.http.product [alone]`; the settings come from the environment. `alone` gives each unit a
commit of its own. The event loop is Python's, though another may be installed for the benchmarks.
"""

import sys

from flowops.cli import serve
from flowops.storage.engine import Database


def main(*how: str) -> None:
    """Serve until SIGTERM."""
    sys.modules["uvloop"] = None  # type: ignore[assignment]  # uvicorn would take it where it can be imported
    if "alone" in how:
        Database.shares_commits = False
    serve.serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
