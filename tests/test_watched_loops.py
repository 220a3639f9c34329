"""Wherever in a loop it is looked at, the loop goes on as if nobody had looked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from gancheck import content
from gancheck.diagnosis import Verdict
from gancheck.monitor import Monitor
from tests.test_monitor import LIGHT, game_of, pair

if TYPE_CHECKING:
    from pathlib import Path

Look = Callable[[Tensor], None]
"""What a loop calls with its real batch at the moment at which it may be looked at."""


def accumulates(g: nn.Module, d: nn.Module, look: Look) -> None:
    """Looks while gradients of two batches stand in .grad and wait for their step."""
    both = torch.optim.SGD([*g.parameters(), *d.parameters()], lr=0.01, momentum=0.9)
    for _ in range(4):
        for part in range(2):
            real = torch.randn(32, 2)
            (softplus(-d(real)) + softplus(d(g(torch.randn(32, 2))))).mean().backward()
            if part:
                look(real)
        both.step()
        both.zero_grad()


def in_low_precision(g: nn.Module, d: nn.Module, look: Look) -> None:
    """Looks inside autocast, between the forward and the backward pass, with a bfloat16 batch."""
    both = torch.optim.Adam([*g.parameters(), *d.parameters()], lr=1e-3)
    for _ in range(4):
        real = torch.randn(32, 2)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = (softplus(-d(real)) + softplus(d(g(torch.randn(32, 2))))).mean()
            look(real.bfloat16())
        both.zero_grad()
        loss.backward()
        both.step()


def in_a_closure(g: nn.Module, d: nn.Module, look: Look) -> None:
    """Looks inside the closure of an optimiser that calls it several times a step."""
    both = torch.optim.LBFGS([*g.parameters(), *d.parameters()], lr=0.1, max_iter=2)
    for _ in range(3):
        real, z = torch.randn(32, 2), torch.randn(32, 2)

        def closure(real: Tensor = real, z: Tensor = z) -> Tensor:
            both.zero_grad()
            loss = (softplus(-d(real)) + softplus(d(g(z)))).mean()
            loss.backward()
            look(real)
            return loss

        both.step(closure)


def in_inference_mode(g: nn.Module, d: nn.Module, look: Look) -> None:
    """Looks where nothing may be differentiated, with a batch that never can be."""
    both = torch.optim.Adam([*g.parameters(), *d.parameters()], lr=1e-3)
    for _ in range(4):
        both.zero_grad()
        (softplus(-d(torch.randn(32, 2))) + softplus(d(g(torch.randn(32, 2))))).mean().backward()
        both.step()
        with torch.inference_mode():
            look(torch.randn(32, 2))


@pytest.mark.parametrize("loop", [accumulates, in_low_precision, in_a_closure, in_inference_mode])
def test_a_look_in_the_middle_of_anything_changes_nothing(
    loop: Callable[[nn.Module, nn.Module, Look], None],
) -> None:
    ends: list[list[Tensor]] = []
    for watched in (False, True):
        g, d = pair()
        monitor = Monitor(
            game_of(g, d), every=2, max_overhead=None, codes=["GC001", "GC004"], plan=LIGHT
        )

        def look(real: Tensor, monitor: Monitor = monitor, watched: bool = watched) -> None:
            if watched:
                monitor.step(real=real)

        torch.manual_seed(3)
        loop(g, d, look)
        grads = [p.grad for m in (g, d) for p in m.parameters() if p.grad is not None]
        ends.append([*g.state_dict().values(), *d.state_dict().values(), *grads])
        ends[-1].append(torch.get_rng_state())
        if watched:
            assert {r["code"] for r in monitor.history if "quantity" in r} == {"GC001", "GC004"}
    alone, seen = ends
    assert all(torch.equal(a, b) for a, b in zip(alone, seen, strict=True))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler imports old parts
def test_wrapped_networks_are_measured_without_their_wrapper(tmp_path: Path) -> None:
    g, d = pair()
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path / 'meeting'}", rank=0, world_size=1
    )
    try:
        wrapped = nn.parallel.DistributedDataParallel(g)
        game = game_of(wrapped, d)
        assert game.modules["generator"] is g
        monitor = Monitor(game, every=1, max_overhead=None, codes=["GC001"], plan=LIGHT)
        monitor.step(0)
        assert monitor.report()["GC001"].quantities
    finally:
        torch.distributed.destroy_process_group()
    assert game_of(torch.compile(g), d).modules["generator"] is g


def test_only_the_first_process_of_a_distributed_training_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.get_rank", lambda: 1)
    monitor = Monitor(game_of(*pair()), every=1, max_overhead=None, plan=LIGHT)
    monitor.step(0)
    assert (monitor.history, monitor.verdict) == ([], Verdict.not_applicable)
    assert str(monitor).startswith("no look yet; overhead ")


def test_ctrl_c_in_a_look_reaches_the_loop_with_everything_put_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    g, d = pair()

    def interrupted(*_: Any, **__: Any) -> None:
        d.eval().requires_grad_(requires_grad=False)
        raise KeyboardInterrupt

    shelf = content.diagnostics("game")
    cut = {**shelf, "GC004": replace(shelf["GC004"], measure=interrupted)}
    monitor = Monitor(game_of(g, d), every=1, max_overhead=None, codes=["GC004"], plan=LIGHT)
    monkeypatch.setattr("gancheck.content.diagnostics", lambda level=None: cut)
    with pytest.raises(KeyboardInterrupt):
        monitor.step(0)
    assert d.training
    assert all(p.requires_grad for p in d.parameters())
    assert monitor.history == []
