"""How are samples shown, so that a reader sees at once whether they look like the data?

Images are alpha PNGs, ink on whatever paper the page has (the page inverts them in the dark);
points are one SVG path a cloud. Samples are the first ones, never selected.
"""

from __future__ import annotations

import base64
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from markupsafe import Markup

from gancheck.rendering.text import clean, identifier, prose

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gancheck.diagnosis import Gallery

__all__ = ["GalleryView", "image_row", "point_panels", "view"]

_STRIP: Final = 24
_PAIRS: Final = 12
_POINTS: Final = 2000
_LARGEST: Final = 64
_PANEL: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class GalleryView:
    """What of a gallery stands on the page.

    Attributes:
        strip: near the top.
        note: below the strip.
        pairs: generated above its nearest real one; empty for points.
        pairs_note: below them.
    """

    strip: Markup
    note: Markup
    pairs: Markup | None = None
    pairs_note: Markup | None = None


def view(gallery: Gallery) -> GalleryView:
    """Draw a gallery; a note says what was left out.

    Raises:
        ValueError: an array is not of the shape its kind promises.
    """
    note = gallery.note or "Samples in the order in which they were drawn, not selected."
    if gallery.kind == "points":
        return _points(_array(gallery.generated), _array(gallery.real), note)
    generated = _images(gallery.generated)[:_STRIP]
    strip = _row(generated, f"The first {len(generated)} generated samples")
    if gallery.nearest is None:
        return GalleryView(strip=strip, note=prose(note))
    count = min(_PAIRS, len(generated))
    nearest = _images(gallery.nearest)[:count]
    columns = [
        Markup('<div class="pair">{}{}</div>').format(_image(a), _image(b))
        for a, b in zip(generated[:count], nearest, strict=False)
    ]
    label = f"{len(columns)} generated samples, each above its nearest real one"
    pairs = Markup('<div class="pairs{}" role="img" aria-label="{}">{}</div>').format(
        _coarse(generated), label, Markup("").join(columns)
    )
    below = (
        f"Above: the first {len(columns)} generated samples. Below: the real one nearest to each. "
        "A sample that equals its neighbour may have been copied."
    )
    return GalleryView(strip=strip, note=prose(note), pairs=pairs, pairs_note=prose(below))


def point_panels(real: Any, generated: Mapping[str, Any], *, prefix: str) -> Markup:
    """Real points beside those of several generators, all in the frame of the real ones.

    Args:
        real: [n, 2], finite.
        generated: title -> [m, 2]; what is not finite or outside the frame is not drawn.
        prefix: starts every id; unique on the page.

    Raises:
        ValueError: an array is not of that shape, or no real point is finite.
    """
    clouds = {name: _planar(points, name) for name, points in {"real": real, **generated}.items()}
    anchor = clouds["real"][np.isfinite(clouds["real"]).all(axis=1)]
    if not len(anchor):
        raise ValueError("real must hold a finite point, to choose the frame by")
    centre, half = _frame(anchor)
    panels: list[Markup] = []
    for number, (name, points) in enumerate(clouds.items()):
        kind = "g" if number else "real"
        shown = points[:_POINTS]
        finite = shown[np.isfinite(shown).all(axis=1)]
        path = _cloud(finite, centre, half, kind, f"{identifier(prefix)}-{number}")
        title = clean(name)
        panels.append(_panel(title, f"c-{kind}", f"{len(shown)} points: {title}", path))
    return Markup('<div class="clouds">{}</div>').format(Markup("").join(panels))


def image_row(images: Any, label: str) -> Markup:
    """Images beside each other, as many as are given.

    Args:
        images: [n, h, w] in 0..1, ink high.
        label: what they are, for who cannot see them.

    Raises:
        ValueError: an array of another shape.
    """
    return _row(_images(images), label)


def _planar(points: Any, name: str) -> np.ndarray:
    points = _array(points)
    if points.ndim != 2 or points.shape[1] < 2:
        raise ValueError(f"a gallery of points is an array [n, 2], got {name} {points.shape}")
    return points[:, :2]


def _frame(anchor: np.ndarray) -> tuple[np.ndarray, float]:
    """Centre and half width of the square that holds the real points, widened."""
    low, high = anchor.min(axis=0), anchor.max(axis=0)
    return (low + high) / 2, max(float((high - low).max()) * 0.62, 1e-9)


def _array(values: Any) -> np.ndarray:
    """Anything array-like, a tensor on any device included."""
    detached = values.detach().cpu() if hasattr(values, "detach") else values
    return np.asarray(detached, dtype=np.float64)


def _images(values: Any) -> np.ndarray:
    images = _array(values)
    if images.ndim != 3:
        raise ValueError(f"a gallery of images is an array [n, h, w], got shape {images.shape}")
    factor = max(1, -(-max(images.shape[1:]) // _LARGEST))
    if factor > 1:
        count, height, width = images.shape
        height, width = height // factor * factor, width // factor * factor
        images = images[:, :height, :width]
        images = images.reshape(count, height // factor, factor, width // factor, factor)
        images = images.mean(axis=(2, 4))
    return np.clip(np.nan_to_num(images), 0.0, 1.0)


def _coarse(images: np.ndarray) -> str:
    """Few pixels are shown as pixels, not blurred into clouds."""
    return " coarse" if images.shape[-1] <= 16 else ""


def _chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def _png(ink: np.ndarray) -> bytes:
    """Black with ink as opacity: PNG colour type 4, one filter byte a row."""
    height, width = ink.shape
    pixels = np.zeros((height, 1 + 2 * width), dtype=np.uint8)
    pixels[:, 2::2] = np.rint(ink * 255).astype(np.uint8)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 4, 0, 0, 0))
        + _chunk(b"IDAT", zlib.compress(pixels.tobytes(), 9))
        + _chunk(b"IEND", b"")
    )


def _image(ink: np.ndarray) -> Markup:
    height, width = ink.shape
    data = base64.b64encode(_png(ink)).decode("ascii")
    return Markup('<img src="data:image/png;base64,{}" width="{}" height="{}" alt="">').format(
        data, width, height
    )


def _row(images: np.ndarray, label: str) -> Markup:
    return Markup('<div class="strip{}" role="img" aria-label="{}">{}</div>').format(
        _coarse(images), label, Markup("").join(_image(image) for image in images)
    )


def _points(generated: np.ndarray, real: np.ndarray, note: str) -> GalleryView:
    generated, real = _planar(generated, "generated"), _planar(real, "real")
    clouds: dict[str, np.ndarray] = {}
    lost = 0
    for name, points in (("real", real), ("generated", generated)):
        finite = points[np.isfinite(points).all(axis=1)]
        lost += len(points) - len(finite)
        clouds[name] = finite[:_POINTS]
    if lost:
        note = f"{note} {lost} {'point is' if lost == 1 else 'points are'} not finite, not drawn."
    together = np.concatenate(list(clouds.values()))
    if not len(together):
        return GalleryView(strip=Markup(""), note=prose(note))
    # One outlier must not shrink everything else to a dot: the frame is real data's, widened.
    centre, half = _frame(clouds["real"] if len(clouds["real"]) else together)
    outside = int((np.abs(clouds["generated"] - centre) > half).any(axis=1).sum())
    if outside:
        note = f"{note} {outside} of {len(clouds['generated'])} generated points lie outside the frame."
    real_path = _cloud(clouds["real"], centre, half, "real", "cloud-real")
    generated_path = _cloud(clouds["generated"], centre, half, "g", "cloud-g")
    panels = [
        _panel("real", "c-real", f"{len(clouds['real'])} real points", real_path),
        _panel("generated", "c-g", f"{len(clouds['generated'])} generated points", generated_path),
        _panel(
            "one over the other",
            "muted",
            "Generated points over real ones",
            Markup('<use href="#cloud-real" opacity="0.35"/><use href="#cloud-g" opacity="0.6"/>'),
        ),
    ]
    strip = Markup('<div class="clouds">{}</div>').format(Markup("").join(panels))
    return GalleryView(strip=strip, note=prose(note))


def _cloud(points: np.ndarray, centre: np.ndarray, half: float, colour: str, name: str) -> Markup:
    kept = points[(np.abs(points - centre) <= half).all(axis=1)]
    x = (kept[:, 0] - centre[0]) / half
    y = (centre[1] - kept[:, 1]) / half
    middle = _PANEL / 2
    path = "".join(
        f"M{middle * (1 + a):.1f} {middle * (1 + b):.1f}h0" for a, b in zip(x, y, strict=True)
    )
    return Markup(
        '<path id="{2}" d="{0}" class="s-{1}" fill="none" stroke-width="3" stroke-linecap="round"/>'
    ).format(path, colour, name)


def _panel(title: str, colour: str, label: str, body: Markup) -> Markup:
    return Markup(
        '<figure class="cloud"><figcaption class="{2}">{3}</figcaption>'
        '<svg viewBox="0 0 {0} {0}" role="img" aria-label="{1}">{4}</svg></figure>'
    ).format(_PANEL, label, colour, title, body)
