"""Which pairs are trained on Fashion-MNIST, one thing changed at a time?

A `Scale` is how large the experiment is, a `Setting` what differs from the base. Networks are
perceptrons without batch norm: with it the batch would be part of the function that is measured, and
a penalty on one sample's slope would see the others. tanh has no kinks, so second derivatives are
what they seem.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final

from experiments.own_training import players_of
from gancheck.games import latents
from gancheck.games.architectures import Perceptron
from gancheck.games.data_files import fashion_mnist
from gancheck.games.game import Game
from gancheck.games.recipe import adam
from gancheck.games.regularisation import Regularisation
from gancheck.games.zoo import recipe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gancheck.games.data import ArrayData
    from gancheck.games.losses import Loss
    from gancheck.games.recipe import Recipe
    from gancheck.training.players import Players

__all__ = [
    "BASE",
    "GAMMA",
    "SCALES",
    "SETTINGS",
    "Scale",
    "Setting",
    "game_at",
    "images",
    "looks",
    "planned_run",
    "players_for",
]

BASE: Final = "base"
GAMMA: Final = 1.0  # of R1, in training and where its term alone is added
_LATENT: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How large the experiment is.

    Attributes:
        device: of training and measuring.
        seeds: how many it makes unless asked for another number.
        steps: updates of each player at the base's batch size.
        batch_size: of the base.
        width: of both networks' two hidden layers at the base.
        trained_on: first images of the file; the others are held out.
        look: measuring batch of curvature and rotation.
        draws: generated samples a block of distance and coverage.
        ladder: sizes of measuring batch that one pair is looked at with.
        ladder_batches: how many of each.
    """

    device: str
    seeds: int
    steps: int
    batch_size: int
    width: int
    trained_on: int
    look: int
    draws: int
    ladder: tuple[int, ...]
    ladder_batches: int = 16


SCALES: Final = {
    # 12 and 20 seeds: the fewest of which all, and all but two, decide one of a hundred comparisons
    "cpu": Scale(
        device="cpu",
        seeds=12,
        steps=480,
        batch_size=64,
        width=64,
        trained_on=5_000,
        look=128,
        draws=500,
        ladder=(16, 32, 64, 128, 256, 512),
    ),
    "cuda": Scale(
        device="cuda",
        seeds=20,
        steps=20_000,
        batch_size=128,
        width=512,
        trained_on=50_000,
        look=512,
        draws=1000,
        ladder=(32, 64, 128, 256, 512, 1024, 2048),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What differs from the base.

    Attributes:
        batch: times the base's batch size.
        width: times the base's hidden layers of D.
        added: to the losses.
        spectral_norm: of D's layers.
    """

    batch: float = 1.0
    width: float = 1.0
    added: Regularisation = field(default_factory=Regularisation)
    spectral_norm: bool = False


SETTINGS: Final[Mapping[str, Setting]] = {
    BASE: Setting(),
    "small batch": Setting(batch=0.25),
    "large batch": Setting(batch=4.0),
    "narrow": Setting(width=0.5),
    "wide": Setting(width=2.0),
    "r1": Setting(added=Regularisation(r1=GAMMA)),
    "gradient penalty": Setting(added=Regularisation(gradient_penalty=1.0)),
    "spectral norm": Setting(spectral_norm=True),
    "instance noise": Setting(added=Regularisation(instance_noise=0.3)),
}


def looks(c: Mapping[str, Any]) -> dict[str, int]:
    """At which updates a configuration is measured: after as many as the base, after as many images.

    One look, `both`, where the two are the same.
    """
    if c["batch_size"] == c["base_batch_size"]:
        return {"both": c["steps"]}
    as_many = max(1, round(c["steps"] * c["base_batch_size"] / c["batch_size"]))
    return {"updates": c["steps"], "images": as_many}


@cache
def _all_images() -> ArrayData:
    """All of them as rows of 784 numbers."""
    whole = fashion_mnist()
    return replace(whole, values=whole.values.flatten(1))


def images(trained_on: int) -> tuple[ArrayData, ArrayData]:
    """Those that are trained on, and those held out.

    Raises:
        FileNotFoundError: Fashion-MNIST is not installed; the message says what to install.
        ValueError: none would be held out.
    """
    whole = _all_images()
    if not 0 < trained_on < whole.size:
        raise ValueError(
            f"trained_on must leave some of {whole.size} images held out, got {trained_on}"
        )
    return replace(whole, values=whole.values[:trained_on], labels=None), replace(
        whole, values=whole.values[trained_on:], labels=None
    )


def players_for(c: Mapping[str, Any]) -> tuple[Recipe, Players]:
    """The recipe of a configuration, and its players before the first update."""
    setting, latent, step = SETTINGS[c["setting"]], c["latent"], adam(c["lr"])
    own = replace(
        recipe("fashion-dcgan"),
        data=partial(_resident, c["trained_on"], c["device"]),
        latent=latents.normal(latent),
        generator=Perceptron(widths=(latent, c["width_g"], c["width_g"], 784), output="tanh"),
        discriminator=Perceptron(
            widths=(784, c["width_d"], c["width_d"], 1), spectral_norm=setting.spectral_norm
        ),
        regularisation=setting.added,
        batch_size=c["batch_size"],
        generator_optimiser=step,
        discriminator_optimiser=step,
    )
    return own, players_of(own, c["seed"], device=c["device"])


def _resident(trained_on: int, device: str) -> ArrayData:
    """The images that are trained on, where they are used."""
    data, _ = images(trained_on)
    return replace(data, values=data.values.to(device))


def game_at(players: Players, data: ArrayData, *, loss: Loss | None = None) -> Game:
    """The game at the players' present point, in their own float32, on these images."""
    return Game(
        players.generator,
        players.discriminator,
        loss=players.loss if loss is None else loss,
        latent=players.latent,
        data=data,
    )


def planned_run(plan: str, scale: Scale, name: str, seed: int, steps: int | None) -> dict[str, Any]:
    """Everything that decides a run of a setting, as JSON."""
    setting = SETTINGS[name]
    return {
        "plan": plan,
        "part": "setting",
        "setting": name,
        "seed": seed,
        "device": scale.device,
        "steps": scale.steps if steps is None else steps,
        "base_batch_size": scale.batch_size,
        "batch_size": round(scale.batch_size * setting.batch),
        "width_g": scale.width,
        "width_d": round(scale.width * setting.width),
        "latent": _LATENT,
        "lr": 1e-3,
        "added": list(setting.added.applied_to(_plain_loss()).terms),
        "spectral_norm": setting.spectral_norm,
        "trained_on": scale.trained_on,
        "look": scale.look,
        "draws": scale.draws,
    }


def _plain_loss() -> Any:
    return recipe("fashion-dcgan").losses()
