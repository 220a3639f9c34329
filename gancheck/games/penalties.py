"""How steep is the discriminator, and what does it cost to be steeper than allowed?

Gradient penalties act on the input gradient of the score. They are differentiable through both
players: the points may carry the generator's graph, and the gradient is taken with its own graph
so that second derivatives of the game are right.

`input_slopes` is a norm, so it has a kink where the gradient vanishes; autograd returns the
subgradient zero there.

Source: Gulrajani et al. (2017) for `interpolated_penalty`; Petzka et al. (2018) for
`one_sided_penalty`; Mescheder et al. (2018) for `r1`, which on generated samples is their R2.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gancheck.games.shared_stream import drawn
from gancheck.games.transfer import brought

__all__ = [
    "GULRAJANI_WEIGHT",
    "Score",
    "input_slopes",
    "interpolate",
    "interpolated_penalty",
    "one_sided_penalty",
    "r1",
]

Score = Callable[[Tensor], Tensor]
"""The discriminator as a function: samples [n, ...] -> scores [n] or [n, 1]."""

GULRAJANI_WEIGHT = 10.0
"""The factor of the penalty in the paper that introduced it."""


def _input_gradients(score: Score, points: Tensor) -> Tensor:
    """Gradient of each sample's score with respect to that sample, flattened to [n, d].

    The scores are summed first, so a discriminator that mixes the samples of a batch (batch norm)
    gets the gradient of the sum, as in every implementation of these penalties.
    """
    differentiable = torch.is_grad_enabled()
    with torch.enable_grad():
        if not points.requires_grad:
            points = points.detach().requires_grad_()
        total = score(points).sum()
        (gradient,) = torch.autograd.grad(total, points, create_graph=differentiable)
    return gradient.flatten(1)


def input_slopes(score: Score, points: Tensor) -> Tensor:
    """Norm of the score's input gradient at each point.

    Args:
        score: samples [n, ...] -> scores [n] or [n, 1].
        points: where to look, [n, ...]; may carry a graph.

    Returns:
        Slopes [n], differentiable unless gradients are switched off.

    Example:
        >>> input_slopes(lambda x: 3 * x[:, 0] + 4 * x[:, 1], torch.zeros(2, 2)).tolist()
        [5.0, 5.0]
    """
    return torch.linalg.vector_norm(_input_gradients(score, points), dim=1)


def interpolate(real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None) -> Tensor:
    """Random points on the segments from real to fake samples, one weight a sample.

    Args:
        real: samples [n, ...].
        fake: samples [m, ...]; the larger of the two is cut to min(n, m).
        rng: CPU generator of the weights; None takes a fresh one of seed 0, so that the same
            arguments give the same points.

    Returns:
        Points [min(n, m), ...] that carry the graphs of both arguments. The weights are drawn in
        float64 on the CPU and then moved, so they do not depend on dtype or device.

    Raises:
        ValueError: samples of different shapes, or none at all.
    """
    count = min(len(real), len(fake))
    if count == 0 or real.shape[1:] != fake.shape[1:]:
        raise ValueError(
            "real and fake must be non-empty samples of one shape, "
            f"got {tuple(real.shape)} and {tuple(fake.shape)}"
        )
    rng = torch.Generator().manual_seed(0) if rng is None else rng
    weight = brought(drawn(torch.rand, (count,), rng), fake)
    weight = weight.reshape(count, *(1 for _ in fake.shape[1:]))
    return real[:count] + weight * (fake[:count] - real[:count])


def interpolated_penalty(
    score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
) -> Tensor:
    """Mean squared deviation from slope 1 between real and fake samples, without its factor.

    Args:
        score: the critic.
        real: samples [n, ...].
        fake: samples [m, ...].
        rng: CPU generator of the interpolation weights, see `interpolate`.

    Returns:
        E (||grad s(x)|| - 1)^2, a scalar; costs one more call of `score` and its backward pass.

    Example:
        >>> line = lambda x: 3 * x[:, 0]
        >>> interpolated_penalty(line, torch.zeros(4, 1), torch.ones(4, 1)).item()
        4.0
    """
    slopes = input_slopes(score, interpolate(real, fake, rng=rng))
    return (slopes - 1.0).square().mean()


def one_sided_penalty(
    score: Score, real: Tensor, fake: Tensor, *, rng: torch.Generator | None = None
) -> Tensor:
    """Mean squared excess over slope 1 between real and fake samples, without its factor.

    Args:
        score: the critic.
        real: samples [n, ...].
        fake: samples [m, ...].
        rng: CPU generator of the interpolation weights, see `interpolate`.

    Returns:
        E max(0, ||grad s(x)|| - 1)^2, a scalar: a critic that is flatter than 1 pays nothing.

    Example:
        >>> flat = lambda x: 0.5 * x[:, 0]
        >>> one_sided_penalty(flat, torch.zeros(4, 1), torch.ones(4, 1)).item()
        0.0
    """
    slopes = input_slopes(score, interpolate(real, fake, rng=rng))
    return (slopes - 1.0).clamp_min(0.0).square().mean()


def r1(score: Score, real: Tensor) -> Tensor:
    """Half the mean squared slope at given samples, without its factor gamma.

    Args:
        score: the discriminator.
        real: samples [n, ...]: real ones for R1, generated ones for R2.

    Returns:
        E ||grad s(x)||^2 / 2, a scalar, smooth also where the gradient vanishes.

    Example:
        >>> r1(lambda x: 3 * x[:, 0], torch.zeros(4, 1)).item()
        4.5
    """
    return _input_gradients(score, real).square().sum(1).mean() / 2
