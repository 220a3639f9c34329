"""Which plain networks would have just these weights, in this order? All that are usual.

From shapes alone: kernels chain in one of two directions, spatial sizes must come out, and the
numbers of a Sequential tell how many modules without weights stand between two with. Strides and
paddings are not in the weights, so they are searched among layers that double, halve or keep the
pixels, and where none fits among layers without padding. What comes out is a proposal and no
reading: several may fit, and an unusual network may look like a usual one. Standard library only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from gancheck.checkpoints.parts import Part, gaps

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["MOST", "Effort", "proposals"]

Player = Literal["generator", "discriminator"]
MOST = 12  # proposals: beyond it nobody chooses

# kernel -> (stride, padding, output padding) of the padded family
_UP = {
    1: [(1, 0, 0)],
    2: [(2, 0, 0)],
    3: [(2, 1, 1), (2, 1, 0), (1, 1, 0)],
    4: [(2, 1, 0)],
    5: [(2, 2, 1), (1, 2, 0)],
    6: [(2, 2, 0)],
}
_DOWN = {
    1: [(1, 0)],
    2: [(2, 0)],
    3: [(2, 1), (1, 1)],
    4: [(2, 1)],
    5: [(2, 2), (1, 2)],
    6: [(2, 2)],
}


@dataclass(slots=True)
class Effort:
    """How many steps a search may still take; shared by all searches about one file.

    A usual network takes a few hundred; 50,000 take a quarter of a second.
    """

    left: int = 50_000

    def spend(self) -> bool:
        """Take one, if there is one."""
        self.left -= 1
        return self.left >= 0


@dataclass(frozen=True, slots=True)
class _State:
    """What one sample is where the next part stands.

    Attributes:
        shape: (n,) or (channels, side, side).
        words: so far.
        since: activations since the last layer with weights that is no norm.
        up: an upsampling stands before the next layer, after an unflatten if there is one.
    """

    shape: tuple[int, ...]
    words: tuple[str, ...] = ()
    since: int = 1  # nothing stands before the first layer
    up: bool = False

    def say(self, *words: str) -> _State:
        return replace(self, words=self.words + words)


@dataclass(slots=True)
class _Search:
    order: Sequence[Part]
    player: Player
    padded: bool
    norm: str
    gaps: tuple[int | None, ...]
    effort: Effort

    def run(self, start: _State) -> Iterator[_State]:
        stack = [(0, start)]
        while stack and self.effort.spend():
            done, state = stack.pop()
            if done == len(self.order):
                yield state
                continue
            follow = [
                (done + 1, after)
                for before in self._between(done, state)
                for after in self._layer(self.order[done], before, last=done + 1 == len(self.order))
            ]
            stack.extend(reversed(follow))

    def _between(self, done: int, state: _State) -> Iterator[_State]:
        """Modules without weights that may stand before a part."""
        part = self.order[done]
        if done == 0:
            yield state
            return
        gap = self.gaps[done - 1]
        if part.kind == "norm":
            yield replace(state.say("hidden"), since=1) if gap else state
            return
        upsampling = self.player == "generator" and part.kind == "conv" and part.shape[2] % 2 == 1
        wanted = 1 - state.since
        for up in (1, 0) if upsampling else (0,):
            for act in (1, 0):
                if act > wanted or not self._room(gap, act, up, wanted):
                    continue
                after = state.say(*["hidden"] * act)
                yield replace(after, since=state.since + act, up=bool(up))

    @staticmethod
    def _room(gap: int | None, act: int, up: int, wanted: int) -> bool:
        """Whether a gap of that many modules holds them; a missing activation needs a reason."""
        if gap is None:
            return act == wanted
        if act + up > gap:
            return False
        return act == wanted or gap - up < wanted

    def _layer(self, part: Part, state: _State, *, last: bool) -> Iterator[_State]:
        shape = state.shape
        if part.kind == "linear":
            yield from self._linear(part, state)
        elif part.kind == "norm":
            yield from self._normalise(part, state)
        elif len(shape) == 3:
            yield from self._convolve(part, state, last=last)
        else:
            for channels in sorted({part.shape[0], part.shape[1]}):
                mapped = self._mapped(state, channels)
                if mapped is not None:
                    yield from self._convolve(part, mapped, last=last)

    @staticmethod
    def _mapped(state: _State, channels: int) -> _State | None:
        """Numbers in a row as square maps of that many channels."""
        side = math.isqrt(state.shape[0] // channels)
        if channels * side * side != state.shape[0]:
            return None
        mapped = state.say(f"unflatten:{channels}:{side}:{side}")
        return replace(mapped, shape=(channels, side, side))

    def _linear(self, part: Part, state: _State) -> Iterator[_State]:
        outputs, inputs = part.shape
        if math.prod(state.shape) == inputs:
            flat = ("flatten",) if len(state.shape) == 3 else ()
            yield _State((outputs,), (*state.words, *flat, "linear"), 0)

    def _normalise(self, part: Part, state: _State) -> Iterator[_State]:
        word = "batch_norm" if part.tracks else self.norm
        if len(part.shape) == 3:
            yield from [state.say("layer_norm")] if state.shape == part.shape else []
            return
        if state.shape[0] == part.shape[0]:
            flat = len(state.shape) == 1
            if not (flat and word == "instance_norm") and not (not flat and word == "layer_norm"):
                yield state.say(word)
        elif len(state.shape) == 1 and word != "layer_norm":
            mapped = self._mapped(state, part.shape[0])
            if mapped is not None:
                yield mapped.say(word)

    def _convolve(self, part: Part, state: _State, *, last: bool) -> Iterator[_State]:
        channels, side, kernel = state.shape[0], state.shape[1], part.shape[2]
        if state.up:
            side, state = side * 2, state.say("upsample:2")
        elif part.shape[0] == channels and self.player == "generator":
            for stride, padding, more in self._up(kernel, side):
                size = (side - 1) * stride - 2 * padding + kernel + more
                word = f"conv_transpose:{stride}:{padding}" + (f":{more}" if more else "")
                yield _State((part.shape[1], size, size), (*state.words, word), 0)
        if part.shape[1] == channels:
            for stride, padding in self._down(kernel, side, last=last):
                size = (side + 2 * padding - kernel) // stride + 1
                word = f"conv:{stride}:{padding}"
                if side + 2 * padding >= kernel:
                    yield _State((part.shape[0], size, size), (*state.words, word), 0)

    def _up(self, kernel: int, side: int) -> list[tuple[int, int, int]]:
        if side == 1:  # the stride of a single pixel is nothing
            return [(1, 0, 0)]
        if self.padded:
            return _UP.get(kernel, [])
        return [(1, 0, 0), (2, 0, 0)] if kernel > 1 else [(1, 0, 0)]

    def _down(self, kernel: int, side: int, *, last: bool) -> list[tuple[int, int]]:
        if self.player == "generator":
            return [(1, kernel // 2)] if kernel % 2 else []
        whole = [(1, 0)] if last and side == kernel else []
        if self.padded:
            return [*whole, *(way for way in _DOWN.get(kernel, []) if way not in whole)]
        return [*whole, *(way for way in ((1, 0), (2, 0)) if way not in whole)]


def proposals(
    order: Sequence[Part],
    *,
    player: Player,
    shape: tuple[int, ...],
    effort: Effort | None = None,
) -> list[tuple[str, ...]]:
    """The usual networks with just these parts that a player of samples of this shape may be.

    Args:
        order: parts in the order of the forward pass.
        player: generator: from numbers to a sample; discriminator: from a sample to one number.
        shape: of one sample, channels first.
        effort: steps that are left, where other searches share them.

    Returns:
        Lists of `layer_words.WORDS`, at most `MOST` + 1 of them.
    """
    effort = effort or Effort()
    loose = [p for p in order if p.kind == "norm" and not p.tracks and len(p.shape) == 1]
    found: dict[tuple[str, ...], None] = {}
    for padded in (True, False):
        if found:
            break
        for norm in ("batch_norm", "instance_norm", "layer_norm") if loose else ("batch_norm",):
            search = _Search(order, player, padded, norm, gaps(order), effort)
            for state in search.run(_start(order, player, shape)):
                if _ends(state, player, shape):
                    found[_finished(state, player)] = None
                if len(found) > MOST:
                    return list(found)
    return list(found)


def _start(order: Sequence[Part], player: Player, shape: tuple[int, ...]) -> _State:
    first = order[0]
    if player == "discriminator":
        flat = first.kind == "linear" or first.shape == (math.prod(shape),)
        return _State((math.prod(shape),) if flat else shape)
    if first.kind != "conv":
        return _State((first.shape[-1],))
    return _State((first.shape[0], 1, 1), (f"unflatten:{first.shape[0]}:1:1",))


def _ends(state: _State, player: Player, shape: tuple[int, ...]) -> bool:
    if player == "discriminator":
        return math.prod(state.shape) == 1
    return state.shape in (shape, (math.prod(shape),))


def _finished(state: _State, player: Player) -> tuple[str, ...]:
    if player == "generator":
        return (*state.words, "output")
    flat = ("flatten",) if len(state.shape) == 3 else ()
    return (*state.words, *flat, "output")
