"""The losses that training uses, and the operator that measures, against what the shelf proves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import sympy as sp
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import softplus

from gancheck import content
from gancheck.games import analytic
from gancheck.games.game import Game
from gancheck.games.losses import resolve
from gancheck.operators import GameJacobian, Hessian
from gancheck.theory import toy_games

if TYPE_CHECKING:
    from collections.abc import Iterable


def thousandths(low: int, high: int) -> st.SearchStrategy[float]:
    """Floats that name a rational with a short denominator, which sympy roots in no time."""
    return st.integers(1000 * low, 1000 * high).map(lambda n: n / 1000)


counts = st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=2, max_size=5)


def _samples(weights: list[int]) -> Tensor:
    """Indices of atoms, each as often as its weight: an exact sample of the law weights/sum."""
    return torch.cat([torch.full((w,), float(i)) for i, w in enumerate(weights)]).double()[:, None]


def _jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    m = 0.5 * (p + q)
    return float(0.5 * (p * np.log(p / m)).sum() + 0.5 * (q * np.log(q / m)).sum())


@given(pairs=counts)
def test_the_minimax_loss_at_the_best_discriminator_is_two_jsd(
    pairs: list[tuple[int, int]],
) -> None:
    """optimal-discriminator, logit-is-log-density-ratio, minimax-value-is-jensen-shannon."""
    real, fake = _samples([a for a, _ in pairs]), _samples([b for _, b in pairs])
    p, q = (np.array(w, dtype=float) for w in zip(*pairs, strict=True))
    p, q = p / p.sum(), q / q.sum()
    table = torch.tensor(np.log(p / q), requires_grad=True)

    def score(x: Tensor) -> Tensor:
        return table[x[:, 0].long()]

    for name in ("minimax", "non-saturating"):
        loss = resolve(name).discriminator(score, real, fake)
        # sums of at most 90 terms of size one in float64
        assert float(loss.detach()) == pytest.approx(
            2 * math.log(2) - 2 * _jensen_shannon(p, q), abs=1e-12
        )
        (gradient,) = torch.autograd.grad(loss, table)
        assert float(gradient.abs().max()) < 1e-14
        shifted = table.detach() + 0.1
        worse = resolve(name).discriminator(lambda x, t=shifted: t[x[:, 0].long()], real, fake)
        assert float(worse) > float(loss.detach())


@given(logit=st.floats(-12.0, 12.0))
def test_the_generator_losses_have_the_theorem_s_gradients(logit: float) -> None:
    """gradient-ratio: -d and -(1-d) in the logit, (1-d)/d as their ratio."""
    x = torch.zeros(1, 1, dtype=torch.float64)
    s = torch.tensor([logit], dtype=torch.float64, requires_grad=True)
    d = 1.0 / (1.0 + math.exp(-logit))
    grads = [
        float(torch.autograd.grad(resolve(name).generator(lambda _: s, x, x), s)[0])
        for name in ("minimax", "non-saturating")
    ]
    assert grads[0] == pytest.approx(-d, rel=1e-12)
    assert grads[1] == pytest.approx(-(1.0 - d), rel=1e-9)  # 1 - d cancels at large logits
    assert grads[1] / grads[0] == pytest.approx(math.exp(-logit), rel=1e-12)


@given(pairs=counts)
def test_at_the_data_no_constant_discriminator_but_a_half_is_better(
    pairs: list[tuple[int, int]],
) -> None:
    """global-minimum-at-data: V(q, 1/2) = -2 ln 2 for every q, and V(p, D) is nowhere above it."""
    real, fake = _samples([a for a, _ in pairs]), _samples([b for _, b in pairs])

    def value(logits: Tensor, fakes: Tensor) -> float:
        score = lambda x: logits[x[:, 0].long()]  # noqa: E731
        return -float(resolve("minimax").discriminator(score, real, fakes))

    half = torch.zeros(len(pairs), dtype=torch.float64)
    assert value(half, fake) == pytest.approx(-2 * math.log(2), abs=1e-12)
    rng = torch.Generator().manual_seed(len(pairs))
    for _ in range(5):
        other = torch.randn(len(pairs), generator=rng, dtype=torch.float64)
        assert value(other, real) <= -2 * math.log(2) + 1e-12


@pytest.mark.parametrize(
    ("kind", "gamma"),
    [("minimax", 0), ("non-saturating", 0), ("wgan", 0), ("r1", 3), ("r1", "1/2")],
)
def test_the_measured_dirac_gan_has_the_derived_eigenvalues(kind: str, gamma: object) -> None:
    """dirac-gan-eigenvalues is the oracle of the operator that measures networks."""
    strength = 0.5 if gamma == "1/2" else float(gamma)
    symbolic = toy_games.dirac_eigenvalues(kind, gamma=_exact(strength))
    game = analytic.dirac(kind, gamma=strength)
    assert np.allclose(_measured(game), _sorted(symbolic), rtol=0, atol=1e-12)
    name, values = ("r1", {"g": strength}) if kind == "r1" else ("minimax", {})
    slope = 1.0 if kind == "wgan" else 0.5
    assert np.allclose(_measured(game), _derived(name, c=slope, **values), rtol=0, atol=1e-12)


@given(c=thousandths(-3, 3), g=thousandths(0, 6), w=thousandths(-2, 2), x=thousandths(0, 1))
def test_r2_is_measured_with_the_eigenvalues_of_r1_at_any_coupling(
    c: float, g: float, w: float, x: float
) -> None:
    """R2 by the slope at the fake that autograd sees; f(t) = c sin t + w (cosh t - 1) + x t^3."""

    def f(t: Tensor) -> Tensor:
        return (c * torch.sin(t) + w * (torch.cosh(t) - 1) + x * t**3).sum()

    def loss_d(theta: Tensor, psi: Tensor) -> Tensor:
        fake = theta + torch.zeros_like(theta)
        (slope,) = torch.autograd.grad((psi * fake).sum(), fake, create_graph=True)
        return -f(-psi * fake) + 0.5 * g * (slope * slope).sum()

    zero = torch.zeros(1, dtype=torch.float64)
    game = Game.from_losses(lambda theta, psi: f(-psi * theta), loss_d, zero, zero.clone())
    # the root of a discriminant that is nearly 0 loses half of the digits
    assert np.allclose(_measured(game), _derived("r1", c=c, g=g), rtol=0, atol=1e-7)


@given(c=thousandths(0, 3))
def test_the_bilinear_game_has_the_eigenvalues_of_its_coupling(c: float) -> None:
    game = analytic.bilinear(c=c)
    assert np.allclose(_measured(game), _derived("minimax", c=c), rtol=0, atol=1e-12)


@pytest.mark.parametrize("spread", [0.25, 1.0, 2.0])
def test_instance_noise_is_measured_with_the_derived_eigenvalues(spread: float) -> None:
    """The expectation over the noise by Gauss-Hermite quadrature, of the logistic loss itself."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    z = torch.tensor(nodes * spread)
    mass = torch.tensor(weights / weights.sum())

    def loss_d(theta: Tensor, psi: Tensor) -> Tensor:
        real, fake = psi * z, psi * (theta + z)
        return (mass * (softplus(-real) + softplus(fake))).sum()

    zero = torch.zeros(1, dtype=torch.float64)
    game = Game.from_losses(lambda t, p: -loss_d(t, p), loss_d, zero, zero.clone())
    derived = _derived("noise", c=0.5, w=-0.25, s=spread)
    # at spread 1.41 the eigenvalues meet; away from there they are right to rounding
    assert np.allclose(_measured(game), derived, rtol=0, atol=1e-11)


def _measured(game: Game) -> list[complex]:
    dense = GameJacobian(game, game.sample(1)).dense()
    return _sorted(torch.linalg.eigvals(dense).tolist())


def _derived(part: str, **values: float) -> list[complex]:
    """A pair of the theorem's own eigenvalues, at numbers."""
    theorem = content.theorems()["dirac-gan-eigenvalues"]
    return _sorted(
        v.subs({sp.Symbol(k): _exact(x) for k, x in values.items()}) for v in theorem.parts[part]
    )


def _sorted(values: Iterable[object]) -> list[complex]:
    return sorted((complex(v) for v in values), key=lambda z: (round(z.real, 6), z.imag))


@pytest.mark.parametrize("sharpness", [0.5, 2.0, 8.0])
@pytest.mark.parametrize("name", ["saturating", "non_saturating"])
def test_the_measured_collapse_has_the_derived_curvature(name: str, sharpness: float) -> None:
    """collapse-direction-is-exponentially-flat: the Hessian operator on the collapsed game."""
    theorem = content.theorems()["collapse-direction-is-exponentially-flat"]
    k = sp.Rational(sharpness)
    at = {sp.Symbol("k"): k, sp.Symbol("w"): sp.exp(-k)}
    derived = float(theorem.parts[name].subs(at).evalf(30))
    loss = resolve("minimax" if name == "saturating" else "non-saturating")

    def logit(x: Tensor, frozen: Tensor) -> Tensor:
        # the exact discriminator of modes at +-1 of variance 2/k, all fakes at +1: ln(p/q)
        def modes(centre: float) -> Tensor:
            return -sharpness / 4 * (x - centre) ** 2

        both = torch.logaddexp(modes(1.0), modes(-1.0)) - math.log(2)
        return (both - modes(1.0)) * (1 + 0 * frozen)

    def loss_g(delta: Tensor, frozen: Tensor) -> Tensor:
        fakes = torch.cat([1 + delta, 1 - delta])[:, None]
        return loss.generator(lambda x: logit(x[:, 0], frozen), fakes, fakes)

    def loss_d(delta: Tensor, frozen: Tensor) -> Tensor:
        return (frozen * frozen).sum() + 0 * delta.sum()

    zero = torch.zeros(1, dtype=torch.float64)
    game = Game.from_losses(loss_g, loss_d, zero, zero.clone())
    measured = Hessian(game, "generator", game.sample(1)).dense()
    assert measured.shape == (1, 1)
    assert float(measured) < 0
    # two differentiations of four exponentials of size one, which cancel down to e^-k
    assert float(measured) == pytest.approx(derived, abs=1e-13 * max(1.0, sharpness**2))


def _exact(value: float) -> object:
    return sp.Rational(value).limit_denominator(1000)
