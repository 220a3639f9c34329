"""What does one cell of the grid of sizes cost: products, whole answers, memory?

`measured` takes a configuration of `experiments.cost_of_curvature` and returns numbers that JSON
can hold. Times are CPU seconds of this process on one thread; a ratio is taken within a round, so
that what else the machine does hits both of its sides.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import platform
import re
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import softplus

from gancheck.diagnosis import Plan
from gancheck.games import data, latents, networks
from gancheck.games.game import Game
from gancheck.games.losses import resolve
from gancheck.measures.player_hessian import PlayerHessian
from gancheck.measures.rotation import rotation
from gancheck.measures.stability import local_stability
from gancheck.operators import GameJacobian, Hessian
from gancheck.operators.budget import Budget
from gancheck.operators.lanczos import lanczos
from gancheck.operators.memory import hessian_graph, jacobian_graph
from gancheck.operators.stored_graphs import graph_bytes
from gancheck.training.updates import Players, alternating

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor, nn

    from gancheck.games.game import Batch

__all__ = ["ENDS", "PIXELS", "built", "measured", "parse_basis"]

PIXELS = 32
ENDS = 10  # eigenvalues at each end
_LATENT = {"perceptrons": 16, "convolutions": 64}
_LOSS = "non-saturating"
_LEAST = 0.01  # CPU seconds of one timing, below which the call is repeated
_BYTES = {"bytes": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


def measured(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of one cell, with the kind of processor they were taken on.

    Raises:
        ValueError: memory, on a system without /proc.
    """
    torch.set_num_threads(1)
    if configuration["part"] == "memory":
        found = _in_its_own_process(configuration)
    else:
        found = {"products": _products, "answers": _answers}[configuration["part"]](configuration)
    return {**found, "processor": _processor(), "cpus": os.cpu_count()}


def built(family: str, width: int) -> Game:
    """The game of a family at a width, as initialised, in float32."""
    rng = torch.Generator().manual_seed(0)
    size = _LATENT[family]
    if family == "perceptrons":
        generator: nn.Module = networks.mlp((size, width, width, width, 2), generator=rng)
        discriminator: nn.Module = networks.mlp((2, width, width, width, 1), generator=rng)
        law: Any = data.ring8()
    else:
        generator = networks.dcgan_generator(PIXELS, generator=rng, latent=size, width=width)
        discriminator = networks.dcgan_discriminator(PIXELS, generator=rng, width=width)
        law = _blobs
    return Game(generator, discriminator, loss=_LOSS, latent=latents.normal(size), data=law)


def _blobs(n: int, rng: torch.Generator) -> Tensor:
    """Images [n, 1, 32, 32] in -1..1: a normal's density at a random place, of a random width."""
    at = torch.linspace(-1.0, 1.0, PIXELS)
    place = torch.rand(n, 2, generator=rng) - 0.5
    width = 0.15 + 0.2 * torch.rand(n, 1, generator=rng)
    x, y = (torch.exp(-(((at - place[:, i : i + 1]) / width) ** 2)) for i in (0, 1))
    return (2.0 * x[:, None, :] * y[:, :, None] - 1.0)[:, None]


def _trained(family: str, width: int, steps: int, seed: int) -> Game:
    """The same game after some steps of Adam on batches of 64."""
    game = built(family, width)
    generator, discriminator = game.modules["generator"], game.modules["discriminator"]
    optimizers = [
        torch.optim.Adam(m.parameters(), lr=2e-4, betas=(0.5, 0.999))
        for m in (generator, discriminator)
    ]
    players = Players(
        generator=generator,
        discriminator=discriminator,
        generator_optimizer=optimizers[0],
        discriminator_optimizer=optimizers[1],
        loss=resolve(_LOSS),
        latent=game.latent,
        data=game.data,
        batch_size=64,
        rng=torch.Generator().manual_seed(seed + 1),
    )
    for _ in range(steps):
        alternating(players)
    return game


def _references(game: Game, batch: Batch) -> dict[str, Callable[[], object]]:
    """One gradient of G's loss and one evaluation of the field, on plain modules."""
    generator, discriminator = game.modules["generator"], game.modules["discriminator"]
    g, d = list(generator.parameters()), list(discriminator.parameters())

    def gradient() -> None:
        score = discriminator(generator(batch.latent))
        torch.autograd.grad(softplus(-score).mean(), g)

    def field() -> None:
        score = discriminator(generator(batch.latent))
        loss_d = softplus(-discriminator(batch.real)).mean() + softplus(score).mean()
        torch.autograd.grad(softplus(-score).mean(), g, retain_graph=True)
        torch.autograd.grad(loss_d, d)

    return {"gradient": gradient, "field": field}


def _products(c: Mapping[str, Any]) -> dict[str, Any]:
    game = built(c["family"], c["width"])
    batch = game.sample(c["batch"])
    hessian, jacobian = Hessian(game, "generator", batch), GameJacobian(game, batch)
    rng = torch.Generator().manual_seed(1)
    u, v = (torch.randn(a.shape[0], generator=rng) for a in (hessian, jacobian))
    calls = _references(game, batch) | {
        "hessian": lambda: hessian.matvec(u),
        "jacobian": lambda: jacobian.matvec(v),
        "transposed": lambda: jacobian.rmatvec(v),
    }
    repeats = {name: _repeats(call) for name, call in calls.items()}
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(c["rounds"]):
        for name, call in calls.items():
            taken[name].append(_seconds(call, repeats[name]))
    against = {"hessian": "gradient", "jacobian": "field", "transposed": "field"}
    return {
        "parameters": sum(game.sizes()),
        "gradient_seconds": statistics.median(taken["gradient"]),
        "field_seconds": statistics.median(taken["field"]),
        "ratios": {
            name: _quartiles([a / b for a, b in zip(taken[name], taken[peer], strict=True)])
            for name, peer in against.items()
        },
    }


def _repeats(call: Callable[[], object]) -> int:
    """How many calls one timing takes; the first ones are not counted."""
    call()
    return max(1, math.ceil(_LEAST / max(_seconds(call, 1), 1e-6)))


def _seconds(call: Callable[[], object], repeats: int) -> float:
    start = time.process_time()
    for _ in range(repeats):
        call()
    return (time.process_time() - start) / repeats


def _quartiles(values: list[float]) -> list[float]:
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return [low, middle, high]


def _answers(c: Mapping[str, Any]) -> dict[str, Any]:
    """Products and time of the three answers on one batch of a game that was trained a little."""
    game = _trained(c["family"], c["width"], c["steps"], c["seed"])
    batch = game.sample(c["batch"])
    references = _references(game, batch)
    repeats = {name: _repeats(call) for name, call in references.items()}
    taken: dict[str, list[float]] = {name: [] for name in references}

    def look() -> None:
        for name, call in references.items():
            taken[name].extend(_seconds(call, repeats[name]) for _ in range(2))

    def ends() -> tuple[int, str]:
        found = lanczos(Hessian(game, "generator", batch), top=ENDS, bottom=ENDS)
        return found.products, f"{int(found.converged.sum())} of {2 * ENDS} converged"

    def verdict() -> tuple[int, str]:
        found = local_stability(game, batch)
        return found.provenance["products"], str(found.verdict)

    def turning() -> tuple[int, str]:
        found = rotation(game, batch)
        return found.provenance["products"], f"{found.quantities['rotation'].value:.3f}"

    spent: dict[str, tuple[int, str, float]] = {}
    look()
    for name, answer in (("ends", ends), ("stability", verdict), ("rotation", turning)):
        start = time.process_time()
        products, said = answer()
        spent[name] = (products, said, time.process_time() - start)
        look()
    one = {name: statistics.median(seconds) for name, seconds in taken.items()}
    unit = {"ends": "gradient", "stability": "field", "rotation": "field"}
    return {
        "parameters": sum(game.sizes()),
        "gradient_seconds": one["gradient"],
        "field_seconds": one["field"],
        "answers": {
            name: {
                "products": products,
                "said": said,
                "seconds": seconds,
                "cost": seconds / one[unit[name]],
                "unit": unit[name],
            }
            for name, (products, said, seconds) in spent.items()
        },
    }


def _in_its_own_process(configuration: Mapping[str, Any]) -> dict[str, Any]:
    if not Path("/proc/self/clear_refs").exists():
        raise ValueError("memory is read from /proc, which this system does not have (Linux has)")
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=fresh) as alone:
        return alone.submit(_memory, dict(configuration)).result()


def _memory(c: Mapping[str, Any]) -> dict[str, Any]:
    """Bytes by which the resident set grew, beside those that were announced."""
    torch.set_num_threads(1)
    search = {"ends": _search_ends, "stability": _search_stability}[c["search"]]
    small = built(c["family"], 4)
    search(small, small.sample(4), c)  # what a library allocates once is not the cost of a search
    game = built(c["family"], c["width"])
    batch = game.sample(c["batch"])
    build = hessian_graph(game, "generator") if c["search"] == "ends" else jacobian_graph(game)
    fixed, each = graph_bytes(game, batch, build)
    del build  # and with it the parameters that it holds
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    before = _resident("VmRSS")
    jacobian = _operator(game, batch, c["search"])
    graph_grown = _resident("VmRSS") - before
    del jacobian
    told = search(game, batch, c)
    return {
        "parameters": sum(game.sizes()),
        "graph_announced": fixed + each * batch.size,
        "graph_grown": graph_grown,
        "basis_announced": parse_basis(told),
        "all_grown": _resident("VmHWM") - before,
    }


def _operator(game: Game, batch: Batch, search: str) -> Hessian | GameJacobian:
    return Hessian(game, "generator", batch) if search == "ends" else GameJacobian(game, batch)


def _search_ends(game: Game, batch: Batch, c: Mapping[str, Any]) -> str:
    told: list[str] = []
    plan = Plan(batch_size=batch.size, seed=c["seed"])
    most = None if c["products"] is None else Budget(products=c["products"])
    PlayerHessian(game, "generator", plan, each=ENDS, fresh=(), budget=most, announce=told.append)
    return told[0]


def _search_stability(game: Game, batch: Batch, c: Mapping[str, Any]) -> str:
    del c
    told: list[str] = []
    local_stability(game, batch, announce=told.append)
    return told[0]


def parse_basis(told: str) -> float:
    """Bytes of the basis in a measure's announcement.

    Raises:
        ValueError: there are none in it.

    Example:
        >>> parse_basis("local stability: 59 parameters, basis of 1.5 MB, about 9 products, 1 s")
        1500000.0
    """
    match = re.search(r"basis of ([\d.e+]+) (\w+)", told)
    if match is None or match[2] not in _BYTES:
        raise ValueError(f"no basis is announced in {told!r}")
    return float(match[1]) * _BYTES[match[2]]


def _resident(kind: str) -> int:
    """Of this process, in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(kind))


def _processor() -> str:
    """Its kind, as the system names it."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text(encoding="utf-8").splitlines() if listed.exists() else []
    named = next((line.split(":", 1)[1].strip() for line in lines if "model name" in line), "")
    return named or platform.processor() or platform.machine()
