"""Does an inequality between logarithms follow from instances of ln(x) <= x - 1?

The certificate lists instances with multipliers that are not negative. Subtracting them must leave
no logarithm (decided by the normal form) and a rational function of the right sign. The tangent
touches only at x = 1, so a strict inequality follows where some argument is never 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy as sp

from gancheck.theory.claims import Domain, Relation, exact
from gancheck.theory.engines.decision import Context, Decision, by_points
from gancheck.theory.engines.log_rational import (
    ONE,
    NotLogRational,
    describe_normal_form,
    normal_form,
)
from gancheck.theory.engines.rational_sign import NotRational, defined_on, sign_on

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gancheck.theory.justifications import Tangent

__all__ = ["decide"]


def decide(relation: Relation, domain: Domain, by: Tangent, context: Context) -> Decision:
    """Check a tangent certificate; where it does not hold, look for a point that refutes."""
    if relation.op in (">", ">="):
        relation = relation.swapped
    if relation.op not in ("<", "<=") or relation.is_matrix:
        return Decision("unknown", "the tangent engine decides <, <=, > and >= only")
    try:
        failure = _gap(relation, domain, by.instances)
    except (NotLogRational, NotRational) as reason:
        failure = str(reason)
    if failure:
        return by_points(relation, domain, context, failure)
    used = ", ".join(f"{m} * (ln(x) <= x - 1) at x = {x}" for m, x in by.instances)
    return Decision("proved", used or "no instance needed")


def _gap(relation: Relation, domain: Domain, instances: Sequence[tuple[Any, Any]]) -> str:
    """What is missing from the certificate; an empty string when nothing is."""
    if not (defined_on(relation.left, domain) and defined_on(relation.right, domain)):
        return "a denominator may vanish on the domain"
    for side in (relation.left, relation.right):
        normal_form(side, domain)  # raises where a logarithm is not shown to exist
    remainder = relation.difference
    strict = False
    for multiplier, argument in ((exact(m), exact(x)) for m, x in instances):
        weight = sign_on(multiplier, domain)
        if not weight.nonnegative:
            return f"the multiplier {multiplier} may be negative"
        if not sign_on(argument, domain).positive:
            return f"the argument {argument} may not be positive"
        remainder -= multiplier * (sp.log(argument) - argument + 1)
        strict = strict or (weight.positive and sign_on(argument - 1, domain).nonzero)
    form = normal_form(remainder, domain)
    rational = form.pop(ONE, sp.Integer(0))
    if form:
        return f"the instances leave {describe_normal_form(form)}"
    left = sign_on(rational, domain)
    if not left.defined or left.high > 0:
        return f"the rational remainder {rational} may be positive"
    if relation.op == "<" and not strict and left.high == 0:
        return "the instances prove the inequality, but not strictly"
    return ""
