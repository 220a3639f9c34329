"""How large are the parts of the game's Jacobian, when every batch adds noise of its own?

For one batch E ||A_b||_F^2 = ||E A||_F^2 + (noise)/size: the noise of a sum of squares does not
average out, so the share of rotation measured on one batch depends on its size. Of two independent
batches <A_1 w, A_2 w> with one probe w has no such term. Here every pair of several batches is
used, and the interval is a jackknife over batches and over probes, added: where both move a number
together that counts it twice, so the interval errs on the wide side.

What the one-batch value adds over the expected one is the noise, and its fall like 1/size is the
curve that is drawn and the batch size at which the share would settle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import stdtrit

from gancheck.diagnosis import Quantity
from gancheck.operators import GameJacobian
from gancheck.operators.frobenius import Parts, measured_parts, share_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from gancheck.games.game import Game
    from gancheck.operators.budget import Budget

__all__ = ["BATCHES", "SETTLED", "CrossBatch", "cross_batch"]

BATCHES = 12
SETTLED = 0.05  # relative change of the share below which a batch counts as large enough
_LEAST = 4
_CONFIDENCE = 0.975


@dataclass(frozen=True, slots=True)
class CrossBatch:
    """Frobenius inner products between independent batches of one size, for A and for S.

    Attributes:
        size: samples a batch.
        exact: [2, batches, batches], inside the shared basis.
        probed: [2, probes, batches, batches].
    """

    size: int
    exact: np.ndarray
    probed: np.ndarray

    @property
    def batches(self) -> int:
        """How many."""
        return self.exact.shape[1]

    def expected(self) -> np.ndarray:
        """[2]: ||E A||_F^2 and ||E S||_F^2, unbiased; noise can carry a small one below zero."""
        return _between(self._mean())

    def one_batch(self) -> np.ndarray:
        """[2]: mean of ||A_b||_F^2 and ||S_b||_F^2 over batches, noise included."""
        return np.trace(self._mean(), axis1=1, axis2=2) / self.batches

    def each(self) -> np.ndarray:
        """[batches]: the share of rotation of each batch by itself."""
        mean = self._mean()
        return np.array([share_of(mean[:, b, b]) for b in range(self.batches)])

    def estimate(self, statistic: Callable[[np.ndarray], float]) -> tuple[float, float, float]:
        """A function of the two expected squares: value, and the ends of its 95 % interval."""
        mean = self._mean()
        value = statistic(_between(mean))
        everyone = np.arange(self.batches)
        by_batch = [
            statistic(_between(mean[:, np.ix_(rest, rest)[0], np.ix_(rest, rest)[1]]))
            for rest in (np.delete(everyone, b) for b in everyone)
        ]
        m = self.probed.shape[1]
        by_probe = [
            statistic(_between(self.exact + np.delete(self.probed, i, axis=1).mean(1)))
            for i in range(m if m > 1 else 0)
        ]
        of_batches, of_probes = _jackknife(by_batch), _jackknife(by_probe)
        half = _half_width(of_batches, self.batches - 1, of_probes, m - 1)
        return value, value - half, value + half

    def share(self) -> Quantity:
        """||E A||_F / ||E J||_F, the share of rotation of the expected game."""
        square, low, high = self.estimate(_share_squared)
        ends = [float(np.clip(x, 0.0, 1.0)) ** 0.5 for x in (square, low, high)]
        return Quantity(
            value=ends[0], sampling_error=(ends[2] - ends[1]) / 4.0, low=ends[1], high=ends[2]
        )

    def squares(self) -> tuple[Quantity, Quantity]:
        """||E A||_F^2 and ||E S||_F^2."""
        out = []
        for i in (0, 1):
            value, low, high = self.estimate(lambda squares, i=i: float(squares[i]))
            out.append(Quantity(value=value, sampling_error=(high - low) / 4.0, low=low, high=high))
        return out[0], out[1]

    def predicted(self, size: float) -> float:
        """The share that one batch of a size shows, by expectation plus noise over size."""
        expected = np.maximum(self.expected(), 0.0)
        noise = np.maximum(self.one_batch() - expected, 0.0) * self.size
        return share_of(expected + noise / size)

    def settles(self) -> Quantity:
        """The batch size at which the share of one batch is within 5 % of the expected one.

        The interval comes from that of the expected share; infinite where it reaches zero, for then
        no batch is large enough to tell rotation from noise.
        """
        expected = np.maximum(self.expected(), 0.0)
        noise = np.maximum(self.one_batch() - expected, 0.0) * self.size
        share = self.share()
        low, high = share.interval
        sizes = [_settling(x * x, float(expected.sum()), noise) for x in (share.value, low, high)]
        return Quantity(value=sizes[0], unit="samples", low=min(sizes), high=max(sizes))

    def _mean(self) -> np.ndarray:
        """[2, batches, batches], probes averaged."""
        return self.exact + (self.probed.mean(1) if self.probed.shape[1] else 0.0)


def cross_batch(
    game: Game,
    size: int,
    seeds: Sequence[int],
    basis: Tensor,
    w: Tensor,
    *,
    budget: Budget | None = None,
) -> CrossBatch | None:
    """Measure independent batches with one basis and one set of probes.

    Args:
        game: with samples.
        size: samples a batch.
        seeds: of the batches; none of them may have chosen the basis.
        basis: Q [n, q].
        w: probes [n, m], independent of the basis.
        budget: ends it between two batches.

    Returns:
        None where it ended before four batches were done.

    Cost: q + m pairs of products a batch, and the memory of as many vectors a batch, twice.
    """
    done: list[Parts] = []
    for seed in seeds:
        if budget is not None and (budget.exhausted or budget.left < _cost(basis, w)):
            break
        jacobian = GameJacobian(game, game.sample(size, seed=seed))
        done.append(measured_parts(jacobian, basis, w))
        if budget is not None:
            budget.spend(_cost(basis, w))
    count, m = len(done), w.shape[1]
    if count < min(_LEAST, len(seeds)):
        return None
    exact, probed = np.zeros((2, count, count)), np.zeros((2, m, count, count))
    for i, one in enumerate(done):
        for j, other in enumerate(done[: i + 1]):
            inner = one.inner(other)
            exact[:, i, j] = exact[:, j, i] = inner.exact
            probed[:, :, i, j] = probed[:, :, j, i] = inner.probed
    return CrossBatch(size=size, exact=exact, probed=probed)


def _cost(basis: Tensor, w: Tensor) -> int:
    return 2 * (basis.shape[1] + w.shape[1])


def _between(mean: np.ndarray) -> np.ndarray:
    """Mean over pairs of different batches of [2, batches, batches]."""
    count = mean.shape[1]
    own = np.trace(mean, axis1=1, axis2=2)
    return (mean.sum((1, 2)) - own) / (count * (count - 1))


def _jackknife(dropped: list[float]) -> float:
    """Variance of a statistic from its values with one observation left out; 0 without any."""
    m = len(dropped)
    if m < 2:
        return 0.0
    values = np.array(dropped)
    return float((m - 1) / m * ((values - values.mean()) ** 2).sum())


def _half_width(one: float, freedom_one: int, other: float, freedom_other: int) -> float:
    """Half a 95 % interval for a sum of two variances, by Satterthwaite's degrees of freedom."""
    total = one + other
    if total <= 0.0:
        return 0.0
    spread = one**2 / freedom_one + (other**2 / freedom_other if other > 0.0 else 0.0)
    return float(stdtrit(total**2 / spread, _CONFIDENCE)) * total**0.5


def _share_squared(squares: np.ndarray) -> float:
    """Without a clip: an unbiased square may be negative, and its interval must say so."""
    total = float(squares.sum())
    return float(squares[0]) / total if total > 0.0 else 0.0


def _settling(square: float, total: float, noise: np.ndarray) -> float:
    """The size m at which (X + a/m)/(T + n/m) is within 5 % of X/T, as shares."""
    whole = float(noise.sum())
    if whole <= 0.0 or total <= 0.0:
        return 1.0 if total > 0.0 else float("inf")
    if square <= 0.0:
        return float("inf")
    rises = float(noise[0]) / whole > square
    target = square * (1.0 + SETTLED if rises else 1.0 - SETTLED) ** 2
    if rises and float(noise[0]) / whole <= target:
        return 1.0  # noise turns nearly as much as the game: no size changes the share
    if not rises and float(noise[0]) / whole >= target:
        return 1.0
    return abs((float(noise[0]) - target * whole) / (target * total - square * total))
