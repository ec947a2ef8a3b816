"""Turns a template and what it shows into an HTML answer, with assets whose address changes with their content."""

import hashlib
import json
from pathlib import Path
from typing import Any

import jinja2
from fastapi.responses import HTMLResponse

from flowops.console import activity, answer, evidence, wording, written
from flowops.domain import times
from flowops.domain.money import Money

_HERE = Path(__file__).parent
_STATIC = _HERE / "static"
_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

# name -> (media type, content); read once, served from memory.
ASSETS = {
    path.relative_to(_STATIC).as_posix(): (_TYPES[path.suffix], path.read_bytes())
    for path in sorted(_STATIC.rglob("*"))
    if path.suffix in _TYPES
}
# Of all of them together, so that a module finds the one it imports beside itself, under an address of this content.
DIGEST = hashlib.sha256(b"".join(f"{name}\n".encode() + ASSETS[name][1] for name in ASSETS)).hexdigest()[:16]


def asset(name: str) -> str:
    """The address of a style sheet, script or image; other content has another address, so it is cached for ever."""
    assert name in ASSETS, f"there is no asset {name}"
    return f"/console/static/{DIGEST}/{name}"


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
    "changes": written.changes,
    "clock": wording.clock,
    "describe": activity.describe,
    "label": answer.label,
    "tally": evidence.tally,
}
_ENVIRONMENT.filters |= {
    "ago": wording.ago,
    "duration": wording.duration,
    "fold": wording.fold,
    "initials": wording.initials,
    "label": wording.label,
    "moment": wording.moment,
    "money": lambda value: str(Money.model_validate(value)),
    "pretty": lambda value: json.dumps(value, indent=2, ensure_ascii=False),
    "rfc3339": times.rfc3339,
    "sentence": wording.sentence,
    "short_name": wording.short_name,
    "short_time": wording.short_time,
    "span": wording.span,
    "words": wording.words,
}
