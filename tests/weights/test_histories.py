"""GC108 to GC113: what counters, vectors, optimizers and averages tell of a training."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils import spectral_norm as old_spectral_norm
from torch.nn.utils.parametrizations import spectral_norm as new_spectral_norm

from gancheck import content
from gancheck.diagnosis import NotApplicable, Verdict
from gancheck.measures.layer_norms import layer_operator
from gancheck.measures.schedule import rhythms
from gancheck.measures.spectral_consistency import largest_singular
from gancheck.measures.weight_norms import kernel_norm
from gancheck.measures.weight_rank import duplicate_rows
from gancheck.weights_audit import examine_weights, read_weights
from tests.weights.nets import adam_after, critic, dcgan_critic, dcgan_generator, generator, of_nets

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def judged(code: str, **nets: nn.Module) -> Any:
    diagnostic = content.diagnostics("weights")[code]
    return diagnostic.judge(diagnostic.measure(of_nets("", **nets), None))


def play(iterations: int, critic_steps: int, *, joined: bool, penalty: bool, fresh: bool) -> Any:
    """The forward passes of a training, in its rhythm, through networks that only count."""
    g, d = nn.Sequential(nn.BatchNorm1d(2)), nn.Sequential(nn.BatchNorm1d(2))
    x = torch.randn(4, 2, generator=torch.Generator().manual_seed(0))
    fake = x
    for _ in range(iterations):
        for _ in range(critic_steps):
            fake = g(x).detach()
            if joined:
                d(torch.cat([x, fake]))
            else:
                d(x)
                d(fake)
            if penalty:
                d((x + fake) / 2)
        d(g(x) if fresh else fake)
    return judged("GC108", generator=g, discriminator=d)


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("critic_steps", [1, 5])
def test_the_rhythm_of_a_real_loop_is_on_the_list(critic_steps: int, fresh: bool) -> None:
    finding = play(40, critic_steps, joined=False, penalty=False, fresh=fresh)
    steps = finding.quantities["critic_steps"]
    assert steps.low <= critic_steps <= steps.high
    played = [
        r
        for r in finding.measurement.rhythms
        if (r.critic_steps, r.passes, r.fresh) == (critic_steps, 2, fresh)
    ]
    assert [r.iterations for r in played] == [40.0]


def test_five_critic_steps_are_read_off_the_counters() -> None:
    finding = play(30, 5, joined=False, penalty=True, fresh=True)
    assert finding.verdict is Verdict.sound
    assert "5 critic steps" in finding.title
    assert finding.quantities["critic_steps"].value == 5
    assert finding.quantities["critic_steps"].kind == "exact"


def test_where_the_ratio_is_one_nothing_is_known() -> None:
    finding = play(20, 3, joined=True, penalty=False, fresh=True)
    steps = finding.quantities["critic_steps"]
    assert (steps.low, steps.high) == (1, 10)
    assert steps.kind == "estimate"


def test_a_run_that_was_cut_keeps_its_rhythm_and_other_ratios_have_none() -> None:
    assert [r.critic_steps for r in rhythms(16 * 1000 + 7, 6 * 1000 + 3)] == [5]
    assert rhythms(1000, 7) == ()
    assert rhythms(0, 10) == ()
    g, d = nn.Sequential(nn.BatchNorm1d(2)), nn.Sequential(nn.BatchNorm1d(2))
    g[0].num_batches_tracked.fill_(100)
    d[0].num_batches_tracked.fill_(777)
    finding = judged("GC108", generator=g, discriminator=d)
    assert "No usual rhythm" in finding.because
    assert "critic_steps" not in finding.quantities


def test_without_counters_there_is_no_schedule() -> None:
    with pytest.raises(NotApplicable, match="counts its batches"):
        judged("GC108", generator=generator())


def normed(wrap: Callable[[nn.Module], nn.Module]) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = nn.Sequential(
            wrap(nn.Conv2d(3, 8, 4)), wrap(nn.ConvTranspose2d(8, 8, 3)), nn.Flatten(),
            wrap(nn.Linear(8 * 7 * 7, 12)),
        )  # fmt: skip
        for _ in range(100):
            net(torch.randn(2, 3, 8, 8))
    return net


@pytest.mark.parametrize("wrap", [old_spectral_norm, new_spectral_norm])
def test_spectral_norm_that_is_kept_up_is_sound_in_both_ways_to_save_it(wrap: Any) -> None:
    net = normed(wrap)
    finding = judged("GC109", discriminator=net)
    assert finding.verdict is Verdict.sound
    assert finding.quantities["normed_layers"].value == 3
    # the layers in use, as torch makes them, have the norms that are implied
    for layer, row in zip((net[0], net[1], net[3]), finding.measurement.layers, strict=True):
        axis = 1 if isinstance(layer, nn.ConvTranspose2d) else 0
        in_use = layer.weight.detach().movedim(axis, 0).flatten(1)
        assert float(torch.linalg.matrix_norm(in_use, ord=2)) == pytest.approx(
            1.0 / row.consistency, rel=1e-4
        )


@pytest.mark.parametrize("wrap", [old_spectral_norm, new_spectral_norm])
def test_stale_vectors_are_failing_lagging_and_long_ones_a_warning(wrap: Any) -> None:
    def raw(net: nn.Sequential) -> dict[str, torch.Tensor]:
        return {k: v for k, v in net.state_dict().items() if k.startswith("3.")}

    def ends(held: dict[str, torch.Tensor], *names: str) -> torch.Tensor:
        return next(v for k, v in held.items() if k.endswith(names))

    net = normed(wrap)
    with torch.no_grad():
        ends(raw(net), "_orig", ".original").copy_(torch.randn(12, 8 * 7 * 7))
    finding = judged("GC109", discriminator=net)
    assert finding.verdict is Verdict.failing
    assert [p.tensor.split(".")[0] for p in finding.places] == ["3"]

    net = normed(wrap)
    with torch.no_grad():
        v = ends(raw(net), "_v")
        across = torch.randn(len(v), generator=torch.Generator().manual_seed(1))
        across -= (across @ v) * v
        v.copy_(0.8 * v + 0.6 * across / across.norm())
    assert judged("GC109", discriminator=net).verdict is Verdict.warning

    net = normed(wrap)
    with torch.no_grad():
        ends(raw(net), "_u").mul_(1.1)
    finding = judged("GC109", discriminator=net)
    assert finding.verdict is Verdict.warning
    assert "length 1" in finding.because


def test_a_network_without_spectral_norm_has_nothing_to_hold() -> None:
    with pytest.raises(NotApplicable, match="spectral norm"):
        judged("GC109", discriminator=critic())


@pytest.mark.parametrize("shape", [(5, 9), (40, 7), (800, 900)])
def test_the_largest_singular_value_is_numpy_s(shape: tuple[int, int]) -> None:
    a = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    expected = np.linalg.norm(a.double().numpy(), 2)
    # above 768 rows Lanczos to 1e-6 of the square
    assert largest_singular(a) == pytest.approx(expected, rel=1e-6)


def test_duplicate_filters_and_low_rank_are_told() -> None:
    net = critic()
    with torch.no_grad():
        net[0].weight[1] = 2.0 * net[0].weight[0]
        net[0].weight[2] = -net[0].weight[0]  # opposite: another filter
    finding = judged("GC110", discriminator=net)
    assert finding.verdict is Verdict.sound
    assert "2 of 64 in 0.weight" in finding.because
    rank_one = nn.Sequential(nn.Linear(6, 6, bias=False))
    with torch.no_grad():
        rank_one[0].weight.copy_(torch.ones(6, 6))
    low = judged("GC110", generator=rank_one).quantities
    assert low["smallest_stable_rank"].value == pytest.approx(1.0)
    assert low["duplicate_share"].value == 1.0
    eye = nn.Sequential(nn.Linear(6, 6, bias=False))
    with torch.no_grad():
        eye[0].weight.copy_(torch.eye(6))
    assert judged("GC110", generator=eye).quantities["smallest_stable_rank"].value == (
        pytest.approx(6.0)
    )


def test_duplicates_are_found_across_chunks_and_zero_rows_are_no_copies() -> None:
    a = torch.randn(2100, 8, generator=torch.Generator().manual_seed(0))
    a[2099] = a[3]
    a[5] = a[6] = 0.0
    unit = a / a.norm(dim=1, keepdim=True)
    cosines = torch.nan_to_num(unit @ unit.T).fill_diagonal_(0.0)
    expected = int((cosines > 0.99).any(1).sum())
    assert expected >= 2
    assert duplicate_rows(a) == (2098, expected)


def recorded(net: nn.Sequential, steps: int, scale: float, beta: float) -> tuple[Any, list[float]]:
    """Adam on gradients of known law: a mean of 1 for each number and noise of 2, times `scale`."""
    rng = torch.Generator().manual_seed(0)
    opt = torch.optim.Adam(net.parameters(), lr=1e-4, betas=(beta, 0.99))
    norms: list[float] = []
    for _ in range(steps):
        for p in net.parameters():
            p.grad = scale * (1.0 + 2.0 * torch.randn(p.shape, generator=rng))
        norms.append(sum(float(p.grad.square().sum()) for p in net.parameters()))
        opt.step()
    return opt, norms


@pytest.mark.parametrize("steps", [3, 200])
@pytest.mark.parametrize("beta", [0.5, 0.9])
def test_gradient_norms_their_ratio_and_the_signal_are_read_off_adam(
    tmp_path: Path, steps: int, beta: float
) -> None:
    g, d = generator(), critic()
    opt_g, norms_g = recorded(g, steps, 0.1, beta)
    opt_d, norms_d = recorded(d, steps, 1.0, beta)
    held = {
        "G": g.state_dict(), "D": d.state_dict(),
        "first_opt": opt_g.state_dict(), "second_opt": opt_d.state_dict(),
    }  # fmt: skip
    torch.save(held, tmp_path / "x.pt")
    finding = examine_weights(read_weights([tmp_path / "x.pt"]))["GC111"]
    q = finding.quantities
    for name, norms in (("generator", norms_g), ("discriminator", norms_d)):
        # weights of Adam's own running mean, straight from its definition
        w = np.array([0.99 ** (steps - 1 - i) for i in range(steps)])
        expected = math.sqrt(float(w @ np.array(norms) / w.sum()))
        assert q[f"gradient_{name}"].value == pytest.approx(expected, rel=1e-4)
        assert q[f"steps_{name}"].value == steps
        assert q[f"rate_{name}"].value == 1e-4
    assert q["gradient_ratio"].value == pytest.approx(
        q["gradient_generator"].value / q["gradient_discriminator"].value
    )
    if steps == 200:
        # the mean is 1 of 1 + 4; 50,000 numbers know it to a hundredth
        assert q["signal_generator"].value == pytest.approx(0.2, abs=0.02)
        assert q["signal_discriminator"].value == pytest.approx(0.2, abs=0.02)
    assert q["silent_parameters"].value == 0


def test_parameters_without_a_gradient_are_named_and_rmsprop_is_read(tmp_path: Path) -> None:
    d = critic()
    opt = torch.optim.RMSprop(d.parameters(), lr=5e-5, alpha=0.9)
    for p in d.parameters():
        p.grad = torch.zeros_like(p) if p.dim() == 1 else torch.ones_like(p)
    opt.step()
    torch.save({"critic": d.state_dict(), "critic_optimizer": opt.state_dict()}, tmp_path / "x.pt")
    finding = examine_weights(read_weights([tmp_path / "x.pt"]))["GC111"]
    q = finding.quantities
    assert q["silent_parameters"].value == 2
    assert "critic_optimizer.state.1.square_avg" in {p.tensor for p in finding.places}
    numbers = sum(p.numel() for p in d.parameters() if p.dim() == 2)
    assert q["gradient_discriminator"].value == pytest.approx(math.sqrt(0.1 * numbers), rel=1e-5)
    assert "signal_discriminator" not in q


def test_a_plain_optimizer_or_none_remembers_nothing(tmp_path: Path) -> None:
    d = critic()
    opt = torch.optim.SGD(d.parameters(), lr=0.1, momentum=0.9)
    for p in d.parameters():
        p.grad = torch.ones_like(p)
    opt.step()
    torch.save({"netD": d.state_dict(), "optD": opt.state_dict()}, tmp_path / "x.pt")
    finding = examine_weights(read_weights([tmp_path / "x.pt"]))["GC111"]
    assert finding.verdict is Verdict.not_applicable
    assert "squared gradients" in finding.because
    with pytest.raises(NotApplicable, match="no optimizer's state"):
        judged("GC111", discriminator=d)


def test_an_average_is_as_far_as_it_is() -> None:
    raw, mean = generator(), generator()
    with torch.no_grad():
        for p in mean.parameters():
            p.mul_(0.9)
    finding = judged("GC112", generator=raw, averaged_generator=mean)
    assert finding.quantities["average_distance"].value == pytest.approx(0.1, rel=1e-5)
    with pytest.raises(NotApplicable, match="no name says"):
        judged("GC112", generator=raw)
    with pytest.raises(NotApplicable, match="has the shapes"):
        judged("GC112", discriminator=critic(), averaged_generator=mean)


@pytest.mark.parametrize("shape", [(3, 2, 3, 3), (2, 5, 4, 4), (4, 3, 5), (2, 2, 3, 3, 3)])
def test_a_kernel_s_norm_is_that_of_the_dense_convolution(shape: tuple[int, ...]) -> None:
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    out, inputs, *sizes = shape
    kind: Any = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[len(sizes)]
    side = 8
    rows = inputs * side ** len(sizes)
    pads = [n for k in reversed(sizes) for n in (k - 1, 0)]
    convolve: Any = getattr(nn.functional, f"conv{len(sizes)}d")
    if rows <= 600:
        eye = torch.eye(rows).reshape(rows, inputs, *(side for _ in sizes))
        dense = convolve(nn.functional.pad(eye, pads, mode="circular"), weight).reshape(rows, -1)
        expected = float(torch.linalg.matrix_norm(dense, ord=2))
        # 60 steps on the best of the frequencies
        assert kernel_norm(weight) == pytest.approx(expected, rel=1e-3)
    strided = kind(inputs, out, sizes, stride=2, padding=1, bias=False)
    operator = layer_operator(strided, (inputs, *(4 for _ in sizes)), weight=weight)
    assert float(torch.linalg.matrix_norm(operator.dense(), ord=2)) <= 1.001 * kernel_norm(weight)


def test_norms_of_layers_are_divided_by_spectral_norm_and_multiplied() -> None:
    finding = judged("GC113", discriminator=normed(old_spectral_norm))
    last = finding.measurement.layers[-1]
    assert last.norm == pytest.approx(1.0, rel=1e-3)
    norms = [layer.norm for layer in finding.measurement.layers]
    assert finding.quantities["log_product_discriminator"].value == pytest.approx(
        math.log10(math.prod(norms))
    )
    assert kernel_norm(torch.zeros(2, 2, 3, 3)) == 0.0
    with pytest.raises(ValueError, match="2 to 5 axes, got 1"):
        kernel_norm(torch.zeros(3))
    with pytest.raises(NotApplicable, match="no finite matrix"):
        judged("GC113", generator=nn.Sequential(nn.BatchNorm1d(3)))


def test_every_diagnostic_of_weights_survives_nan_everywhere(tmp_path: Path) -> None:
    nets = {"G": dcgan_generator(), "D": dcgan_critic(), "G_ema": dcgan_generator()}
    adam_after(nets["D"], steps=1)
    for net in nets.values():
        with torch.no_grad():
            for tensor in net.state_dict().values():
                if tensor.is_floating_point():
                    tensor.fill_(math.nan)
    torch.save({k: v.state_dict() for k, v in nets.items()}, tmp_path / "x.pt")
    report = examine_weights(read_weights([tmp_path / "x.pt"]))
    assert report.complete
    assert report["GC101"].verdict is Verdict.failing
    assert len(report.findings) == len(content.diagnostics("weights"))
    assert json.loads(report.to_json(), parse_constant=pytest.fail)["verdict"] == "failing"


def test_a_report_says_the_same_twice(tmp_path: Path) -> None:
    nets = {"G": dcgan_generator(), "D": dcgan_critic()}
    torch.save({k: v.state_dict() for k, v in nets.items()}, tmp_path / "x.pt")
    once, again = (
        [replace(f, seconds=0.0).to_dict() for f in examine_weights(w).findings]
        for w in [read_weights([tmp_path / "x.pt"])] * 2
    )
    assert once == again
