"""Ends, trace and density of a Hessian: what do they cost and how right are they, beside the peers?

Prints the tables of `benchmarks/README.md`. One process, one thread, CPU time of the process; ours
and the peers run interleaved on the same batch of the same trained game, and a ratio is the median
of the rounds' ratios. Every returned value is compared with a reference by scipy's ARPACK on the
float64 operator, and every returned vector is multiplied by that operator once more. A peer that
cannot be imported or fails is listed with its error. Needs the extra `bench`.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from product_by_hand import products
from scipy.sparse import linalg
from scipy.stats import wasserstein_distance
from spectrum_peers import Pairs, Peers, by_arpack, eigenthings_wrong, judged, least_products
from trained_games import mlp_game, tiny

from gancheck.operators import Hessian
from gancheck.operators.lanczos import lanczos
from gancheck.operators.linear_operator import LinearOperator
from gancheck.operators.quadrature import spectral_density
from gancheck.operators.trace import trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from gancheck.games.game import Game
    from gancheck.operators.trace import Estimate

eigsh: Any = linalg.eigsh  # its stub wants a whole number for `tol`
_K = 10
_BATCH = 256
_TOL = 1e-3
_TOP, _BOTH = "gancheck, top 10", "gancheck, 10 + 10"


def main() -> None:
    """Print every table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--seeds", type=int, default=50)
    given = arguments.parse_args()
    torch.set_num_threads(1)
    # Peers reach deprecated corners of torch and leave cycles of gradients; neither is ours to fix.
    warnings.simplefilter("ignore")
    torch.manual_seed(0)  # PyHessian and curvlinops draw from the global state
    small, large = tiny(), mlp_game()
    _product(large)
    _ends(large, given.rounds)
    _both_ends(large)
    _false_converged(small, large, given.seeds)
    _dense(small)
    _trace(small)
    _density(small, given.rounds)


def _row(*cells: object) -> None:
    print("| " + " | ".join(str(c) for c in cells) + " |", flush=True)


def _table(title: str, *columns: str) -> None:
    print(f"\n**{title}**\n")
    _row(*columns)
    print("|" + "---|" * len(columns), flush=True)


def _seconds(f: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    out = f()
    return time.process_time() - start, out


def _tried(f: Callable[[], Any]) -> Any:
    """The result, or what stopped it: a peer may fail in any way and is then listed."""
    try:
        return f()
    except Exception as error:  # noqa: BLE001
        return error


def _failure(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0][:80] if str(error) else ''}"


def _product(game: Game, rounds: int = 15) -> None:
    """One product beside one gradient, and how little it can cost without autograd."""
    operator = Hessian(game, "generator", game.sample(_BATCH, seed=0))
    runs = products(operator, game, Peers(game, _BATCH))
    spent: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            spent[name].append(_seconds(lambda run=run: [run() for _ in range(20)])[0] / 20)
    _table("One product with the same Hessian", "product", "ms of CPU", "gradients")
    unit = next(iter(spent.values()))
    for name, seconds in spent.items():
        _row(name, f"{1e3 * statistics.median(seconds):.2f}", f"{_ratio(seconds, unit):.2f}")


def _solvers(game: Game, peers: Peers) -> dict[str, tuple[str, Callable[[], Pairs]]]:
    """Name -> (which end it looks for, a run that returns pairs)."""
    batch = game.sample(_BATCH, seed=0)

    def ours(bottom: int) -> Pairs:
        found = lanczos(Hessian(game, "generator", batch), top=_K, bottom=bottom, tol=_TOL)
        looked = found.products - found.found - found.verified
        note = f"{found.found} to find, {looked} to look on, {found.verified} to confirm"
        return Pairs(found.values, found.vectors, int(found.converged.sum()), found.products, note)

    def arpack(which: str, k: int) -> Pairs:
        operator = Hessian(game, "generator", batch)
        values, vectors = eigsh(operator.to_scipy(), k=k, which=which, tol=_TOL)
        return Pairs(values, vectors, None, operator.products)

    return {
        _TOP: ("LA", lambda: ours(0)),
        _BOTH: ("BE", lambda: ours(_K)),
        "scipy eigsh LA on our operator": ("LA", lambda: arpack("LA", _K)),
        "scipy eigsh BE on our operator": ("BE", lambda: arpack("BE", 2 * _K)),
        "curvlinops 3.0.1 + scipy eigsh LA": ("LA", lambda: peers.curvlinops_top(_K, _TOL)),
        "PyHessian 0.1 (largest modulus)": ("LM", lambda: peers.pyhessian_top(_K, _TOL)),
        "hessian-eigenthings 1.0.0a5 LM": (
            "LM", lambda: peers.eigenthings_top(_K, _TOL, which="LM", steps=None)
        ),
        "hessian-eigenthings 1.0.0a5 LA": (
            "LA", lambda: peers.eigenthings_top(_K, _TOL, which="LA", steps=None)
        ),
        "hessian-eigenthings 1.0.0a5 LA, 60 steps": (
            "LA", lambda: peers.eigenthings_top(_K, _TOL, which="LA", steps=60)
        ),
    }  # fmt: skip


def _ends(game: Game, rounds: int) -> None:
    batch: Any = game.sample(_BATCH, seed=0)
    doubled = replace(batch, real=batch.real.double(), latent=batch.latent.double())
    exact = Hessian(game.in_float64(), "generator", doubled)
    reference = by_arpack(exact, 3 * _K, 1e-8)
    peers = Peers(game, _BATCH)
    solvers = _solvers(game, peers)
    outcomes: dict[str, list[Any]] = {name: [] for name in solvers}
    unit: list[float] = []
    for _ in range(rounds):
        unit.append(_seconds(lambda: [peers.gradient() for _ in range(20)])[0] / 20)
        for name, (_, run) in solvers.items():
            outcomes[name].append(_tried(lambda run=run: _seconds(run)))
    n = exact.shape[0]
    _table(
        f"Ten largest eigenvalues of the generator's Hessian, n = {n:,}, batch {_BATCH}, tol {_TOL:g}",
        "solver", "products", "gradients of time", "time, ours over its", "missed", "spurious",
        "worst true residual", "called converged",
    )  # fmt: skip
    for name, (which, _) in solvers.items():
        failed = [o for o in outcomes[name] if isinstance(o, Exception)]
        if failed:
            _row(name, "-", "-", "-", "-", "-", _failure(failed[0]), "-")
            continue
        spent = [o[0] for o in outcomes[name]]
        found: Pairs = outcomes[name][-1][1]
        mine = [o[0] for o in outcomes[_BOTH if which == "BE" else _TOP]]
        missed, spurious, residual = judged(found, which, reference, exact, _K)
        products = "-" if found.products is None else str(found.products)
        _row(
            name,
            f"{products} ({found.note})" if found.note else products,
            f"{_ratio(spent, unit):.0f}",
            f"{_ratio(mine, spent):.2f}",
            missed,
            spurious,
            f"{residual:.1e}",
            "-" if found.converged is None else found.converged,
        )


def _ratio(a: list[float], b: list[float]) -> float:
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


def _both_ends(game: Game, batches: int = 4) -> None:
    """Ten pairs at each end on several batches, in products."""
    _table(
        f"Ten largest and ten smallest, {batches} batches of each player's Hessian, products",
        "player", "gancheck, to find", "with check and confirmation", "eigsh BE",
        "any one start vector needs", "to find, over eigsh", "all, over eigsh", "least, over eigsh",
        "missed by gancheck", "missed by eigsh",
    )  # fmt: skip
    for player in ("generator", "discriminator"):
        counts: list[tuple[int, ...]] = []
        for seed in range(batches):
            operator = Hessian(game, player, game.sample(_BATCH, seed=seed))
            truth = by_arpack(operator, _K, 1e-6)
            found = lanczos(operator, top=_K, bottom=_K, tol=_TOL)
            operator.products = 0
            peer = eigsh(
                operator.to_scipy(), k=2 * _K, which="BE", tol=_TOL, return_eigenvectors=False
            )
            limit = 0.01 * np.maximum(np.abs(truth), 0.01 * np.abs(truth).max())
            off = [int((np.abs(np.sort(v) - truth) > limit).sum()) for v in (found.values, peer)]
            spent = operator.products
            least = least_products(operator, _K, _TOL)
            counts.append((found.found, found.products, spent, least, *off))
        ours, total, theirs, bound, missed, lost = np.array(counts).T
        _row(
            player, _list(ours), _list(total), _list(theirs), _list(bound),
            *(f"{statistics.median(x / theirs):.2f}" for x in (ours, total, bound)),
            int(missed.sum()), int(lost.sum()),
        )  # fmt: skip


def _list(counts: np.ndarray) -> str:
    return ", ".join(str(int(c)) for c in counts)


def _false_converged(small: Game, large: Game, seeds: int) -> None:
    """Runs in which a pair is called converged although the set is not the one asked for."""
    bulk = np.random.default_rng(0).uniform(-1.0, 1.0, 2000)
    ends = {
        "repeated": [5.0, 5.0, 5.0, 4.0, 4.0, -3.0, -3.0, -3.0],
        "clustered": [2.0, 2.0 - 1e-4, 2.0 - 2e-4, 1.9, -1.5, -1.4999, -1.4],
    }
    diagonals = {name: torch.as_tensor(np.r_[bulk, end]) for name, end in ends.items()}
    cases: dict[str, tuple[LinearOperator, int, int]] = {
        "tiny": (Hessian(small, "generator", small.sample(_BATCH)), 5, 5),
        "mlp": (Hessian(large, "generator", large.sample(_BATCH)), 10, 5),
        "repeated": (_diagonal(diagonals["repeated"]), 5, 3),
        "clustered": (_diagonal(diagonals["clustered"]), 4, 3),
    }
    _table(
        f"Called converged and wrong, over {seeds} seeds",
        "operator", "gancheck, wrong", "gancheck, not converged", "products (median)",
        "hessian-eigenthings LA, 60 steps, wrong",
    )  # fmt: skip
    for name, (operator, top, bottom) in cases.items():
        if name in diagonals:
            truth = np.sort(diagonals[name].numpy())
        elif name == "tiny":
            truth = np.linalg.eigvalsh(operator.dense().numpy())
        else:
            truth = by_arpack(operator, 20, 1e-6)
        expected = np.r_[truth[:bottom], truth[len(truth) - top :]]
        limit = _TOL * np.maximum(np.abs(expected), 0.01 * np.abs(expected).max())
        wrong, undecided, products = 0, 0, list[int]()
        for seed in range(seeds):
            found = lanczos(operator, top=top, bottom=bottom, tol=_TOL, seed=seed)
            off = np.abs(found.values - expected) > limit
            wrong += bool((off & found.converged).any())
            undecided += not found.converged.all()
            products.append(found.products)
        few = min(seeds, 10)
        peer = _tried(
            lambda o=operator, t=expected[bottom:], k=few: eigenthings_wrong(o, t, _TOL, k)
        )
        said = _failure(peer) if isinstance(peer, Exception) else f"{peer} of {few}"
        _row(name, wrong, undecided, int(statistics.median(products)), said)


def _diagonal(d: torch.Tensor) -> LinearOperator:
    return LinearOperator(
        len(d), lambda v: d * v, lambda v: d * v, dtype=d.dtype, device=torch.device("cpu")
    )


def _dense(game: Game) -> None:
    """Products and eigenvalues against the matrix that autograd differentiates twice by itself."""
    peers = Peers(game, _BATCH)
    shapes = [p.shape for p in peers.parameters]
    names = [n for n, _ in peers.generator.named_parameters()]
    flat = torch.cat([p.detach().reshape(-1) for p in peers.parameters])

    def loss(x: torch.Tensor) -> torch.Tensor:
        pieces = x.split([s.numel() for s in shapes])
        state = {n: p.reshape(s) for n, p, s in zip(names, pieces, shapes, strict=True)}
        return peers.loss(torch.func.functional_call(peers.generator, state, (peers.z,)))

    truth: Any = torch.autograd.functional.hessian(loss, flat)
    operator = Hessian(game, "generator", game.sample(_BATCH, seed=0))
    v = torch.randn(len(flat), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    product = float((operator.matvec(v) - truth @ v).norm() / (truth @ v).norm())
    values = np.linalg.eigvalsh(truth.numpy())
    found = lanczos(operator, top=5, bottom=5, tol=1e-9)
    off = np.abs(found.values - np.r_[values[:5], values[-5:]]).max() / np.abs(values).max()
    _table("Against the dense matrix, float64, tiny", "what", "relative error", "goal")
    _row("product", f"{product:.1e}", "1e-13")
    _row("five eigenvalues at each end", f"{off:.1e}", "1e-8")


def _trace(game: Game, repeats: int = 200) -> None:
    matrix = Hessian(game, "generator", game.sample(_BATCH, seed=0)).dense()
    truth = float(matrix.trace())
    dense = LinearOperator(
        len(matrix), lambda v: matrix @ v, lambda v: matrix.T @ v,
        dtype=matrix.dtype, device=matrix.device,
    )  # fmt: skip
    _table(
        f"Trace of the generator's Hessian, tiny, {repeats} repeats",
        "estimator", "products", "rms error", "95 % interval covers",
    )  # fmt: skip

    def ours(name: str, found: list[Estimate]) -> None:
        inside = np.mean([abs(e.value - truth) <= e.error for e in found])
        values = np.array([e.value for e in found])
        _row(name, found[0].products, f"{_rms(values, truth):.2%}", f"{inside:.1%}")

    ours("gancheck, XTrace", [trace(dense, products=30, seed=s) for s in range(repeats)])
    known = lanczos(dense, top=5, bottom=5)
    ours(
        "gancheck, ten known pairs taken out",
        [trace(dense, known=known, products=30, seed=s) for s in range(repeats)],
    )
    peers = Peers(game, _BATCH)

    def pyhessian() -> list[list[float]]:
        peer = peers.pyhessian()
        return [peer.trace(maxIter=100, tol=_TOL) for _ in range(20)]

    def curvlinops() -> list[list[float]]:
        xtrace = import_module("curvlinops").xtrace
        return [[float(xtrace(matrix, 30))] * 30 for _ in range(repeats)]

    for name, run in (
        ("PyHessian 0.1, tol 1e-3 (20 repeats)", pyhessian),
        ("curvlinops 3.0.1, XTrace", curvlinops),
    ):
        runs = _tried(run)
        if isinstance(runs, Exception):
            _row(name, "-", _failure(runs), "-")
            continue
        values = np.array([np.mean(r) for r in runs])
        products = int(np.median([len(r) for r in runs]))
        _row(name, products, f"{_rms(values, truth):.2%}", "none given")


def _rms(values: np.ndarray, truth: float) -> float:
    return float(np.sqrt(np.mean((values - truth) ** 2))) / abs(truth)


def _density(game: Game, rounds: int) -> None:
    peers = Peers(game, _BATCH)
    batch = game.sample(_BATCH, seed=0)
    truth = np.linalg.eigvalsh(Hessian(game, "generator", batch).dense().numpy())

    def ours(steps: int, seed: int, *, deflate: bool) -> tuple[np.ndarray, np.ndarray]:
        operator = Hessian(game, "generator", batch)
        known = lanczos(operator, top=5, bottom=5, seed=seed) if deflate else None
        return spectral_density(operator, known=known, steps=steps, seed=seed).points

    runs: dict[str, Callable[[int], tuple[np.ndarray, np.ndarray]]] = {
        "gancheck, 100 steps, ends found and taken out": lambda s: ours(100, s, deflate=True),
        "gancheck, 30 steps, ends found and taken out": lambda s: ours(30, s, deflate=True),
        "gancheck, 100 steps, nothing taken out": lambda s: ours(100, s, deflate=False),
        "curvlinops 3.0.1, 100 steps, smoothed": lambda _: peers.curvlinops_density(100, 4),
        "PyHessian 0.1, 100 steps": lambda _: peers.pyhessian_density(100, 4),
    }
    outcomes: dict[str, list[Any]] = {name: [] for name in runs}
    for seed in range(rounds):
        for name, run in runs.items():
            outcomes[name].append(_tried(lambda run=run, seed=seed: _seconds(lambda: run(seed))))
    _table(
        "Density of the generator's Hessian, tiny, 4 probes",
        "estimator", "Wasserstein-1 error over the range", "time, ours over its",
    )  # fmt: skip
    mine = [o[0] for o in next(iter(outcomes.values()))]
    for name, results in outcomes.items():
        failed = [o for o in results if isinstance(o, Exception)]
        if failed:
            _row(name, _failure(failed[0]), "-")
            continue
        distances = [wasserstein_distance(truth, x, None, w) for _, (x, w) in results]
        error = statistics.median(distances) / float(np.ptp(truth))
        _row(name, f"{error:.1e}", f"{_ratio(mine, [o[0] for o in results]):.2f}")


if __name__ == "__main__":
    main()
