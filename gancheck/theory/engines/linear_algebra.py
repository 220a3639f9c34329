"""Are two matrices the same, entry by entry? Exact, with derivatives, square roots and I.

Derivatives of unspecified functions are free quantities (the jets of a smooth function at a point
are arbitrary). A square root is a symbol whose square is known, so an entry is reduced to a
polynomial of degree below two in each root; where every coefficient cancels, the identity holds.
Entries with a denominator that is not a number are left unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy.core.function import AppliedUndef

from gancheck.theory.engines.decision import Context, Decision, by_points

if TYPE_CHECKING:
    from gancheck.theory.claims import Domain, Relation
    from gancheck.theory.justifications import LinearAlgebra

__all__ = ["decide"]

Roots = dict[Any, tuple[Any, Any]]


def decide(relation: Relation, domain: Domain, by: LinearAlgebra, context: Context) -> Decision:
    """Prove or refute an identity of matrices or scalars."""
    del by
    if relation.op != "==":
        return Decision("unknown", "the linear-algebra engine decides identities only")
    checked = 0
    for entry in relation.entries():
        decision = _entry(entry, relation, domain, context)
        if decision is not None:
            return decision
        checked += 1
    return Decision("proved", f"{checked} entries of left - right reduce to 0")


def _entry(entry: Relation, whole: Relation, domain: Domain, context: Context) -> Decision | None:
    difference, plain = _without_functions(entry.difference)
    reduced, roots = _reduce(difference)
    if reduced is None:
        return by_points(whole, domain, context, f"{entry} is not algebraic")
    if reduced.is_zero:
        return None
    left = sp.factor(reduced.as_expr()).xreplace(plain)
    if roots:
        return by_points(whole, domain, context, f"{entry} is not shown to hold")
    return Decision("refuted", f"an entry of left - right keeps the numerator {left}")


def _without_functions(expr: Any) -> tuple[Any, dict[Any, Any]]:
    atoms = sorted(expr.atoms(sp.Derivative), key=sp.default_sort_key)
    names = {a: sp.Dummy(f"jet{k}") for k, a in enumerate(atoms)}
    expr = expr.xreplace(names)
    functions = {f: sp.Dummy(f"value{k}") for k, f in enumerate(
        sorted(expr.atoms(AppliedUndef), key=sp.default_sort_key))}  # fmt: skip
    expr = expr.xreplace(functions)
    return expr, {d: a for a, d in {**names, **functions}.items()}


def _reduce(expr: Any) -> tuple[Any, Roots]:
    """The numerator as a polynomial, of degree below two in every root; None if not algebraic."""
    roots: Roots = {}
    expr = expr.replace(
        lambda node: node.is_Pow and node.exp.is_Rational and node.exp.q == 2,
        lambda node: _root(node.base, roots) ** node.exp.p,
    )
    roots[sp.I] = (sp.Dummy("i"), sp.Integer(-1))
    squares = [(name, square.xreplace({sp.I: roots[sp.I][0]})) for name, square in roots.values()]
    expr = expr.xreplace({sp.I: roots[sp.I][0]})
    symbols = set(expr.free_symbols).union(*(s.free_symbols for _, s in squares))
    gens = sorted(symbols | {roots[sp.I][0]}, key=str)
    if expr.has(sp.nan, sp.zoo, sp.oo) or not expr.is_rational_function(*gens):
        return None, {}
    top, bottom = (_lowered(side, gens, squares) for side in sp.fraction(sp.together(expr)))
    if top is None or bottom is None or bottom.total_degree() > 0 or bottom.is_zero:
        return None, {}
    del roots[sp.I]
    return top, roots


def _lowered(side: Any, gens: list[Any], squares: list[tuple[Any, Any]]) -> Any:
    try:
        poly = sp.Poly(side, *gens, domain="QQ")
        for name, square in squares:
            if name in gens:
                poly = _lower(poly, name, sp.Poly(square, *gens, domain="QQ"))
    except (sp.CoercionFailed, sp.PolynomialError):
        return None
    return poly


def _root(base: Any, roots: Roots) -> Any:
    if base not in roots:
        roots[base] = (sp.Dummy(f"root{len(roots)}"), base)
    return roots[base][0]


def _lower(poly: Any, name: Any, square: Any) -> Any:
    """Replace every even power of a root by its known value."""
    index, gens = poly.gens.index(name), poly.gens
    total = sp.Poly(0, *gens, domain="QQ")
    for powers, coefficient in poly.terms():
        whole, odd = divmod(powers[index], 2)
        kept = list(powers)
        kept[index] = odd
        term = sp.Poly({tuple(kept): coefficient}, *gens, domain="QQ")
        total += term * square**whole
    return total
