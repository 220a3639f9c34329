"""Do the regularised games settle where the plain ones turn?

Claim
    `dirac-gan-eigenvalues`: at the equilibrium of the Dirac-GAN the plain games and WGAN only turn
    (+-i/2, +-i), R1 and instance noise give both eigenvalues a positive real part.
    `full-rank-game-is-stable`: where D's own block is positive definite and the coupling has full
    rank, a game is stable at its equilibrium. `bilinear-step-radii`: alternating steps keep the
    distance in a game that only turns. WGAN with a gradient penalty has no Jacobian at the Dirac
    equilibrium, and does not converge (Mescheder et al. 2018; not on the shelf).

Predicted
    Dirac-GAN: the measured eigenvalues are the proved ones. The verdict is `stable` for R1 and
    noise and for no other game. Alternating descent from distance 1 ends within 0.1 of the
    equilibrium with R1 and noise, and not for WGAN, clipped or penalised. For the plain games the
    real part is 0, so linearisation decides nothing. ring8: a trained end point with R1 or noise is
    not unstable where it is an equilibrium; where the field is certainly not zero there, nothing is
    predicted.

How it is measured
    Dirac: the operator on the networks themselves at the equilibrium (noise: on batches of 4,096,
    one a seed), `measures.local_stability` there, and the project's own updates from a random
    angle. ring8: small perceptrons, the zoo's losses and optimisers; at the end the same measure.

What would refute it
    A measured eigenvalue off the proved one (noise: an interval over seeds that does not hold it),
    another verdict, one start that ends on the other side of 0.1; on ring8 one end point with R1 or
    noise that is an equilibrium and unstable.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from experiments.command import Experiment, at_least_one, run
from experiments.own_training import game_of, one_update, players_of
from experiments.stability_page import REFUSED, page
from gancheck.diagnosis import Plan
from gancheck.games.architectures import Linear, Perceptron, Position
from gancheck.games.recipe import Optimiser, Recipe
from gancheck.games.regularisation import Regularisation
from gancheck.games.zoo import recipe
from gancheck.measures.stability import local_stability
from gancheck.operators import GameJacobian
from gancheck.operators.second_order import OperatorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gancheck.games.game import Batch, Game

__all__ = ["DIRAC", "EXPERIMENT", "RING8", "Method", "main", "perform", "planned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way to hold a game together.

    Attributes:
        loss: of the zoo.
        added: to it.
        clip: of the critic's weights.
        batch_size: of a training of the Dirac-GAN; one point needs no more than the noise does.
        eigenvalues: at the Dirac equilibrium, proved; None where there is no Jacobian.
    """

    loss: str
    added: Regularisation = field(default_factory=Regularisation)
    clip: float | None = None
    batch_size: int = 1
    eigenvalues: tuple[complex, complex] | None = None


def _pair(middle: float, coupling: float) -> tuple[complex, complex]:
    """Middle -+ sqrt(middle^2 - c^2), the form that all of them have."""
    root = complex(middle * middle - coupling * coupling) ** 0.5
    return middle - root, middle + root


_GAMMA, _SIGMA = 0.5, 1.0
DIRAC = {
    "minimax": Method(loss="minimax", eigenvalues=_pair(0.0, 0.5)),
    "non-saturating": Method(loss="non-saturating", eigenvalues=_pair(0.0, 0.5)),
    "r1": Method(
        loss="non-saturating",
        added=Regularisation(r1=_GAMMA),
        eigenvalues=_pair(_GAMMA / 2.0, 0.5),
    ),
    "noise": Method(
        loss="minimax",
        added=Regularisation(instance_noise=_SIGMA),
        batch_size=256,
        eigenvalues=_pair(_SIGMA**2 / 4.0, 0.5),
    ),
    "wgan": Method(loss="wgan", clip=1.0, eigenvalues=_pair(0.0, 1.0)),
    "wgan-gp": Method(loss="wgan", added=Regularisation(gradient_penalty=1.0)),
}
RING8 = {
    "non-saturating": Method(loss="non-saturating"),
    "r1": Method(loss="non-saturating", added=Regularisation(r1=1.0)),
    "noise": Method(loss="non-saturating", added=Regularisation(instance_noise=0.3)),
    "wgan": Method(loss="wgan", clip=0.05),
    "wgan-gp": Method(loss="wgan-gp"),
}
SEEDS = 6  # the fewest whose extremes hold the median with 95 %
STEPS = {"dirac": 600, "ring8": 600}
WIDTH, BATCH, LOOK, MANY = 16, 128, 256, 4096
_STEP = 0.1
_EVALUATION = 1_000_000  # seeds of evaluation draws, apart from those of anything trained


def planned(seeds: int, steps: int | None) -> list[dict[str, Any]]:
    """Configurations of all runs."""
    at_least_one(seeds, steps)
    return [
        {
            "part": part,
            "method": name,
            "seed": seed,
            "steps": STEPS[part] if steps is None else steps,
            "loss": method.loss,
            "terms": list(recipe_of(part, name).losses().terms),
            "clip": method.clip,
            **({"width": WIDTH, "batch_size": BATCH, "look": LOOK} if part == "ring8" else {}),
        }
        for part, methods in (("dirac", DIRAC), ("ring8", RING8))
        for seed in range(seeds)
        for name, method in methods.items()
    ]


def recipe_of(part: str, name: str, seed: int = 0) -> Recipe:
    """What a method trains.

    Args:
        part: `dirac` or `ring8`.
        name: of the method.
        seed: of the Dirac-GAN's starting angle.
    """
    if part == "ring8":
        method = RING8[name]
        base = recipe(f"ring8-{name}" if name.startswith("wgan") else "ring8")
        return replace(
            base,
            loss=method.loss,
            regularisation=method.added,
            generator=Perceptron(widths=(2, WIDTH, WIDTH, 2)),
            discriminator=Perceptron(widths=(2, WIDTH, WIDTH, 1)),
            batch_size=BATCH,
        )
    method = DIRAC[name]
    angle = 2.0 * np.pi * np.random.default_rng(seed).random()
    plain = Optimiser(kind="sgd", lr=_STEP)
    return replace(
        recipe("dirac"),
        loss=method.loss,
        regularisation=method.added,
        clip=method.clip,
        updates="alternating",
        generator=Position(at=(float(np.cos(angle)),)),
        discriminator=Linear(slope=(float(np.sin(angle)),)),
        batch_size=method.batch_size,
        generator_optimiser=plain,
        discriminator_optimiser=plain,
    )


def perform(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Make one run.

    Args:
        configuration: one of `planned`.

    Returns:
        What was measured, as JSON.
    """
    c = configuration
    return _dirac(c) if c["part"] == "dirac" else _ring8(c)


def _dirac(c: Mapping[str, Any]) -> dict[str, Any]:
    method = DIRAC[c["method"]]
    chosen = recipe_of("dirac", c["method"], c["seed"])
    players = players_of(chosen, c["seed"], dtype=torch.float64)
    theta: Any = next(players.generator.parameters())
    psi: Any = next(players.discriminator.parameters())
    path: list[float] = []
    for _ in range(c["steps"]):
        one_update(chosen, players)
        path.append(float(np.hypot(theta.item(), psi.item())))
    with torch.no_grad():
        theta.zero_()
        psi.zero_()
    game = game_of(players)
    # The data are one point, so a batch is the whole game; with noise it is one of MANY draws.
    batch = game.sample(MANY if method.added.instance_noise else 2, seed=_EVALUATION + c["seed"])
    return {
        **_judged_at_equilibrium(game, batch),
        "end": float(np.max(path[-max(1, len(path) // 10) :])),
        "path": [float(f"{x:.3g}") for x in path[:: max(1, len(path) // 60)]],
    }


def _judged_at_equilibrium(game: Game, batch: Batch) -> dict[str, Any]:
    """Eigenvalues and verdict, or why there is no Jacobian."""
    try:
        judged = local_stability(game, batch)
        values = np.linalg.eigvals(GameJacobian(game, batch).dense().numpy())
    except OperatorError as error:
        return {"eigenvalues": [], "verdict": REFUSED, "because": str(error)}
    return {
        "eigenvalues": [[float(x.real), float(x.imag)] for x in sorted(values, key=np.imag)],
        "verdict": str(judged.verdict),
        "because": judged.because,
    }


def _ring8(c: Mapping[str, Any]) -> dict[str, Any]:
    chosen = recipe_of("ring8", c["method"])
    players = players_of(chosen, c["seed"])
    norms: list[float] = []
    for _ in range(c["steps"]):
        seen = one_update(chosen, players)
        norms.append(math.hypot(seen["grad_norm_g"] or 0.0, seen["grad_norm_d"] or 0.0))
    judged = local_stability(
        game_of(players), plan=Plan(seed=_EVALUATION + c["seed"], batch_size=c["look"])
    )
    q = judged.quantities
    tenth = max(1, len(norms) // 10)
    return {
        "verdict": str(judged.verdict),
        "because": judged.because,
        "equilibrium": judged.equilibrium,
        "field_norm": q["field_norm"].value,
        "field_error": q["field_norm"].sampling_error,
        "min_real": q["min_real"].value if "min_real" in q else None,
        "early": float(np.mean(norms[:tenth])),
        "late": float(np.mean(norms[-tenth:])),
        "eigenvalues": [
            [float(f"{x.real:.3g}"), float(f"{x.imag:.3g}")] for x in judged.eigenvalues[:40]
        ],
    }


EXPERIMENT = Experiment(
    name="stability",
    about=__doc__ or "",
    seeds=SEEDS,
    planned=planned,
    perform=perform,
    describe=lambda c: f"{c['part']} {c['method']} seed {c['seed']}",
    page=page,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    return run(EXPERIMENT, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
