"""Print the path of the Chromium that the browser tests drive, installing one when the machine has none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

SYSTEM = Path("/usr/bin/chromium")


def find() -> Path | None:
    """The named Chromium, else the system's, else Playwright's own; None when there is none.

    A wrong FLOWOPS_CHROMIUM stops here: silently testing another browser would be worse.
    """
    if named := os.environ.get("FLOWOPS_CHROMIUM"):
        if not os.access(named, os.X_OK):
            sys.exit(f"FLOWOPS_CHROMIUM names {named}, which is no program. No browser test ran. Correct or unset it.")
        return Path(named)
    if SYSTEM.exists():
        return SYSTEM
    with sync_playwright() as playwright:
        bundled = Path(playwright.chromium.executable_path)
    return bundled if bundled.exists() else None


def install() -> None:
    """Install from Debian's packages where that is allowed, else through Playwright; failures show in `find`."""
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update"], ["apt-get", "install", "-y", "chromium"]):
            subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False)
    if not SYSTEM.exists():
        subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], stdout=sys.stderr, check=False)


def main() -> None:
    """Print one path, or stop with the reason."""
    if find() is None:
        install()
    chromium = find()
    if chromium is None:
        sys.exit(
            "No Chromium was found and none could be installed, so the browser tests did not run. "
            "Install one and name it: FLOWOPS_CHROMIUM=/path/to/chromium"
        )
    print(chromium)


if __name__ == "__main__":
    main()
