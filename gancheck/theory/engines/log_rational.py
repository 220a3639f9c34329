"""Is a sum of rational functions times logarithms of rational functions identically zero?

Every argument is first proved positive on the whole domain. Then it is split into irreducible
polynomials and prime numbers, whose logarithms (of absolute values) are linearly independent over
the rational functions: the expression vanishes identically if and only if every coefficient does.
So the answer is exact in both directions, and a false identity comes with what is left of it.

Source: independence of logarithms of irreducibles by Ostrowski's theorem, of primes by
Hermite-Lindemann with unique factorisation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy as sp

from gancheck.theory.engines.decision import Context, Decision, by_points
from gancheck.theory.engines.rational_sign import (
    NotRational,
    defined_on,
    is_zero,
    numerator_denominator,
    sign_on,
)

if TYPE_CHECKING:
    from gancheck.theory.claims import Domain, Relation
    from gancheck.theory.justifications import LogRational

__all__ = ["NotLogRational", "decide", "describe_normal_form", "normal_form"]

ONE = sp.Integer(1)


class NotLogRational(ValueError):
    """The expression is not a sum of rational functions times logs of positive rational ones."""


def normal_form(expr: Any, domain: Domain) -> dict[Any, Any]:
    """Coefficients of the independent logarithms, and of 1; an empty dict is identically zero.

    Args:
        expr: linear in logarithms of rational functions, with rational-function coefficients.
        domain: open box on which each argument must be positive.

    Returns:
        irreducible polynomial or prime -> coefficient of its log(abs()); the key 1 holds the
        part without logarithm.

    Raises:
        NotLogRational: another function occurs, or an argument is not proved positive.

    Example:
        >>> from gancheck.theory.claims import Domain
        >>> x = sp.Symbol("x")
        >>> normal_form(sp.log(4 * x**2) - 2 * sp.log(x), Domain({x: (0, sp.oo)}))
        {2: 2}
    """
    linear, bottom, names = _linear_in_logs(expr)
    form: dict[Any, Any] = {}
    for log, name in names.items():
        coefficient = linear.coeff_monomial(name) / bottom
        if coefficient == 0:
            continue
        _require_positive(log.args[0], domain)
        for key, power in _split(log.args[0]):
            form[key] = form.get(key, sp.Integer(0)) + power * coefficient
    form[ONE] = linear.coeff_monomial(1) / bottom
    try:
        return {key: sp.cancel(value) for key, value in form.items() if not is_zero(value)}
    except NotRational as reason:
        raise NotLogRational(str(reason)) from reason


def _linear_in_logs(expr: Any) -> tuple[Any, Any, dict[Any, Any]]:
    """A polynomial of degree at most 1 in dummies that stand for logs, over a denominator."""
    logs = sorted(expr.atoms(sp.log), key=sp.default_sort_key)
    names: dict[Any, Any] = {log: sp.Dummy(f"log_{k}") for k, log in enumerate(logs)}
    if any(log.args[0].has(sp.log) for log in logs):
        raise NotLogRational("a logarithm stands inside another")
    replaced = expr.xreplace(names)
    rest = replaced.free_symbols - set(names.values())
    if not replaced.is_rational_function(*rest, *names.values()):
        raise NotLogRational(f"{expr} is not made of rational functions and logarithms")
    top, bottom = sp.fraction(sp.together(replaced))
    generators = list(names.values()) or [sp.Dummy("none")]
    if bottom.free_symbols & set(generators):
        raise NotLogRational("a logarithm stands in a denominator")
    poly = sp.Poly(sp.expand_mul(top), *generators)
    if poly.total_degree() > 1:
        raise NotLogRational("a product of logarithms")
    return poly, bottom, names


def _require_positive(argument: Any, domain: Domain) -> None:
    try:
        sign = sign_on(argument, domain)
    except NotRational as reason:
        raise NotLogRational(str(reason)) from reason
    if not sign.positive:
        raise NotLogRational(f"log({argument}) is not shown to exist on the whole domain")


def _split(argument: Any) -> list[tuple[Any, int]]:
    """The irreducible polynomials and primes of an argument, with exponents."""
    pieces = list[tuple[Any, int]]()
    for side, poly in zip((1, -1), numerator_denominator(argument), strict=True):
        constant, factors = poly.factor_list()
        for factor, power in factors:
            content, primitive = factor.primitive()
            if primitive.LC() < 0:
                primitive = -primitive
            pieces += [(primitive.as_expr(), side * int(power))]
            pieces += _primes(content, side * int(power))
        pieces += _primes(sp.Rational(constant), side)
    return pieces


def _primes(constant: Any, side: int) -> list[tuple[Any, int]]:
    factors: Any = sp.factorrat(abs(sp.Rational(constant)))
    return [(sp.Integer(prime), side * int(power)) for prime, power in factors.items()]


def describe_normal_form(form: dict[Any, Any]) -> str:
    """What is left, in words.

    Example:
        >>> describe_normal_form({sp.Integer(2): sp.Integer(1)})
        '(1)*log(2)'
    """
    parts = [f"({c})" if key == ONE else f"({c})*log({key})" for key, c in form.items()]
    return " + ".join(parts) or "0"


def decide(relation: Relation, domain: Domain, by: LogRational, context: Context) -> Decision:
    """Prove or refute an identity by its normal form."""
    del by
    if relation.op != "==" or relation.is_matrix:
        return Decision("unknown", "the log-rational normal form decides scalar identities only")
    if domain.closed or relation.free_symbols - domain.symbols:
        return Decision("unknown", "an identity needs an open interval for each of its symbols")
    try:
        # One side at a time, so that what cancels between them is shown to be defined as well.
        left, right = (normal_form(side, domain) for side in (relation.left, relation.right))
        if not (defined_on(relation.left, domain) and defined_on(relation.right, domain)):
            return by_points(relation, domain, context, "a denominator may vanish on the domain")
    except (NotLogRational, NotRational) as reason:
        return by_points(relation, domain, context, str(reason))
    keys = {**left, **right}
    form = {k: sp.cancel(left.get(k, 0) - right.get(k, 0)) for k in keys}
    form = {k: c for k, c in form.items() if not is_zero(c)}
    if form:
        return Decision("refuted", f"left - right leaves {describe_normal_form(form)}")
    return Decision("proved", f"the coefficients of {len(keys)} independent terms all cancel")
