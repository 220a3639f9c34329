"""A StyleGAN2 pair in numpy, written from its description: a kernel for each sample, loops, float64.

Modulation makes one kernel a sample; resampling inserts zeros, pads or crops, and convolves with
scipy. Nothing is shared with the package, which scales channels and lets torch do the rest.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import convolve2d, correlate2d

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    State = dict[str, Array]

USUAL = (1.0, 3.0, 3.0, 1.0)


def generator_state(
    channels: tuple[int, ...] = (6, 5, 4),
    *,
    style: int = 7,
    mappings: int = 2,
    taps: tuple[float, ...] = USUAL,
    seed: int = 0,
) -> State:
    """Weights of a generator from 4 pixels through these channels, none of them at a default."""
    rng = np.random.default_rng(seed)
    state: State = {}
    for i in range(1, mappings + 1):
        state[f"style.{i}.weight"] = 100 * rng.standard_normal((style, style))
        state[f"style.{i}.bias"] = 30 * rng.standard_normal(style)
    state["input.input"] = rng.standard_normal((1, channels[0], 4, 4))

    def modulated(name: str, inputs: int, outputs: int, side: int) -> None:
        state[f"{name}.weight"] = rng.standard_normal((1, outputs, inputs, side, side))
        state[f"{name}.modulation.weight"] = rng.standard_normal((inputs, style))
        state[f"{name}.modulation.bias"] = 1 + 0.3 * rng.standard_normal(inputs)

    def styled(name: str, inputs: int, outputs: int) -> None:
        modulated(f"{name}.conv", inputs, outputs, 3)
        state[f"{name}.noise.weight"] = rng.standard_normal(1)
        state[f"{name}.activate.bias"] = rng.standard_normal(outputs)

    def coloured(name: str, inputs: int) -> None:
        state[f"{name}.bias"] = rng.standard_normal((1, 3, 1, 1))
        modulated(f"{name}.conv", inputs, 3, 1)

    styled("conv1", channels[0], channels[0])
    coloured("to_rgb1", channels[0])
    kernel = np.outer(taps, taps) / sum(taps) ** 2
    for i in range(len(channels) - 1):
        styled(f"convs.{2 * i}", channels[i], channels[i + 1])
        state[f"convs.{2 * i}.conv.blur.kernel"] = 4 * kernel
        styled(f"convs.{2 * i + 1}", channels[i + 1], channels[i + 1])
        coloured(f"to_rgbs.{i}", channels[i + 1])
        state[f"to_rgbs.{i}.upsample.kernel"] = 4 * kernel
    for i in range(2 * len(channels) - 1):
        side = 2 ** ((i + 5) // 2)
        state[f"noises.noise_{i}"] = rng.standard_normal((1, 1, side, side))
    return state


def discriminator_state(
    channels: tuple[int, ...] = (4, 5, 6),
    *,
    taps: tuple[float, ...] = USUAL,
    seed: int = 1,
) -> State:
    """Weights of a discriminator through these channels down to 4 pixels."""
    rng = np.random.default_rng(seed)
    kernel = np.outer(taps, taps) / sum(taps) ** 2
    state: State = {
        "convs.0.0.weight": rng.standard_normal((channels[0], 3, 1, 1)),
        "convs.0.1.bias": rng.standard_normal(channels[0]),
    }
    for i in range(1, len(channels)):
        one, two = channels[i - 1], channels[i]
        state |= {
            f"convs.{i}.conv1.0.weight": rng.standard_normal((one, one, 3, 3)),
            f"convs.{i}.conv1.1.bias": rng.standard_normal(one),
            f"convs.{i}.conv2.0.kernel": kernel,
            f"convs.{i}.conv2.1.weight": rng.standard_normal((two, one, 3, 3)),
            f"convs.{i}.conv2.2.bias": rng.standard_normal(two),
            f"convs.{i}.skip.0.kernel": kernel,
            f"convs.{i}.skip.1.weight": rng.standard_normal((two, one, 1, 1)),
        }
    end = channels[-1]
    return state | {
        "final_conv.0.weight": rng.standard_normal((end, end + 1, 3, 3)),
        "final_conv.1.bias": rng.standard_normal(end),
        "final_linear.0.weight": rng.standard_normal((end, 16 * end)),
        "final_linear.0.bias": rng.standard_normal(end),
        "final_linear.1.weight": rng.standard_normal((1, end)),
        "final_linear.1.bias": rng.standard_normal(1),
    }


def leaky(x: Array) -> Array:
    return math.sqrt(2) * np.where(x > 0, x, 0.2 * x)


def spread(x: Array) -> Array:
    """Zeros behind each pixel: [h, w] -> [2h, 2w]."""
    out = np.zeros((2 * len(x), 2 * len(x)))
    out[::2, ::2] = x
    return out


def padded(x: Array, before: int, after: int) -> Array:
    """Zeros around a plane; below zero, pixels cut off."""
    x = np.pad(x, ((max(before, 0), max(after, 0)), (max(before, 0), max(after, 0))))
    low, high = max(-before, 0), len(x) - max(-after, 0)
    return x[low:high, low:high]


def filtered(x: Array, kernel: Array, before: int, after: int) -> Array:
    return convolve2d(padded(x, before, after), kernel, mode="valid")


def convolved(x: Array, kernels: Array) -> Array:
    """[c, h, w] with [o, c, k, k], same size."""
    return np.stack(
        [
            sum(correlate2d(plane, k, mode="same") for plane, k in zip(x, row, strict=True))
            for row in kernels
        ]
    )


def doubled(x: Array, kernels: Array, blur: Array) -> Array:
    """Transposed convolution by two, then the filter with the padding that leaves twice the side."""
    p = len(blur) - 2 - (kernels.shape[-1] - 1)
    planes: list[Array] = []
    for row in kernels:
        full = sum(
            convolve2d(spread(plane)[:-1, :-1], k, mode="full")
            for plane, k in zip(x, row, strict=True)
        )
        planes.append(filtered(np.asarray(full), blur, (p + 1) // 2 + 1, p // 2 + 1))
    return np.stack(planes)


def generate(state: Mapping[str, Array], z: Array, *, rate: float, noise: bool) -> Array:
    """Samples [n, 3, side, side], one at a time."""
    return np.stack([_sample(state, row, rate, noise) for row in z])


def _sample(state: Mapping[str, Array], z: Array, rate: float, noise: bool) -> Array:
    w = z / math.sqrt(float((z**2).mean()) + 1e-8)
    i = 1
    while f"style.{i}.weight" in state:
        weight = state[f"style.{i}.weight"] * rate / math.sqrt(len(w))
        w = leaky(weight @ w + rate * state[f"style.{i}.bias"])
        i += 1

    def kernel(name: str, *, normalise: bool) -> Array:
        weight = state[f"{name}.weight"][0]
        modulation = state[f"{name}.modulation.weight"]
        style = modulation @ w / math.sqrt(len(w)) + state[f"{name}.modulation.bias"]
        weight = weight / math.sqrt(weight[0].size) * style[None, :, None, None]
        if normalise:
            norms = np.sqrt((weight**2).sum((1, 2, 3), keepdims=True) + 1e-8)
            weight = weight / norms
        return weight

    def styled(name: str, x: Array, place: int) -> Array:
        weight = kernel(f"{name}.conv", normalise=True)
        blur = state.get(f"{name}.conv.blur.kernel")
        x = convolved(x, weight) if blur is None else doubled(x, weight, blur)
        if noise:
            x = x + state[f"{name}.noise.weight"] * state[f"noises.noise_{place}"][0]
        return leaky(x + state[f"{name}.activate.bias"][:, None, None])

    def coloured(name: str, x: Array) -> Array:
        weight = kernel(f"{name}.conv", normalise=False)
        return convolved(x, weight) + state[f"{name}.bias"][0]

    x = styled("conv1", state["input.input"][0], 0)
    colours = coloured("to_rgb1", x)
    i = 0
    while f"to_rgbs.{i}.bias" in state:
        x = styled(f"convs.{2 * i}", x, 2 * i + 1)
        x = styled(f"convs.{2 * i + 1}", x, 2 * i + 2)
        up = state[f"to_rgbs.{i}.upsample.kernel"]
        p = len(up) - 2
        larger = [filtered(spread(plane), up, (p + 1) // 2 + 1, p // 2) for plane in colours]
        colours = coloured(f"to_rgbs.{i}", x) + np.stack(larger)
        i += 1
    return colours


def judge(state: Mapping[str, Array], samples: Array, *, group: int) -> Array:
    """Logits [n, 1] of a batch."""

    def scaled(name: str) -> Array:
        weight = state[name]
        return weight / math.sqrt(weight[0].size)

    def halved(x: Array, name: str) -> Array:
        weight, blur = scaled(f"{name}.1.weight"), state[f"{name}.0.kernel"]
        p = len(blur) - 2 + weight.shape[-1] - 1
        soft = [filtered(plane, blur, (p + 1) // 2, p // 2) for plane in x]
        return np.stack(
            [
                sum(
                    correlate2d(s, k, mode="valid")[::2, ::2]
                    for s, k in zip(soft, row, strict=True)
                )
                for row in weight
            ]
        )

    def bias(name: str) -> Array:
        return state[name][:, None, None]

    features: list[Array] = []
    for sample in samples:
        x = leaky(convolved(sample, scaled("convs.0.0.weight")) + bias("convs.0.1.bias"))
        i = 1
        while f"convs.{i}.skip.1.weight" in state:
            y = convolved(x, scaled(f"convs.{i}.conv1.0.weight"))
            y = leaky(y + bias(f"convs.{i}.conv1.1.bias"))
            y = leaky(halved(y, f"convs.{i}.conv2") + bias(f"convs.{i}.conv2.2.bias"))
            x = (y + halved(x, f"convs.{i}.skip")) / math.sqrt(2)
            i += 1
        features.append(x)
    n = len(features)
    logits: list[Array] = []
    size = min(n, group)
    for i, x in enumerate(features):
        beside = np.stack(features[i % (n // size) :: n // size])
        deviation = np.sqrt(beside.var(0) + 1e-8).mean()
        y = np.concatenate([x, np.full((1, 4, 4), deviation)])
        y = leaky(convolved(y, scaled("final_conv.0.weight")) + bias("final_conv.1.bias"))
        y = leaky(scaled("final_linear.0.weight") @ y.ravel() + state["final_linear.0.bias"])
        logits.append(scaled("final_linear.1.weight") @ y + state["final_linear.1.bias"])
    return np.stack(logits)
