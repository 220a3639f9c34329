"""What cannot be played is refused in a sentence; what can be, however odd, is measured right."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

import gancheck as gc
from gancheck.diagnosis import NotFinite
from gancheck.games import data
from gancheck.operators import GameJacobian

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLAN = gc.Plan(batch_size=8, samples=40, gradient_batch=4, probes=8, products=40)
CODES = ("GC001", "GC002", "GC003", "GC004")


def network(outputs: int, *, dtype: torch.dtype = torch.float64) -> nn.Sequential:
    torch.manual_seed(outputs)
    return nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, outputs)).to(dtype)


def game(
    generator: nn.Module | None = None, discriminator: nn.Module | None = None, **options: object
) -> gc.Game:
    return gc.Game(
        generator or network(2),
        discriminator or network(1),
        latent=gc.latents.normal(2),
        data=data.ring8(),
        **{"loss": "minimax", **options},
    )


def honest(score: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    del real
    return softplus(-score(fake)).mean()


def nan_loss(score: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    return honest(score, real, fake) * float("nan")


def constant(score: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    return honest(score, real, fake).detach()


def a_loss_a_sample(score: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    del real
    return softplus(-score(fake))


def broken(player: str) -> gc.Game:
    made = game()
    with torch.no_grad():
        made.modules[player][0].weight[0, 0] = float("nan")
    return made


class NoSlope(torch.autograd.Function):
    """The same number, and no derivative that is one."""

    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        del ctx
        return x.clone()

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> Tensor:
        del ctx
        return grad * float("nan")


class Slopeless(nn.Module):
    """A discriminator through which no gradient comes back whole."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = network(1)

    def forward(self, x: Tensor) -> Tensor:
        return NoSlope.apply(self.inner(x))


def at_a_norm_of_zero(score: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    """The derivative of a norm at zero is infinity times nothing."""
    s = score(fake)
    return honest(score, real, fake) + (s - s.detach()).square().sum().sqrt()


OF_THE_GENERATOR = {
    "loss": (
        lambda: game(loss=(nan_loss, honest)),
        "the generator's loss must be one finite number, got nan",
        {"GC001", "GC002", "GC003", "GC004"},
    ),
    "parameter": (
        lambda: broken("generator"),
        "the generator's output must be finite",
        {"GC001", "GC002", "GC003", "GC004", "GC005", "GC006", "GC007", "GC009", "GC010", "GC011"},
    ),
    "gradient": (
        lambda: game(loss=(at_a_norm_of_zero, honest)),
        "the derivative of the generator's loss must be finite",
        {"GC001", "GC002", "GC003", "GC004"},
    ),
}
OF_THE_DISCRIMINATOR = {
    "loss": (
        lambda: game(loss=(honest, nan_loss)),
        "the discriminator's loss must be one finite number, got nan",
        {"GC001", "GC002", "GC003", "GC004"},
    ),
    "parameter": (
        lambda: broken("discriminator"),
        "the discriminator's output must be finite",
        {"GC001", "GC002", "GC003", "GC004", "GC009", "GC011"},
    ),
    "gradient": (
        lambda: game(loss=(honest, at_a_norm_of_zero)),
        "the derivative of the discriminator's loss must be finite",
        {"GC001", "GC002", "GC003"},
    ),
    "slope": (
        lambda: game(discriminator=Slopeless()),
        "the derivative of the generator's loss must be finite",
        {"GC001", "GC002", "GC003", "GC004"},
    ),
    "slope in its input": (
        lambda: game(discriminator=Slopeless()),
        "the derivative of D's score in its input must be finite",
        {"GC009"},
    ),
}


@pytest.mark.parametrize(
    ("make", "says", "codes"),
    [
        pytest.param(*case, id=f"{player}'s {what}")
        for player, cases in (("G", OF_THE_GENERATOR), ("D", OF_THE_DISCRIMINATOR))
        for what, case in cases.items()
    ],
)
def test_a_game_whose_numbers_are_none_fails_where_they_are_met_and_the_report_goes_on(
    make: Callable[[], gc.Game], says: str, codes: set[str]
) -> None:
    plan = replace(PLAN, samples=120)  # of fewer GC011 asks nothing
    report = gc.diagnose(make(), codes=[*sorted(codes), "GC008"], plan=plan)
    assert report.complete
    assert report.verdict is gc.Verdict.failing
    for code in codes:
        finding = report[code]
        assert finding.verdict is gc.Verdict.failing, code
        assert says in finding.because
        assert finding.remedy
        assert not finding.quantities
    assert report["GC008"].verdict is not gc.Verdict.sound
    json.loads(report.to_json())


def test_a_generator_that_seldom_gives_nan_fails_where_it_was_met() -> None:
    class Seldom(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network(2)

        def forward(self, z: Tensor) -> Tensor:
            return torch.where(z[:, :1] > 2.2, float("nan"), self.inner(z))

    plan = replace(PLAN, samples=400)
    found = gc.diagnose(game(Seldom()), codes=["GC006"], plan=plan)["GC006"]
    latents = game().draw_latent(400, seed=plan.seed)
    count = 2 * int((latents[:, 0] > 2.2).sum())  # both coordinates of each such sample
    assert found.verdict is gc.Verdict.failing
    assert f"{count} of 800 numbers are NaN" in found.because


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize(
    ("loss", "says"),
    [
        ((honest, constant), "discriminator's loss depends on no parameter"),
        ((honest, a_loss_a_sample), r"got shape \(.*take its mean"),
    ],
)
def test_a_wrong_loss_is_an_error_and_no_finding(code: str, loss: object, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        gc.diagnose(game(loss=loss), codes=[code], plan=PLAN)
    assert not isinstance(caught.value, NotFinite)


def test_a_page_is_written_of_a_game_that_gives_nan(tmp_path: Path) -> None:
    report = gc.diagnose(broken("generator"), codes=["GC001", "GC006"], plan=PLAN)
    assert report.gallery is None
    page = report.save(tmp_path / "report.html").read_text()
    assert page.count("The game gives numbers that are not finite") >= 2
    assert (tmp_path / "report.md").read_text().count("must be finite") >= 2


def test_an_operation_without_a_second_derivative_leaves_curvature_undecided() -> None:
    """Training never computes it, so the game is not broken: what broke is the measurement."""

    def kinked(score: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
        s = score(fake)
        return honest(score, real, fake) + (s - s.detach()).abs().pow(1.5).mean()

    report = gc.diagnose(game(loss=(kinked, honest)), codes=CODES, plan=PLAN)
    for code in ("GC001", "GC002", "GC003"):
        assert report[code].verdict is gc.Verdict.undecided
    assert report["GC004"].verdict is not gc.Verdict.failing


def _with_counts() -> nn.Sequential:
    module = network(2)
    module.register_parameter("count", nn.Parameter(torch.tensor([1, 2]), requires_grad=False))
    return module


def _over_one_storage() -> tuple[nn.Module, nn.Module]:
    g, d = network(2), network(1)
    d[0].weight.data = g[0].weight.data
    return g, d


def _with_one_layer() -> tuple[nn.Module, nn.Module]:
    g = network(2)
    return g, nn.Sequential(g[0], nn.Linear(3, 1).double())


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: (nn.Tanh(), network(1)), "generator has no parameters"),
        (lambda: (network(2), nn.Tanh()), "discriminator has no parameters"),
        (lambda: (_with_counts(), network(1)), "generator.count is a parameter of int64.*buffer"),
        (
            lambda: (network(2), network(1, dtype=torch.float32)),
            r"generator.0.weight is in float64 and discriminator.0.weight in float32; convert",
        ),
        (_with_one_layer, "generator.0.weight and discriminator.0.weight are one parameter"),
        (_over_one_storage, "generator.0.weight and discriminator.0.weight are one parameter"),
    ],
)
def test_modules_that_are_no_two_players_are_refused_by_name(
    make: Callable[[], tuple[nn.Module, nn.Module]], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        game(*make())


class Idle(nn.Module):
    """A network with parameters that reach no output, and counters that move."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.idle = nn.Parameter(torch.ones(2, dtype=torch.float64))
        self.inner = inner
        self.register_buffer("calls", torch.tensor(3))
        self.register_buffer("mask", torch.tensor([True, False]))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return self.inner(x)


def test_a_parameter_without_a_gradient_has_a_zero_row_and_column_and_the_rest_is_as_without() -> (
    None
):
    odd = game(Idle(network(2)), Idle(network(1)))
    plain = game()
    j = GameJacobian(odd, odd.sample(8)).dense().numpy()
    names = np.repeat(
        [n for p in ("generator", "discriminator") for n in odd.parameter_names(p)],
        [p.numel() for q in ("generator", "discriminator") for p in odd.parameters(q)],
    )
    idle = names == "idle"
    assert idle.sum() == 4
    assert not j[idle].any()
    assert not j[:, idle].any()
    rest = j[~idle][:, ~idle]
    assert np.array_equal(rest, GameJacobian(plain, plain.sample(8)).dense().numpy())
    report = gc.diagnose(odd, codes=CODES, plan=PLAN)
    assert [f.code for f in report.findings] == list(CODES)


def test_integer_buffers_are_what_they_were() -> None:
    odd = game(Idle(network(2)), Idle(network(1)))
    gc.diagnose(odd, codes=CODES, plan=PLAN)
    for module in odd.modules.values():
        assert module.calls.dtype is torch.int64
        assert module.calls.item() == 3
        assert module.mask.tolist() == [True, False]


def test_parameters_tied_within_one_player_count_once() -> None:
    g = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 2)).double()
    g[2].weight = g[0].weight
    tied = game(g)
    assert tied.sizes()[0] == 4 + 2 + 2
    assert GameJacobian(tied, tied.sample(8)).shape[0] == sum(tied.sizes())


class Number(nn.Module):
    """One parameter p: x -> p sum(x), or p in every coordinate."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.p = nn.Parameter(torch.tensor(0.3, dtype=torch.float64))
        self.outputs = outputs

    def forward(self, x: Tensor) -> Tensor:
        return self.p.expand(len(x), 2) if self.outputs == 2 else self.p * x.sum(1)


def test_players_of_one_parameter_each_have_the_jacobian_of_calculus() -> None:
    """With s = 2 g d: L_G = -softplus(s), L_D = softplus(s) + mean softplus(-d sum(x))."""
    odd = game(Number(2), Number(1))
    batch = odd.sample(8)
    g = d = 0.3
    s = 2 * g * d
    p = 1 / (1 + np.exp(-s))
    x = batch.real.sum(1).numpy()
    q = 1 / (1 + np.exp(-d * x))
    cross = 2 * p + 2 * g * p * (1 - p) * 2 * d
    truth = [
        [-p * (1 - p) * (2 * d) ** 2, -cross],
        [cross, p * (1 - p) * (2 * g) ** 2 + (q * (1 - q) * x**2).mean()],
    ]
    assert np.allclose(GameJacobian(odd, batch).dense().numpy(), truth, rtol=0, atol=1e-12)
    report = gc.diagnose(odd, codes=CODES, plan=PLAN)
    assert [f.code for f in report.findings] == list(CODES)


def test_what_overflows_is_named_by_kind() -> None:
    with pytest.raises(NotFinite, match="look for NaN"):
        broken("generator").draw_samples(4)
