"""Watching costs what was agreed on and changes nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.nn.functional import softplus

import gancheck
from gancheck import latents
from gancheck.diagnosis import Finding, Plan, Quantity, Report, Verdict
from gancheck.games.data import ring8
from gancheck.games.game import Game
from gancheck.games.networks import mlp
from gancheck.monitor import WATCHED, Monitor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LIGHT = Plan(batch_size=16, samples=200, gradient_batch=8, probes=8, products=60)


def pair() -> tuple[nn.Module, nn.Module]:
    """A discriminator with everything that remembers: running statistics, dropout, a buffer."""
    rng = torch.Generator().manual_seed(0)
    d = nn.Sequential(
        mlp((2, 8), generator=rng),
        nn.BatchNorm1d(8),
        nn.Dropout(0.2),
        nn.Tanh(),
        mlp((8, 1), generator=rng),
    )
    return mlp((2, 8, 2), generator=rng), d


def game_of(g: nn.Module, d: nn.Module) -> Game:
    return Game(g, d, loss="non-saturating", latent=latents.normal(2), data=ring8())


def trained(watch: Callable[[nn.Module, nn.Module], Any] | None, steps: int = 60) -> dict[str, Any]:
    """A plain loop that clips gradients by value and keeps momentum; what it ends with."""
    g, d = pair()
    for_g = torch.optim.SGD(g.parameters(), lr=0.05, momentum=0.9)
    for_d = torch.optim.Adam(d.parameters(), lr=1e-3)
    seen = watch(g, d) if watch else None
    torch.manual_seed(3)
    rng, last = torch.Generator().manual_seed(5), torch.zeros(())
    for step in range(steps):
        real = ring8().draw(32, rng).float()
        for p in d.parameters():
            p.requires_grad_(requires_grad=True)
        for_d.zero_grad()
        fake = g(torch.randn(32, 2)).detach()
        (softplus(-d(real)).mean() + softplus(d(fake)).mean()).backward()
        for_d.step()
        for p in d.parameters():
            p.requires_grad_(requires_grad=False)
        for_g.zero_grad()
        last = softplus(-d(g(torch.randn(32, 2)))).mean()
        last.backward()
        for_g.step()
        if seen is not None:
            seen.step(step, real=real)
    return {
        **{f"G.{k}": v for k, v in g.state_dict().items()},
        **{f"D.{k}": v for k, v in d.state_dict().items()},
        **{f"grad.{k}": p.grad for k, p in g.named_parameters()},
        "loss": last.detach(),
        "rng": torch.get_rng_state(),
    }


@pytest.mark.parametrize("codes", [("GC001", "GC003"), ("GC004", "GC005", "GC006")])
def test_a_watched_training_ends_in_the_same_bytes(codes: tuple[str, ...]) -> None:
    looks: list[Monitor] = []

    def watch(g: nn.Module, d: nn.Module) -> Monitor:
        made = Monitor(game_of(g, d), every=20, max_overhead=None, codes=codes, plan=LIGHT)
        looks.append(made)
        return made

    alone, watched = trained(None), trained(watch)
    assert all(torch.equal(alone[k], watched[k]) for k in alone)
    (monitor,) = looks
    measured = {(r["step"], r["code"]) for r in monitor.history if "quantity" in r}
    # the first look has one real batch, too few for some
    assert measured >= {(step, code) for step in (20, 40) for code in codes}


class Clock:
    """Seconds that pass only when somebody says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def pretend(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, cost: Callable[[str], float]
) -> list[tuple[str, float]]:
    """Looks that cost what a test wants; which one began when."""
    begun: list[tuple[str, float]] = []

    def looked(game: Game, *, codes: list[str], plan: Plan) -> Report:
        begun.append((codes[0], clock.now))
        clock.now += cost(codes[0])
        q = {"x": Quantity(value=1.0)}
        found = Finding(code=codes[0], verdict=Verdict.sound, because="", quantities=q)
        return Report(findings=[found])

    monkeypatch.setattr("gancheck.monitor.diagnose", looked)
    return begun


@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
@pytest.mark.parametrize("step_seconds", [0.1, 0.3, 7.0])
def test_looks_cost_at_most_what_was_asked(
    monkeypatch: pytest.MonkeyPatch, share: float, step_seconds: float
) -> None:
    clock = Clock()
    costs = {"GC001": 1.9, "GC004": 0.2, "GC006": 0.5}
    begun = pretend(monkeypatch, clock, lambda code: costs[code])
    monitor = Monitor(
        game_of(*pair()), every=5, max_overhead=share, codes=list(costs), plan=LIGHT, clock=clock
    )
    worst = 0.0
    for step in range(20_000):
        clock.now += step_seconds
        monitor.step(step)
        worst = max(worst, monitor.overhead)
    assert worst <= share
    assert {code for code, _ in begun} == set(costs)
    assert monitor.overhead > 0.4 * min(share, sum(costs.values()) / (5 * step_seconds))


def test_keeping_the_real_batches_is_paid_for_too(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()

    def remember(self: Monitor, real: torch.Tensor) -> None:
        clock.now += 0.25

    monkeypatch.setattr(Monitor, "_remember", remember)
    monitor = Monitor(game_of(*pair()), every=10**6, plan=LIGHT, clock=clock)
    for step in range(1, 9):
        clock.now += 1.0
        monitor.step(step, real=torch.zeros(2, 2))
    assert monitor.overhead == pytest.approx(0.25)


def test_what_was_never_seen_is_taken_for_the_longest_that_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    begun = pretend(monkeypatch, clock, lambda code: 20.0)
    monitor = Monitor(
        game_of(*pair()), every=1, max_overhead=0.1, codes=["GC001", "GC003"], clock=clock
    )
    for step in range(600):
        clock.now += 1.0
        monitor.step(step)
    starts = {code: when - 20.0 * number for number, (code, when) in enumerate(begun)}
    # 2 s and a margin at a tenth; then the 20 s before it, and 20 s and a margin
    assert starts == {"GC001": pytest.approx(30.0), "GC003": pytest.approx(500.0)}


def test_a_look_of_the_default_plan_meets_both_ends_of_a_small_spectrum_on_fresh_data() -> None:
    rng = torch.Generator().manual_seed(0)
    g, d = mlp((2, 32, 32, 2), generator=rng), mlp((2, 32, 32, 1), generator=rng)  # as in ring8
    monitor = Monitor(game_of(g, d), every=1, max_overhead=None, codes=["GC001"])
    monitor.step(0)
    quantities = monitor.report()["GC001"].quantities
    for end in ("top", "bottom"):
        for player in ("generator", "discriminator"):
            assert quantities[f"{end}_{player}_fresh"].sampling_error > 0.0


def test_samples_of_the_way_are_kept_and_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    g, d = pair()
    monitor = Monitor(game_of(g, d), every=1, max_overhead=None, codes=["GC004"], plan=LIGHT)
    monitor.step(0)
    with torch.no_grad():
        for p in g.parameters():
            p.zero_()
    monitor.step(1)
    (first, early), (second, late) = monitor.report().sampled
    assert (first, second) == (0, 1)
    assert early.generated.shape == (500, 2)
    assert early.generated.any()
    assert not late.generated.any()
    for step in range(2, 200):
        monitor._keep_samples(late, step)
    kept = [step for step, _ in monitor.report().sampled]
    assert (kept[0], kept[-1], len(kept) <= 16) == (0, 199, True)


def test_a_look_that_costs_more_than_it_was_taken_for_is_earned_back_before_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    begun = pretend(monkeypatch, clock, lambda code: 10.0)
    monitor = Monitor(
        game_of(*pair()), every=1, max_overhead=0.1, codes=["GC001"], plan=LIGHT, clock=clock
    )
    for step in range(400):
        clock.now += 1.0
        monitor.step(step)
    starts = [when - 10.0 * number for number, (_, when) in enumerate(begun)]  # training seconds
    assert starts[0] == pytest.approx(30.0)  # 2 s and a margin, at a tenth
    assert starts[1] == pytest.approx(250.0)  # the 10 s before it, and 10 s and a margin
    assert monitor.overhead <= 0.1


def test_without_a_limit_every_diagnostic_looks_at_every_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    begun = pretend(monkeypatch, clock, lambda code: 100.0)
    monitor = Monitor(game_of(*pair()), every=10, max_overhead=None, plan=LIGHT, clock=clock)
    for _ in range(25):
        monitor.step()  # counted here
    assert [code for code, _ in begun] == [*WATCHED] * 3


def test_the_latest_real_batches_stand_for_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int | None] = []

    def looked(game: Game, *, codes: list[str], plan: Plan) -> Report:
        seen.append(game.data.size)
        return Report(findings=[Finding(code=codes[0], verdict=Verdict.sound, because="")])

    monkeypatch.setattr("gancheck.monitor.diagnose", looked)
    monitor = Monitor(game_of(*pair()), every=1, max_overhead=None, codes=["GC006"], plan=LIGHT)
    monitor.step(0)
    batch = torch.zeros(64, 2)
    for step in range(1, 8):
        monitor.step(step, real=batch)
        batch.add_(1.0)  # a loader that reuses its memory
    assert seen == [None, 64, 128, 192, 256, 256, 256, 256]
    assert monitor.game.data.size is None


def test_a_game_that_cannot_be_measured_does_not_stop_its_training() -> None:
    g, d = pair()
    monitor = Monitor(game_of(g, d), every=1, max_overhead=None, codes=["GC001"], plan=LIGHT)
    with torch.no_grad():
        next(d.parameters()).fill_(float("nan"))
    monitor.step(0)
    finding = monitor.report()["GC001"]
    assert finding.verdict is Verdict.failing
    assert monitor.verdict is Verdict.failing
    assert "must be finite, 8 of 8 numbers are NaN" in finding.because
    assert "because" in monitor.history[0]


def test_real_batches_that_hold_nan_do_not_stop_their_training() -> None:
    monitor = Monitor(game_of(*pair()), every=1, max_overhead=None, codes=["GC006"], plan=LIGHT)
    batch = torch.zeros(16, 2)
    batch[3, 1] = float("nan")
    monitor.step(0, real=batch)
    finding = monitor.report()["GC006"]
    assert finding.verdict is Verdict.failing
    assert "the real batches handed in must be finite, 1 of 32 numbers are NaN" in finding.because


@pytest.mark.parametrize(
    "error", [ValueError("no such"), OverflowError("too large"), torch.OutOfMemoryError("full")]
)
def test_a_look_that_ends_in_an_error_says_so_and_training_goes_on(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(game: Game, **_: Any) -> Report:
        raise error

    monkeypatch.setattr("gancheck.monitor.diagnose", broken)
    monitor = Monitor(game_of(*pair()), every=1, max_overhead=None, codes=["GC001"], plan=LIGHT)
    monitor.step(0)
    assert monitor.report()["GC001"].verdict is Verdict.undecided
    assert monitor.report()["GC001"].because == str(error)


class Pair(nn.Linear):
    """A network that returns more than its samples."""

    def forward(self, input: torch.Tensor) -> Any:  # noqa: A002 (the name it has in torch)
        return super().forward(input), input


def broken_loss(*_: Any) -> torch.Tensor:
    raise KeyError("labels")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"generator": Pair(2, 2)}, "the generator's output must be a tensor, got tuple"),
        ({"discriminator": Pair(2, 1)}, "the discriminator's output must be a tensor, got tuple"),
        ({"loss": (broken_loss, broken_loss)}, "labels"),
        ({"latent": latents.normal(3)}, "mat1 and mat2 shapes cannot be multiplied"),
    ],
)
def test_a_network_or_loss_of_one_s_own_that_does_not_fit_does_not_stop_its_training(
    changes: dict[str, Any], sentence: str
) -> None:
    parts = {
        "generator": nn.Linear(2, 2),
        "discriminator": nn.Linear(2, 1),
        "loss": "hinge",
        "latent": latents.normal(2),
    } | changes
    game = Game(parts.pop("generator"), parts.pop("discriminator"), data=ring8(), **parts)
    monitor = Monitor(game, every=1, max_overhead=None, codes=["GC001"], plan=LIGHT)
    monitor.step(0)
    assert monitor.verdict is Verdict.undecided
    assert sentence in monitor.report()["GC001"].because


def test_what_was_seen_is_logged_and_makes_a_page(tmp_path: Path) -> None:
    log = tmp_path / "looks.jsonl"
    kept: list[Monitor] = []

    def watch(g: nn.Module, d: nn.Module) -> Monitor:
        codes = ["GC004", "GC006"]
        kept.append(
            Monitor(game_of(g, d), every=20, max_overhead=None, codes=codes, plan=LIGHT, log=log)
        )
        return kept[0]

    trained(watch)
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert [r["step"] for r in rows if r.get("quantity") == "gradient_ratio"] == [0, 20, 40]
    assert kept[0].verdict in (Verdict.failing, Verdict.warning)  # sixty steps learn no ring
    page = kept[0].report().save(tmp_path / "page" / "report.html").read_text()
    assert "What was measured while it was trained" in page
    assert str(kept[0]).startswith(f"{kept[0].verdict} after 3 looks; overhead ")


def test_a_log_on_a_full_disk_is_given_up_and_the_training_goes_on(tmp_path: Path) -> None:
    (tmp_path / "looks.jsonl").symlink_to("/dev/full")
    monitor = Monitor(
        game_of(*pair()),
        every=1,
        max_overhead=None,
        codes=["GC004"],
        plan=LIGHT,
        log=tmp_path / "looks.jsonl",
    )
    with pytest.warns(UserWarning, match="cannot be written .No space left on device"):
        monitor.step(0)
    monitor.step(1)
    assert {row["step"] for row in monitor.history} == {0, 1}


def test_it_looks_under_autocast_and_without_gradients_as_it_does_outside() -> None:
    values = []
    for within in (lambda: torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad):
        monitor = Monitor(game_of(*pair()), every=1, max_overhead=None, codes=["GC004"], plan=LIGHT)
        with within():
            monitor.step(0)
        values.append([r["value"] for r in monitor.history])
    plain = Monitor(game_of(*pair()), every=1, max_overhead=None, codes=["GC004"], plan=LIGHT)
    plain.step(0)
    assert values == [[r["value"] for r in plain.history]] * 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"every": 0}, "every must be at least 1, got 0"),
        ({"max_overhead": 0.0}, "max_overhead must be a positive share, got 0.0"),
        ({"codes": ["GC101"]}, "codes must be some of GC001, "),
        ({"codes": []}, "codes must be some of GC001, "),
        ({"log": "not/there.jsonl"}, "log must lie in a folder that is there, got not/there"),
    ],
)
def test_wrong_use_is_one_sentence(arguments, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Monitor(game_of(*pair()), **arguments)


def test_plain_functions_are_trained_by_nobody() -> None:
    at = torch.ones(1)
    game = Game.from_losses(lambda t, p: (t * p).sum(), lambda t, p: -(t * p).sum(), at, at)
    with pytest.raises(ValueError, match="game must have networks"):
        Monitor(game)
    assert gancheck.Monitor is Monitor
