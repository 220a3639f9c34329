"""What does a refusal say, and how is a stranger's text made safe to print?

`Refused` is the one exception of the reader and the loader. Every string of a file (a key, the
name of a global) was chosen by whoever wrote the file, so it passes `plain` before it is shown.
Standard library only.
"""

from __future__ import annotations

import unicodedata

__all__ = ["Refused", "plain"]

# Categories that move the cursor, reorder text or cannot be encoded: controls, formats (bidirectional
# marks among them), surrogates, private and unassigned code points, line and paragraph separators;
# and spaces that are none of ours, since two names that differ in them look alike.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})


def plain(text: str, *, limit: int = 160) -> str:
    r"""Escape what a terminal would act on and truncate.

    Args:
        text: any string found in a file.
        limit: longest result, at least 4; a longer text ends in "...".

    Example:
        >>> plain("a\x1b[2Jb" + "c" * 8, limit=12)
        'a\\x1b[2Jb...'
    """
    shown: list[str] = []
    length = 0
    for character in text[: limit + 1]:
        part = character
        if character != " " and unicodedata.category(character) in _UNPRINTABLE:
            part = character.encode("unicode_escape", "surrogatepass").decode("ascii")
        shown.append(part)
        length += len(part)
    while length > limit - (3 if len(text) > limit else 0) and shown:
        length -= len(shown.pop())
    cut = len(text) > len(shown)
    while cut and length > limit - 3 and shown:
        length -= len(shown.pop())
    return "".join(shown) + ("..." if cut else "")


class Refused(Exception):
    """An input that is unsafe or unreadable; nothing of it was executed.

    Attributes:
        reason: one clause, what is wrong.
        subject: the key, member or global it is about, already made plain; may be empty.
        way_out: what the owner of the file can do; may be empty.
    """

    def __init__(self, reason: str, *, subject: str = "", way_out: str = "") -> None:
        self.reason = plain(reason, limit=600)
        self.subject = plain(subject)
        self.way_out = way_out
        super().__init__(str(self))

    def __str__(self) -> str:
        about = f" ({self.subject})" if self.subject and self.subject not in self.reason else ""
        remedy = f"; {self.way_out}" if self.way_out else ""
        return f"{self.reason}{about}{remedy}"

    def to_dict(self) -> dict[str, str]:
        """The refusal as every JSON output of the package writes it."""
        return {"status": "refused", "reason": str(self)}
