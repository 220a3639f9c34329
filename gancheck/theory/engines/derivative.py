"""Does a tight inequality follow from the sign of a derivative?

Order 2: the two sides and their slopes agree at one value, and the second derivative of the
difference has a sign, so the difference has the same. Order 1: the two sides agree at an end of
the interval and the first derivative has a sign.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy as sp

from gancheck.theory.claims import Domain, Relation, exact
from gancheck.theory.engines.decision import Context, Decision, by_points
from gancheck.theory.engines.log_rational import NotLogRational, normal_form
from gancheck.theory.engines.rational_sign import NotRational, defined_on, sign_on

if TYPE_CHECKING:
    from gancheck.theory.justifications import Derivative

__all__ = ["decide"]


def decide(relation: Relation, domain: Domain, by: Derivative, context: Context) -> Decision:
    """Check a derivative certificate; where it does not hold, look for a point that refutes."""
    if relation.op in ("<", "<="):
        relation = relation.swapped
    if relation.op not in (">", ">=") or relation.is_matrix:
        return Decision("unknown", "the derivative engine decides <, <=, > and >= only")
    if by.order not in (1, 2) or by.variable not in domain.open:
        return Decision("unknown", "the order is 1 or 2 and the variable has an open interval")
    try:
        failure = _gap(relation, domain, by)
    except (NotLogRational, NotRational) as reason:
        failure = str(reason)
    if failure:
        return by_points(relation, domain, context, failure)
    how = f"equal at {by.variable} = {by.at}, then the sign of derivative {by.order}"
    irrational = any(
        n.is_number and n.is_irrational is not False and not n.is_Rational
        for n in sp.preorder_traversal(sp.diff(relation.difference, by.variable))
    )
    return Decision("proved", how, "certified" if irrational else "exact")


def _gap(relation: Relation, domain: Domain, by: Derivative) -> str:
    """What is missing from the certificate; an empty string when nothing is."""
    at, variable, difference = exact(by.at), by.variable, relation.difference
    low, high = domain.interval(variable)
    _require_smooth(relation, domain)
    first, second = sp.diff(difference, variable), sp.diff(difference, variable, 2)
    rest = domain.replaced(variable, None)
    inside = at not in (low, high)
    if inside:
        where = _inside(at, low, high, rest)
        if where:
            return where
    agree = [difference] if by.order == 1 else [difference, first]
    for term in agree:
        value = term.subs(variable, at)
        if not _vanishes(value, rest):
            return f"{value} at {variable} = {at} is not shown to be 0"
    if by.order == 1:
        if inside:
            return "order 1 starts from an end of the interval"
        sign = sign_on(first if at == low else -first, domain)
    else:
        sign = sign_on(second, domain)
    if not sign.nonnegative:
        return f"derivative {by.order} has no sign on the domain: {sign.evidence}"
    never_there = not inside or sign_on(variable - at, domain).nonzero
    if relation.op == ">" and not (sign.positive and never_there):
        return "the inequality is proved, but not strictly"
    return ""


def _require_smooth(relation: Relation, domain: Domain) -> None:
    """Raise unless both sides are smooth on the whole domain."""
    for side in (relation.left, relation.right):
        strange = {f.func for f in side.atoms(sp.Function)} - {sp.log, sp.exp, sp.erf}
        if strange or not defined_on(side, domain):
            raise NotRational(f"{side} is not shown to be smooth on the domain")
        if side.has(sp.log):
            normal_form(side, domain)  # raises where a logarithm is not shown to exist


def _inside(at: Any, low: Any, high: Any, rest: Domain) -> str:
    for gap in ([] if low.is_infinite else [at - low]) + ([] if high.is_infinite else [high - at]):
        if not sign_on(gap, rest).positive:
            return f"{at} is not shown to lie between {low} and {high}"
    return ""


def _vanishes(value: Any, rest: Domain) -> bool:
    if value == 0:
        return True
    return not normal_form(value, rest)
