"""How does a string that a stranger may have written become safe, readable text on a page?

`clean` runs on every string that a template prints (it is the environment's `finalize`), before
autoescaping: terminal escapes, control and bidirectional characters never reach the reader.
`prose` also sets numbers as the rest of the page does.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from gancheck.measures.figures import MINUS, THIN, TIMES

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "clean",
    "convenience",
    "first_sentence",
    "identifier",
    "in_claim_order",
    "one_line",
    "powers",
    "prose",
]

_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_KEPT = frozenset("\n\t")
_FORBIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]{1,24})(?![\w-])")
_NO_BREAK = "\u00a0"
_RAISED = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
_SUPERSCRIPT = str.maketrans("-0123456789", _RAISED)
_LOWERED = str.maketrans(_RAISED, f"{MINUS}0123456789")


def clean(text: str) -> str:
    """Drop what steers a terminal or the direction of text, and what UTF-8 cannot carry.

    Example:
        >>> clean(chr(27) + "[31mred" + chr(27) + "[0m " + chr(0x202E) + "abc" + chr(0))
        'red abc'
    """
    text = _TERMINAL.sub("", text)
    return "".join(c for c in text if c in _KEPT or unicodedata.category(c) not in _FORBIDDEN)


def one_line(text: str, longest: int) -> str:
    """Cleaned, in one line, and no longer than that.

    Example:
        >>> one_line("a" + chr(10) + "b" * 9, 8)
        'a bbb...'
    """
    line = " ".join(clean(text).split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def convenience(kinds: Sequence[str]) -> str:
    """How many hypotheses are merely convenient, in words; empty up to a third of them.

    Args:
        kinds: needed or convenient, one a hypothesis.

    Example:
        >>> convenience(["needed", "convenient"])
        '1 of 2 hypotheses is convenient: a weaker one would do'
        >>> convenience(["needed", "needed", "convenient"])
        ''
    """
    count = kinds.count("convenient")
    if 3 * count <= len(kinds):
        return ""
    hypotheses = "hypothesis" if len(kinds) == 1 else "hypotheses"
    verb = "is" if count == 1 else "are"
    return f"{count} of {len(kinds)} {hypotheses} {verb} convenient: a weaker one would do"


def _power(match: re.Match[str]) -> str:
    power = str(int(match[2])).translate(_SUPERSCRIPT)
    return f"{match[1]}{THIN}{TIMES}{THIN}10{power}"


def _thousands(match: re.Match[str]) -> str:
    return f"{int(match[0].replace(',', '')):,}".replace(",", THIN)


_RULES = (
    (re.compile(r"[ \u00a0]?(?:\+/-|±)[ \u00a0]?"), f"{_NO_BREAK}±{_NO_BREAK}"),
    (re.compile(r"(?<![\w.])(-?\d+(?:\.\d+)?)[eE]([+-]?\d+)\b"), _power),
    (re.compile(r"(?<![\w.,])\d{1,3}(?:,\d{3})+(?!\w|,\d)"), _thousands),
    (re.compile(r"(?<![\w.,/*^-])[1-9]\d{4,11}(?![\w-]|\.\d)"), _thousands),
    (re.compile(r"(?<=[\s(\[=<>,±\u00a0])-(?=[\d.])|^-(?=\d)"), MINUS),
    (re.compile(r"(?<=\d) ?%"), f"{THIN}%"),
    (re.compile(r"(?<=\s)--(?=\s)"), "\u2013"),
    (re.compile(r"(?<=[\d)]) - (?=[\w(])|(?<=\w) - (?=\d)"), f"{_NO_BREAK}{MINUS}{_NO_BREAK}"),
    (re.compile(r"<="), "≤"),
    (re.compile(r">="), "≥"),
    (re.compile(r"(?<=\w)'(?=\w)"), "\u2019"),
)


def _set_well(text: str) -> str:
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def powers(text: str) -> Markup:
    """Escaped text in which powers of ten are raised by the page, not by tiny glyphs.

    Example:
        >>> str(powers("10\u207b\u2075")).replace(MINUS, "-")
        '10<sup>-5</sup>'
    """
    return Markup(
        re.sub(
            f"10([{_RAISED}]+)",
            lambda match: f"10<sup>{match[1].translate(_LOWERED)}</sup>",
            str(escape(clean(text))),
        )
    )


def prose(text: str) -> Markup:
    """A sentence for the page: escaped, numbers set well, `code` and **the phrase to keep** marked.

    Example:
        >>> str(prose("<b> `D` is **flat**")).replace("&lt;", "(").replace("&gt;", ")")
        '(b) <code>D</code> is <b>flat</b>'
    """
    parts = re.split(r"`([^`]+)`", clean(text))
    out: list[str] = []
    for number, part in enumerate(parts):
        if number % 2:
            out.append(f"<code>{escape(part)}</code>")
            continue
        marked = _OPTION.sub(r'<code class="option">\1</code>', str(powers(_set_well(part))))
        out.append(re.sub(r"\*\*([^*]+)\*\*", r"<b>\1</b>", marked))
    return Markup("".join(out))


def first_sentence(text: str) -> tuple[str, str]:
    """Split an instruction into its first sentence and the rest.

    Example:
        >>> first_sentence("Lower the step to 0.5. Then measure again.")
        ('Lower the step to 0.5.', 'Then measure again.')
    """
    match = re.match(r"(.{3,90}?[.!?;:])\s+(?=\S)(.*)", text.strip(), re.DOTALL)
    if match is None:
        return text.strip(), ""
    head, rest = match[1].rstrip(";:."), match[2]
    return f"{head}.", rest[:1].upper() + rest[1:]


def identifier(text: str) -> str:
    """What of a string may stand in an id or a file name.

    Example:
        >>> identifier("../GC 001")
        'GC-001'
    """
    return re.sub(r"[^A-Za-z0-9_]+", "-", clean(text)).strip("-")[:64] or "x"


def in_claim_order(claim: str) -> tuple[str, int]:
    """A sort key that puts S9 before S12."""
    found = re.fullmatch(r"([A-Za-z]*)(\d*).*", claim, re.DOTALL)
    return (found[1], int(found[2] or 0)) if found else (claim, 0)
