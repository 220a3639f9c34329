"""By what factor does each update rule shrink a game that turns?

Claim
    Near an equilibrium one step of a rule is a linear map, and its spectral radius decides.
    `dirac-gan-eigenvalues` has the game's eigenvalues, `bilinear-step-radii` the radii of
    simultaneous, alternating and extragradient steps where the game only turns,
    `step-bound-of-a-rotating-game` and `r1-step-range` the largest step where it also contracts.

Predicted
    The distance to the equilibrium is multiplied by the radius: in closed form where the shelf has
    it, else (optimistic and symplectic steps, and most rules with a penalty) by the eigenvalues of
    the step's matrix, written down a second time in numpy. Simultaneous steps move away from the
    equilibrium of a game that only turns, alternating ones keep their distance. Below a proved
    limit of the step every start contracts (alternating: stays), above it every start moves away.

How it is measured
    The updates of `gancheck.training.updates` themselves, on the networks of the Dirac-GAN in
    float64 with plain gradient descent, from starting points at random angles: near the equilibrium
    where the game is not linear. The factor is (|z_n| / |z_m|)^(1 / (n - m)), m after what other
    eigenvalues left has gone. The game's Jacobian is measured too, by the operator that a large
    network goes through.

What would refute it
    One start whose factor differs from the radius by more than a trajectory of its length can tell
    (`experiments.step_maps`), with what the game's curvature can add at that distance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from experiments.command import Experiment, at_least_one, run
from experiments.rotation_page import page
from experiments.step_maps import RULES, DiracGame, proved_radius, step_map, told
from gancheck.games import latents
from gancheck.games.game import Game
from gancheck.games.losses import resolve
from gancheck.games.networks import LinearScore, Position
from gancheck.games.parametric_laws import point
from gancheck.games.regularisation import Regularisation
from gancheck.operators import GameJacobian
from gancheck.training.players import Players
from gancheck.training.updates import UPDATES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["EXPERIMENT", "GAMES", "LIMITS", "main", "perform", "planned", "trajectory"]

GAMES = {
    "bilinear": DiracGame(title="bilinear", loss="wgan", coupling=1.0, linear=True),
    "minimax": DiracGame(title="Dirac, minimax", loss="minimax", coupling=0.5),
    "non-saturating": DiracGame(title="Dirac, non-saturating", loss="non-saturating", coupling=0.5),
    "r1": DiracGame(title="Dirac, R1", loss="minimax", coupling=0.5, r1=0.5),
}
LIMITS = {  # rule, game, largest step
    "simultaneous": ("r1", 2.0),  # 2 Re l / |l|^2 = g / c^2
    "extragradient": ("bilinear", 1.0),
    "alternating": ("bilinear", 2.0),
}
SHARES = (0.5, 0.8, 0.95, 1.05, 1.2)  # of the limit
SEEDS = 6  # the fewest whose extremes hold the median with 95 %
STEP, STRENGTH, STEPS = 0.2, 0.5, 200
NEAR, FAR = 1e-6, 1.0  # distances that a run begins at
_LEFT = 1e-2  # beyond this distance a game is not called linear


def planned(seeds: int, steps: int | None) -> list[dict[str, Any]]:
    """Configurations of all runs."""
    at_least_one(seeds, steps)
    jacobians = [{"part": "jacobian", "game": game, "seed": 0} for game in GAMES]
    return jacobians + [
        {**c, "seed": seed, "steps": steps or STEPS, "strength": STRENGTH}
        for seed in range(seeds)
        for c in (
            *(
                {"part": "rules", "game": game, "rule": rule, "step": STEP, "from": _near(game)}
                for game in GAMES
                for rule in RULES
            ),
            *(
                {
                    "part": "limits",
                    "game": game,
                    "rule": rule,
                    "share": share,
                    "step": share * limit,
                    "from": _near(game),
                }
                for rule, (game, limit) in LIMITS.items()
                for share in SHARES
            ),
            *(
                {"part": "far", "game": "non-saturating", "rule": rule, "step": STEP, "from": FAR}
                for rule in RULES
            ),
        )
    ]


def _near(game: str) -> float:
    return FAR if GAMES[game].linear else NEAR


def perform(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Make one run.

    Args:
        configuration: one of `planned`.

    Returns:
        What was measured and what was to be expected, as JSON.
    """
    c = configuration
    if c["part"] == "jacobian":
        return _measured_jacobian(GAMES[c["game"]])
    game = GAMES[c["game"]]
    expected = told(step_map(game.jacobian, c["rule"], c["step"], c["strength"]))
    cap = 1e100 if game.linear else _LEFT if c["from"] == NEAR else 1e6
    path = trajectory(
        game, c["rule"], step=c["step"], strength=c["strength"], steps=c["steps"],
        start=c["from"], seed=c["seed"], cap=cap,
    )  # fmt: skip
    made = len(path) - 1
    first = max(min(expected.wait, made - 1), made // 4)
    steps = made - first
    factor = float(path[-1] / path[first]) ** (1.0 / steps)
    closed = proved_radius(game, c["rule"], c["step"], c["strength"])
    # The slope of softplus is off by at most |theta psi| / 4 <= |z|^2 / 8, and a rule sees it twice.
    curvature = 0.0 if game.linear else c["step"] * float(path.max()) ** 2
    return {
        "factor": factor,
        "steps": steps,
        "radius": expected.radius if closed is None else closed[0],
        "theorem": None if closed is None else closed[1],
        "dense": expected.radius,
        "within": expected.within(steps, after=first) * (1.0 + curvature + 1e-9),
        "distance": [round(float(x), 6) for x in path[:: max(1, made // 50)]]
        if c["part"] == "far"
        else [],
    }


def trajectory(
    game: DiracGame, rule: str, *, step: float, strength: float, steps: int, start: float,
    seed: int, cap: float,
) -> np.ndarray:  # fmt: skip
    """Distances to the equilibrium under the project's own update.

    Args:
        game: which.
        rule: name of the update.
        step: of both players.
        strength: of a second-order term.
        steps: to be made, fewer where the distance passes `cap`.
        start: distance of the first point, whose angle the seed decides.
        seed: of the angle.
        cap: distance at which it ends.

    Returns:
        [steps made + 1].
    """
    angle = 2.0 * np.pi * np.random.default_rng(seed).random()
    generator = Position([start * float(np.cos(angle))], dtype=torch.float64)
    discriminator = LinearScore([start * float(np.sin(angle))], dtype=torch.float64)
    players = Players(
        generator=generator,
        discriminator=discriminator,
        generator_optimizer=torch.optim.SGD(generator.parameters(), lr=step),
        discriminator_optimizer=torch.optim.SGD(discriminator.parameters(), lr=step),
        loss=Regularisation(r1=game.r1).applied_to(resolve(game.loss)),
        latent=latents.normal(1),
        data=point(),
        batch_size=1,
        rng=torch.Generator().manual_seed(seed),
        strength=strength,
    )
    update = UPDATES[rule]
    out = [start]
    for _ in range(steps):
        update(players)
        out.append(float(np.hypot(generator.at.item(), discriminator.slope.item())))
        if out[-1] > cap:
            break
    return np.array(out)


def _measured_jacobian(game: DiracGame) -> dict[str, Any]:
    """The eigenvalues at the equilibrium, by the operator and in closed form."""
    played = Game(
        Position([0.0], dtype=torch.float64),
        LinearScore([0.0], dtype=torch.float64),
        loss=Regularisation(r1=game.r1).applied_to(resolve(game.loss)),
        latent=latents.normal(1),
        data=point(),
    )
    found = np.linalg.eigvals(GameJacobian(played, played.sample(2, seed=0)).dense().numpy())
    half = game.r1 / 2.0
    root = np.sqrt(complex(half * half - game.coupling**2))
    return {
        "measured": [[float(x.real), float(x.imag)] for x in sorted(found, key=np.imag)],
        "proved": [[x.real, x.imag] for x in sorted((half + root, half - root), key=np.imag)],
    }


EXPERIMENT = Experiment(
    name="rotation",
    about=__doc__ or "",
    seeds=SEEDS,
    planned=planned,
    perform=perform,
    describe=lambda c: " ".join(str(c.get(k, "")) for k in ("part", "game", "rule", "seed")),
    page=page,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    return run(EXPERIMENT, arguments)


if __name__ == "__main__":
    raise SystemExit(main())
