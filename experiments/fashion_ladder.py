"""The part of the page on Fashion-MNIST that looks at one pair with measuring batches of several sizes."""

from __future__ import annotations

from functools import partial
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.special import stdtrit

from experiments.fashion_figures import ladder_figure
from experiments.fashion_tables import measured, with_error
from experiments.page_parts import chosen, together
from experiments.pairs import ERROR
from gancheck.measures.figures import number_text
from gancheck.rendering.experiment_page import Agreement, Number, Part, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from experiments.finished_runs import Row

__all__ = ["ends_move_inwards", "inward_ends", "measuring_part", "same_rotation"]

_PLAYERS: Final = ("generator", "discriminator")
_ENDS: Final = 4  # two of each player


def measuring_part(rows: Sequence[Row]) -> Part:
    """One pair, looked at with batches of several sizes."""
    ladder = chosen(rows, part="ladder")[0]["measured"]["ladder"]
    ends, moved = ends_move_inwards(ladder), inward_ends(ladder)
    same = same_rotation(ladder)
    first, last = ladder[0], ladder[-1]
    own = {k: _end(r, "discriminator", "own", 1) for k, r in (("few", first), ("many", last))}
    return Part(
        name="The measuring batch",
        agreement=together([ends, same]),
        title="One pair, measured with batches of several sizes, gives several curvatures"
        if moved
        else "One pair, measured with batches of several sizes",
        lead=f"The largest eigenvalue of D’s Hessian is {number_text(own['few'][0], 3)} on batches of "
        f"{first['size']} and {number_text(own['many'][0], 3)} on batches of {last['size']}, of the "
        "same parameters. That is why every other number on this page comes from one measuring batch, "
        "and curvature from vectors that are judged on other batches than their own.",
        numbers=[
            Number(
                label="ends move inwards",
                value=str(ends),
                note=f"{moved} of 4 surely, from the smallest batch to the largest; 95 % for all "
                "sizes together",
            ),
            Number(label="expected rotation the same", value=str(same), note="the same"),
        ],
        table=Table(
            columns=["batch", "D’s largest", "elsewhere", "D’s smallest", "elsewhere",
                     "G’s largest", "elsewhere", "rotation, one", "rotation, game", "ratio"],
            rows=[_ladder_row(row) for row in ladder],
        ),
        draw=partial(ladder_figure, ladder),
        alt="Ends of both Hessians, rotation and gradient ratio of one pair by the measuring batch",
        caption="The base’s pair of seed 0. Ends of the Hessians: means of "
        f"{len(first['discriminator']['own'])} batches a size with two "
        "standard errors; dot: of the batch’s own Hessian, ring: what the same vectors find on the "
        "other batches. The end of the expected Hessian lies between them. Rotation and gradient "
        "ratio with 95 % intervals. In the table, plus and minus one standard error, or half an "
        "interval.",
    )  # fmt: skip


def _end(row: Mapping[str, Any], player: str, kind: str, end: int) -> tuple[float, float]:
    """Mean over batches of an end, and its standard error."""
    values = np.array(row[player][kind])[:, end]
    return float(values.mean()), float(values.std(ddof=1) / len(values) ** 0.5)


def _ladder_row(row: Mapping[str, Any]) -> list[str]:
    ends = [
        with_error(*_end(row, player, kind, end))
        for player, end in (("discriminator", 1), ("discriminator", 0), ("generator", 1))
        for kind in ("own", "elsewhere")
    ]
    others = [measured(row[name]) for name in ("rotation", "rotation_expected", "ratio")]
    return [number_text(row["size"]), *ends, *others]


def ends_move_inwards(ladder: Sequence[Mapping[str, Any]]) -> Agreement:
    """Whether ends of one batch's Hessian move inwards as the batch grows.

    Contradicted where one of them surely moves outwards between neighbouring sizes; as predicted
    where none does and each has surely moved inwards from the smallest size to the largest.
    Welch's t at 95 % for all of these together.
    """
    neighbours = [(p, end, a, b) for p in _PLAYERS for end in (0, 1) for a, b in pairwise(ladder)]
    if any(_inwards(*test, error=_each(ladder)) < 0 for test in neighbours):
        return Agreement.contradicted
    return Agreement.supported if inward_ends(ladder) == _ENDS else Agreement.open


def inward_ends(ladder: Sequence[Mapping[str, Any]]) -> int:
    """How many of the four ends surely lie further in at the largest size than at the smallest."""
    whole = [(p, end, ladder[0], ladder[-1]) for p in _PLAYERS for end in (0, 1)]
    return sum(_inwards(*test, error=_each(ladder)) > 0 for test in whole)


def _each(ladder: Sequence[Mapping[str, Any]]) -> float:
    """The error of one test of all: each end between neighbours, and from the first to the last."""
    return ERROR / (_ENDS * len(ladder))


def _inwards(
    player: str, end: int, few: Mapping[str, Any], many: Mapping[str, Any], *, error: float
) -> int:
    """1 where the end on the larger batches surely lies further in, -1 further out, else 0."""
    a, b = (np.array(row[player]["own"])[:, end] for row in (few, many))
    variances = [x.var(ddof=1) / len(x) for x in (a, b)]
    spread = sum(variances)
    shift = (float(a.mean() - b.mean())) * (1 if end else -1)
    if spread == 0.0:
        return int(np.sign(shift))
    freedom = spread**2 / sum(v**2 / (len(x) - 1) for v, x in zip(variances, (a, b), strict=True))
    reach = float(stdtrit(freedom, 1.0 - error / 2.0)) * spread**0.5
    return int(shift > reach) - int(shift < -reach)


def same_rotation(ladder: Sequence[Mapping[str, Any]]) -> Agreement:
    """Whether the expected game's rotation is one number for all sizes, within the errors.

    Each size has an interval at 95 % from four batches; two sizes differ where their distance is
    beyond both, widened to Student's quantile, three degrees of freedom, for all pairs together.
    """
    found = [row["rotation_expected"] for row in ladder]
    pairs = list(combinations(found, 2))
    wider = float(stdtrit(3, 1.0 - ERROR / (2 * len(pairs)))) / float(stdtrit(3, 0.975))
    apart = any(
        abs(a["value"] - b["value"])
        > wider * float(np.hypot(a["high"] - a["low"], b["high"] - b["low"])) / 2.0
        for a, b in pairs
    )
    return Agreement.contradicted if apart else Agreement.supported
