"""The losses that training uses, and the operator that measures, against what the shelf proves."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from gancheck.games import analytic
from gancheck.games.losses import resolve
from gancheck.operators import GameJacobian
from gancheck.theory import toy_games

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
    derived = sorted((complex(v) for v in symbolic), key=lambda z: (z.real, z.imag))
    game = analytic.dirac(kind, gamma=strength)
    dense = GameJacobian(game, game.sample(1)).dense()
    measured = sorted(torch.linalg.eigvals(dense).tolist(), key=lambda z: (z.real, z.imag))
    assert np.allclose(measured, derived, rtol=0, atol=1e-12)


def _exact(value: float) -> object:
    import sympy as sp

    return sp.Rational(value).limit_denominator(1000)
