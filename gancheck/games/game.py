"""What is a two-player game, as functions of two parameter lists and a batch?

`Game` is the one object that every operator and measure takes: two `nn.Module`s with a named loss
or a pair of callables, or (`Game.from_losses`) two plain functions of two parameter vectors, so
that the Dirac-GAN and a network with thirty million parameters go through the same code.

Nothing here moves the user's modules: losses are evaluated by `torch.func.functional_call` on
parameters handed in and on copies of the buffers, and whatever a forward pass leaves on a module
(running statistics, the recomputed weight of an old-style spectral norm) is put back.
"""

from __future__ import annotations

import contextlib
import copy
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from gancheck.games import semantics
from gancheck.games.admitted import check_players, check_samples, finite, loss_value
from gancheck.games.batch import Batch, EarlierPoint, Player, StepRule
from gancheck.games.data import as_sampler
from gancheck.games.losses import CallableLoss, Loss, as_loss
from gancheck.games.normalisation import exact_normalisation
from gancheck.games.preserved import Kept
from gancheck.games.streams import stream

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from gancheck.games.latents import Latent
    from gancheck.games.losses import LossFunction
    from gancheck.games.semantics import BatchNormMode

    VectorLoss = Callable[[Tensor, Tensor], Tensor]

__all__ = ["Batch", "EarlierPoint", "Game", "Player", "StepRule"]


class Game:
    """A generator and a discriminator, one loss for each, a latent law and data.

    Args:
        generator: z [n, latent size] -> samples [n, ...].
        discriminator: samples -> one number each ([n] or [n, 1]).
        loss: a name of `gancheck.games.losses.LOSSES` (`minimax`, `wgan-gp`), a `Loss`, or a pair
            (generator loss, discriminator loss) of callables f(score, real, fake) -> scalar, where
            `score` is the discriminator; both are minimised.
        latent: from `gancheck.latents`.
        data: tensor or array [N, ...], `Dataset`, or callable (n, torch.Generator) -> [n, ...].
        discriminator_output: `logit`, or `probability` where the module ends in a sigmoid; then
            the score is its logit, clipped at the dtype's machine epsilon.
        batch_norm: `as-set` follows each module's train/eval flag; `batch` and `running` choose the
            statistics whatever it says. Running buffers are never moved.
        max_memory: bytes that stored graphs may take; larger batches go through in parts. No limit
            where not given.
        step: how the players were stepped, where known.
        earlier: where they stood earlier in training, where known; then the way from there to here
            can be measured.
        labels: [N] classes of finite data, row by row, where known.
        held_out: samples of the data's law that were not trained on, in any form of `data`; where
            they are given, memorisation can be tested.

    Raises:
        ValueError: unknown loss, modules that are no two players (`games.admitted`), data that is
            empty or not finite,
            held-out samples or an earlier point of another shape.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        *,
        loss: str | Loss | tuple[LossFunction, LossFunction],
        latent: Latent,
        data: Any,
        discriminator_output: Literal["logit", "probability"] = "logit",
        batch_norm: BatchNormMode = "as-set",
        max_memory: int | None = None,
        step: StepRule | None = None,
        earlier: EarlierPoint | None = None,
        labels: Tensor | None = None,
        held_out: Any = None,
    ) -> None:
        generator, discriminator = (semantics.unwrapped(m) for m in (generator, discriminator))
        check_players(generator, discriminator)
        for module in (generator, discriminator):
            semantics.check(module, batch_norm)
        if discriminator_output not in ("logit", "probability"):
            raise ValueError(
                f"discriminator_output must be 'logit' or 'probability', got {discriminator_output!r}"
            )
        self._modules: dict[Player, nn.Module] | None = {
            "generator": generator,
            "discriminator": discriminator,
        }
        self.loss: Loss | CallableLoss = as_loss(loss)
        self.latent = latent
        self.data = as_sampler(data)
        self.discriminator_output = discriminator_output
        self.batch_norm: BatchNormMode = batch_norm
        self.max_memory = max_memory
        self.step = step
        self.labels, self.held_out = check_samples(self.data, labels, held_out)
        self._functions: tuple[VectorLoss, VectorLoss] | None = None
        self._vectors: dict[Player, Tensor] | None = None
        self.earlier = earlier
        if earlier is not None:
            earlier.check(sum(self.sizes()))

    @classmethod
    def from_losses(
        cls, loss_g: VectorLoss, loss_d: VectorLoss, theta_g: Tensor, theta_d: Tensor
    ) -> Game:
        """A game of two plain functions of two parameter vectors, both minimised.

        Args:
            loss_g: (theta_g, theta_d) -> scalar, twice differentiable by autograd.
            loss_d: the same for the discriminator.
            theta_g: [m], floating point; the point at which the game is examined.
            theta_d: [k], of the same dtype and device.

        Raises:
            ValueError: a vector that is not one-dimensional, empty, or not floating point.
        """
        for name, theta in (("theta_g", theta_g), ("theta_d", theta_d)):
            if theta.ndim != 1 or theta.numel() == 0 or not theta.is_floating_point():
                raise ValueError(
                    f"{name} must be a non-empty one-dimensional floating-point tensor, "
                    f"got shape {tuple(theta.shape)} of {theta.dtype}"
                )
        game = cls.__new__(cls)
        game._modules = None  # noqa: SLF001 (an alternative constructor)
        game.loss = CallableLoss(_no_samples, _no_samples)
        game.discriminator_output = "logit"
        game.batch_norm = "as-set"
        game.max_memory = None
        game.step = None
        game.earlier = None
        game.labels = None
        game.held_out = None
        game._functions = (loss_g, loss_d)  # noqa: SLF001
        game._vectors = {"generator": theta_g, "discriminator": theta_d}  # noqa: SLF001
        return game

    @property
    def modules(self) -> dict[Player, nn.Module]:
        """The two networks, live.

        Raises:
            ValueError: an analytic game, which has none.
        """
        if self._modules is None:
            raise ValueError("an analytic game is two functions and has no modules")
        return self._modules

    @property
    def analytic(self) -> bool:
        """Whether the losses are plain functions: no samples, nothing to average over."""
        return self._functions is not None

    def in_float64(self) -> Game:
        """The same game at the same point, on a copy of its modules in float64.

        Raises:
            RuntimeError: a module that cannot be copied, such as one that holds a computed tensor.
        """
        out = copy.copy(self)
        if self._modules is not None:
            doubled: dict[Player, nn.Module] = {
                p: copy.deepcopy(m).double() for p, m in self._modules.items()
            }
            out._modules = doubled  # noqa: SLF001 (a copy of one's own)
        if self._vectors is not None:
            vectors: dict[Player, Tensor] = {
                p: v.detach().double() for p, v in self._vectors.items()
            }
            out._vectors = vectors  # noqa: SLF001
        return out

    @property
    def mixes_samples(self) -> str:
        """Why a batch may not be cut into parts; "" where both losses are means over samples."""
        if self._modules is None:
            return "an analytic game has no samples"
        for player, module in self._modules.items():
            if semantics.mixes_by_its_own_word(module):
                return f"the {player} takes the samples of a batch beside each other"
            if semantics.on_batch_statistics(module, self.batch_norm):
                return f"the {player} has batch norm on the statistics of the batch"
        if not self.loss.separable:
            return f"the {self.loss.in_words} loss need not be a mean over samples"
        return ""

    def semantics(self) -> dict[Player, list[str]]:
        """Which function each network is taken to be, in sentences; see `games.semantics`."""
        if self._modules is None:
            return {}
        return {p: semantics.describe(m, self.batch_norm) for p, m in self._modules.items()}

    def parameter_names(self, player: Player) -> list[str]:
        """As `named_parameters()` gives them; of an analytic game `theta`."""
        if self._modules is None:
            return ["theta"]
        return [name for name, _ in self._modules[player].named_parameters()]

    def parameters(self, player: Player) -> list[Tensor]:
        """The player's live parameters, in the order of `named_parameters()`.

        Frozen ones are among them: training loops switch `requires_grad` off and on, and what is
        measured must not depend on when they are asked.
        """
        if self._vectors is not None:
            return [self._vectors[player]]
        return [p for _, p in self.modules[player].named_parameters()]

    def snapshot(self) -> tuple[list[Tensor], list[Tensor]]:
        """Detached copies of both players' parameters that require gradients."""
        g, d = (
            [p.detach().clone().requires_grad_() for p in self.parameters(player)]
            for player in ("generator", "discriminator")
        )
        return g, d

    @property
    def dtype(self) -> torch.dtype:
        """Of the generator's first parameter; latents and data follow it."""
        return self.parameters("generator")[0].dtype

    @property
    def device(self) -> torch.device:
        """Of the generator's first parameter; latents and data follow it."""
        return self.parameters("generator")[0].device

    def sizes(self) -> tuple[int, int]:
        """Number of parameters of the generator and of the discriminator."""
        g, d = (
            sum(p.numel() for p in self.parameters(player))
            for player in ("generator", "discriminator")
        )
        return g, d

    def sample(self, n: int, *, seed: int = 0) -> Batch:
        """Draw a fixed evaluation batch: first the latents, then the data, from one stream.

        Raises:
            ValueError: n below 1 or above the size of finite data, or a negative seed.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        if self.analytic:
            return Batch(real=None, latent=None, seed=seed)
        rng = stream(seed, "batch")
        latent = self.latent.sample(n, rng)
        return Batch(real=self._cast(self.data.draw(n, rng)), latent=self._cast(latent), seed=seed)

    def draw_latent(self, n: int, *, seed: int = 0) -> Tensor:
        """Latents alone [n, latent size], in the generator's dtype and device."""
        return self._cast(self.latent.sample(n, stream(seed, "latent")))

    def draw_real(self, n: int, *, seed: int = 0) -> Tensor:
        """Data alone [n, ...], in the generator's dtype and device."""
        return self._cast(self.data.draw(n, stream(seed, "real")))

    def draw_held_out(self, n: int, *, seed: int = 0) -> Tensor | None:
        """At most n held-out samples, as `draw_real` draws; None where there are none."""
        if self.held_out is None:
            return None
        most = n if self.held_out.size is None else min(n, self.held_out.size)
        return self._cast(self.held_out.draw(most, stream(seed, "held out")))

    def draw_samples(self, n: int, *, seed: int = 0, chunk: int = 1000) -> Tensor:
        """Generated samples [n, ...], detached, made in chunks."""
        with self.untouched(), torch.no_grad():
            return torch.cat(
                [self.generate(z) for z in self.draw_latent(n, seed=seed).split(chunk)]
            )

    def draw_labels(self, n: int, *, seed: int = 0) -> Tensor | None:
        """The classes [n] of `draw_real(n, seed=seed)`, or None where they are not known."""
        if self.labels is None:
            return None
        return self.labels[torch.randperm(len(self.labels), generator=stream(seed, "real"))[:n]]

    def losses(
        self, theta_g: Sequence[Tensor], theta_d: Sequence[Tensor], batch: Batch
    ) -> tuple[Tensor, Tensor]:
        """Both losses at given parameters, differentiable in all of them.

        The generator's samples are made once and serve both losses. The discriminator sees real
        and generated samples in separate passes, as batch norm in training mode requires.

        Raises:
            NotFinite: a sample, a score or a loss is NaN or infinite.
            ValueError: a loss that is no scalar or depends on no parameter, or a discriminator that
                does not give one number a sample.
        """
        if self._functions is not None:
            loss_g, loss_d = (f(theta_g[0], theta_d[0]) for f in self._functions)
        else:
            if batch.real is None or batch.latent is None:
                raise ValueError("batch holds no samples; draw it with game.sample(n)")
            with self._undisturbed(values=False):
                # Dropout masks belong to the batch, so that one batch is one function.
                torch.manual_seed(batch.seed + batch.first)
                fake = self.generate(batch.latent, theta_g)

                def score(x: Tensor) -> Tensor:
                    return self.score(x, theta_d)

                loss_g = self.loss.generator(score, batch.real, fake, rng=batch.penalty_rng())
                loss_d = self.loss.discriminator(score, batch.real, fake, rng=batch.penalty_rng())
        return loss_value(loss_g, "generator"), loss_value(loss_d, "discriminator")

    def generate(self, latent: Tensor, theta_g: Sequence[Tensor] | None = None) -> Tensor:
        """Samples [n, ...] for latents [n, size]; at the live parameters where none are given.

        Raises:
            NotFinite: a sample holds NaN or infinity.
        """
        return finite(self._call("generator", latent, theta_g), "the generator's output")

    def score(self, x: Tensor, theta_d: Sequence[Tensor] | None = None) -> Tensor:
        """The discriminator's logit or critic value [n] for samples [n, ...].

        Raises:
            NotFinite: a score is NaN or infinite.
            ValueError: not one number a sample.
        """
        out = finite(self._call("discriminator", x, theta_d), "the discriminator's output")
        if out.numel() != x.shape[0]:
            raise ValueError(
                f"the discriminator must give one number a sample, got shape {tuple(out.shape)} "
                f"for {x.shape[0]} samples; reduce it (for a patch output: mean over the patch)"
            )
        out = out.reshape(-1)
        if self.discriminator_output == "probability":
            return torch.logit(out, eps=torch.finfo(out.dtype).eps)
        return out

    @contextlib.contextmanager
    def untouched(self) -> Generator[None]:
        """Leave both modules bit-identical on the way out, also when the body raises.

        Parameters, buffers, `.grad`, `requires_grad`, train/eval flags, plain tensor attributes and
        the global random state are what they were. Costs one copy of both models.
        """
        with self._undisturbed(values=True):
            yield

    @contextlib.contextmanager
    def _undisturbed(self, *, values: bool) -> Generator[None]:
        """`untouched`; without `values`, for bodies that never write to a parameter in place."""
        if self._modules is None:
            with torch.random.fork_rng(devices=[]):
                yield
            return
        kept = [
            Kept(m, values=values) for module in self.modules.values() for m in module.modules()
        ]
        devices = list(range(torch.cuda.device_count())) if self.device.type == "cuda" else []
        try:
            with torch.random.fork_rng(devices=devices):
                yield
        finally:
            for item in kept:
                item.restore()

    def _call(self, player: Player, x: Tensor, theta: Sequence[Tensor] | None) -> Tensor:
        module = self.modules[player]
        names = [name for name, _ in module.named_parameters()]
        values = list(module.parameters()) if theta is None else list(theta)
        state: dict[str, Tensor] = dict(zip(names, values, strict=True))
        # Each call starts from the as-trained buffers and throws its updates away, so real, fake
        # and repeated passes are passes through one and the same function.
        state.update((name, b.detach().clone()) for name, b in module.named_buffers())
        # The second derivatives of a gradient penalty are third ones of the discriminator.
        thrice = player == "discriminator" and self.loss.input_gradients
        formula = exact_normalisation() if thrice else contextlib.nullcontext()
        with semantics.held(module, self.batch_norm), formula:
            return functional_call(module, state, (x,))

    def _cast(self, x: Tensor) -> Tensor:
        return x.to(device=self.device, dtype=self.dtype)


def _no_samples(*_: object) -> Tensor:
    raise ValueError("an analytic game is a pair of functions of parameters, not of samples")
