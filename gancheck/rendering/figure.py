"""How does a matplotlib figure become part of a page that forbids inline styles?

`inline_svg` draws a figure as SVG text and rewrites it: what matplotlib puts into `style`
attributes becomes presentation attributes, its `<style>` element goes, palette colours become
classes (so that dark mode and print choose them), ids are prefixed and only kept where something
refers to them, coordinates keep two decimals, and clouds of round markers become one path each.
Only the elements and attributes listed here pass, so no figure can smuggle a link or a script.
The same figure gives the same bytes.
"""

from __future__ import annotations

import io
import re
import warnings
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

from gancheck.measures.figures import PALETTE, page_style
from gancheck.rendering.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from matplotlib.figure import Figure

__all__ = ["inline_svg", "palette_css"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ELEMENTS: Final = _words(
    "svg g path use defs clipPath text tspan image rect circle ellipse line polyline polygon "
    "pattern"
)
_ATTRIBUTES: Final = _words(
    "d x y x1 y1 x2 y2 dx dy width height points r rx ry cx cy transform clip-path fill stroke "
    "preserveAspectRatio patternUnits"
)
_STYLES: Final = _words(
    "fill stroke stroke-width stroke-linecap stroke-linejoin stroke-dasharray stroke-dashoffset "
    "stroke-opacity fill-opacity opacity fill-rule clip-rule text-anchor font-size font-weight "
    "font-style stroke-miterlimit"
)
_NO_TURN = re.compile(r"rotate\(-?0(\.0*)? [^)]*\)")
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_CLASS = {light: name for name, (light, _) in PALETTE.items()} | {
    "#000000": "ink",
    "black": "ink",
    "#ffffff": "paper",
    "white": "paper",
}
_DEFAULTS: Final = {
    "stroke-linecap": "butt",
    "stroke-linejoin": "round",
    "stroke-width": "1",
    "stroke-dashoffset": "0",
    "opacity": "1",
    "text-anchor": "start",
    "fill": "",
}
_CLOUD = 40


def palette_css() -> str:
    """The classes that `inline_svg` uses, on the page's custom properties."""
    return "".join(f".f-{n}{{fill:var(--{n})}}.s-{n}{{stroke:var(--{n})}}" for n in PALETTE)


def inline_svg(figure: Figure, *, prefix: str, alt: str) -> Markup:
    """One figure as an `<svg>` element for a page under a hashed Content-Security-Policy.

    Args:
        figure: drawn with `gancheck.measures.figures`, in any state of layout.
        prefix: starts every id; unique on the page.
        alt: what the figure shows, for who does not see it.

    Returns:
        The element, `viewBox` from the figure's size, width left to the page.
    """
    buffer = io.StringIO()
    with page_style(), warnings.catch_warnings():
        # The reader's browser brings the fonts; only matplotlib's own lacks the glyph.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(  # pyright: ignore[reportUnknownMemberType]
            buffer, format="svg", metadata={"Date": None, "Creator": None}
        )
    root = ET.fromstring(clean(buffer.getvalue()))  # a control character is no XML
    return Markup(_Rewriter(prefix).page_element(root, alt))


def _shorter(match: re.Match[str]) -> str:
    number = f"{float(match[0]):.2f}".rstrip("0").rstrip(".")
    return "0" if number in {"-0", ""} else number


def _short(text: str) -> str:
    """Every number in an attribute to two decimals of a pixel."""
    return _NUMBER.sub(_shorter, text)


def _path(d: str) -> str:
    d = re.sub(r"\s+", " ", _short(d)).strip()
    return re.sub(r" ?([A-Za-z]) ?", r"\1", d).replace(" -", "-")


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _declarations(style: str) -> dict[str, str]:
    """A style attribute as presentation attributes; matplotlib's font shorthand taken apart."""
    out: dict[str, str] = {}
    for declaration in style.split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name == "font":
            shorthand = value.split("'")[0].split()
            for word in shorthand:
                if word.endswith("px"):
                    out["font-size"] = _short(word.removesuffix("px"))
                elif word in {"italic", "oblique"}:
                    out["font-style"] = "italic"
                elif word.isdigit() or word == "bold":
                    out["font-weight"] = word
        elif name in {"font-size", "stroke-width"}:
            out[name] = _short(value.removesuffix("px"))
        elif name in _STYLES:
            out[name] = _short(value)
    return out


def _coloured(attributes: Mapping[str, str]) -> dict[str, str]:
    """Palette colours become classes; every other value stays an attribute."""
    out: dict[str, str] = {}
    classes: list[str] = []
    for name, value in attributes.items():
        known = _CLASS.get(value.lower()) if name in {"fill", "stroke"} else None
        if known is None:
            out[name] = value
        else:
            classes.append(f"{name[0]}-{known}")
    if classes:
        out["class"] = " ".join(classes)
    return out


@dataclass
class _Rewriter:
    """Walks matplotlib's tree and writes the page's."""

    prefix: str
    ids: dict[str, str] = field(default_factory=dict)
    radii: dict[str, float] = field(default_factory=dict)

    def page_element(self, root: ET.Element, alt: str) -> str:
        self._find_references(root)
        body = "".join(self._element(child) for child in root)
        box = _short(root.get("viewBox", "0 0 1 1"))
        return (
            f'<svg viewBox="{escape(box)}" role="img" aria-label="{escape(clean(alt))}" '
            f'stroke-linejoin="round" stroke-linecap="butt">{body}</svg>'
        )

    def _find_references(self, root: ET.Element) -> None:
        """Number the ids something refers to, in document order, and find the round markers."""
        named: set[str] = set()
        for element in root.iter():
            for name, value in element.attrib.items():
                if _local(name) == "href" and value.startswith("#"):
                    named.add(value[1:])
                named.update(re.findall(r"url\(#([^)]+)\)", value))
        for element in root.iter():
            name = element.get("id", "")
            if name not in named:
                continue
            self.ids[name] = f"{self.prefix}{len(self.ids)}"
            circle = re.match(r"M 0 (-?[\d.]+) ?\s*C ", element.get("d", ""))
            if circle and element.get("d", "").count("C") == 8:
                self.radii[name] = abs(float(circle[1]))

    def _attributes(self, element: ET.Element) -> dict[str, str]:
        """What of an element's attributes the page keeps, in the page's form."""
        out: dict[str, str] = {}
        for raw, value in element.attrib.items():
            name = _local(raw)
            if name == "style":
                out.update(_declarations(value))
            elif name == "d":
                out["d"] = _path(value)
            elif name == "transform" and _NO_TURN.fullmatch(value.strip()):
                continue  # matplotlib turns every text, most by nothing
            elif name in _ATTRIBUTES:
                exact = name == "transform" and ("matrix" in value or "scale" in value)
                out[name] = value if exact else _short(value)
            elif name == "href":
                out.update(self._reference(value))
        if element.get("id") in self.ids:
            out["id"] = self.ids[element.attrib["id"]]
        return {
            name: re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{self.ids.get(m[1], '')})", value)
            for name, value in out.items()
        }

    def _reference(self, value: str) -> dict[str, str]:
        """A reference inside the figure, or an embedded image; nothing that leaves the page."""
        if value.startswith("#") and value[1:] in self.ids:
            return {"href": f"#{self.ids[value[1:]]}"}
        if value.startswith("data:image/png;base64,"):
            return {"href": re.sub(r"\s+", "", value)}
        return {}

    def _element(self, element: ET.Element, *, hidden: bool = False) -> str:
        tag = _local(element.tag)
        if tag not in _ELEMENTS:
            return ""
        attributes = self._attributes(element)
        if tag == "image" and "href" not in attributes:
            return ""
        hidden = hidden or tag in {"defs", "clipPath", "pattern"}
        if tag in {"path", "text"} and not hidden:
            attributes.setdefault("fill", "#000000")
            if tag == "path" and attributes["fill"] == "none" and "stroke" not in attributes:
                return ""
        kept = {k: v for k, v in attributes.items() if _DEFAULTS.get(k) != v}
        children = self._children(element, hidden=hidden)
        text = clean(element.text or "") if tag in {"text", "tspan"} else ""
        if tag in {"g", "defs"} and not children:
            return ""
        if tag == "g" and not kept:
            return children
        written = "".join(f' {k}="{escape(v)}"' for k, v in _coloured(kept).items())
        body = f"{escape(text)}{children}"
        end = f">{body}</{tag}>" if body else "/>"
        tail = escape(clean(element.tail or "")) if tag == "tspan" else ""
        return f"<{tag}{written}{end}{tail}"

    def _children(self, element: ET.Element, *, hidden: bool) -> str:
        """Children in order; long runs of one round marker in one style become one path."""
        out: list[str] = []
        run: list[ET.Element] = []
        key: tuple[str, str] | None = None
        for child in element:
            mark = self._marker(child)
            if mark is None or mark != key:
                out.extend(self._run(run, hidden=hidden))
                run = []
            key = mark
            if mark is None:
                out.append(self._element(child, hidden=hidden))
            else:
                run.append(child)
        out.extend(self._run(run, hidden=hidden))
        return "".join(out)

    def _marker(self, element: ET.Element) -> tuple[str, str] | None:
        if _local(element.tag) == "g" and len(element) == 1 and set(element.attrib) <= {"id"}:
            return self._marker(element[0])
        if _local(element.tag) != "use":
            return None
        href = next((v for k, v in element.attrib.items() if _local(k) == "href"), "")
        if href[1:] not in self.radii:
            return None
        return href[1:], element.get("style", "")

    def _run(self, run: list[ET.Element], *, hidden: bool) -> Iterable[str]:
        """A cloud is a path of zero-length segments with round caps: 12 bytes a point."""
        if len(run) < _CLOUD:
            return [self._element(element, hidden=hidden) for element in run]
        marks = [element[0] if _local(element.tag) == "g" else element for element in run]
        first = self._marker(marks[0])
        style = self._attributes(marks[0])
        if first is None or style.get("fill", "none") == "none":
            return [self._element(element, hidden=hidden) for element in run]
        edge = 0.0
        if style.get("stroke", "none") != "none":
            edge = float(style.get("stroke-width", "1"))
        if edge and style.get("stroke") != style["fill"]:
            return [self._element(element, hidden=hidden) for element in run]
        dots = "".join(
            f"M{_short(m.get('x', '0'))} {_short(m.get('y', '0'))}h0".replace(" -", "-")
            for m in marks
        )
        attributes = {
            "d": dots,
            "stroke": style["fill"],
            "stroke-width": _short(f"{2 * self.radii[first[0]] + edge:.3f}"),
            "stroke-linecap": "round",
            "fill": "none",
        }
        opacity = style.get("opacity", style.get("fill-opacity"))
        if opacity is not None:
            attributes["opacity"] = opacity
        written = "".join(f' {k}="{escape(v)}"' for k, v in _coloured(attributes).items())
        return [f"<path{written}/>"]
