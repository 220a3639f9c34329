"""Weighing the players against each other: the similarity itself, what it proves, what it must not."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from gancheck.diagnosis import Plan
from gancheck.games import analytic, latents
from gancheck.games.game import Game
from gancheck.measures.local_spectrum import examine
from gancheck.measures.scaled_players import (
    balance,
    balance_of,
    between_players,
    contraction,
    contraction_of,
    scaled_matrix,
)
from gancheck.measures.stability import Outcome, local_stability
from gancheck.operators import GameJacobian
from gancheck.operators.budget import Budget
from tests.measures.large_games import large_games


def jacobian_of(matrix: np.ndarray, split: int) -> GameJacobian:
    game = analytic.linear_quadratic(torch.as_tensor(matrix), split=split)
    return GameJacobian(game, game.sample(1))


def unequal(n: int, split: int, seed: int, ratio: float, *, low: float = 0.1) -> np.ndarray:
    """Own blocks of eigenvalues from low to 1, cross blocks X and -X^T / ratio."""
    rng = np.random.default_rng(seed)
    matrix = np.zeros((n, n))
    for own in (slice(None, split), slice(split, None)):
        size = len(matrix[own])
        q = np.linalg.qr(rng.standard_normal((size, size)))[0]
        matrix[own, own] = q @ np.diag(np.linspace(low, 1.0, size)) @ q.T
        matrix[own, own] = 0.5 * (matrix[own, own] + matrix[own, own].T)
    cross = rng.standard_normal((split, n - split))
    matrix[:split, split:] = cross
    matrix[split:, :split] = -cross.T / ratio
    return matrix


@given(n=st.integers(2, 9), seed=st.integers(0, 1000), t=st.floats(1e-3, 1e3))
def test_weighing_is_the_similarity_that_it_says_and_moves_no_eigenvalue(
    n: int, seed: int, t: float
) -> None:
    rng = np.random.default_rng(seed)
    split = int(rng.integers(1, n))
    a = rng.standard_normal((n, n))
    for own in (slice(None, split), slice(split, None)):
        a[own, own] = 0.5 * (a[own, own] + a[own, own].T)
    d = np.diag([1.0] * split + [t] * (n - split))
    expected = np.linalg.inv(d) @ a @ d
    scaled = between_players(jacobian_of(a, split), split, t)
    tiny = 1e-12 * np.abs(expected).max()
    assert np.allclose(scaled.dense().numpy(), expected, rtol=0, atol=tiny)
    assert np.allclose(scaled.transposed.dense().numpy(), expected.T, rtol=0, atol=tiny)
    assert np.allclose(scaled_matrix(a, split, t), expected, rtol=0, atol=tiny)
    assert np.trace(expected) == pytest.approx(np.trace(a), abs=1e-9)


@pytest.mark.parametrize("ratio", [1e-4, 0.01, 100.0, 1e4])
def test_the_balance_makes_a_game_of_unequal_players_zero_sum(ratio: float) -> None:
    matrix = unequal(30, 12, 0, ratio)
    t = balance_of(matrix, 12)
    assert t == pytest.approx(ratio**-0.5)
    scaled = scaled_matrix(matrix, 12, t)
    assert np.abs(scaled[:12, 12:] + scaled[12:, :12].T).max() < 1e-12 * np.abs(scaled).max()
    # eight probes of each block of rank 12: its square to about 15 %, t to a quarter of that, twice
    assert balance(jacobian_of(matrix, 12), 12) == pytest.approx(t, rel=0.25)


def test_a_game_of_equal_players_or_of_two_games_apart_is_left_alone() -> None:
    for ratio in (1.0, 1.2):
        assert balance_of(unequal(20, 8, 0, ratio), 8) == 1.0
    apart = np.eye(6)
    assert balance_of(apart, 3) == 1.0
    assert contraction_of(apart, 3, floor=1e-6) is None
    one_sided = np.eye(6)
    one_sided[:3, 3:] = 5.0
    t = balance_of(one_sided, 3)
    assert t == 1e-3  # bounded: the block that is felt is made a thousandth
    assert contraction_of(one_sided, 3, floor=1e-6).low > 0.98


def test_where_players_feel_each_other_unequally_products_alone_prove_stability() -> None:
    matrix = unequal(420, 200, 1, 1e4)
    truth = np.linalg.eigvals(matrix)
    assert np.linalg.eigvalsh(0.5 * (matrix + matrix.T))[0] < -1.0
    game = analytic.linear_quadratic(torch.as_tensor(matrix), split=200)
    found = local_stability(game)
    assert not found.complete
    assert found.verdict is Outcome.stable
    assert "in the norm |g|^2 + |d|^2 / 0.01^2" in found.because
    assert found.provenance["weight_between_players"] == pytest.approx(0.01, rel=0.1)
    q = found.quantities["bendixson_low_scaled"]
    assert 0.0 < q.value <= truth.real.min() + 1e-9
    assert found.quantities["bendixson_low"].value < -1.0


@pytest.mark.parametrize("low", [-0.05, 0.0])
def test_no_weight_proves_decay_of_what_does_not_decay(low: float) -> None:
    matrix = unequal(60, 25, 2, 1e4, low=low)
    # the own blocks' lowest directions are made to feel nothing of the other player
    vector = np.linalg.eigh(matrix[:25, :25])[1][:, 0]
    matrix[:25, 25:] -= np.outer(vector, vector @ matrix[:25, 25:])
    matrix[25:, :25] -= np.outer(matrix[25:, :25] @ vector, vector)
    assert np.linalg.eigvals(matrix).real.min() <= 1e-9
    jacobian = jacobian_of(matrix, 25)
    assert contraction(jacobian, 25, eta=1e-3, floor=1e-6) is None
    assert contraction_of(matrix, 25, floor=1e-6) is None
    assert local_stability(
        analytic.linear_quadratic(torch.as_tensor(matrix), split=25)
    ).verdict in (Outcome.unstable, Outcome.undetermined)


def test_a_spent_budget_proves_nothing() -> None:
    jacobian = jacobian_of(unequal(60, 25, 1, 1e4), 25)
    for products in (1, 17, 20):
        assert (
            contraction(jacobian, 25, eta=1e-3, floor=0.0, budget=Budget(products=products)) is None
        )


def judged(count: int, *, seed: int, sizes: tuple[int, int]) -> Counter:
    verdicts: Counter = Counter()
    for known in large_games(count, seed=seed, sizes=sizes):
        batch = known.game.sample(1)
        found = examine(known.game, GameJacobian(known.game, batch), batch, eta=1e-3)
        verdicts[known.kind, found.outcome] += 1
    return verdicts


def no_wrong_certificate(verdicts: Counter, *, weighed: float, unstable: float) -> None:
    assert verdicts["unstable", Outcome.stable] == 0
    assert verdicts["weighed", Outcome.unstable] == verdicts["far", Outcome.unstable] == 0
    for kind, right, share in (
        ("weighed", Outcome.stable, weighed),
        ("unstable", Outcome.unstable, unstable),
    ):
        of_kind = sum(v for (k, _), v in verdicts.items() if k == kind)
        assert verdicts[kind, right] >= share * of_kind


def test_three_large_games_are_judged_without_a_wrong_certificate() -> None:
    no_wrong_certificate(judged(3, seed=3, sizes=(401, 410)), weighed=1.0, unstable=1.0)


@pytest.mark.slow
def test_two_hundred_large_games_are_judged_without_a_wrong_certificate() -> None:
    verdicts = judged(210, seed=0, sizes=(500, 1500))
    no_wrong_certificate(verdicts, weighed=0.8, unstable=0.8)


class _Vector(nn.Module):
    """The parameters themselves, for every input alike."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(n, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return self.w.expand(len(x), len(self.w))


class _Linear(nn.Module):
    """x -> x.w"""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros(n, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.w


@pytest.mark.parametrize(("curved", "expected"), [(0.5, True), (0.05, False)])
def test_of_a_sampled_game_decay_is_claimed_where_every_batch_contracts_in_the_one_norm(
    curved: float, expected: bool
) -> None:
    """g feels d a hundred times more than it is felt; own curvature is noisy over batches."""
    n = 5

    def loss_g(score, real: Tensor, fake: Tensor) -> Tensor:
        g = fake[0]
        noise = (real.T @ real) / len(real) - torch.eye(n, dtype=real.dtype)
        return 10.0 * score(fake).mean() + 0.5 * g @ (curved * torch.eye(n).double() + noise) @ g

    def loss_d(score, real: Tensor, fake: Tensor) -> Tensor:
        w = score(torch.eye(n, dtype=real.dtype))
        return -0.1 * score(fake).mean() + 0.25 * (w**2).sum()

    game = Game(
        _Vector(n),
        _Linear(n),
        loss=(loss_g, loss_d),
        latent=latents.normal(1),
        data=lambda count, rng: torch.randn(count, n, generator=rng, dtype=torch.float64),
    )
    plan = Plan(batch_size=2000, batches=4, gradient_batch=16)
    first = GameJacobian(game, game.sample(2000, seed=0)).dense().numpy()
    assert np.linalg.eigvalsh(0.5 * (first + first.T))[0] < -1.0
    found = local_stability(game, plan=plan)
    assert (found.verdict is Outcome.stable) == expected
    if expected:
        q = found.quantities["bendixson_low_scaled"]
        assert q.sampling_error > 0.0
        assert "on every batch" in found.because
