"""A real browser that reports whatever the content policy refuses."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from flowops.actions import operators
from flowops.app import App
from flowops.domain.access import SYSTEM, Actor
from tools import find_chromium

Open = Callable[..., Page]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
# The links that fill their row by ::after are as large as the row.
SMALL = """
  [...document.querySelectorAll('a:not(.cite, .skip), button, select, textarea, input:not([type=hidden]), summary')]
    .filter(each => each.checkVisibility() && getComputedStyle(each, '::after').position !== 'absolute')
    .filter(each => { const box = each.getBoundingClientRect(); return box.width < 24 || box.height < 24 })
    .map(each => each.outerHTML)
"""
# What looks the same whatever lies behind it is looked at once.
once = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real browser. It ends with this module: while it runs, no event loop can be started beside it."""
    path = find_chromium.find()
    assert path, "No Chromium was found; `make test` installs one."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(app: App, site: str, chromium: Browser) -> Iterator[Open]:
    """Opens a window of its own for somebody, signed in by a link; in the end the browser may have refused nothing."""
    troubles: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        # Chromium reports every answer of 400 and above; those are what some journeys are about.
        if message.type in {"error", "warning"} and not message.text.startswith("Failed to load resource"):
            troubles.append(message.text)

    with ExitStack() as stack:

        def make(actor: Actor, width: int = 1440, **options: Any) -> Page:
            window = chromium.new_context(base_url=site, viewport={"width": width, "height": 900}, **options)
            stack.callback(window.close)
            page = window.new_page()
            page.set_default_timeout(10_000)
            page.on("console", listen)
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.on("dialog", lambda dialog: troubles.append(f"a dialog: {dialog.message}"))
            assert actor.id
            with app.unit(SYSTEM) as unit:
                secret = operators.make_sign_in_link(unit, actor.id)
            page.goto(f"/console/link/{secret}")
            page.get_by_role("button", name="Sign in").click()
            expect(page.get_by_role("heading", name="Needs a person")).to_be_visible()
            return page

        yield make
    assert troubles == []
