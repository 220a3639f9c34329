"""How does a formula look on a page? As MathML made from the very object that the engines check.

Sympy's presentation printer makes the tree; it is written out here, because sympy's own writer
leaves `<` in a symbol's name as it stands. Only elements of MathML pass, and none of its
attributes.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup, escape
from sympy.printing.mathml import MathMLPresentationPrinter

from gancheck.rendering.text import clean, prose

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["mathml", "segments_html"]

_ELEMENTS: Final = frozenset(
    [
        "mi",
        "mn",
        "mo",
        "mrow",
        "mtext",
        "msub",
        "msup",
        "msubsup",
        "mfrac",
        "msqrt",
        "mroot",
        "mtable",
        "mtr",
        "mtd",
        "mover",
        "munder",
        "mfenced",
        "munderover",
        "mspace",
    ]
)
# Sympy's double-struck constants, which few fonts hold, and operators that are never seen.
_PLAIN: Final = {"\u2147": "e", "\u2148": "i", "\u2146": "d", "-": "\u2212", "\u2062": "\u2062"}
_SIGNS: Final = {"==": "=", "!=": "≠", "<": "<", "<=": "≤", ">": ">", ">=": "≥"}


def mathml(formula: Any, *, block: bool = False) -> Markup:
    """A sympy object or a `Relation` as one `<math>` element, on a line of its own if `block`.

    Example:
        >>> import sympy as sp
        >>> str(mathml(sp.Symbol("p") / 2))
        '<math><mrow><mfrac><mi>p</mi><mn>2</mn></mfrac></mrow></math>'
    """
    if hasattr(formula, "op") and hasattr(formula, "left"):
        sign = Markup("<mo>{}</mo>").format(_SIGNS[formula.op])
        inside = _inside(formula.left) + sign + _inside(formula.right)
    else:
        inside = _inside(formula)
    return Markup('<math display="block">{}</math>' if block else "<math>{}</math>").format(inside)


def segments_html(pieces: Sequence[Any]) -> Markup:
    """A statement: its words as prose, its formulas as MathML."""
    return Markup("").join(prose(p) if isinstance(p, str) else mathml(p) for p in pieces)


class _Printer(MathMLPresentationPrinter):
    def tree(self, expr: Any) -> Any:
        return self._print(expr)

    def _print_Piecewise(self, expr: Any) -> Any:  # noqa: N802 - sympy's name
        dom: Any = self.dom
        table = dom.createElement("mtable")
        for value, condition in expr.args:
            row = dom.createElement("mtr")
            words = "otherwise" if condition == True else "if"  # noqa: E712 - sympy's true
            text = dom.createElement("mtext")
            text.appendChild(dom.createTextNode(f"\u2003{words}\u2003"))
            cells = [self._print(value), text]
            if words == "if":
                cells.append(self._print(condition))
            for cell in cells:
                td = dom.createElement("mtd")
                td.appendChild(cell)
                row.appendChild(td)
            table.appendChild(row)
        whole = dom.createElement("mrow")
        brace = dom.createElement("mo")
        brace.appendChild(dom.createTextNode("{"))
        whole.appendChild(brace)
        whole.appendChild(table)
        return whole


def _inside(expr: Any) -> Markup:
    return _written(_Printer().tree(expr))


def _written(node: Any) -> Markup:
    if node.nodeType == node.TEXT_NODE:
        text = html.unescape(node.data)
        return escape(_PLAIN.get(text, clean(text)))
    inside = Markup("").join(_written(child) for child in node.childNodes)
    if node.tagName not in _ELEMENTS:
        return inside
    return Markup("<{0}>{1}</{0}>").format(Markup(node.tagName), inside)
