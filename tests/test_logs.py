"""How the log looks."""

import json
import logging
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from flowops import logs


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    configured, before, loggers = (
        structlog.get_config(),
        logging.root.handlers[:],
        (logging.root, logging.getLogger("httpx")),
    )
    levels = [logger.level for logger in loggers]
    yield
    structlog.configure(**configured)
    logging.root.handlers[:] = before
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    logging.getLogger("uvicorn.access").disabled = False


def fail(password: str) -> None:
    raise ValueError(f"{len(password)} characters are too few")


def test_json_lines_bear_the_request_and_what_libraries_say_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger("ours").info("request", path="/x\ny")
        logging.getLogger("theirs").warning("%s left", "somebody")
        logging.getLogger("uvicorn.access").warning("a second line about each request")
    ours, theirs = map(json.loads, capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["path"], ours["request_id"], ours["level"]) == ("request", "/x\ny", "r1", "info")
    assert (theirs["event"], theirs["request_id"], theirs["level"]) == ("somebody left", "r1", "warning")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_traceback_says_where_and_why_without_the_values(
    log_format: Literal["text", "json"], capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(log_format)
    password = "".join(reversed("2retnuh"))
    try:
        fail(password)
    except ValueError:
        structlog.get_logger("ours").exception("unexpected error")
    said = capsys.readouterr().err
    assert "7 characters are too few" in said
    assert "in fail" in said
    assert password not in said
