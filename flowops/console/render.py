"""Turns a template and what it shows into an HTML answer, with assets whose address changes with their content."""

import hashlib
import json
from pathlib import Path
from typing import Any

import jinja2
from fastapi.responses import HTMLResponse

from flowops.console import activity, wording
from flowops.domain import times
from flowops.domain.money import Money

_HERE = Path(__file__).parent
_TYPES = {".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}

# name -> (hash of the content, content, media type); read once, served from memory.
ASSETS = {
    path.name: (hashlib.sha256(path.read_bytes()).hexdigest()[:16], path.read_bytes(), _TYPES[path.suffix])
    for path in sorted((_HERE / "static").iterdir())
}


def asset(name: str) -> str:
    """The address of a style sheet or image; another content has another address, so it is cached for ever."""
    return f"/console/static/{ASSETS[name][0]}/{name}"


def html(name: str, status: int = 200, **shown: Any) -> HTMLResponse:
    """A page from one template; a name the template needs and was not given is an error."""
    return HTMLResponse(_ENVIRONMENT.get_template(name).render(shown), status)


_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_HERE / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.globals |= {
    "asset": asset,
    "clock": wording.clock,
    "describe": activity.describe,
}
_ENVIRONMENT.filters |= {
    "ago": wording.ago,
    "fold": wording.fold,
    "initials": wording.initials,
    "moment": wording.moment,
    "money": lambda value: str(Money.model_validate(value)),
    "pretty": lambda value: json.dumps(value, indent=2, ensure_ascii=False),
    "rfc3339": times.rfc3339,
    "sentence": wording.sentence,
    "short_name": wording.short_name,
    "span": wording.span,
    "words": wording.words,
}
