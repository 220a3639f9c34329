"""Does a relation hold in every case? Cut an interval, or look at the ends of an affine weight.

`decide_cases` covers an interval by open pieces and the cuts between them, resolves Min, Max and
Abs on each piece where a sign is proved, and hands the pieces on. `decide_vertices` shows exactly
that the difference is affine in a weight, and hands the two ends on. A piece that is refuted
refutes the whole; a piece that is unknown leaves it unknown.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import sympy as sp

from gancheck.theory.claims import Domain, Relation, exact
from gancheck.theory.engines.decision import Context, Decision, by_points
from gancheck.theory.engines.enclosure import certified_sign
from gancheck.theory.engines.rational_sign import NotRational, sign_on

if TYPE_CHECKING:
    from gancheck.theory.justifications import Cases, Vertices

__all__ = ["decide_cases", "decide_vertices"]


def decide_cases(relation: Relation, domain: Domain, by: Cases, context: Context) -> Decision:
    """Decide the relation on every piece of one symbol's interval."""
    if by.symbol not in domain.open:
        return Decision("unknown", f"{by.symbol} has no open interval to cut")
    low, high = domain.interval(by.symbol)
    ends = [low, *map(exact, by.cuts), high]
    if not all(bool(a < b) for a, b in pairwise(ends)):
        return Decision("unknown", f"the cuts {by.cuts} do not increase inside ({low}, {high})")
    pieces = [(relation, domain.replaced(by.symbol, pair)) for pair in pairwise(ends)]
    points = [{by.symbol: cut} for cut in ends[1:-1]]
    at_cuts = [(relation.at(point), domain.put(point)) for point in points]
    # A cut at which an expression of `nonzero` vanishes is not in the domain.
    pieces += [(r, d) for r, d in at_cuts if not any(exact(e).is_zero for e in d.nonzero)]
    decisions = [_piece(r, d, by.by, context) for r, d in pieces]
    return _together(relation, domain, decisions, context, f"{len(pieces)} cases")


def decide_vertices(relation: Relation, domain: Domain, by: Vertices, context: Context) -> Decision:
    """Decide an inequality that is affine in a weight at the two ends of the weight's interval."""
    if by.weight not in domain.closed or relation.is_matrix or relation.op == "!=":
        return Decision("unknown", f"{by.weight} needs a closed interval, and the sides scalars")
    low, high = domain.interval(by.weight)
    if low.is_infinite or high.is_infinite:
        return Decision("unknown", f"the interval of {by.weight} must be bounded")
    slope = sp.expand_mul(sp.diff(relation.difference, by.weight))
    if by.weight in slope.free_symbols:
        return by_points(relation, domain, context, f"not shown to be affine in {by.weight}")
    decisions = [
        context.decide(relation.at({by.weight: end}), domain.put({by.weight: end}), inner)
        for end, inner in ((low, by.low), (high, by.high))
    ]
    return _together(relation, domain, decisions, context, f"affine in {by.weight}, both ends")


def _together(
    relation: Relation, domain: Domain, decisions: list[Decision], context: Context, how: str
) -> Decision:
    for decision in decisions:
        if decision.status == "refuted":
            return decision
    if all(d.status == "proved" for d in decisions):
        tier = "exact" if all(d.tier == "exact" for d in decisions) else "certified"
        return Decision("proved", how + ": " + " | ".join(d.evidence for d in decisions), tier)
    open_ones = [d.evidence for d in decisions if d.status != "proved"]
    return by_points(relation, domain, context, "not settled: " + " | ".join(open_ones))


def _piece(relation: Relation, domain: Domain, by: Any, context: Context) -> Decision:
    try:
        resolved = Relation(
            _resolve(relation.left, domain), relation.op, _resolve(relation.right, domain)
        )
    except NotRational as reason:
        return Decision("unknown", str(reason))
    return context.decide(resolved, domain, by)


def _resolve(expr: Any, domain: Domain) -> Any:
    """The expression without Min, Max and Abs, innermost first."""
    while True:
        nodes = [n for n in sp.postorder_traversal(expr) if isinstance(n, (sp.Min, sp.Max, sp.Abs))]
        if not nodes:
            return expr
        node = nodes[0]
        if isinstance(node, sp.Abs):
            inner = node.args[0]
            value = inner if _ordered(sp.Integer(0), inner, domain) else -inner
        else:
            value = _extreme(node, domain)
        expr = expr.xreplace({node: value})


def _extreme(node: Any, domain: Domain) -> Any:
    chosen = node.args[0]
    for other in node.args[1:]:
        other_is_larger = _ordered(chosen, other, domain)
        chosen = other if other_is_larger == isinstance(node, sp.Max) else chosen
    return chosen


def _ordered(a: Any, b: Any, domain: Domain) -> bool:
    """Whether a <= b on the whole domain; raises where neither order is shown."""
    difference = b - a
    if not difference.free_symbols:
        seen = certified_sign(difference)
        if seen is None:
            raise NotRational(f"{a} and {b} cannot be told apart")
        return seen >= 0
    sign = sign_on(difference, domain)
    if sign.nonnegative:
        return True
    if sign.defined and sign.high <= 0:
        return False
    raise NotRational(f"{a} and {b} change order inside a piece")
