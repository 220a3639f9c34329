"""How is what a figure shows kept in a finished run, and drawn again from it?

A row of `experiments.finished_runs` is JSON, and a page is made from rows alone. So of a
measurement the arrays that its figure draws are kept, rounded to what a page can show and cut to
what it has room for, and put together to a measurement again, whose own `plot` draws them. Numbers
that decide anything are kept apart, whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from gancheck.diagnosis import Quantity
from gancheck.measures.connectivity import BridgeMass, Outcome
from gancheck.measures.generator_jacobian import SpectraByPlace
from gancheck.measures.joining_curve import JoiningCurve
from gancheck.measures.latent_paths import LatentPaths
from gancheck.measures.path_strip import Strip

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["drawn_again", "kept", "kept_spectra", "spectra_again"]

_POINTS: Final = 160  # of each kind in a scatter
_BEHIND: Final = 60
_PATHS: Final = 4
_EVERY: Final = 2  # of the scales of a curve
_DIGITS: Final = 4  # significant: more than a pixel of a page


def kept(found: BridgeMass) -> dict[str, Any]:
    """What the figure of a planar measurement draws, as JSON."""
    mass = found.quantities["bridge_mass"]
    out: dict[str, Any] = {
        "verdict": str(found.verdict),
        "because": found.because,
        "p_value": found.p_value,
        "threshold": found.threshold,
        "bridge_mass": [mass.value, *mass.interval],
        "count": found.count,
        "pairs": _plain(found.pairs),
        "joined": found.joined.tolist(),
        "generated": _plain(found.generated[:_POINTS]),
        "bridging": found.bridging[:_POINTS].tolist(),
        "real": _plain(found.real[:_POINTS]),
    }
    if found.curve is not None:
        curve = found.curve
        out["curve"] = {
            "scale": _plain(curve.scale),
            "generated": curve.generated.tolist(),
            "range": [curve.real.min(axis=0).tolist(), curve.real.max(axis=0).tolist()],
            "points": curve.points,
        }
    if found.paths is not None:
        paths = found.paths
        out["paths"] = {
            "because": paths.because,
            # widths of crossings span decades, so their ends are kept whole
            "leave": _or_null(paths.leave),
            "arrive": _or_null(paths.arrive),
            "expert": paths.expert.tolist(),
            "decoded": _plain(paths.decoded),
            "labels": paths.strip.labels.tolist(),
            "between": paths.strip.between.tolist(),
            "speed": _plain(paths.strip.speed),
            "track": _plain(paths.strip.track),
            "backdrop": _plain(paths.strip.backdrop[:_BEHIND]),
            "table": paths.expert_table.tolist(),
        }
    return out


def drawn_again(picture: Mapping[str, Any]) -> BridgeMass:
    """A measurement that draws what was kept, and knows nothing else."""
    value, low, high = picture["bridge_mass"]
    shown = np.array(picture["generated"])[:_POINTS]
    paths = None
    if "paths" in picture:
        p = picture["paths"]
        labels = np.array(p["labels"], dtype=np.int64).reshape(-1, 65)[:_PATHS]
        between = np.array(p["between"]).reshape(-1, 3)
        paths = LatentPaths(
            quantities={},
            because=p["because"],
            leave=_or_nan(p["leave"]),
            arrive=_or_nan(p["arrive"]),
            ends=np.empty((0, 2), dtype=np.int64),
            expert=np.array(p["expert"], dtype=np.int64),
            decoded=np.array(p["decoded"]),
            strip=Strip(
                t=np.linspace(0.0, 1.0, 65),
                labels=labels,
                between=between[between[:, 0] < _PATHS],
                speed=np.array(p["speed"]).reshape(-1, 64)[:_PATHS],
                track=np.array(p["track"]).reshape(-1, 65, 2)[:_PATHS],
                backdrop=np.array(p["backdrop"]).reshape(-1, 2)[:_BEHIND],
            ),
            expert_table=np.array(p["table"]),
        )
    curve = None
    if "curve" in picture:
        c = picture["curve"]
        curve = JoiningCurve(
            scale=np.array(c["scale"])[::_EVERY],
            generated=np.array(c["generated"])[::_EVERY],
            real=np.array(c["range"])[:, ::_EVERY],
            points=c["points"],
        )
    return BridgeMass(
        quantities={"bridge_mass": Quantity(value=value, low=low, high=high, unit="share")},
        verdict=Outcome(picture["verdict"]),
        because=picture["because"],
        needed=None,
        count=picture["count"],
        p_value=picture["p_value"],
        threshold=picture["threshold"],
        ambiguity=np.zeros(len(shown)),
        null_ambiguity=np.zeros(0),
        bridging=np.array(picture["bridging"], dtype=bool)[:_POINTS],
        pairs=np.array(picture["pairs"]),
        joined=np.array(picture["joined"], dtype=bool),
        generated=shown,
        real=np.array(picture["real"])[:_POINTS],
        paths=paths,
        curve=curve,
    )


def kept_spectra(found: SpectraByPlace) -> dict[str, Any]:
    """Singular values by place, as JSON."""
    return {
        "on_data": _plain(found.on_data),
        "in_gap": _plain(found.in_gap),
        "doubt": found.doubt,
    }


def spectra_again(kept: Mapping[str, Any]) -> SpectraByPlace:
    """The same from its JSON."""
    on_data, in_gap = (
        np.array(kept[name]) if kept[name] else np.zeros((0, 0)) for name in ("on_data", "in_gap")
    )
    return SpectraByPlace(on_data=on_data, in_gap=in_gap, doubt=kept["doubt"])


def _plain(values: np.ndarray) -> Any:
    """Nested lists with four significant digits."""
    flat = [float(f"{v:.{_DIGITS}g}") for v in np.asarray(values, dtype=np.float64).ravel()]
    return np.array(flat).reshape(values.shape).tolist()


def _or_null(values: np.ndarray) -> list[float | None]:
    return [float(v) if np.isfinite(v) else None for v in values]


def _or_nan(values: list[float | None]) -> np.ndarray:
    return np.array([np.nan if v is None else v for v in values])
