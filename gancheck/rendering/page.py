"""How does one HTML file hold everything and ask nobody for anything?

`render` puts a template, the style sheet and the script into one document whose
Content-Security-Policy allows exactly that style sheet and that script, by their hashes, and no
request at all. Every string a template prints is cleaned and escaped.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gancheck.measures.figures import PALETTE
from gancheck.rendering.figure import palette_css
from gancheck.rendering.text import clean, powers, prose

__all__ = ["WORDS", "json_twin", "render"]

_TEMPLATES: Final = Path(__file__).parent / "templates"

WORDS: Final = {
    "failing": "failing",
    "warning": "warning",
    "undecided": "undecided",
    "sound": "sound",
    "not_applicable": "not applicable",
    "not_run": "not run",
}
"""Verdict, or that there is none -> the word on the page."""


def _finalize(value: Any) -> Any:
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["prose"] = prose  # pyright: ignore[reportUnknownMemberType]
    environment.filters["powers"] = powers  # pyright: ignore[reportUnknownMemberType]
    return environment


@cache
def _style() -> str:
    light = "".join(f"--{name}:{pair[0]};" for name, pair in PALETTE.items())
    dark = "".join(f"--{name}:{pair[1]};" for name, pair in PALETTE.items())
    sheet = (_TEMPLATES / "page.css").read_text(encoding="utf-8")
    return (
        f":root{{{light}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
        f"{palette_css()}\n{sheet}"
    )


@cache
def _script() -> str:
    return (_TEMPLATES / "page.js").read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"


def render(template: str, **values: Any) -> str:
    """A whole page from one template and its values."""
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(_style())}; "
        f"script-src {_hash(_script())}; base-uri 'none'; form-action 'none'"
    )
    return (
        _environment()
        .get_template(template)
        .render(
            policy=Markup(policy),
            words=WORDS,
            style=Markup(_style()),
            script=Markup(_script()),
            **values,
        )
    )


def json_twin(text: str) -> Markup:
    """JSON for a script element: the same value, with nothing that could end the element."""
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)
