"""How do the players move near the equilibrium, and does the generator's gradient vanish?

Both need a score s that a network puts out and a link to d with link(0) = d*(1): the identity
where d may be any real number or the best d only rests on kinks, exponential towards an end of a
half-line, logistic on a bounded interval. Eigenvalues scale with the link's slope at 0; the
verdict does not depend on it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import sympy as sp

from gancheck.theory.expressions import d, tidy
from gancheck.theory.loss_pieces import Interval, branch, kinks
from gancheck.theory.one_variable import end_limit, number

if TYPE_CHECKING:
    from gancheck.theory.best_path import Best
    from gancheck.theory.loss_analysis import Loss

__all__ = ["at_the_centre", "by_pieces", "ratio_of_slopes", "saturation"]

_ROUNDED = 10**30  # an end with such a denominator is a rounded number
_s: Any = sp.Symbol("s", real=True)


def by_pieces(parts: list[tuple[Any, Interval]]) -> Any:
    """One formula in d for each interval, in ascending order; neighbours that agree are one."""
    kept = [(made, at) for (made, at), after in zip(parts, [*parts[1:], None], strict=True)
            if after is None or made != after[0]]  # fmt: skip
    if len(kept) == 1:
        return kept[0][0]
    return sp.Piecewise(*((made, d < at.high) for made, at in kept[:-1]), (kept[-1][0], True))


def ratio_of_slopes(other: Any, g: Any, domain: Interval) -> Any:
    """other'(d) / g'(d), or None where g' vanishes on a whole piece."""
    edges = [domain.low, *kinks([other, g], domain), domain.high]
    parts = list[tuple[Any, Interval]]()
    for at in map(Interval, edges, edges[1:]):
        slope = tidy(sp.diff(branch(g, at), d))
        if slope == 0:
            return None
        parts.append((tidy(sp.diff(branch(other, at), d) / slope), at))
    return by_pieces(parts)


def _rests_only(found: Best) -> bool:
    return bool(found.path) and all(s.ratio is None for s in found.path)


def _link(centre: Any, domain: Interval) -> Any:
    """Score to d with link(0) = centre."""
    low, high = domain.low, domain.high
    if low.is_infinite and high.is_infinite:
        return centre + _s
    if low.is_infinite:
        return high - (high - centre) * sp.exp(-_s)
    if high.is_infinite:
        return low + (centre - low) * sp.exp(_s)
    odds = (high - centre) / (centre - low)
    return low + (high - low) / (1 + odds * sp.exp(-_s))


def _rate(domain: Interval) -> Any:
    """dd/ds as a function of d; the link's centre drops out."""
    low, high = domain.low, domain.high
    if low.is_infinite and high.is_infinite:
        return sp.Integer(1)
    if low.is_infinite:
        return high - d
    if high.is_infinite:
        return d - low
    return (d - low) * (high - d) / (high - low)


def at_the_centre(fake: Any, g: Any, found: Best, domain: Interval) -> dict[str, Any]:
    """Data delta_0, fake delta_theta, score psi x: v = (dL_G/dtheta, dL_D/dpsi) at (0, 0)."""
    centre = found.centre
    flat = Interval(-sp.oo, sp.oo)
    link = _link(centre, flat if _rests_only(found) else domain)
    if not domain.holds(centre):
        return {"notes": [f"dirac: d*(1) = {centre} is an end of the domain, where no score leads"]}
    if any(number(k - centre) == 0 for k in kinks([fake, g], domain)):
        return {"notes": [f"dirac: the loss has a kink at d*(1) = {centre}, so no Jacobian there"]}
    rate = sp.diff(link, _s).subs(_s, 0)
    pull, push = (tidy(_slope_at(t, centre, domain) * rate) for t in (g, fake))
    matrix = sp.Matrix([[0, pull], [-push, 0]])
    product = tidy(-pull * push)  # eigenvalues are +-sqrt(product)
    size = sp.Integer(0) if product == 0 else number(product)
    back = size is not None and size < 0
    root = sp.I * sp.sqrt(sp.factor(-product)) if back else sp.sqrt(sp.factor(product))
    verdict = None if size is None else "unstable" if size > 0 else "neutral"
    jac = {"dirac_jacobian": matrix, "dirac_eigenvalues": [root, -root], "link": link}
    return {**jac, "dirac_verdict": verdict}


def _slope_at(term: Any, place: Any, domain: Interval) -> Any:
    edges = [domain.low, *kinks([term], domain), domain.high]
    at = next(p for p in map(Interval, edges, edges[1:]) if p.holds(place))
    return sp.diff(branch(term, at), d).subs(d, place)


def saturation(g: Any, loss: Loss, found: Best, domain: Interval) -> dict[str, Any]:
    """dg/ds where the discriminator is sure of a fake (u -> 0), and against another loss.

    `order` is k where dg/ds falls like |d - end|^k towards a finite end of d, and like
    exp(-k |s|) where the score itself runs to infinity; 0 means that it does not vanish.
    """
    other = -loss.real if _equal_slopes(g, loss.fake, domain) else loss.fake
    out: dict[str, Any] = {"limit": None, "order": None}
    out |= {"ratio": ratio_of_slopes(other, g, _played(found, domain)), "other": other}
    linked = Interval(-sp.oo, sp.oo) if _rests_only(found) or found.integral_metric else domain
    rate = _rate(linked)
    if found.integral_metric:
        return {**out, **_towards(g, rate, _unbounded_end(loss, domain), domain)}
    if not found.path or not found.concave:
        return out
    first = found.path[0]
    if first.ratio is None:
        if any(number(k - first.start) == 0 for k in kinks([g], domain)):
            out["note"] = (
                f"saturation: the generator's term has a kink at {first.start}, where d* rests"
            )
            return out
        if not domain.holds(first.start):
            edge = first.start
            return {**out, **_towards(g, rate, edge, domain, rests=True)}
        slope = tidy(_slope_at(g, first.start, domain) * rate.subs(d, first.start))
        return {**out, "limit": slope, "order": None if slope == 0 else sp.Integer(0)}
    return {**out, **_towards(g, rate, first.start, first.piece)}


def _played(found: Best, domain: Interval) -> Interval:
    """The values of d that the best discriminator can play."""
    ends = [e for s in found.path for e in (s.start, s.stop)]
    if not ends or not found.concave:
        return domain
    low, high = (pick(ends, key=lambda e: e if e.is_infinite else number(e)) for pick in (min, max))
    return Interval(low, high) if low != high else domain


def _unbounded_end(loss: Loss, domain: Interval) -> Any:
    """Where a linear critic runs when the fake term alone counts."""
    edges = [domain.low, *kinks([loss.fake], domain), domain.high]
    slope = tidy(sp.diff(branch(loss.fake, Interval(edges[0], edges[1])), d))
    return domain.low if slope.is_negative else domain.high


def _towards(
    g: Any, rate: Any, end: Any, within: Interval, *, rests: bool = False
) -> dict[str, Any]:
    """Limit and order of g'(d) dd/ds as d runs to an end of an interval."""
    at_low = end == within.low
    edges = [within.low, *kinks([g], within), within.high]
    last = Interval(edges[0], edges[1]) if at_low else Interval(edges[-2], edges[-1])
    slope = tidy(sp.diff(branch(g, last), d) * rate)
    side = "+" if at_low else "-"
    out: dict[str, Any] = {"limit": end_limit(slope, d, end, side), "order": None}
    if slope == 0 or rests:
        nonzero = out["limit"] is not None and tidy(out["limit"]) != 0
        return {**out, "order": sp.Integer(0) if nonzero else None}
    decay = sp.diff(slope, d) / slope
    if end.is_infinite:
        order = end_limit(tidy(rate * decay), d, end, side)
        out["order"] = order if order is None or at_low else -order
    elif not (end.is_Rational and end.q > _ROUNDED):
        out["order"] = end_limit(tidy((d - end) * decay), d, end, side)
    return out


def _equal_slopes(one: Any, other: Any, domain: Interval) -> bool:
    edges = [domain.low, *kinks([one, other], domain), domain.high]
    return all(
        tidy(sp.diff(branch(one, at) - branch(other, at), d)) == 0
        for at in (Interval(a, b) for a, b in pairwise(edges))
    )
