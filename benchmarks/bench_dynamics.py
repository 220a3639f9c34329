"""The game Jacobian: what do its outermost eigenvalues cost, and how right are verdict and rotation?

Prints the tables of `benchmarks/README.md`. One process, one thread, CPU time of the process; ours
and scipy's ARPACK run interleaved on the same operator. Products are counted by the operator, those
of the final check included. Truth is numpy's dense solve in float64 where the matrix can be formed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.sparse import linalg
from trained_games import mlp_game, tiny

from gancheck.measures.cross_batch import BATCHES, cross_batch
from gancheck.measures.local_spectrum import examine
from gancheck.operators import GameJacobian
from gancheck.operators.frobenius import measured_parts, pairs_for, probes, share_of, shared_basis
from gancheck.operators.krylov_schur import krylov_schur
from gancheck.operators.linear_operator import LinearOperator

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the tests are not installed

from tests.measures.large_games import large_games
from tests.measures.random_games import known_games
from tests.measures.rotating_games import POPULATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from gancheck.operators.outermost import Which

eigs: Any = linalg.eigs  # its stub wants a whole number for `tol`
_SIDES: tuple[Which, ...] = ("SR", "LR", "LI")
_OUTERMOST: dict[Which, Callable[[np.ndarray], float]] = {
    "SR": lambda v: float(np.real(v).min()),
    "LR": lambda v: float(np.real(v).max()),
    "LI": lambda v: float(np.abs(np.imag(v)).max()),
}


def main() -> None:
    """Print every table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--repeats", type=int, default=200)
    arguments.add_argument("--large", type=int, default=120)
    given = arguments.parse_args()
    torch.set_num_threads(1)
    small = tiny()
    matrix = GameJacobian(small, small.sample(256, seed=0)).dense()
    _outermost(matrix, given.rounds)
    _outermost_large(given.rounds)
    _verdicts(given.repeats)
    _large_verdicts(given.large)
    _rotation(matrix, given.repeats)
    _populations(given.repeats)


def _row(*cells: object) -> None:
    print("| " + " | ".join(str(c) for c in cells) + " |", flush=True)


def _table(title: str, *columns: str) -> None:
    print(f"\n**{title}**\n")
    _row(*columns)
    print("|" + "---|" * len(columns), flush=True)


def _formed(a: torch.Tensor) -> LinearOperator:
    """A matrix as an operator, so that only products are counted."""
    t = a.T.contiguous()
    return LinearOperator(
        len(a), lambda v: a @ v, lambda v: t @ v, matmat=lambda v: a @ v, dtype=a.dtype, device=a.device
    )  # fmt: skip


def _sides_by_arpack(operator: LinearOperator, k: int, tol: float) -> dict[Which, np.ndarray]:
    """Each side by scipy's defaults: 2 k + 1 vectors, and what converged where not all did."""
    out: dict[Which, np.ndarray] = {}
    for which in _SIDES:
        try:
            out[which] = eigs(operator.to_scipy(), k=k, which=which, tol=tol)[0]
        except linalg.ArpackNoConvergence as stop:
            out[which] = stop.eigenvalues
    return out


def _outermost(matrix: torch.Tensor, rounds: int) -> None:
    truth = np.linalg.eigvals(matrix.numpy())
    _table(
        "Outermost eigenvalues of the game Jacobian (tiny, n = 1,467, float64), SR + LR + LI",
        "pairs a side, tolerance", "products, ours (one run)", "products, ours (three runs)",
        "products, ARPACK defaults", "ratio", "CPU time ratio", "worst error, ours / ARPACK",
    )  # fmt: skip
    for k, tol in ((6, 1e-3), (6, 1e-6), (4, 1e-3), (1, 1e-3)):
        times, worst = [], [0.0, 0.0]
        counted: list[list[int]] = []
        for seed in range(rounds):
            together, apart, peer = (_formed(matrix) for _ in range(3))
            start = time.process_time()
            ours = krylov_schur(together, _SIDES, k=k, tol=tol, seed=seed, split=770)
            middle = time.process_time()
            theirs = _sides_by_arpack(peer, k, tol)
            times.append((middle - start) / (time.process_time() - middle))
            for side in _SIDES:
                krylov_schur(apart, side, k=k, tol=tol, seed=seed, split=770)
                exact = _OUTERMOST[side](truth)
                errors = (
                    abs(_OUTERMOST[side](ours.values) - exact),
                    abs(_OUTERMOST[side](theirs[side]) - exact) if len(theirs[side]) else np.inf,
                )
                worst = [max(w, e) for w, e in zip(worst, errors, strict=True)]
            counted.append([together.products, apart.products, peer.products])
        one, three, arpack = (int(statistics.median(c)) for c in zip(*counted, strict=True))
        _row(
            f"{k}, {tol:g}", one, three, arpack, f"{one / arpack:.2f}",
            f"{statistics.median(times):.2f}", f"{worst[0]:.0e} / {worst[1]:.0e}",
        )  # fmt: skip


def _outermost_large(rounds: int) -> None:
    game = mlp_game()
    batch = game.sample(256, seed=0)
    _table(
        "The same on the mlp game (n = 134,463, float32, 4 pairs a side, 1e-3)",
        "solver", "products", "CPU s", "SR", "LR", "largest imaginary part found",
    )  # fmt: skip
    ours: list[list[float]] = []
    theirs: list[list[float]] = []
    values: np.ndarray = np.zeros(0)
    sides: dict[Which, np.ndarray] = {}
    for seed in range(rounds):
        jacobian = GameJacobian(game, batch)
        start = time.process_time()
        found = krylov_schur(jacobian, _SIDES, k=4, tol=1e-3, seed=seed, split=jacobian.split)
        ours.append([jacobian.products, time.process_time() - start])
        values = found.values
        peer = GameJacobian(game, batch)
        start = time.process_time()
        sides = _sides_by_arpack(peer, 4, 1e-3)
        theirs.append([peer.products, time.process_time() - start])
    for name, spent, by_side in (
        ("gancheck, one run", ours, dict.fromkeys(_SIDES, values)),
        ("scipy eigs, defaults, three runs", theirs, sides),
    ):
        products, seconds = np.median(np.array(spent), axis=0)
        cells = [
            f"{_OUTERMOST[side](by_side[side]):.4g}" if len(by_side[side]) else "none"
            for side in _SIDES
        ]
        _row(name, int(products), f"{seconds:.1f}", *cells)


def _verdicts(count: int) -> None:
    _table(
        f"Verdicts on {count} games of 4 to 59 parameters (half stable, half of these with an "
        "indefinite symmetric part; spectral radius over leftmost real part 1 to 1e4)",
        "how", "stable called stable", "unstable called unstable", "undetermined",
        "wrong certificates", "CPU s a game",
    )  # fmt: skip
    for how, formed in (("matrix formed", 400), ("products alone", 0)):
        verdicts: Counter[tuple[bool, str]] = Counter()
        start = time.process_time()
        for known in known_games(count):
            batch = known.game.sample(1)
            jacobian = GameJacobian(known.game, batch)
            found = examine(known.game, jacobian, batch, eta=1e-3, formed=formed)
            verdicts[known.stable, "none" if found is None else str(found.outcome)] += 1
        seconds = (time.process_time() - start) / count
        stable = sum(v for (truth, _), v in verdicts.items() if truth)
        _row(
            how,
            f"{verdicts[True, 'stable']} of {stable}",
            f"{verdicts[False, 'unstable']} of {count - stable}",
            verdicts[True, "undetermined"] + verdicts[False, "undetermined"],
            verdicts[True, "unstable"] + verdicts[False, "stable"],
            f"{seconds:.3f}",
        )


def _large_verdicts(count: int) -> None:
    _table(
        f"Verdicts by products alone on {count} games of 500 to 1,000 parameters in which one player "
        "feels the other 10 to 10,000 times more than it is felt (plain symmetric part indefinite in "
        "all; truth from the blocks they are made of)",
        "game", "stable", "unstable", "undetermined", "wrong certificates", "CPU s a game",
    )  # fmt: skip
    words = {
        "weighed": "stable, definite once the players are weighed",
        "far": "stable, cross blocks that have nothing to do with each other",
        "unstable": "unstable",
    }
    seconds = dict.fromkeys(words, 0.0)
    verdicts: Counter[tuple[str, str]] = Counter()
    for known in large_games(count, seed=0, sizes=(500, 1000)):
        batch = known.game.sample(1)
        jacobian = GameJacobian(known.game, batch)
        start = time.process_time()
        found = examine(known.game, jacobian, batch, eta=1e-3)
        seconds[known.kind] += time.process_time() - start
        verdicts[known.kind, "none" if found is None else str(found.outcome)] += 1
    for kind, name in words.items():
        each = {v: verdicts[kind, v] for v in ("stable", "unstable", "undetermined", "none")}
        wrong = each["stable"] if kind == "unstable" else each["unstable"]
        many = max(sum(each.values()), 1)
        _row(
            name, each["stable"], each["unstable"], each["undetermined"] + each["none"], wrong,
            f"{seconds[kind] / many:.1f}",
        )  # fmt: skip


def _rotation(matrix: torch.Tensor, repeats: int) -> None:
    exact = float((0.5 * (matrix - matrix.T)).norm() / matrix.norm())
    _table(
        f"Share of rotation of the tiny game (dense: {exact:.4f}), {repeats} repeats",
        "estimator", "pairs of products", "mean", "standard deviation", "intervals that cover",
    )  # fmt: skip
    for pairs in (16, 20, 32, 64):
        for name, estimate in (("Hutchinson, Rademacher", _hutchinson), ("gancheck", _shared)):
            found = np.array([estimate(_formed(matrix), pairs, seed) for seed in range(repeats)])
            covered = (np.abs(found[:, 0] - exact) <= found[:, 1]).mean()
            covers = f"{covered:.1%}" if name == "gancheck" else "no error given"
            _row(name, pairs, f"{found[:, 0].mean():.4f}", f"{found[:, 0].std(ddof=1):.5f}", covers)


def _hutchinson(operator: LinearOperator, pairs: int, seed: int) -> tuple[float, float]:
    w = probes(operator, pairs, seed=seed)
    forward, backward = operator.matmat(w), operator.transposed.matmat(w)
    squares = [float((0.5 * x).square().sum()) for x in (forward - backward, forward + backward)]
    return share_of(np.array(squares)), 0.0


def _shared(operator: LinearOperator, pairs: int, seed: int) -> tuple[float, float]:
    k, m = pairs_for(pairs)
    basis = shared_basis(operator, k, seed=seed)
    parts = measured_parts(operator, basis, probes(operator, m, seed=100_000 + seed))
    return parts.inner(parts).share()


def _populations(repeats: int) -> None:
    _table(
        "Expected game from batches of 64, known population value, "
        f"{repeats} repeats of {BATCHES} batches",
        "game", "quantity", "population", "one batch, mean", "cross-batch, mean",
        "bias in standard errors", "intervals that cover",
    )  # fmt: skip
    for name, make in POPULATIONS.items():
        known = make()
        truth = [*known.squares, share_of(known.squares)]
        found, one, covered = [], [], np.zeros(3)
        for r in range(repeats):
            seed = 100_000 * r
            first = GameJacobian(known.game, known.game.sample(64, seed=seed))
            basis = shared_basis(first, 3, seed=r)
            w = probes(first, 6, seed=r + 77_777)
            crossed = cross_batch(known.game, 64, range(seed + 1, seed + 1 + BATCHES), basis, w)
            if crossed is None:
                continue
            numbers = [*crossed.squares(), crossed.share()]
            found.append([q.value for q in numbers])
            one.append([*crossed.one_batch(), float(crossed.each().mean())])
            covered += [
                q.interval[0] <= t <= q.interval[1] for q, t in zip(numbers, truth, strict=True)
            ]
        values = np.array(found)
        bias = (values.mean(0) - truth) / (values.std(0, ddof=1) / len(values) ** 0.5)
        for i, what in enumerate(("squared norm of A", "squared norm of S", "share of rotation")):
            _row(
                name, what, f"{truth[i]:.4g}", f"{np.mean(one, 0)[i]:.4g}",
                f"{values.mean(0)[i]:.4g}", f"{bias[i]:+.1f}", f"{covered[i] / len(values):.1%}",
            )  # fmt: skip


if __name__ == "__main__":
    main()
