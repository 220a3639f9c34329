"""Normalisation layers have the right first, second and third derivatives, and torch's own values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.gradcheck import GradcheckError
from torch.nn import functional

from gancheck.games import latents
from gancheck.games.game import Game
from gancheck.games.normalisation import exact_normalisation
from gancheck.operators import GameJacobian, Hessian
from tests.oracles import jacobian_by_differences

if TYPE_CHECKING:
    from collections.abc import Callable

CASES: dict[str, tuple[Callable[..., Tensor], list[tuple[int, ...]]]] = {
    "batch norm of vectors": (
        lambda x, w, b: functional.batch_norm(x, None, None, w, b, training=True),
        [(7, 3), (3,), (3,)],
    ),
    "batch norm of images": (
        lambda x, w, b: functional.batch_norm(x, None, None, w, b, training=True),
        [(4, 3, 2, 2), (3,), (3,)],
    ),
    "batch norm without factors": (
        lambda x: functional.batch_norm(x, None, None, training=True),
        [(5, 3, 4)],
    ),
    "layer norm": (
        lambda x, w, b: functional.layer_norm(x, (2, 3), w, b),
        [(3, 2, 3), (2, 3), (2, 3)],
    ),
    "group norm": (lambda x, w, b: functional.group_norm(x, 2, w, b), [(2, 4, 3), (4,), (4,)]),
    "instance norm": (
        lambda x, w, b: functional.instance_norm(x, None, None, w, b),
        [(2, 3, 4), (3,), (3,)],
    ),
}


def inputs(shapes: list[tuple[int, ...]]) -> tuple[Tensor, ...]:
    rng = torch.Generator().manual_seed(0)
    return tuple(
        torch.randn(s, generator=rng, dtype=torch.float64).requires_grad_() for s in shapes
    )


@pytest.mark.parametrize("name", CASES)
def test_values_are_torchs_own(name: str) -> None:
    function, shapes = CASES[name]
    x = inputs(shapes)
    with exact_normalisation():
        ours = function(*x)
    assert torch.allclose(ours, function(*x), rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_first_and_second_derivatives_agree_with_differences(name: str) -> None:
    function, shapes = CASES[name]

    def inside(*x: Tensor) -> Tensor:
        with exact_normalisation():
            return function(*x)

    assert torch.autograd.gradcheck(inside, inputs(shapes))
    assert torch.autograd.gradgradcheck(inside, inputs(shapes))


@pytest.mark.parametrize("name", CASES)
def test_third_derivatives_agree_with_differences(name: str) -> None:
    # A gradient penalty has them: the gradient of a function of the input gradient, twice.
    function, shapes = CASES[name]

    def gradient(*x: Tensor) -> Tensor:
        with exact_normalisation():
            y = function(*x).sin().pow(3).sum()
        return torch.autograd.grad(y, x[0], create_graph=True)[0].sin()

    assert torch.autograd.gradgradcheck(gradient, inputs(shapes))


@pytest.mark.parametrize("name", CASES)
def test_torchs_own_third_derivative_is_the_reason(name: str) -> None:
    # When this fails torch has been mended, and the closed forms are here for speed alone.
    function, shapes = CASES[name]

    def gradient(*x: Tensor) -> Tensor:
        y = function(*x).sin().pow(3).sum()
        return torch.autograd.grad(y, x[0], create_graph=True)[0].sin()

    if name == "group norm":
        assert torch.autograd.gradgradcheck(gradient, inputs(shapes))
    else:
        with pytest.raises(GradcheckError):
            torch.autograd.gradgradcheck(gradient, inputs(shapes))


@pytest.mark.parametrize(
    ("kind", "loss"),
    [
        ("layer", "wgan-gp"),
        ("batch", "wgan-gp"),
        ("group", "wgan-gp"),
        ("layer", "minimax"),
        ("batch", "minimax"),
    ],
)
def test_the_jacobian_of_a_normalised_game_agrees_with_differences(kind: str, loss: str) -> None:
    torch.manual_seed(0)
    norm: dict[str, Any] = {
        "layer": nn.LayerNorm(4),
        "batch": nn.BatchNorm1d(4),
        "group": nn.GroupNorm(2, 4),
    }
    game = Game(
        nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Tanh(), nn.Linear(3, 2)).double(),
        nn.Sequential(nn.Linear(2, 4), norm[kind], nn.Tanh(), nn.Linear(4, 1)).double(),
        loss=loss,
        latent=latents.normal(2),
        data=torch.randn(40, 2, dtype=torch.float64),
    )
    batch = game.sample(12)
    jacobian = GameJacobian(game, batch)
    truth = jacobian_by_differences(game, batch, field=_field)
    scale = float(truth.abs().max())
    # central differences of step 1e-6 carry about 2e-10 of the field, and the penalty's is large
    assert float((jacobian.dense() - truth).abs().max()) <= 1e-6 * scale
    assert jacobian.symmetry_defect <= 1e-12
    hessian = Hessian(game, "discriminator", batch).dense()
    assert float((hessian - hessian.T).abs().max()) <= 1e-12 * float(hessian.abs().max())


def _field(game: Game, batch: Any, flat: Tensor) -> Tensor:
    """First-order autograd alone, at given flat parameters."""
    theta_g, theta_d = game.snapshot()
    parts = [
        x.reshape(p.shape).detach().requires_grad_()
        for x, p in zip(
            flat.split([p.numel() for p in (*theta_g, *theta_d)]), (*theta_g, *theta_d), strict=True
        )
    ]
    count = len(theta_g)
    loss_g, loss_d = game.losses(parts[:count], parts[count:], batch)
    grads = [
        *torch.autograd.grad(loss_g, parts[:count], retain_graph=True),
        *torch.autograd.grad(loss_d, parts[count:], allow_unused=True, materialize_grads=True),
    ]
    return torch.cat([g.reshape(-1) for g in grads])


@pytest.mark.parametrize("kind", ["running", "half", "one entry"])
def test_what_the_closed_forms_do_not_cover_is_left_to_torch(kind: str) -> None:
    x = torch.randn(4, 3)
    with exact_normalisation():
        if kind == "running":
            out = functional.batch_norm(x, torch.zeros(3), torch.ones(3), eps=0.0)
            assert torch.allclose(out, x)
        elif kind == "half":
            out = functional.layer_norm(x.bfloat16(), (3,))
            assert out.dtype is torch.bfloat16
        else:
            with pytest.raises(ValueError, match=r"more than 1 value per channel"):
                functional.batch_norm(x[:1], None, None, training=True)
