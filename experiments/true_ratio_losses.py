"""What is a discriminator's loss, read as a bound, and by how much does a wrong score miss it?

For every score s, E_p r(s) + E_q f(s) is at most a divergence of p and q, and what it lacks is the
mean of a number at each point that is known where p/q is. With u = p/q, d* the optimum:

============  =====================================  ===========  ================================
loss          bound of                               optimum      what it lacks
============  =====================================  ===========  ================================
minimax       JSD, by ln 2 + (ln D or ln(1-D))/2     s = ln u     E_m KL(Bernoulli(D*), Bernoulli(D))
lsgan         -(1/2) int p q/(p + q)                 u/(1 + u)    E_m (s - D*)^2
fgan-kl       KL(p, q)                               1 + ln u     E_q (e^t - u - u (t - ln u)), t = s - 1
fgan-pearson  chi^2(p, q)                            2 (u - 1)    E_q (s/2 + 1 - u)^2
============  =====================================  ===========  ================================

m is the mean of both laws. How a score is turned back into a ratio is not written here: the project's
own analysis derives it from the two terms (`gancheck derive`).

Theorems: minimax-value-is-jensen-shannon, least-squares-optimum-and-value, f-divergence-dual.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from gancheck.theory.loss_analysis import Loss, analyse

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["OBJECTIVES", "Objective", "posterior"]

Pointwise = Callable[[np.ndarray, np.ndarray], np.ndarray]
Score = Callable[[np.ndarray], np.ndarray]
_LARGEST = 700.0  # of a score: e^709 is the last that float64 holds, and D = 1 long before


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """The discriminator's side of a loss of the zoo.

    Attributes:
        name: of the loss.
        terms: of real and of generated samples, as `gancheck derive` takes them, in d.
        is_logit: d = sigmoid(s); else d = s.
        scores: which d are optimal for some ratio, an open interval.
        on_real: s [n] -> its part of the bound [n].
        on_fake: likewise.
        lacking_real: (s [n], ln u [n]) -> what is lacking at real samples [n].
        lacking_fake: likewise; the sum of both means is the whole gap.
        divergence: (p [n], q [n]) -> integrand of what is bounded [n].
    """

    name: str
    terms: tuple[str, str]
    is_logit: bool
    scores: tuple[float, float]
    on_real: Score
    on_fake: Score
    lacking_real: Pointwise
    lacking_fake: Pointwise
    divergence: Pointwise

    def posterior(self, score: np.ndarray) -> np.ndarray:
        """p/(p + q) [n] where the scores [n] are optimal; at the ends for scores that never are."""
        d = special.expit(score) if self.is_logit else np.asarray(score, dtype=np.float64)
        low, high = self.scores
        inside = (d > low) & (d < high)
        found = np.where(d <= low, 0.0, 1.0)
        found[inside] = posterior(self.name)(np.minimum(d[inside], _LARGEST))
        return found

    def outside(self, score: np.ndarray) -> float:
        """Share of scores that are optimal for no ratio."""
        if self.is_logit:
            return 0.0
        low, high = self.scores
        return float(((score <= low) | (score >= high)).mean())


@lru_cache
def posterior(name: str) -> Score:
    """The map d [n] -> u/(1 + u) [n], derived from the loss's two terms.

    Raises:
        ArithmeticError: the analysis does not find the ratio.
    """
    import sympy as sp

    own = OBJECTIVES[name]
    real, fake = own.terms
    loss = Loss(real=real, fake=fake, domain=(0, 1)) if own.is_logit else Loss(real=real, fake=fake)
    report = analyse(loss)
    if report.density_ratio is None or not report.concave:
        raise ArithmeticError(f"the ratio behind {name} must be found, unknown: {report.unknown}")
    ratio = report.density_ratio
    (symbol,) = ratio.free_symbols
    # 1 / (1 + 1/u) does not overflow where u does
    return sp.lambdify(symbol, sp.cancel(1 / (1 + sp.cancel(1 / ratio))), "numpy")


def _softplus(s: np.ndarray) -> np.ndarray:
    return np.logaddexp(0.0, s)


def _bernoulli(s: np.ndarray, log_ratio: np.ndarray) -> np.ndarray:
    """KL between the true and the stated chance of being real, halved: both laws share the mean."""
    best = special.expit(log_ratio)
    of_real = best * (_softplus(-s) - _softplus(-log_ratio))
    return (of_real + (1.0 - best) * (_softplus(s) - _softplus(log_ratio))) / 2.0


def _jensen_shannon(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return (special.rel_entr(p, (p + q) / 2.0) + special.rel_entr(q, (p + q) / 2.0)) / 2.0


def _harmonic(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    both = p + q
    return -np.divide(p * q, both, out=np.zeros_like(both), where=both > 0.0) / 2.0


def _chi_square(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    away = (p - q) ** 2
    return np.divide(away, q, out=np.zeros_like(away), where=q > 0.0)


def _exponential(s: np.ndarray) -> np.ndarray:
    return np.exp(np.minimum(s, _LARGEST) - 1.0)


def _nothing(s: np.ndarray, log_ratio: np.ndarray) -> np.ndarray:
    del log_ratio
    return np.zeros_like(s)


def _squared(s: np.ndarray, log_ratio: np.ndarray) -> np.ndarray:
    return (s - special.expit(log_ratio)) ** 2 / 2.0


_ALL = (
    Objective(
        name="minimax",
        terms=("log(d)", "log(1 - d)"),
        is_logit=True,
        scores=(0.0, 1.0),
        on_real=lambda s: (math.log(2.0) - _softplus(-s)) / 2.0,
        on_fake=lambda s: (math.log(2.0) - _softplus(s)) / 2.0,
        lacking_real=_bernoulli,
        lacking_fake=_bernoulli,
        divergence=_jensen_shannon,
    ),
    Objective(
        name="lsgan",
        terms=("-(d - 1)**2/2", "-d**2/2"),
        is_logit=False,
        scores=(0.0, 1.0),
        on_real=lambda s: -((s - 1.0) ** 2) / 2.0,
        on_fake=lambda s: -(s**2) / 2.0,
        lacking_real=_squared,
        lacking_fake=_squared,
        divergence=_harmonic,
    ),
    Objective(
        name="fgan-kl",
        terms=("d", "-exp(d - 1)"),
        is_logit=False,
        scores=(-math.inf, math.inf),
        on_real=lambda s: s,
        on_fake=lambda s: -_exponential(s),
        lacking_real=_nothing,
        lacking_fake=lambda s, r: _exponential(s) - np.exp(r) * (s - r),
        divergence=special.rel_entr,
    ),
    Objective(
        name="fgan-pearson",
        terms=("d", "-(d**2/4 + d)"),
        is_logit=False,
        scores=(-2.0, math.inf),
        on_real=lambda s: s,
        on_fake=lambda s: -(s**2) / 4.0 - s,
        lacking_real=_nothing,
        lacking_fake=lambda s, r: (s / 2.0 + 1.0 - np.exp(r)) ** 2,
        divergence=_chi_square,
    ),
)

OBJECTIVES: Mapping[str, Objective] = MappingProxyType({o.name: o for o in _ALL})
"""Every objective by the name of its loss."""
