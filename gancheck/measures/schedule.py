"""In which rhythm were the players trained? Read off the counters of their batch norms.

Each batch norm counts the batches that passed it in training mode. In one iteration with c critic
steps for one generator step the discriminator sees c a + 1 batches, where a is 1 if real and
generated samples pass in one batch, 2 if in two, and 3 if a penalty adds a third; the generator
makes c + g batches, where g is 1 if it draws anew for its own step and 0 if it uses the last one
again. So the ratio of the counters is (c a + 1) / (c + g), and every (c, a, g) that gives the
measured ratio is possible: with a = g = 1 the ratio is 1 whatever c is. What is found is a list.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from gancheck.diagnosis import Measurement, NotApplicable, Place, Quantity
from gancheck.measures.weights import exact, layers, players_with_tensors

if TYPE_CHECKING:
    from gancheck.diagnosis import Plan
    from gancheck.measures.weights import PlayerWeights, Weights

__all__ = ["Counted", "Rhythm", "Schedule", "rhythms", "training_schedule"]

_MOST_CRITIC_STEPS = 10
_UNFINISHED = 2.0  # iterations by which a run that was cut, or sampled in training mode, may be off
_NEAR = 2e-3  # the same, relative: a few extra passes an epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """One way to train that gives the counters.

    Attributes:
        critic_steps: for one step of the generator.
        passes: batches that the discriminator sees in one step of its own.
        fresh: whether the generator draws anew for its own step.
        iterations: steps of the generator that it would take to the counters.
    """

    critic_steps: int
    passes: int
    fresh: bool
    iterations: float

    def __str__(self) -> str:
        how = {1: "in one batch", 2: "apart", 3: "apart and a penalty"}[self.passes]
        noise = "new noise" if self.fresh else "the same samples"
        return (
            f"{self.critic_steps} critic steps (real and generated {how}), {noise} for the "
            f"generator's step, about {self.iterations:.0f} of them"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """The counters of one player: the most common count, and all there are."""

    name: str
    role: str
    batches: int
    counts: tuple[int, ...]
    places: tuple[Place, ...]


@dataclass(frozen=True, kw_only=True)
class Schedule(Measurement):
    """Counters and the rhythms that would give them."""

    players: tuple[Counted, ...]
    rhythms: tuple[Rhythm, ...]


def training_schedule(weights: Weights, plan: Plan | None = None) -> Schedule:  # noqa: ARG001
    """Read the batch norms' counters.

    Args:
        weights: of every player.
        plan: not used.

    Raises:
        NotApplicable: no batch norm counts.
    """
    found = [_counted(player) for player in players_with_tensors(weights) if not player.averaged]
    players = tuple(p for p in found if p is not None)
    if not players:
        raise NotApplicable(
            "no batch norm counts its batches (none is there, or the file is older than torch 0.4.1)"
        )
    by_role = {p.role: p for p in players}
    quantities: dict[str, Quantity] = {}
    possible: tuple[Rhythm, ...] = ()
    for role in ("generator", "discriminator"):
        if role in by_role:
            quantities[f"batches_{role}"] = exact(by_role[role].batches, "batches")
    if len(quantities) == 2 and by_role["generator"].batches > 0:
        of_d, of_g = by_role["discriminator"].batches, by_role["generator"].batches
        possible = rhythms(of_d, of_g)
        quantities["counter_ratio"] = exact(of_d / of_g)
        steps = [float(r.critic_steps) for r in possible]
        if steps:
            quantities["critic_steps"] = Quantity(
                value=steps[0],
                kind="exact" if len(set(steps)) == 1 else "estimate",
                low=min(steps),
                high=max(steps),
            )
    return Schedule(
        quantities=quantities,
        rows=[{"player": p.name, "batches": p.batches, "counts": str(p.counts)} for p in players],
        players=players,
        rhythms=possible,
    )


def rhythms(discriminator: int, generator: int) -> tuple[Rhythm, ...]:
    """Every rhythm that gives two counters, the fewest critic steps first.

    Counters may be off by two iterations or two thousandths, whichever is less: a run is cut in the
    middle of one, and samples for a picture may be drawn in training mode.

    Args:
        discriminator: batches its norms have seen.
        generator: batches the generator's norms have seen, above 0.

    Example:
        >>> [(r.critic_steps, r.passes, r.fresh) for r in rhythms(11_000, 6_000)]
        [(5, 2, True)]
    """
    found: list[Rhythm] = []
    for steps, passes, fresh in product(range(1, _MOST_CRITIC_STEPS + 1), (1, 2, 3), (True, False)):
        seen, made = steps * passes + 1, steps + int(fresh)
        iterations = generator / made
        off = abs(discriminator - iterations * seen)
        if iterations >= 1.0 and off <= min(_UNFINISHED * seen, _NEAR * discriminator):
            found.append(
                Rhythm(critic_steps=steps, passes=passes, fresh=fresh, iterations=iterations)
            )
    return tuple(found)


def _counted(player: PlayerWeights) -> Counted | None:
    counters = {
        layer.names["num_batches_tracked"]: int(layer.tensors["num_batches_tracked"].reshape(-1)[0])
        for layer in layers(player)
        if "num_batches_tracked" in layer.tensors
        and layer.tensors["num_batches_tracked"].numel() == 1
    }
    if not counters:
        return None
    counts = list(counters.values())
    return Counted(
        name=player.name,
        role=player.role,
        batches=max(sorted(set(counts)), key=counts.count),
        counts=tuple(sorted(set(counts))),
        places=tuple(player.place(name) for name in counters),
    )
