"""Which of several candidates is the greatest for every u? Where one maximum cannot be followed.

Piecewise-linear terms are greatest at a kink or an end, so that finitely many values are compared.
Of several stationary points in closed form, one is taken when its value is shown to be nowhere
below the others and the limits at the ends of the domain.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import sympy as sp

from gancheck.theory.best_path import Best, Stretch, joined
from gancheck.theory.expressions import d, tidy, u
from gancheck.theory.loss_pieces import Interval, LossRefused, finite_at
from gancheck.theory.one_variable import number
from gancheck.theory.ratio_inverse import roots_in_d, sign_in_u

__all__ = ["compared", "refuse_unbounded", "vertices"]


def compared(branches: list[Any], domain: Interval) -> Best | None:
    """Of several stationary points in closed form, the one that is nowhere below the others."""
    if len(branches) != 1:
        return None
    (_, real, fake), *_ = branches
    slope = tidy(u * sp.diff(real, d) + sp.diff(fake, d))
    roots = roots_in_d(slope)
    if roots is None:
        return None
    tests = [sp.Rational(*p) for p in ((1, 50), (1, 3), (1, 1), (3, 2), (7, 1), (60, 1))]

    def inside(root: Any) -> bool:
        values = [number(root.subs(u, at)) for at in tests]
        return all(v is not None and domain.holds(v) for v in values)

    seen = {r: [number(r.subs(u, at)) for at in tests] for r in roots}
    held = [r for r in roots if inside(r)]
    if any(
        r not in held and any(v is not None and domain.holds(v) for v in seen[r]) for r in roots
    ):
        return None  # a stationary point that comes and goes with u
    tops = [r for r in held if sign_in_u(sp.diff(slope, d).subs(d, r)) in ("-", "<=", "0")]
    if not held or any(sign_in_u(sp.diff(slope, d).subs(d, r)) is None for r in held):
        return None
    values = {r: tidy(u * real.subs(d, r) + fake.subs(d, r)) for r in tops}
    objective = u * real + fake
    bounds = [
        end_limit_in_u(objective, end, side)
        for end, side in ((domain.low, "+"), (domain.high, "-"))
    ]
    for root in tops:
        rivals = [values[r] for r in tops if r != root] + [b for b in bounds if b != -sp.oo]
        if None in bounds or any(
            sign_in_u(values[root] - v) not in ("+", ">=", "0") for v in rivals
        ):
            continue
        rise = tidy(-sp.diff(fake, d) / sp.diff(real, d)) if sp.diff(real, d) != 0 else None
        ends = [sp.limit(root, u, e, s) for e, s in ((0, "+"), (sp.oo, "-"))]
        path = Stretch(sp.Integer(0), sp.oo, ends[0], ends[1], rise, root)
        return Best(path=(path,), concave=True)
    return None


def refuse_unbounded(branches: list[Any], domain: Interval) -> None:
    """Refuse terms whose sum grows without bound at an end of the domain, whatever u is.

    Raises:
        LossRefused: it does.
    """
    for (_, real, fake), end, side in (
        (branches[0], domain.low, "+"),
        (branches[-1], domain.high, "-"),
    ):
        if end_limit_in_u(u * real + fake, end, side) == sp.oo:
            raise LossRefused(
                f"no maximiser: for every u the objective grows without bound as d goes to {end}"
            )


def end_limit_in_u(objective: Any, end: Any, side: str) -> Any:
    """The limit of the objective at an end of the domain, for every u > 0, or None."""
    try:
        found = sp.limit(objective, d, end, side)
    except (NotImplementedError, ValueError, TypeError, RecursionError):
        return None
    return None if found.has(sp.Limit, sp.AccumBounds, sp.nan, sp.zoo) else found


def vertices(real: Any, fake: Any, domain: Interval, edges: list[Any], branches: list[Any]) -> Best:
    """Piecewise-linear terms: the maximum sits at a kink or an end."""
    slopes = [tidy(u * sp.diff(r, d) + sp.diff(f, d)) for _, r, f in branches]
    spots = [e for e in edges if not e.is_infinite and finite_at(real, e) and finite_at(fake, e)]
    outer = [slopes[0]] if domain.low.is_infinite else []
    outer += [-slopes[-1]] if domain.high.is_infinite else []
    # an outer slope is linear in u: its sign tells where the objective stays bounded
    signs = [_line_sign(s) for s in outer]
    if "-" in signs or (not spots and all(s == 0 for s in slopes)):
        raise LossRefused("no maximiser: the loss is unbounded (or constant) in d for every u")
    if "mixed" in signs or not spots:
        if not spots and not sp.solve(slopes[0], u):
            raise LossRefused("no maximiser: the slope in d vanishes for no u > 0")
        note = "d_star: unbounded where the slope does not vanish; constrain the class"
        centre = sp.Integer(0) if domain.holds(sp.Integer(0)) else None
        return Best(integral_metric=True, notes=[note], centre=centre)
    values = [(v, u * real.subs(d, v) + fake.subs(d, v)) for v in spots]
    crossings = set[Any]()
    for i, (_, one) in enumerate(values):
        for _, other in values[:i]:
            crossings |= {z for z in sp.solve(one - other, u) if z.is_positive}
    switches: Any = sorted(crossings, key=number)
    cuts = [sp.Integer(0), *switches, sp.oo]
    rests = [Stretch(a, b, top, top) for a, b in pairwise(cuts) for top in [_top(values, a, b)]]
    return Best(path=tuple(joined(rests)), concave=True)


def _line_sign(line: Any) -> str:
    """The sign of a u + b on u > 0."""
    plain = sp.expand(line)
    a, b = plain.coeff(u, 1), plain.coeff(u, 0)
    signs = {int(sp.sign(number(x))) for x in (a, b)} - {0}
    return "mixed" if len(signs) == 2 else "0" if not signs else "+" if 1 in signs else "-"


def _top(values: list[Any], low: Any, high: Any) -> Any:
    at = low + 1 if high.is_infinite else (low + high) / 2
    return max(values, key=lambda pair: number(pair[1].subs(u, at)))[0]
