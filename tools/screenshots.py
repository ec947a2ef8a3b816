"""Takes the pictures of the README from the demo: `make screenshots`. What is in them is made up."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tools.find_chromium import find

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "images"
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
PAGES = {
    "queue": "/console/q/needs-a-person?sort=priority",
    "dashboard": "/console/dash?range=7d",
    "dead-letters": "/console/dead",
}


@contextlib.contextmanager
def demo() -> Iterator[tuple[str, str]]:
    """The demo without its trickle, on a free port: its address, and a link that signs a supervisor in."""
    command = [str(Path(sys.executable).with_name("flowops")), "demo", "--quiet", "--port", "0"]
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert running.stdout
    try:
        for line in running.stdout:
            if link := re.search(r"supervisor.*(http://\S+)(/console/link/\S+)", line):
                yield link[1], link[1] + link[2]
                return
        raise SystemExit("The demo ended before it was ready. No picture was taken; run `flowops demo` to see why.")
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(60)


def sign_in(page: Page, link: str) -> None:
    """By the link, as people do it."""
    page.goto(link)
    page.get_by_role("button").first.click()
    page.wait_for_url("**/console/q/**")


def take(page: Page, address: str, scheme: str) -> None:
    """One picture of each page, and of a case that the supervisor owns."""
    for name, path in PAGES.items():
        page.goto(address + path)
        page.wait_for_timeout(1500)  # charts are drawn by scripts
        page.screenshot(path=PICTURES / f"{name}-{scheme}.png")
    page.goto(f"{address}/console/q/needs-a-person?sort=risk")
    page.locator(".cases .line-1 a").first.click()
    page.wait_for_timeout(1500)
    page.screenshot(path=PICTURES / f"case-{scheme}.png")


def main() -> None:
    """Take every picture, in light and dark."""
    chromium = find()
    if chromium is None:
        sys.exit("No Chromium was found, so no picture was taken. `python tools/find_chromium.py` installs one.")
    PICTURES.mkdir(exist_ok=True)
    with demo() as (address, link), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        state = None
        for scheme in ("light", "dark"):
            context = browser.new_context(
                viewport={"width": 1440, "height": 900},
                color_scheme="light" if scheme == "light" else "dark",
                reduced_motion="reduce",
                storage_state=state,
            )
            page = context.new_page()
            if state is None:
                sign_in(page, link)
                state = context.storage_state()
            take(page, address, scheme)
        browser.close()
    for picture in sorted(PICTURES.glob("*.png")):
        print(f"{picture.relative_to(ROOT)}  {picture.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
