"""What does an adversarial loss really optimise? The discriminator's best answer, and what follows.

The discriminator maximises E_p REAL(d) + E_q FAKE(d), so at u = p/q it plays d*(u). A generator
that minimises E_q g(d) against it descends the divergence D_f with

    f''(u) = -(1/u) d/du g(d*(u)).

f is convex iff g(d*(u)) is non-increasing, and D_f separates p from q iff moreover g(d*(u)) is not
constant near u = 1. Both are decided in d, along the path that d* takes, so that they do not need
d*(u) in closed form. No loss is known here by name: what is not decided is listed as unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import sympy as sp

from gancheck.theory.best_discriminator import best, centred, closed
from gancheck.theory.best_path import Best
from gancheck.theory.deadline import OutOfTime, deadline
from gancheck.theory.expressions import d, parse
from gancheck.theory.loss_pieces import Interval, LossRefused, kinks, narrowed
from gancheck.theory.loss_pieces import branch as smooth
from gancheck.theory.one_variable import sign_between
from gancheck.theory.score_game import at_the_centre, by_pieces, ratio_of_slopes, saturation
from gancheck.theory.what_is_descended import along, value_of

__all__ = ["Interval", "Loss", "LossRefused", "LossReport", "analyse", "slope_ratio"]

_EVERYWHERE = Interval(-sp.oo, sp.oo)
_KEYS = (
    "d_star", "concave", "value", "f2_discriminator", "f2_generator", "divergence_discriminator",
    "divergence_generator", "proper_discriminator", "proper_generator", "zero_sum", "saturation",
    "density_ratio", "dirac_jacobian", "dirac_eigenvalues", "dirac_verdict", "unknown",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """The discriminator's two terms, which it maximises, and the generator's, which it minimises.

    A term is a sympy expression in a symbol named `d`, a number, or text for
    `gancheck.theory.expressions.parse`.

    Attributes:
        real: term on real samples, in `d`.
        fake: term on generated samples.
        generator: minimised under q; None is the saturating one, `fake` itself.
        domain: where d may lie, before it is narrowed to where both terms are real; an `Interval`
            or a pair of numbers.
        prior: share of real samples; None weighs both terms with 1.

    Raises:
        ValueError: a term holds another symbol than d, or the domain is empty.
    """

    real: Any
    fake: Any
    generator: Any = None
    domain: Any = _EVERYWHERE
    prior: Any = None

    def __post_init__(self) -> None:
        for name in ("real", "fake", "generator"):
            term = getattr(self, name)
            if name != "generator" or term is not None:
                object.__setattr__(self, name, _term(term, name))
        low, high = (
            (self.domain.low, self.domain.high)
            if isinstance(self.domain, Interval)
            else (_exact(end, "domain") for end in self.domain)
        )
        if not low < high:
            raise ValueError(f"domain must have its low end below its high end, got {low},{high}")
        object.__setattr__(self, "domain", Interval(low, high))
        if self.prior is not None:
            object.__setattr__(self, "prior", _exact(self.prior, "prior"))


def _term(term: Any, name: str) -> Any:
    if isinstance(term, str):
        return parse(term, what=name)
    made: Any = sp.nsimplify(sp.sympify(term), rational=True)
    named = {s: d for s in made.free_symbols if s.name == "d"}
    other = sorted(s.name for s in made.free_symbols if s.name != "d")
    if other:
        raise ValueError(f"{name} must be an expression in d alone, got the symbol {other[0]!r}")
    return made.xreplace(named)


def _exact(value: Any, name: str) -> Any:
    made: Any = sp.sympify(
        Fraction(str(value)) if isinstance(value, float) and abs(value) < 1e300 else value
    )
    if not made.is_number or not made.is_extended_real:
        raise ValueError(f"{name} must be a real number, got {value!r}")
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class LossReport:
    """What was derived; None is what could not be, and `unknown` says why.

    `link` is the score to d map of the Dirac-GAN and of the saturation, and no key of the JSON.
    """

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
    link: Any = None

    @property
    def dirac_verdict_with_r1(self) -> str | None:
        """The verdict with an R1 penalty of any weight gamma > 0 on the discriminator.

        Its Jacobian gains gamma in the lower right corner, so that the eigenvalues solve
        l^2 - gamma l + det = 0: the determinant's sign decides.
        """
        if self.dirac_jacobian is None or self.dirac_verdict is None:
            return None
        if self.dirac_jacobian.det() == 0:
            return "neutral"
        return "unstable" if self.dirac_verdict == "unstable" else "stable"

    def to_json(self) -> dict[str, Any]:
        """Expressions as strings that sympy parses."""
        plain = (bool, str, type(None))
        out: dict[str, Any] = {}
        for name in _KEYS:
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
        """Keep what `answer` gives, one dict or several one after the other, as far as time allows."""
        try:
            with deadline(seconds):
                made = answer()
                for told in [made] if isinstance(made, dict) else made:
                    self.unknown += told.pop("notes", [])
                    self.got.update(told)
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
    run.ask("domain", 0.4, lambda: {"domain": narrowed([real, fake], loss.domain)})
    domain = run.got.pop("domain", None)
    if domain is None:
        return LossReport(unknown=run.unknown)
    found = _best(run, real, fake, domain)
    run.unknown += found.notes
    ratio = [s for s in found.path if s.ratio is not None]
    if ratio:
        run.got["density_ratio"] = by_pieces([(s.ratio, s.piece) for s in _ascending(ratio)])
    if found.concave:  # nothing follows from a point that was not shown to be the maximum
        run.ask("value", 0.3, lambda: {"value": value_of(real, fake, found)})
        run.ask("discriminator", 0.45, lambda: along(real, found, "discriminator"))
        run.ask("generator", 0.45, lambda: along(g, found, "generator"))
    run.ask("zero_sum", 0.2, lambda: {"zero_sum": _same(g, loss.fake, domain)})
    run.ask("saturation", 0.3, lambda: {"saturation": saturation(g, loss, found, domain)})
    if found.centre is not None:
        run.ask("dirac", 0.3, lambda: at_the_centre(fake, g, found, domain))
    if run.got.get("saturation", {}).get("note"):
        run.unknown.append(run.got["saturation"].pop("note"))
    if run.got.get("dirac_verdict") == "neutral":
        run.unknown.append("dirac: zero real part, so the linearisation is inconclusive")
    for name in ("proper_discriminator", "proper_generator", "dirac_verdict", "zero_sum"):
        if run.got.get(name) is None and not any(name in line for line in run.unknown):
            run.unknown.append(f"{name}: not decided")
    star = {"d_star": found.d_star, "concave": found.concave}
    return LossReport(**star, **run.got, unknown=run.unknown)


def _best(run: _Run, real: Any, fake: Any, domain: Interval) -> Best:
    """The path, then its closed form, then its d at u = 1: each as far as time allows."""
    run.ask("d_star", 1.5, lambda: {"best": best(real, fake, domain)})
    found: Best = run.got.pop("best", Best())
    for what, seconds, more in (("d_star", 0.7, closed), ("dirac", 0.3, centred)):
        if found.path:
            run.ask(what, seconds, lambda more=more, found=found: {"best": more(found)})
            found = run.got.pop("best", found)
    return found


def _ascending(stretches: list[Any]) -> list[Any]:
    """Stretches in ascending order of d."""
    return stretches if stretches[0].rising else stretches[::-1]


def slope_ratio(loss: Loss, other: Any) -> Any:
    """How much steeper in d another generator term is than the loss's own, at every d.

    By the chain rule this is the ratio of the two gradients in any parametrisation.

    Args:
        loss: its generator term is the one compared with.
        other: a generator term, as `Loss` takes it.

    Returns:
        other'(d) / g'(d), or None where g is constant.

    Example:
        >>> slope_ratio(Loss(real="log(d)", fake="log(1-d)"), "-log(d)")
        -(d - 1)/d
    """
    g = loss.fake if loss.generator is None else loss.generator
    domain = narrowed([loss.real, loss.fake], loss.domain)
    return ratio_of_slopes(_term(other, "other"), g, domain)


def _same(one: Any, other: Any, domain: Interval) -> bool | None:
    """Whether two terms differ by a constant on the domain."""
    edges = [domain.low, *kinks([one, other], domain), domain.high]
    signs = set[str | None]()
    for piece in map(Interval, edges, edges[1:]):
        gap = sp.diff(smooth(one, piece) - smooth(other, piece), d)
        signs.add(sign_between(gap, d, piece.low, piece.high))
    return True if signs == {"0"} else None if None in signs else False
