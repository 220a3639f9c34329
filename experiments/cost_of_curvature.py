"""How does the cost of curvature grow with the networks and with the batch?

Claim
    A product by double backward over a stored graph costs a fixed number of gradients, whatever the
    size: a layer takes three products of matrices in a gradient and six in a second-order pass in
    which its weights are differentiated. Where both players cost the same that is 1.6 gradients for
    H v and two evaluations of the field for J v; what is elementwise comes on top. So an answer
    costs its number of products, and that is a matter of the spectrum, not of its length.

Predicted
    Products: what `benchmarks/README.md` holds at one size holds at every size: at most 2 gradients
    for H v, 3.2 evaluations of the field for J v and 2.5 for J^T v.
    Answers: no game of a family takes more than twice the products of its smallest one.
    Memory: the resident set grows by no more than a quarter beyond what was announced.

How it is measured
    Perceptrons on eight normals and DCGAN pairs on images of 32 pixels, in float32, by width; CPU
    time of one thread. Products: networks as initialised, because the cost of a product does not
    depend on the weights; the gradient and the field are written as a user would write them, with
    one shared D(G(z)). Seven rounds, everything in turn; the median ratio and its quartiles.
    Answers: after some steps of training, because the products that a search needs do depend on
    the weights; one batch, the defaults of each measure: ten eigenvalues at each end of G's Hessian,
    the stability verdict, the rotation. Their time is over that of a gradient (of the field for the
    last two) taken before, between and after them.
    Memory: in a process for each, after a small game has loaded what is loaded once: the resident
    set after the graph is built, and its peak over the whole search, above the set before either.
    Announced are the bytes that `graph_bytes` expects of the graph and the basis of the plan that
    the measure prints before it begins.

What would refute it
    Products: a cell whose lower quartile is above the bound. Answers: a cell with more than twice
    the products of the smallest game of its family. Memory: growth above 1.25 of what was announced.

Bounds and cells were fixed before the runs. Ten million parameters are measured by single products
and by memory alone, because the machine is shared.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from experiments.cost_of_curvature_cells import measured
from experiments.cost_of_curvature_page import page
from experiments.finished_runs import FinishedRuns, make_missing
from gancheck.rendering.experiment_page import write_experiment_page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["main", "planned"]

# Widths at which a game has about 1e4, 1e5, 1e6 and 1e7 parameters, both players together.
WIDTHS = {"perceptrons": (47, 155, 497, 1578), "convolutions": (5, 16, 51, 161)}
BATCHES = (16, 64, 256, 1024)
ROUNDS = 7
STEPS = 200
_FILLS = 90  # products that fill a basis of 61 vectors and compress it once


def planned(*, small: bool = False) -> list[dict[str, Any]]:
    """Configurations of all cells, the light ones first.

    Args:
        small: only the smallest game of each part and family, for a look that takes minutes.
    """
    cells = [
        *(_cell("products", *c, rounds=ROUNDS) for c in _product_cells()),
        *(_cell("answers", *c, steps=STEPS, seed=0) for c in _answer_cells()),
        *(_cell("memory", *c, search=s, seed=0, products=most) for s, most, c in _memory_cells()),
    ]
    least = {
        (c["part"], c["family"]): c["width"] for c in sorted(cells, key=_by_width, reverse=True)
    }
    return [c for c in cells if not small or c["width"] == least[c["part"], c["family"]]]


def _by_width(cell: Mapping[str, Any]) -> int:
    return cell["width"]


def _cell(part: str, family: str, width: int, batch: int, **own: Any) -> dict[str, Any]:
    return {"part": part, "family": family, "width": width, "batch": batch, **own}


def _product_cells() -> list[tuple[str, int, int]]:
    *light, heavy = WIDTHS["perceptrons"]
    of_perceptrons = [(w, b) for w in light for b in BATCHES] + [(heavy, BATCHES[0])]
    _, middle, *_ = WIDTHS["convolutions"]
    of_convolutions = [(w, BATCHES[0]) for w in WIDTHS["convolutions"]]
    of_convolutions += [(middle, b) for b in BATCHES[1:]]
    return [("perceptrons", *c) for c in of_perceptrons] + [
        ("convolutions", *c) for c in of_convolutions
    ]


def _answer_cells() -> list[tuple[str, int, int]]:
    small, middle, large, _ = WIDTHS["perceptrons"]
    tiny, common, wide, _ = WIDTHS["convolutions"]
    return [
        ("perceptrons", small, 64),
        ("perceptrons", middle, 64),
        ("perceptrons", large, 64),
        ("perceptrons", middle, 16),
        ("perceptrons", middle, 256),
        ("perceptrons", middle, 1024),
        ("convolutions", tiny, 16),
        ("convolutions", common, 16),
        ("convolutions", wide, 16),
    ]


def _memory_cells() -> list[tuple[str, int | None, tuple[str, int, int]]]:
    """The search, the products it may spend, and the game; the heaviest only fills its basis."""
    _, middle, large, heavy = WIDTHS["perceptrons"]
    _, common, wide, _ = WIDTHS["convolutions"]
    both = [
        ("perceptrons", middle, 64),
        ("perceptrons", middle, 1024),
        ("perceptrons", large, 64),
        ("convolutions", common, 64),
        ("convolutions", wide, 16),
    ]
    return [
        *(("ends", None, c) for c in both),
        *(("stability", None, c) for c in both[:-1]),
        ("ends", _FILLS, ("perceptrons", heavy, 16)),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the cells that are not there yet, then write the page from all of them."""
    given = _parser().parse_args(arguments)
    torch.set_num_threads(1)
    command = "python -m experiments.cost_of_curvature" + (" --small" if given.small else "")
    try:
        rows = make_missing(
            planned(small=given.small), FinishedRuns(given.runs / "rows.jsonl"), measured, _words
        )
        path = given.out / "cost_of_curvature.html"
        write_experiment_page(page(rows, command=command), path)
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from the last finished cell", file=sys.stderr)
        return 130
    except (OSError, ValueError) as error:
        print(f"cost_of_curvature: {error}", file=sys.stderr)
        return 2
    print(f"page: {path}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.cost_of_curvature", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--small", action="store_true", help="only the smallest games; minutes")
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path("reports/runs/cost_of_curvature"),
        help="folder of the finished cells, one line each in rows.jsonl",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("reports/gallery"), help="folder of the page"
    )
    return parser


def _words(configuration: Mapping[str, Any]) -> str:
    what = configuration.get("search", "")
    return (
        f"{configuration['part']}{f' ({what})' if what else ''}: {configuration['family']} of width "
        f"{configuration['width']}, batch {configuration['batch']}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
