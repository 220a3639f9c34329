"""How little can a Hessian-vector product of a perceptron cost, where nothing is generic?

The tangent of the gradient, written out for two tanh perceptrons and the non-saturating loss:
every activation and derivative that does not depend on the vector is stored beforehand, sums go
into the matrix products, and there is no graph. What autograd costs more is the price of taking any
network. 6 G + 2 D multiplications, where a gradient takes 3 G + 2 D.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spectrum_peers import Peers
    from torch import Tensor

    from gancheck.games.game import Game
    from gancheck.operators.hessian import Hessian


def products(operator: Hessian, game: Game, peers: Peers) -> dict[str, Callable[[], Any]]:
    """A gradient, and the product with one vector in three ways, each as something to call."""
    v = torch.randn(operator.shape[0], generator=torch.Generator().manual_seed(0))
    theta = [p.detach().clone().requires_grad_() for p in peers.parameters]
    names = [name for name, _ in peers.generator.named_parameters()]
    state = dict(zip(names, theta, strict=True))
    loss = peers.loss(torch.func.functional_call(peers.generator, state, (peers.z,)))
    first = torch.autograd.grad(loss, theta, create_graph=True)
    pieces = operator.parts(v)
    by_hand, whole = product_by_hand(game, peers.z), operator.matvec(v)
    off = torch.cat([x.reshape(-1) for x in by_hand(pieces)]) - whole
    if not float(off.norm() / whole.norm()) < 1e-5:
        raise RuntimeError("the product by hand is another one")
    return {
        "none: a gradient, as a user writes it": peers.gradient,
        "gancheck": lambda: operator.matvec(v),
        "torch.autograd.grad alone, graph stored": lambda: torch.autograd.grad(
            first, theta, pieces, retain_graph=True
        ),
        "by hand, no autograd, all that does not depend on the vector stored": lambda: by_hand(
            pieces
        ),
    }


def product_by_hand(game: Game, z: Tensor) -> Callable[[Sequence[Tensor]], list[Tensor]]:
    """V, as tensors of the parameters' shapes, -> H v of the generator, likewise.

    Args:
        game: of two multilayer perceptrons with tanh, non-saturating loss.
        z: latents [batch, size].
    """
    own, other = (
        [p.detach() for p in game.parameters(player)] for player in ("generator", "discriminator")
    )
    w, wd = own[0::2], other[0::2]
    with torch.no_grad():
        fake, inputs, slopes = _forward(z, own)
        score, inputs_d, slopes_d = _forward(fake, other)
        sigmoid = torch.sigmoid(-score) / len(z)
        second = sigmoid * (1.0 - len(z) * sigmoid)
        g, _, bends_d = _backward(-sigmoid, wd, inputs_d, slopes_d)
        _, before, bends = _backward(g, w, inputs, slopes)
    last = len(w) - 1

    @torch.no_grad()
    def product(v: Sequence[Tensor]) -> list[Tensor]:
        vw, vb = v[0::2], v[1::2]
        t = torch.nn.functional.linear(z, vw[0], vb[0])
        tangents: list[tuple[Tensor, Tensor]] = []  # of layers' outputs, before and after tanh
        for i in range(1, last + 1):
            tangents.append((t, t * slopes[i - 1]))
            t = torch.nn.functional.linear(tangents[-1][1], w[i], vb[i])
            t = torch.addmm(t, inputs[i], vw[i].t())
        tangents_d: list[Tensor] = []
        for i in range(last + 1):
            t = t @ wd[i].t()
            if i < last:
                tangents_d.append(t)
                t = t * slopes_d[i]
        u = t * second
        for i in range(last, -1, -1):
            u = u @ wd[i]
            if i > 0:
                u = torch.addcmul(u * slopes_d[i - 1], tangents_d[i - 1], bends_d[i - 1])
        out: list[Tensor] = []
        for i in range(last, 0, -1):
            a, b = tangents[i - 1]
            out += [u.sum(0), torch.addmm(u.t() @ inputs[i], before[i].t(), b)]
            u = torch.addmm(u @ w[i], before[i], vw[i])
            u = torch.addcmul(u * slopes[i - 1], a, bends[i - 1])
        return [*reversed([*out, u.sum(0), u.t() @ z])]

    return product


def _forward(x: Tensor, theta: Sequence[Tensor]) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Output, the input of each layer, and the slope of each tanh."""
    inputs: list[Tensor] = [x]
    slopes: list[Tensor] = []
    for i in range(0, len(theta), 2):
        x = torch.nn.functional.linear(x, theta[i], theta[i + 1])
        if i + 2 < len(theta):
            x = torch.tanh(x)
            inputs.append(x)
            slopes.append(1.0 - x * x)
    return x, inputs, slopes


def _backward(
    g: Tensor, w: Sequence[Tensor], inputs: Sequence[Tensor], slopes: Sequence[Tensor]
) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Gradient in the input, in each layer's output, and through each tanh's second derivative."""
    before: list[Tensor] = [g]
    bends: list[Tensor] = []
    for i in range(len(w) - 1, 0, -1):
        g = (g @ w[i]) * slopes[i - 1]
        bends.insert(0, -2.0 * inputs[i] * g)
        before.insert(0, g)
    return g @ w[0], before, bends
