"""What the check for missed pairs may keep, and what it finds that one start vector cannot show."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gancheck.operators.krylov_basis import KrylovBasis
from gancheck.operators.lanczos import _search, lanczos
from gancheck.operators.linear_operator import LinearOperator
from gancheck.operators.missed_pairs import _Check
from gancheck.operators.wanted_pairs import Wanted


def operator(a: torch.Tensor) -> LinearOperator:
    return LinearOperator(
        len(a), lambda v: a @ v, lambda v: a @ v, dtype=a.dtype, device=torch.device("cpu")
    )


def random_spectrum(rng: np.random.Generator, n: int) -> np.ndarray:
    ends = np.sort(rng.uniform(1.0, 3.0, rng.integers(2, 12)))
    return np.r_[rng.uniform(-1.0, 1.0, n), ends, -1.3 * ends[: rng.integers(0, len(ends))]]


@pytest.mark.parametrize("seed", range(30))
def test_what_the_rows_do_not_show_is_beyond_in_what_they_leave(seed: int) -> None:
    """Inertia, by dense matrices: eigenvalues of A beyond x, of the rows, and of the rest."""
    rng = np.random.default_rng(seed)
    q, _ = np.linalg.qr(rng.standard_normal((150, 150)))
    d = random_spectrum(rng, 150)[-150:]
    a = torch.as_tensor((q * d) @ q.T)
    a = 0.5 * (a + a.T)
    top, bottom = int(rng.integers(1, 4)), int(rng.integers(0, 4))
    wanted = Wanted(top=top, bottom=bottom, tol=1e-3, strict=False, dtype=torch.float64)
    space = KrylovBasis(operator(a), 60, seed=seed)
    assert _search(space, wanted)
    check = _Check.of(space, wanted, spare=True)
    space.compress(check.y)
    v = space.rows[: space.size].numpy()
    assert np.allclose(v @ v.T, np.eye(len(v)), atol=1e-12)
    rest = np.eye(150) - v.T @ v
    b = np.linalg.eigvalsh(rest @ a.numpy() @ rest) / space.scale
    last = [bottom - 1] * bool(bottom) + [bottom] * bool(top)
    rows = np.linalg.eigvalsh(v @ a.numpy() @ v.T) / space.scale
    slack = check.limits.max()  # of the converged rows
    for end, sign in enumerate(check.signs):
        x = check.old[last[end]] + sign * check.limits[last[end]]
        beyond = int((sign * (d / space.scale - x) > 0.0).sum())
        shown = int((sign * (rows - x) > 0.0).sum())
        unseen = int((sign * (b - check.beyond[end]) > -slack).sum())
        assert beyond <= shown + unseen


def hidden(seed: int) -> tuple[torch.Tensor, np.ndarray, dict]:
    """A matrix with an eigenvector that the first random start has next to nothing of."""
    rng = np.random.default_rng(seed)
    d = random_spectrum(rng, int(rng.integers(100, 300)))
    n, top, tol = len(d), int(rng.integers(1, 8)), 10.0 ** rng.uniform(-4, -2)
    start = KrylovBasis(operator(torch.eye(n, dtype=torch.float64)), 2, seed=seed).rows[0].numpy()
    u = rng.standard_normal(n)
    u = u - (u @ start) * start
    share = [0.0, 10.0 ** rng.uniform(-6, 0) / np.sqrt(n)][rng.integers(2)]
    u = np.sqrt(1.0 - share**2) * u / np.linalg.norm(u) + share * start
    last = np.sort(d)[-top]
    value = [
        rng.choice(np.sort(d)[-top - 1 :]),
        last + tol * abs(last) * 10.0 ** rng.uniform(0.3, 2.0),
        rng.uniform(last, 1.3 * d.max()),
    ][rng.integers(3)]
    a = np.diag(d)
    w = a @ u
    a = a - np.outer(u, w) - np.outer(w, u) + np.outer(u, u) * (u @ w + value)
    options = {"top": top, "bottom": int(rng.integers(0, 4)), "tol": tol, "seed": seed}
    return torch.as_tensor(0.5 * (a + a.T)), np.linalg.eigvalsh(a), options


@pytest.mark.parametrize(
    "seeds", [range(25), pytest.param(range(25, 1000), marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_an_eigenvector_hidden_from_the_first_start_is_found_or_nothing_is_called_converged(
    seeds: range,
) -> None:
    missed = 0
    for seed in seeds:
        a, d, options = hidden(seed)
        pairs = lanczos(operator(a), **options)
        truth = np.r_[d[: options["bottom"]], d[len(d) - options["top"] :]]
        size = np.maximum(np.abs(truth), 0.01 * np.abs(d).max())
        wrong = np.abs(pairs.values - truth) > 1.001 * options["tol"] * size
        missed += bool((pairs.converged & wrong).any())
        assert pairs.converged.all()
    assert missed <= (0 if len(seeds) < 100 else 4)  # chance 1e-3 each


def test_the_first_space_alone_would_not_have_shown_it() -> None:
    a, d, options = hidden(1)
    space = KrylovBasis(operator(a), 60, seed=options["seed"])
    for _ in range(40):
        space.step()
    values, _, residuals = space.ritz()
    found = space.scale * values[residuals < 1e-6]
    outer = d[-options["top"] :]
    assert any(np.abs(found - x).min() > 1e-3 for x in outer)
