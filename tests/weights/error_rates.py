"""How often GC102 and its neighbours are wrong, on networks of torch's own layers.

`python -m tests.weights.error_rates` prints the tables of `docs/error_rates_weights.md`; the tests
call the same functions with fewer networks.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from gancheck import content
from gancheck.diagnosis import NotApplicable, Verdict
from gancheck.measures.initialisation import untrained_tensors
from gancheck.measures.weights import Weights
from tests.weights.nets import of_nets

Net = nn.Sequential
Draw = Callable[[torch.Tensor], Any]

LATENT, SIDE = 16, 16
STEPS = (5, 20, 100)


def _mlp(width: int) -> Net:
    return nn.Sequential(
        nn.Linear(LATENT, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
        nn.Linear(width, SIDE * SIDE), nn.Tanh(), nn.Unflatten(1, (1, SIDE, SIDE)),
    )  # fmt: skip


def _transposed(width: int) -> Net:
    return nn.Sequential(
        nn.Unflatten(1, (LATENT, 1, 1)),
        nn.ConvTranspose2d(LATENT, 4 * width, 4, bias=False), nn.BatchNorm2d(4 * width), nn.ReLU(),
        nn.ConvTranspose2d(4 * width, 2 * width, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * width),
        nn.ReLU(), nn.ConvTranspose2d(2 * width, 1, 4, 2, 1), nn.Tanh(),
    )  # fmt: skip


def _upsampling(width: int) -> Net:
    return nn.Sequential(
        nn.Linear(LATENT, 2 * width * 16), nn.Unflatten(1, (2 * width, 4, 4)),
        nn.BatchNorm2d(2 * width), nn.ReLU(), nn.Upsample(scale_factor=2),
        nn.Conv2d(2 * width, width, 3, padding=1), nn.GroupNorm(4, width), nn.ReLU(),
        nn.Upsample(scale_factor=2), nn.Conv2d(width, 1, 3, padding=1), nn.Tanh(),
    )  # fmt: skip


def _critic(width: int, *, wrap: Callable[[Any], Any] = lambda layer: layer) -> Net:
    return nn.Sequential(
        wrap(nn.Conv2d(1, width, 4, 2, 1)), nn.LeakyReLU(0.2),
        wrap(nn.Conv2d(width, 2 * width, 4, 2, 1)), nn.LeakyReLU(0.2),
        nn.Flatten(), wrap(nn.Linear(2 * width * 16, 1)),
    )  # fmt: skip


GENERATORS: dict[str, Callable[[], Net]] = {
    "MLP, 64 wide": lambda: _mlp(64),
    "MLP, 256 wide": lambda: _mlp(256),
    "transposed convolutions, batch norm": lambda: _transposed(16),
    "upsampling, batch and group norm": lambda: _upsampling(32),
}
CRITICS: dict[str, Callable[[], Net]] = {
    "convolutions": lambda: _critic(16),
    "convolutions, spectral norm": lambda: _critic(16, wrap=spectral_norm),
}
LAWS: dict[str, Draw | None] = {
    "torch's default": None,
    "N(0, 0.02)": lambda w: nn.init.normal_(w, 0.0, 0.02),
    "Glorot uniform": nn.init.xavier_uniform_,
    "Glorot normal": nn.init.xavier_normal_,
    "He normal": nn.init.kaiming_normal_,
    "orthogonal": nn.init.orthogonal_,
}
OTHER_LAWS: dict[str, Draw] = {
    "N(0, 0.03)": lambda w: nn.init.normal_(w, 0.0, 0.03),
    "U(-0.05, 0.05)": lambda w: nn.init.uniform_(w, -0.05, 0.05),
    "N(0, 0.02) cut at 0.03": lambda w: nn.init.trunc_normal_(w, 0.0, 0.02, -0.03, 0.03),
}
TRAINED_LAWS = {law: LAWS[law] for law in ("torch's default", "N(0, 0.02)", "Glorot normal")}
OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "Adam 2e-4": lambda p: torch.optim.Adam(p, lr=2e-4, betas=(0.5, 0.999)),
    "RMSprop 5e-5": lambda p: torch.optim.RMSprop(p, lr=5e-5),
}


def drawn(make: Callable[[], Net], law: Draw | None, seed: int) -> Net:
    """A network whose matrices and kernels follow one law; its other tensors torch's default."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        net = make()
        if law is not None:
            for p in net.parameters():
                if p.dim() >= 2:
                    with torch.no_grad():
                        law(p)
    return net


def said(weights: Weights) -> dict[str, str]:
    """Player -> untrained (all of it), in part, trained, or open."""
    try:
        found = untrained_tensors(weights)
    except NotApplicable:
        return {p.name: "open" for p in weights.players}
    out: dict[str, str] = {}
    for player in found.players:
        states = {t.state for t in found.tensors if t.player == player.name}
        part = "in part" if "untrained" in states else "trained" if "moved" in states else "open"
        out[player.name] = "untrained" if player.untrained else part
    return out


def fresh(
    makers: dict[str, Callable[[], Net]], laws: dict[str, Any], count: int
) -> Iterator[tuple[str, str, Counter[str]]]:
    """(network, law, what was said of so many fresh ones)."""
    for number, ((name, make), (law, draw)) in enumerate(product(makers.items(), laws.items())):
        first = 1000 * (number + 1)  # no two networks share a draw
        yield name, law, Counter(
            said(of_nets(generator=drawn(make, draw, seed)))["generator"]
            for seed in range(first, first + count)
        )  # fmt: skip


def played(
    g: Net, d: Net, optimizer: Callable[[Any], torch.optim.Optimizer], seed: int
) -> Iterator[int]:
    """A non-saturating game on smooth pictures; pauses after each number of steps of `STEPS`."""
    rng = torch.Generator().manual_seed(seed)
    opt_g, opt_d = optimizer(g.parameters()), optimizer(d.parameters())
    for step in range(1, STEPS[-1] + 1):
        coarse = torch.randn(32, 1, 4, 4, generator=rng)
        real = torch.tanh(functional.interpolate(coarse, scale_factor=4.0, mode="bilinear"))
        fake = g(torch.randn(32, LATENT, generator=rng))
        opt_d.zero_grad()
        loss = functional.softplus(-d(real)).mean() + functional.softplus(d(fake.detach())).mean()
        loss.backward()
        opt_d.step()
        opt_g.zero_grad()
        functional.softplus(-d(fake)).mean().backward()
        opt_g.step()
        if step in STEPS:
            yield step


def trained(
    laws: dict[str, Any], count: int, *, optimizers: Iterable[str] = tuple(OPTIMIZERS)
) -> tuple[dict[tuple[str, str, int], Counter[str]], dict[str, tuple[int, int]]]:
    """Games of every pair: what GC102 says on the way, and what all others say at the end.

    Returns:
        (optimizer, law, steps) -> what was said of each player; and code -> (warnings and failures,
        judgements) after the last step.
    """
    out: dict[tuple[str, str, int], Counter[str]] = {}
    others: dict[str, list[int]] = {}
    shelf = {c: d for c, d in content.diagnostics("weights").items() if c != "GC102"}
    for optimizer, (law, draw) in product(optimizers, laws.items()):
        for (g_name, d_name), seed in product(
            zip(GENERATORS, list(CRITICS) * 2, strict=True), range(count)
        ):
            g = drawn(GENERATORS[g_name], draw, seed)
            d = drawn(CRITICS[d_name], draw, seed + 1000)
            for steps in played(g, d, OPTIMIZERS[optimizer], seed):
                tally = out.setdefault((optimizer, law, steps), Counter())
                tally.update(said(of_nets(generator=g, discriminator=d)).values())
            for code, verdict in _verdicts(shelf, of_nets(generator=g, discriminator=d)):
                tally_of_code = others.setdefault(code, [0, 0])
                tally_of_code[0] += verdict is not Verdict.sound
                tally_of_code[1] += 1
    return out, {code: (alarms, asked) for code, (alarms, asked) in sorted(others.items())}


def _verdicts(shelf: dict[str, Any], weights: Weights) -> Iterator[tuple[str, Verdict]]:
    for code, diagnostic in shelf.items():
        try:
            yield code, diagnostic.judge(diagnostic.measure(weights, None)).verdict
        except NotApplicable:
            continue


def bells(count: int) -> Counter[str]:
    """Networks of normal numbers whose spread is any of a decade: none was drawn by a known law."""
    out: Counter[str] = Counter()
    rng = torch.Generator().manual_seed(0)
    for i in range(count):
        layers = 3 + i % 4
        sizes = [
            int(10 ** (3.0 + 2.0 * float(torch.rand(1, generator=rng)))) for _ in range(layers)
        ]
        tensors = {
            f"{k}.weight": torch.randn(n // 32, 32, generator=rng)
            * 10 ** float(-2.2 + torch.rand(1, generator=rng))
            for k, n in enumerate(sizes)
        }
        base = of_nets(generator=nn.Identity())
        player = type(base.players[0])(
            name="generator", role="generator", file="f", part="", tensors=tensors
        )
        out[said(Weights(players=(player,)))["generator"]] += 1
    return out


def upper(alarms: int, asked: int) -> float:
    """Upper end of the exact 95 % interval of a rate."""
    from scipy.stats import beta

    return float(beta.ppf(0.975, alarms + 1, asked - alarms)) if alarms < asked else 1.0


def main(count: int) -> None:
    """Print the tables."""
    torch.set_num_threads(1)
    print("| law | fresh generators | called untrained | trained | in part or open |")
    print("|---|---|---|---|---|")
    for laws in (LAWS, OTHER_LAWS):
        by_law: dict[str, Counter[str]] = {}
        for _, law, tally in fresh(GENERATORS, laws, 10 * count):
            by_law.setdefault(law, Counter()).update(tally)
        for law, tally in by_law.items():
            rest = tally["in part"] + tally["open"]
            print(
                f"| {law} | {tally.total()} | {tally['untrained']} | {tally['trained']} | {rest} |"
            )
    tallies, others = trained(TRAINED_LAWS, count)
    print(
        "\n| optimizer | law | steps | players | whole called untrained | a tensor | limit of both |"
    )
    print("|---|---|---|---|---|---|---|")
    for (optimizer, law, steps), tally in tallies.items():
        wrong = tally["untrained"] + tally["in part"]
        print(
            f"| {optimizer} | {law} | {steps} | {tally.total()} | {tally['untrained']} | "
            f"{tally['in part']} | {upper(wrong, tally.total()):.0%} |"
        )
    print("\n| code | judgements | warnings and failures | limit |")
    print("|---|---|---|---|")
    for code, (alarms, asked) in others.items():
        print(f"| {code} | {asked} | {alarms} | {upper(alarms, asked):.1%} |")
    tally = bells(100 * count)
    print(
        f"\nBell-shaped: {tally.total()} networks, {tally['untrained']} untrained, "
        f"{tally['in part']} in part."
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)
