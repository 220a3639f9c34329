"""What sign has a rational function on a box? Factor it, then decide every irreducible factor.

A factor in one symbol is decided by a Sturm count of its roots in the interval. A factor in
several is carried to the positive orthant by a Moebius map of each interval, where coefficients
of one sign are a proof and a sample of each sign is a refutation; anything else is unknown.

Source: Sturm's theorem as in Basu, Pollack & Roy, "Algorithms in Real Algebraic Geometry", ch. 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

import sympy as sp

from gancheck.theory.claims import Domain, Relation
from gancheck.theory.engines.decision import Context, Decision, by_points
from gancheck.theory.engines.enclosure import certified_sign

if TYPE_CHECKING:
    from gancheck.theory.justifications import RationalSign

__all__ = [
    "NotRational",
    "Sign",
    "decide",
    "defined_on",
    "is_zero",
    "numerator_denominator",
    "sign_on",
]

FactorSign = Literal["+", "-", "mixed", "?"]


class NotRational(ValueError):
    """The expression is no rational function of the domain's symbols over the rationals."""


@dataclass(frozen=True, slots=True)
class Sign:
    """What is known of a sign on a whole domain.

    Attributes:
        low: the least sign it can have there (-1, 0, 1), as far as was shown.
        high: the greatest.
        defined: whether the denominator was shown not to vanish.
        nonzero: whether the value was shown not to vanish, though its sign may not be known.
        certified: whether an irrational constant's sign was taken from an enclosure.
        evidence: how it was found.
    """

    low: int
    high: int
    defined: bool
    nonzero: bool
    evidence: str
    certified: bool = False

    @property
    def positive(self) -> bool:
        """Strictly positive everywhere."""
        return self.defined and self.low == 1

    @property
    def nonnegative(self) -> bool:
        """Nowhere negative."""
        return self.defined and self.low >= 0


@lru_cache(maxsize=4096)
def numerator_denominator(expr: Any) -> tuple[Any, Any]:
    """Coprime numerator and denominator, as polynomials over the rationals.

    Raises:
        NotRational: something besides rational operations on symbols is in `expr`.
    """
    symbols = sorted(expr.free_symbols, key=str)
    if expr.has(sp.nan, sp.zoo, sp.oo, -sp.oo):
        raise NotRational(f"{expr} is not finite")
    if not expr.is_rational_function(*symbols):
        raise NotRational(f"{expr} is not a rational function")
    top, bottom = sp.fraction(sp.cancel(sp.together(expr)))
    generators = symbols or [sp.Dummy("constant")]
    try:
        return sp.Poly(top, *generators, domain="QQ"), sp.Poly(bottom, *generators, domain="QQ")
    except (sp.CoercionFailed, sp.PolynomialError) as error:
        raise NotRational(f"{expr} has coefficients that are not rational") from error


def is_zero(expr: Any) -> bool:
    """Whether a rational function is identically zero; exact.

    Raises:
        NotRational: it is not a rational function over the rationals.

    Example:
        >>> x = sp.Symbol("x")
        >>> is_zero((x**2 - 1) / (x - 1) - x - 1)
        True
    """
    return bool(numerator_denominator(expr)[0].is_zero)


def sign_on(expr: Any, domain: Domain) -> Sign:
    """The sign of a rational function on a box with open intervals.

    Factors exp(...) count as positive, constant factors by a certified enclosure.

    Raises:
        NotRational: it is not a rational function over the rationals, or an interval is closed.

    Example:
        >>> x = sp.Symbol("x")
        >>> sign_on(x * (1 - x), Domain({x: (0, 1)})).positive
        True
    """
    if domain.closed:
        raise NotRational("the sign engine takes open intervals only")
    sign, rest, certified = _strip_positive(expr)
    missing = rest.free_symbols - domain.symbols
    if missing:
        raise NotRational(f"no interval for {sorted(map(str, missing))}")
    top, bottom = numerator_denominator(rest)
    if top.is_zero:
        return Sign(0, 0, defined_on(expr, domain), nonzero=False, evidence="identically zero")
    low, high, nowhere, notes = sign, sign, True, list[str]()
    for factor, power in [*_factors(top), *_factors(bottom)]:
        found, nonzero = _factor_sign(factor, domain)
        notes.append(f"{factor.as_expr()}: {found}{'' if nonzero else ', may vanish'}")
        low, high = _times(low, high, *_power_range(found, power, nonzero=nonzero))
        nowhere = nowhere and nonzero
    evidence = "; ".join(notes) or f"constant {expr}"
    return Sign(
        low, high, defined_on(expr, domain), nonzero=nowhere, evidence=evidence, certified=certified
    )


def _strip_positive(expr: Any) -> tuple[int, Any, bool]:
    """Take constants (by their certified sign) and exponentials out of a product."""
    sign, kept, certified = 1, list[Any](), False
    for factor in sp.Mul.make_args(sp.factor_terms(expr)):
        if isinstance(factor, sp.exp) and _is_real_rational(factor.args[0]):
            continue
        if factor.free_symbols or factor.is_Rational:
            kept.append(factor)
            continue
        seen = certified_sign(factor)
        if seen is None:
            raise NotRational(f"the sign of {factor} is not known")
        sign, certified = sign * seen, True
    return sign, sp.Mul(*kept), certified


def _is_real_rational(expr: Any) -> bool:
    return bool(expr.is_rational_function(*expr.free_symbols)) and not expr.has(sp.I)


def defined_on(expr: Any, domain: Domain) -> bool:
    """Whether no denominator written in `expr` vanishes on the domain, cancelled or not.

    Raises:
        NotRational: a denominator is no rational function over the rationals.
    """
    nodes: Any = sp.preorder_traversal(expr)
    for node in nodes:
        if not (node.is_Pow and node.exp.is_negative):
            continue
        if isinstance(node.base, sp.exp) or not node.base.free_symbols:
            continue
        top, bottom = numerator_denominator(node.base)
        pieces = [*_factors(top), *_factors(bottom)]
        if top.is_zero or not all(_factor_sign(f, domain)[1] for f, _ in pieces):
            return False
    return True


def _factors(poly: Any) -> list[tuple[Any, int]]:
    constant, factors = poly.factor_list()
    head = [(sp.Poly(constant, *poly.gens, domain="QQ"), 1)] if constant != 1 else []
    return head + [(f, int(k)) for f, k in factors]


def _power_range(found: FactorSign, power: int, *, nonzero: bool) -> tuple[int, int]:
    if found in ("+", "-"):
        one = 1 if found == "+" or power % 2 == 0 else -1
        return one, one
    if power % 2 == 0:
        return (1, 1) if nonzero else (0, 1)
    return -1, 1


def _times(low: int, high: int, a: int, b: int) -> tuple[int, int]:
    corners = [low * a, low * b, high * a, high * b]
    return min(corners), max(corners)


def _factor_sign(factor: Any, domain: Domain) -> tuple[FactorSign, bool]:
    """The sign of an irreducible polynomial, and whether it is shown not to vanish."""
    used = sorted(factor.as_expr().free_symbols, key=str)
    if not used:
        return ("+" if factor.as_expr() > 0 else "-"), True
    found = _box_sign(factor.as_expr(), tuple((s, *domain.interval(s)) for s in used))
    return found, found in ("+", "-") or _excluded(factor, domain)


@lru_cache(maxsize=8192)
def _box_sign(expr: Any, box: tuple[tuple[Any, Any, Any], ...]) -> FactorSign:
    """The sign of an irreducible polynomial on a box of open intervals (symbol, low, high)."""
    if len(box) == 1:
        symbol, low, high = box[0]
        return _sturm(sp.Poly(expr, symbol, domain="QQ"), low, high)
    used = [symbol for symbol, _, _ in box]
    domain = Domain({symbol: (low, high) for symbol, low, high in box})
    found = _orthant(expr, used, domain)
    return _sampled(expr, used, domain) if found == "?" else found


def _excluded(factor: Any, domain: Domain) -> bool:
    """Whether the factor divides an expression that does not vanish on the domain."""
    for constraint in domain.nonzero:
        top, _ = numerator_denominator(sp.sympify(constraint))
        quotient = sp.cancel(top.as_expr() / factor.as_expr())
        if not top.is_zero and sp.fraction(quotient)[1].is_Rational:
            return True
    return False


def _sturm(poly: Any, low: Any, high: Any) -> FactorSign:
    inside = poly.count_roots(None if low.is_infinite else low, None if high.is_infinite else high)
    for end in (low, high):
        if not end.is_infinite and poly.eval(end) == 0:
            inside -= 1
    if inside:
        return "mixed"  # an irreducible polynomial has simple roots, so it changes sign there
    return "+" if poly.eval(_inner_point(low, high)) > 0 else "-"


def _inner_point(low: Any, high: Any) -> Any:
    if low.is_infinite:
        return sp.Integer(0) if high.is_infinite else high - 1
    return low + 1 if high.is_infinite else (low + high) / 2


def _orthant(expr: Any, used: list[Any], domain: Domain) -> FactorSign:
    """One sign for all coefficients after every interval is carried to (0, oo)."""
    for symbol in used:
        low, high = domain.interval(symbol)
        if low.is_infinite and high.is_infinite:
            pieces = (symbol, sp.Integer(0), -symbol)
            signs: set[FactorSign] = {
                _orthant_piece(expr.subs(symbol, p), used, symbol, domain) for p in pieces
            }
            return signs.pop() if len(signs) == 1 else "?"
    return _positive_coefficients(_moebius(expr, used, domain))


def _orthant_piece(expr: Any, used: list[Any], symbol: Any, domain: Domain) -> FactorSign:
    left = [s for s in used if s in expr.free_symbols]
    if not left:
        return "+" if expr > 0 else "-" if expr < 0 else "?"
    return _orthant(expr, left, domain.replaced(symbol, (0, sp.oo)))


def _moebius(expr: Any, used: list[Any], domain: Domain) -> Any:
    for symbol in used:
        low, high = domain.interval(symbol)
        if low.is_infinite:
            expr = expr.subs(symbol, high - symbol)
        elif high.is_infinite:
            expr = expr.subs(symbol, low + symbol)
        else:
            degree = sp.Poly(expr, symbol).degree()
            moved = expr.subs(symbol, low + (high - low) * symbol / (1 + symbol))
            expr = sp.cancel(sp.together(moved * (1 + symbol) ** degree))
    return sp.Poly(expr, *used, domain="QQ")


def _positive_coefficients(poly: Any) -> FactorSign:
    coefficients = poly.coeffs()
    if all(c > 0 for c in coefficients):
        return "+"
    return "-" if all(c < 0 for c in coefficients) else "?"


def _sampled(expr: Any, used: list[Any], domain: Domain) -> FactorSign:
    box = Domain({s: domain.interval(s) for s in used})
    seen = {int(sp.sign(expr.xreplace(point))) for point in box.samples()}
    return "mixed" if {1, -1} <= seen else "?"


def decide(relation: Relation, domain: Domain, by: RationalSign, context: Context) -> Decision:
    """Prove or refute an identity or a sign of rational functions."""
    del by
    if relation.is_matrix:
        return Decision("unknown", "matrices are the linear-algebra engine's")
    try:
        if relation.op == "==":
            return _identity(relation, domain, context)
        return _inequality(relation, domain, context)
    except NotRational as reason:
        return by_points(relation, domain, context, str(reason))


def _identity(relation: Relation, domain: Domain, context: Context) -> Decision:
    if domain.closed or relation.free_symbols - domain.symbols:
        return Decision("unknown", "an identity needs an open interval for each of its symbols")
    top, _ = numerator_denominator(relation.difference)
    if not top.is_zero:
        # A polynomial that is not zero cannot vanish on an open box, nor off finitely many zeros.
        return Decision("refuted", f"left - right keeps the numerator {sp.factor(top.as_expr())}")
    if not (defined_on(relation.left, domain) and defined_on(relation.right, domain)):
        return by_points(relation, domain, context, "a denominator may vanish on the domain")
    return Decision("proved", "left - right cancels to 0 and no denominator vanishes")


def _inequality(relation: Relation, domain: Domain, context: Context) -> Decision:
    sign = sign_on(relation.difference, domain)
    if not (
        sign.defined and defined_on(relation.left, domain) and defined_on(relation.right, domain)
    ):
        return by_points(relation, domain, context, "a denominator may vanish on the domain")
    tier = "certified" if sign.certified else "exact"
    proved = {
        "<": sign.high == -1,
        "<=": sign.high <= 0,
        ">": sign.low == 1,
        ">=": sign.low >= 0,
        "!=": sign.nonzero,
    }[relation.op]
    if proved:
        return Decision("proved", f"sign of left - right by factors: {sign.evidence}", tier)
    certain_failure = {
        "<": sign.low >= 0,
        "<=": sign.low == 1,
        ">": sign.high <= 0,
        ">=": sign.high == -1,
        "!=": sign.low == sign.high == 0,
    }[relation.op]
    if certain_failure:
        return Decision("refuted", f"sign of left - right by factors: {sign.evidence}", tier)
    return by_points(relation, domain, context, f"sign not settled: {sign.evidence}")
