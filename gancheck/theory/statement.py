"""How does a statement read? Sentences with formulas in them, as text, as LaTeX, or in pieces.

A statement is stored once, as a sentence with `{name}` where a formula stands; the formulas are the
very sympy objects that the engines check, so what is shown and what is proved cannot differ.
"""

from __future__ import annotations

from string import Formatter
from typing import TYPE_CHECKING, Any, TypeAlias

import sympy as sp

from gancheck.theory.claims import Relation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Segment", "as_latex", "as_text", "defines", "segments"]

# Words, or a formula: a sympy object or a relation.
Segment: TypeAlias = str | Any
_LATEX_SPECIAL = {c: f"\\{c}" for c in "#$%&_{}"} | {
    "^": r"\^{}",
    "~": r"\~{}",
    "\\": r"\backslash{}",
}


def defines(name: str, expr: Any) -> Relation:
    """The relation `name = expr`, for showing a formula with the letter it is known by.

    Example:
        >>> str(defines("t", sp.Symbol("p") / 2))
        't == p/2'
    """
    return Relation(sp.Symbol(name), "==", sp.sympify(expr))


def segments(statement: str, formulas: Mapping[str, Any]) -> tuple[Segment, ...]:
    """The words and formulas of a statement, in order.

    Raises:
        ValueError: a `{name}` of the statement has no formula, or its formula is not sympy's.
    """
    made: list[Segment] = []
    for words, name, _, _ in Formatter().parse(statement):
        if words:
            made.append(words)
        if name is None:
            continue
        formula = formulas.get(name)
        if not isinstance(formula, Relation | sp.Basic | sp.MatrixBase):
            known = ", ".join(sorted(formulas)) or "none"
            raise ValueError(
                f"the statement shows {{{name}}}, which is no formula; there are {known}"
            )
        made.append(formula)
    return tuple(made)


def as_text(pieces: Sequence[Segment]) -> str:
    """The statement on one terminal line or more, in ASCII."""
    return "".join(p if isinstance(p, str) else _text(p) for p in pieces)


def as_latex(pieces: Sequence[Segment]) -> str:
    """The statement in LaTeX, words as text and formulas between dollar signs."""
    return "".join(_words(p) if isinstance(p, str) else f"${_latex(p)}$" for p in pieces)


def _text(formula: Any) -> str:
    if isinstance(formula, Relation):
        return str(formula).replace(" == ", " = ")
    return str(formula.tolist()) if isinstance(formula, sp.MatrixBase) else str(formula)


def _latex(formula: Any) -> str:
    return formula.latex if isinstance(formula, Relation) else sp.latex(formula)


def _words(words: str) -> str:
    return "".join(_LATEX_SPECIAL.get(c, c) for c in words)
