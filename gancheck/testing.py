"""Which laws, mixtures and outputs should a property of a GAN be held against?

Public Hypothesis strategies, for users' own tests too: densities on simplices with exact zeros and
near-ties, pairs of them, mixtures of Gaussians, discriminator outputs from nearly 0 to nearly 1.
`confirm` holds the numeric form of a theorem against them and says a counterexample in words,
shrunk to a simple one.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import hypothesis
import numpy as np
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hypothesis.strategies import SearchStrategy
    from numpy.typing import NDArray

    from gancheck.theory.theorem import NumericForm, Theorem

    # Known to static checkers only: a run-time checker looks at a random element of a sequence,
    # and Hypothesis forbids the random module inside strategies.
    Floats = Sequence[float]

__all__ = [
    "STRATEGIES",
    "ConfirmReport",
    "FormResult",
    "Mixture",
    "confirm",
    "densities",
    "density_pairs",
    "discriminator_outputs",
    "gaussian_mixtures",
]


def densities(min_size: int = 1, max_size: int = 6) -> SearchStrategy[Floats]:
    """Laws on a finite set: non-negative floats with sum 1, zeros and near-ties among them.

    Args:
        min_size: fewest atoms, at least 1.
        max_size: most atoms.
    """
    return st.integers(min_size, max_size).flatmap(_density_of_size)


def _density_of_size(n: int) -> SearchStrategy[Floats]:
    weight = st.one_of(st.integers(0, 4), st.integers(0, 10_000), st.just(0))
    weights = st.lists(weight, min_size=n, max_size=n).filter(any)
    nudge = st.lists(st.sampled_from([0.0, 0.0, 1e-9, 1e-6]), min_size=n, max_size=n)
    return st.builds(_normalised, weights, nudge)


def _normalised(weights: Floats, nudge: Floats) -> Floats:
    moved = [w * (1.0 + e) for w, e in zip(weights, nudge, strict=True)]
    total = math.fsum(moved)
    return [w / total for w in moved]


@st.composite
def _density_pair(draw: Any, min_size: int, max_size: int) -> tuple[Floats, Floats]:
    n = draw(st.integers(min_size, max_size))
    first = draw(_density_of_size(n))
    kind = draw(st.sampled_from(["free", "tie", "disjoint"]))
    if kind == "free" or (kind == "disjoint" and all(first)):
        return first, draw(_density_of_size(n))
    if kind == "tie":
        nudge = draw(st.lists(st.sampled_from([0.0, 1e-9, -1e-9, 1e-4]), min_size=n, max_size=n))
        return first, _normalised(first, nudge)
    return first, _normalised([0.0 if w else 1.0 for w in first], [0.0] * n)


def density_pairs(min_size: int = 1, max_size: int = 6) -> SearchStrategy[tuple[Floats, Floats]]:
    """Two laws on one finite set: free, nearly equal, or with disjoint supports."""
    return _density_pair(min_size, max_size)


def discriminator_outputs(n: int) -> SearchStrategy[Floats]:
    """N probabilities strictly inside (0, 1), ends nearly reached.

    Args:
        n: how many.
    """
    near = st.sampled_from([1e-12, 1e-6, 0.5, 1 - 1e-6, 1 - 1e-12])
    inside = st.integers(1, 999).map(lambda k: k / 1000)
    return st.lists(st.one_of(inside, near), min_size=n, max_size=n)


@dataclass(frozen=True)
class Mixture:
    """A mixture of Gaussians on the line.

    Attributes:
        weights: positive, with sum 1.
        means: one a component.
        spreads: standard deviations, positive.
    """

    weights: Floats
    means: Floats
    spreads: Floats

    def log_density(self, x: float) -> float:
        """The logarithm of the density at x, computed without underflow.

        Example:
            >>> round(Mixture((1.0,), (0.0,), (1.0,)).log_density(0.0), 6)
            -0.918939
        """
        terms = [
            math.log(w) - ((x - m) / s) ** 2 / 2 - math.log(s) - math.log(2 * math.pi) / 2
            for w, m, s in zip(self.weights, self.means, self.spreads, strict=True)
        ]
        top = max(terms)
        return top + math.log(math.fsum(math.exp(t - top) for t in terms))

    def sample(self, n: int, generator: np.random.Generator) -> NDArray[np.float64]:
        """N points, drawn with a numpy generator."""
        which = generator.choice(len(self.weights), size=n, p=np.asarray(self.weights))
        means, spreads = np.asarray(self.means)[which], np.asarray(self.spreads)[which]
        return means + spreads * generator.standard_normal(n)


@st.composite
def _mixture(draw: Any, max_components: int) -> Mixture:
    n = draw(st.integers(1, max_components))
    weights = _normalised(draw(st.lists(st.integers(1, 20), min_size=n, max_size=n)), [0.0] * n)
    means = draw(st.lists(st.integers(-40, 40).map(lambda k: k / 4), min_size=n, max_size=n))
    spreads = draw(st.lists(st.integers(1, 12).map(lambda k: k / 4), min_size=n, max_size=n))
    return Mixture(tuple(weights), tuple(means), tuple(spreads))


def gaussian_mixtures(max_components: int = 4) -> SearchStrategy[Mixture]:
    """Mixtures of Gaussians with means in [-10, 10] and spreads in [1/4, 3]."""
    return _mixture(max_components)


_priors = st.integers(1, 99).map(lambda k: k / 100)


@st.composite
def _laws_outputs_prior(draw: Any) -> tuple[Floats, Floats, Floats, float]:
    first, second = draw(density_pairs())
    return first, second, draw(discriminator_outputs(len(first))), draw(_priors)


def _thousandths(low: int, high: int) -> SearchStrategy[float]:
    return st.integers(low * 1000, high * 1000).map(lambda k: k / 1000)


def _ratio_fits_a_float(drawn: tuple[Mixture, Mixture, float, float]) -> bool:
    """Whether exp(log p - log q) is a normal float: |log ratio| at most 600."""
    real, fake, x, _ = drawn
    return abs(real.log_density(x) - fake.log_density(x)) <= 600.0


STRATEGIES: dict[str, SearchStrategy[Any]] = {
    "law_pair": density_pairs(),
    "laws_outputs_prior": _laws_outputs_prior(),
    "mixture_pair_point_prior": st.tuples(
        gaussian_mixtures(), gaussian_mixtures(), _thousandths(-12, 12), _priors
    ).filter(_ratio_fits_a_float),
    "logit": st.tuples(_thousandths(-8, 8)),
    "penalty": st.tuples(_thousandths(0, 20)),
    "coupling_and_point": st.tuples(
        _thousandths(0, 5), _thousandths(-10, 10), _thousandths(-10, 10)
    ),
    "eigenvalue_and_fraction": st.tuples(
        _thousandths(0, 10).map(lambda x: x + 0.001),
        _thousandths(-100, 100),
        st.integers(1, 999).map(lambda k: k / 1000),
    ),
    "lipschitz_and_gap": st.tuples(
        _thousandths(0, 50).map(lambda x: x + 0.5), _thousandths(0, 5).map(lambda x: x + 0.01)
    ),
    "path": st.tuples(st.lists(_thousandths(-100, 100), min_size=2, max_size=9)),
}


_ALL_CHECKS: Any = list(hypothesis.HealthCheck)


@dataclass(frozen=True, slots=True)
class FormResult:
    """How one numeric form fared.

    Attributes:
        says: the form in words.
        examples: how many examples were tried.
        held: whether all of them held.
        counterexample: the simplest failing example in words; empty when it held.
    """

    says: str
    examples: int
    held: bool
    counterexample: str


@dataclass(frozen=True, slots=True)
class ConfirmReport:
    """How a theorem's numeric forms fared.

    Attributes:
        id: of the theorem.
        forms: one result a form.
    """

    id: str
    forms: Sequence[FormResult]

    @property
    def ok(self) -> bool:
        """Whether there is a form and every form held."""
        return bool(self.forms) and all(f.held for f in self.forms)


def confirm(theorem: Theorem, examples: int = 200, *, seed: int = 0) -> ConfirmReport:
    """Hold a theorem's numeric forms against drawn examples.

    Args:
        theorem: with its `numeric` forms.
        examples: how many examples for each form, at least 1.
        seed: of the draws; the same seed gives the same examples.

    Returns:
        One result a form; a counterexample is shrunk and said in words.

    Raises:
        ValueError: `examples` is below 1, or a form names no strategy of `STRATEGIES`.
    """
    if examples < 1:
        raise ValueError(f"examples must be at least 1, got {examples}")
    return ConfirmReport(theorem.id, [_confirm_form(f, examples, seed) for f in theorem.numeric])


def _drawing(form: NumericForm) -> SearchStrategy[Any]:
    if isinstance(form.over, str):
        if form.over not in STRATEGIES:
            raise ValueError(
                f"'{form.says}' draws from {form.over!r}, not one of {sorted(STRATEGIES)}"
            )
        return STRATEGIES[form.over]
    return st.tuples(*(st.floats(low, high) for low, high in form.over))


def _confirm_form(form: NumericForm, examples: int, seed: int) -> FormResult:
    strategy = _drawing(form)
    tried = 0

    def fails(arguments: tuple[Any, ...]) -> bool:
        nonlocal tried
        tried += 1
        return form.excess(*arguments) > 0

    found = _find(strategy, fails, examples, seed)
    if found is None:
        return FormResult(form.says, tried, held=True, counterexample="")
    return FormResult(form.says, tried, held=False, counterexample=_in_words(form, found))


def _find(
    strategy: SearchStrategy[Any], fails: Callable[[Any], bool], examples: int, seed: int
) -> Any:
    settings = hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=(hypothesis.Phase.generate, hypothesis.Phase.shrink),
        suppress_health_check=_ALL_CHECKS,
    )
    try:
        return hypothesis.find(strategy, fails, settings=settings, random=random.Random(seed))
    except NoSuchExample:
        return None


def _in_words(form: NumericForm, arguments: tuple[Any, ...]) -> str:
    values = ", ".join(f"{a!r}" for a in arguments)
    left, right = form.left(*arguments), form.right(*arguments)
    excess = form.excess(*arguments)
    return (
        f"{form.says}: fails at ({values}), where left = {left:.12g} should be {form.relation} "
        f"right = {right:.12g}; off by {excess:.3g} more than rounding explains"
    )
