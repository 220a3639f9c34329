"""What does an adversarial loss really optimise? The discriminator's best answer, and what follows.

The discriminator maximises E_p REAL(d) + E_q FAKE(d), so at u = p/q it plays d*(u). A generator
that minimises E_q g(d) against it descends the divergence D_f with

    f''(u) = -(1/u) d/du g(d*(u)).

f is convex iff g(d*(u)) is non-increasing, and D_f separates p from q iff moreover g(d*(u)) is not
constant near u = 1. No loss is known here by name: what is not decided is listed as unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from gancheck.theory.best_discriminator import Best, Interval, LossRefused, best, narrowed, sign_of
from gancheck.theory.deadline import OutOfTime, deadline
from gancheck.theory.divergences import name_of
from gancheck.theory.expressions import d, tidy, u

__all__ = ["Interval", "Loss", "LossRefused", "LossReport", "analyse"]

_EVERYWHERE = Interval(-sp.oo, sp.oo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """The discriminator's two terms, which it maximises, and the generator's, which it minimises.

    Attributes:
        real: term on real samples, in `d`.
        fake: term on generated samples.
        generator: minimised under q; None is the saturating one, `fake` itself.
        domain: where d may lie, before it is narrowed to where both terms are real.
        prior: share of real samples; None weighs both terms with 1.
    """

    real: Any
    fake: Any
    generator: Any = None
    domain: Interval = _EVERYWHERE
    prior: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LossReport:
    """What was derived; None is what could not be, and `unknown` says why."""

    d_star: Any = None
    concave: bool | None = None
    value: Any = None
    f2_discriminator: Any = None
    f2_generator: Any = None
    divergence_discriminator: str | None = None
    divergence_generator: str | None = None
    proper_discriminator: bool | None = None
    proper_generator: bool | None = None
    zero_sum: bool | None = None
    saturation: dict[str, Any] | None = None
    density_ratio: Any = None
    dirac_jacobian: Any = None
    dirac_eigenvalues: list[Any] | None = None
    dirac_verdict: str | None = None
    unknown: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Expressions as strings that sympy parses."""
        plain = (bool, str, type(None))
        out: dict[str, Any] = {}
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if name == "saturation" and value is not None:
                value = {k: None if v is None else str(v) for k, v in value.items()}
            elif isinstance(value, list):
                value = [str(v) for v in value]
            elif isinstance(value, sp.MatrixBase):
                value = [[str(v) for v in row] for row in value.tolist()]
            elif not isinstance(value, (*plain, dict)):
                value = str(value)
            out[name] = value
        return out


class _Run:
    """Answers collected one question at a time, within one budget of processor time."""

    def __init__(self) -> None:
        self.got: dict[str, Any] = {}
        self.unknown = list[str]()

    def ask(self, what: str, seconds: float, answer: Any) -> None:
        try:
            with deadline(seconds):
                self.got.update(answer())
        except OutOfTime:
            self.unknown.append(f"{what}: not decided in time")
        except LossRefused:
            raise
        except (
            NotImplementedError,
            ValueError,
            TypeError,
            AttributeError,
            RecursionError,
            sp.PolynomialError,
        ):
            self.unknown.append(f"{what}: no method here decides it")


def analyse(loss: Loss) -> LossReport:
    """Derive what a pair of losses optimises, in at most about 5 s of processor time.

    Raises:
        LossRefused: no maximiser for any u, a domain that the maximiser leaves, or a prior
            outside (0, 1).

    Example:
        >>> analyse(Loss(real=sp.log(d), fake=sp.log(1 - d))).divergence_generator
        '2 JSD'
    """
    if loss.prior is not None and not 0 < loss.prior < 1:
        raise LossRefused(f"prior must be strictly between 0 and 1, got {loss.prior}")
    share = loss.prior
    a, b = (sp.Integer(1),) * 2 if share is None else (share, 1 - share)
    real, fake = a * loss.real, b * loss.fake
    g = loss.fake if loss.generator is None else loss.generator
    run = _Run()
    run.ask("domain", 0.7, lambda: {"domain": narrowed([real, fake], loss.domain)})
    domain = run.got.pop("domain", None)
    if domain is None:
        return LossReport(unknown=run.unknown)
    run.ask("d_star", 1.6, lambda: {"best": best(real, fake, domain)})
    found: Best = run.got.pop("best", Best())
    run.unknown += found.notes
    if not found.jumps and not found.integral_metric:
        run.ask("density_ratio", 0.3, lambda: _ratio(real, fake))
    if found.concave:  # nothing follows from a point that was not shown to be the maximum
        run.ask("discriminator", 0.9, lambda: _discriminator(real, fake, found))
        run.ask("generator", 0.7, lambda: _generator(g, found))
    run.ask("zero_sum", 0.2, lambda: {"zero_sum": _same(g, loss.fake, domain)})
    run.ask("saturation", 0.3, lambda: {"saturation": _saturation(g, loss, found, domain)})
    if found.centre is not None:
        run.ask("dirac", 0.3, lambda: _dirac(fake, g, found, domain))
    if run.got.get("dirac_verdict") == "neutral":
        run.unknown.append("dirac: zero real part, so the linearisation is inconclusive")
    for name in ("proper_discriminator", "proper_generator", "dirac_verdict", "zero_sum"):
        if run.got.get(name) is None and not any(name in line for line in run.unknown):
            run.unknown.append(f"{name}: not decided")
    star = {"d_star": found.d_star, "concave": found.concave}
    return LossReport(**star, **run.got, unknown=run.unknown)


def _ratio(real: Any, fake: Any) -> dict[str, Any]:
    slope = sp.diff(real, d)
    return {"density_ratio": None if slope == 0 else tidy(-sp.diff(fake, d) / slope)}


def _judged(second: Any, who: str) -> dict[str, Any]:
    second = tidy(second)
    sign = sign_of(second)
    proper = {"+": True, ">=": True, "0": False, "-": False, "<=": False, "mixed": False}
    name = name_of(second) if sign == "+" else None
    out = {f"f2_{who}": second, f"proper_{who}": proper.get(sign or "")}
    return {**out, f"divergence_{who}": name}


def _jumping(drops: list[tuple[Any, Any]], who: str) -> dict[str, Any]:
    """Here f'' is a sum of point masses; proper iff none is negative and one sits at u = 1."""
    second = sp.Add(*(size * sp.DiracDelta(u - z) for z, size in drops))
    convex = all(size >= 0 for _, size in drops)
    proper = convex and any(z == 1 and size > 0 for z, size in drops)
    name = name_of(second) if proper and second.func is not sp.Add else None
    return {f"f2_{who}": second, f"proper_{who}": proper, f"divergence_{who}": name}


def _discriminator(real: Any, fake: Any, found: Best) -> dict[str, Any]:
    star: Any = found.d_star
    if found.jumps or isinstance(star, sp.Piecewise):
        cases = [(u * real.subs(d, x) + fake.subs(d, x), c) for x, c in list[Any](star.args)]
        rises = [(z, real.subs(d, hi) - real.subs(d, lo)) for z, lo, hi in found.jumps]
        return {"value": sp.Piecewise(*cases), **_jumping(rises, "discriminator")}
    on_real, on_fake = real.subs(d, star), fake.subs(d, star)
    out = _judged(sp.diff(on_real, u), "discriminator")
    return {"value": tidy(u * on_real + on_fake), **out}


def _generator(g: Any, found: Best) -> dict[str, Any]:
    if found.jumps or isinstance(found.d_star, sp.Piecewise):
        drops = [(z, (g.subs(d, lo) - g.subs(d, hi)) / z) for z, lo, hi in found.jumps]
        return _jumping(drops, "generator")
    return _judged(-sp.diff(g.subs(d, found.d_star), u) / u, "generator")


def _same(one: Any, other: Any, domain: Interval) -> bool | None:
    """Whether two terms differ by a constant on the domain."""
    gap = tidy(sp.diff(one - other, d))
    if gap == 0:
        return True
    tries = [sp.Rational(n, 3) for n in (1, 2, 4, 7, 10, -1, -2, -4, -7, -10)]
    for at in (x for x in [domain.inner(), *tries] if domain.holds(x)):
        number = sp.N(gap.subs(d, at), 30)
        if number.is_number and number.is_finite and abs(number) > 1e-12:
            return False
    return None


def _link(centre: Any, domain: Interval) -> Any:
    """Score to d with link(0) = centre: identity, exponential or logistic by the domain's ends."""
    s = sp.Symbol("s", real=True)
    low, high = domain.low, domain.high
    if low.is_infinite and high.is_infinite:
        return s, centre + s
    if low.is_infinite:
        return s, high - (high - centre) * sp.exp(-s)
    if high.is_infinite:
        return s, low + (centre - low) * sp.exp(s)
    odds = (high - centre) / (centre - low)
    return s, low + (high - low) / (1 + odds * sp.exp(-s))


def _saturation(g: Any, loss: Loss, found: Best, domain: Interval) -> dict[str, Any]:
    """dg/ds where the discriminator is sure of a fake (u -> 0): its limit and its order in d."""
    other = -loss.real if tidy(g - loss.fake) == 0 else loss.fake
    slope = sp.diff(g, d)
    ratio = None if slope == 0 else tidy(sp.diff(other, d) / slope)
    out: dict[str, Any] = {"limit": None, "order": None, "ratio": ratio}
    if found.centre is None or found.jumps or found.d_star is None:
        return out
    s, link = _link(found.centre, domain)
    rate = sp.diff(link, s).subs(s, sp.solve(link - d, s)[0]) if link.has(sp.exp) else sp.Integer(1)
    slope = tidy(slope * rate)
    end = sp.limit(found.d_star, u, 0, "+")
    side = "+" if not end.is_infinite else "-"
    out["limit"] = sp.limit(slope, d, end, side)
    if not end.is_infinite and slope != 0:
        out["order"] = sp.limit((d - end) * sp.diff(slope, d) / slope, d, end, "+")
    return out


def _dirac(fake: Any, g: Any, found: Best, domain: Interval) -> dict[str, Any]:
    """Data delta_0, fake delta_theta, score psi x: v = (dL_G/dtheta, dL_D/dpsi) at (0, 0)."""
    s, link = _link(found.centre, domain)
    if found.jumps:
        s, link = sp.Symbol("s", real=True), found.centre + sp.Symbol("s", real=True)
    rate = sp.diff(link, s).subs(s, 0)
    slopes = [sp.diff(t, d).subs(d, found.centre) * rate for t in (g, fake)]
    pull, push = (tidy(x.doit()) for x in slopes)
    matrix = sp.Matrix([[0, pull], [-push, 0]])
    product = tidy(-pull * push)  # eigenvalues are +-sqrt(product)
    root = sp.sqrt(product)
    verdict = "unstable" if product.is_positive else "neutral" if product.is_nonpositive else None
    jac = {"dirac_jacobian": matrix, "dirac_eigenvalues": [root, -root]}
    return {**jac, "dirac_verdict": verdict}
