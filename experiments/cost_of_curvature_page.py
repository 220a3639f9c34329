"""What the page on the cost of curvature says, for whatever its cells have shown.

Each of its three parts compares every cell with a bound that was written before the runs
(`experiments.cost_of_curvature`); every sentence on an outcome is chosen by that comparison or holds
the numbers themselves. Nothing between or beyond the cells is stated. It is one file, a little over
400 lines, because a reader should find the words for every outcome in one place.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# (matplotlib's own signatures are partially unknown)
from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from experiments.cost_of_curvature_figures import answers_figure, memory_figure, products_figure
from gancheck.measures.figures import THIN, number_text
from gancheck.rendering.experiment_page import Agreement, ExperimentPage, Number, Part, Table
from gancheck.rendering.numbers import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from experiments.finished_runs import Row

__all__ = ["ANNOUNCED", "BOUNDS", "MORE_PRODUCTS", "page"]

BOUNDS: Final = {"hessian": 2.0, "jacobian": 3.2, "transposed": 2.5}
MORE_PRODUCTS: Final = 2.0
ANNOUNCED: Final = 1.25
_PRODUCT: Final = {"hessian": "H v", "jacobian": "J v", "transposed": "Jᵀ v"}
_ANSWER: Final = {"ends": "10 + 10 ends", "stability": "stability", "rotation": "rotation"}
_UNIT: Final = {"gradient": "gradients", "field": "fields"}
_FAMILY: Final = {"perceptrons": "MLP", "convolutions": "DCGAN"}

_CLAIM = (
    "A product by double backward over a stored graph costs a fixed number of gradients, whatever "
    "the size of networks and batch: a layer takes three products of matrices in a gradient and six "
    "in a second-order pass. So an answer costs its number of products, which is a matter of the "
    "spectrum and not of its length."
)
_PREDICTED = (
    f"At every size H v takes at most {BOUNDS['hessian']:g} gradients, J v at most "
    f"{BOUNDS['jacobian']:g} and Jᵀ v at most {BOUNDS['transposed']:g} evaluations of the field. No "
    f"game takes more than {MORE_PRODUCTS:g} times the products of the smallest of its family. "
    f"Memory grows by no more than {ANNOUNCED:g} times what was announced."
)
_REFUTED_BY = (
    "A ratio whose lower quartile is above its bound; an answer with more than twice the products; "
    "growth beyond a quarter above the announcement. Each in any cell."
)
_LIMITS: Final = (
    "One machine, one thread, two families of networks, tanh in the one and batch norm in the "
    "other. A GPU or many threads have other ratios, above all for small networks.",
    "Other programs ran beside these. CPU time leaves out their share, not what they do to caches and "
    "to the bandwidth of memory.",
    "The products of an answer are those of one seed, one batch and one state of training each: "
    "another state of the same game has another spectrum.",
    "Cells are what was measured. Between and beyond them nothing is claimed, and no line is fitted.",
    "Whole reports cost more than these answers on one batch: they ask fresh batches and other "
    "sizes too, and print that plan before they begin.",
    "The memory of a process is that of its allocator too, which keeps what it once had.",
)


def page(rows: Sequence[Row], *, command: str) -> ExperimentPage:
    """Everything the page says, from the finished cells alone.

    Args:
        rows: of all cells.
        command: that made them.

    Raises:
        ValueError: a part without a cell.
    """
    products, answers, memory = (_of(rows, part) for part in ("products", "answers", "memory"))
    for name, found in (("products", products), ("answers", answers), ("memory", memory)):
        if not found:
            raise ValueError(f"a page needs cells of every part, got none of {name}")
    parts = [_products_part(products), _answers_part(answers), _memory_part(memory)]
    return ExperimentPage(
        question="How does the cost of curvature grow with the networks and with the batch?",
        agreement=_together([p.agreement for p in parts]),
        headline=f"From {_sizes(products)} parameters a product with a Hessian costs "
        f"{_range(products, 'hessian')} gradients; the products of an answer grow "
        f"{_largest_growth(answers):.2g}-fold at most.",
        claim=_CLAIM,
        theorems=(),
        predicted=_PREDICTED,
        refuted_by=_REFUTED_BY,
        parts=parts,
        conclusion=_conclusion(products, answers, memory),
        limits=_LIMITS,
        command=command,
        facts=_facts(rows),
        result={"cells": [{**r["configuration"], **r["measured"]} for r in rows]},
    )


def _of(rows: Sequence[Row], part: str) -> list[Row]:
    return [r for r in rows if r["configuration"]["part"] == part]


def _together(found: Sequence[Agreement]) -> Agreement:
    """One word for several comparisons with what was predicted."""
    kinds = set(found)
    if len(kinds) == 1:
        return kinds.pop()
    return Agreement.open if kinds == {Agreement.supported, Agreement.open} else Agreement.partly


def _judged(measured: float, bound: float) -> Agreement:
    return Agreement.supported if measured <= bound else Agreement.contradicted


def _ratio_agreement(row: Row) -> Agreement:
    """All three ratios of a cell: their quartiles against the bounds."""
    ratios = row["measured"]["ratios"]
    if any(ratios[name][0] > bound for name, bound in BOUNDS.items()):
        return Agreement.contradicted
    inside = all(ratios[name][2] <= bound for name, bound in BOUNDS.items())
    return Agreement.supported if inside else Agreement.open


def _cells(rows: Sequence[Row]) -> list[list[str]]:
    """Family, parameters and batch of each row."""
    return [
        [
            _FAMILY[r["configuration"]["family"]],
            f"{r['measured']['parameters']:,}".replace(",", THIN),
            number_text(r["configuration"]["batch"]),
        ]
        for r in rows
    ]


def _sizes(rows: Sequence[Row]) -> str:
    sizes = [r["measured"]["parameters"] for r in rows]
    return f"{number_text(min(sizes), 2)} to {number_text(max(sizes), 2)}"


def _products_part(rows: Sequence[Row]) -> Part:
    found = [_ratio_agreement(r) for r in rows]
    above, within = found.count(Agreement.contradicted), found.count(Agreement.supported)
    name, row = _farthest(rows)
    ratio = row["measured"]["ratios"][name][1]
    where = (
        f"{above} of {len(rows)} cells are surely above a bound, {within} surely within all three. "
        f"The farthest from its bound is {_PRODUCT[name]}, {ratio:.2f} where "
        f"{BOUNDS[name]:g} was predicted: {_named(row)}, where a gradient takes {_brief(row)}."
    )
    return Part(
        name="Products",
        agreement=_together(found),
        title=f"H v costs {_range(rows, 'hessian')} gradients, J v {_range(rows, 'jacobian')} and "
        f"Jᵀ v {_range(rows, 'transposed')} evaluations of the field",
        lead=f"Medians of seven rounds on networks as initialised. {where}",
        numbers=[
            Number(
                label=f"{_PRODUCT[name]}, least to most",
                value=_span([r["measured"]["ratios"][name][1] for r in rows]),
                note=f"{'gradients' if name == 'hessian' else 'evaluations of the field'}; predicted "
                f"at most {bound:g}",
            )
            for name, bound in BOUNDS.items()
        ],
        table=Table(
            columns=["networks", "parameters", "batch", "gradient", "H v", "J v", "Jᵀ v"],
            rows=[
                [
                    *cell,
                    _brief(r),
                    *(f"{r['measured']['ratios'][name][1]:.2f}" for name in BOUNDS),
                ]
                for cell, r in zip(_cells(rows), rows, strict=True)
            ],
        ),
        draw=partial(products_figure, rows, BOUNDS),
        alt="Cost of each product in gradients or fields, by parameters and by batch size",
        caption="What one product costs, in gradients (H v) or evaluations of the field (J v, Jᵀ v). "
        "Left by parameters at the smallest batch, right by batch. Dots: MLP. Rings: DCGAN. "
        "Dashed: the bounds.",
        folded={
            "Quartiles over the rounds": Table(
                columns=["networks", "parameters", "batch", *_PRODUCT.values()],
                rows=[
                    [*cell, *(_span(r["measured"]["ratios"][name]) for name in BOUNDS)]
                    for cell, r in zip(_cells(rows), rows, strict=True)
                ],
            )
        },
    )


def _farthest(rows: Sequence[Row]) -> tuple[str, Row]:
    """The product and the cell whose median is the largest share of its bound."""
    return max(
        ((name, r) for r in rows for name in BOUNDS),
        key=lambda found: found[1]["measured"]["ratios"][found[0]][1] / BOUNDS[found[0]],
    )


def _named(row: Row) -> str:
    family, parameters, batch = _cells([row])[0]
    return f"{family}, {parameters} parameters, batch {batch}"


def _brief(row: Row) -> str:
    return f"{number_text(1e3 * row['measured']['gradient_seconds'], 2)}\u00a0ms"


def _range(rows: Sequence[Row], name: str) -> str:
    found = [r["measured"]["ratios"][name][1] for r in rows]
    return f"{min(found):.1f} to {max(found):.1f}"


def _span(values: Sequence[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f}"


def _growth(rows: Sequence[Row]) -> list[tuple[Row, str, float]]:
    """Of each answer of each cell: products over those of the smallest game of its family."""
    out: list[tuple[Row, str, float]] = []
    for r in rows:
        family = [o for o in rows if o["configuration"]["family"] == r["configuration"]["family"]]
        smallest = min(family, key=lambda o: o["measured"]["parameters"])
        for name, answer in r["measured"]["answers"].items():
            before = smallest["measured"]["answers"][name]["products"]
            out.append((r, name, answer["products"] / before))
    return out


def _largest_growth(rows: Sequence[Row]) -> float:
    return max(growth for _, _, growth in _growth(rows))


def _answers_part(rows: Sequence[Row]) -> Part:
    grown = _growth(rows)
    row, name, most = max(grown, key=lambda g: g[2])
    found = [_judged(growth, MORE_PRODUCTS) for _, _, growth in grown]
    many = {a: [r["measured"]["answers"][a]["products"] for r in rows] for a in _ANSWER}
    return Part(
        name="Whole answers",
        agreement=_together(found),
        title=f"The products of an answer grow at most {most:.2g}-fold over the measured sizes",
        lead=f"Games that were trained for {_steps(rows)} steps, one batch, each measure's defaults. "
        f"The most is that of {_ANSWER[name]}: {_named(row)}.",
        numbers=[
            Number(
                label=f"{words}, products",
                value=f"{min(many[a])} to {max(many[a])}",
                note=_cost_range(rows, a),
            )
            for a, words in _ANSWER.items()
        ],
        table=Table(
            columns=[
                "networks", "parameters", "batch",
                "ends: products, gradients", "verdict: products, fields", "rotation: products, fields",
            ],
            rows=[
                [
                    *cell,
                    *(
                        f"{number_text(r['measured']['answers'][a]['products'])}, "
                        f"{number_text(r['measured']['answers'][a]['cost'], 3)}"
                        for a in _ANSWER
                    ),
                ]
                for cell, r in zip(_cells(rows), rows, strict=True)
            ],
        ),
        draw=partial(answers_figure, rows),
        alt="Products of each answer, by parameters and by batch size",
        caption="Products that each answer took, left by parameters, right by batch. Dots: "
        "MLP. Rings: DCGAN. In the table, behind the products, the CPU time of the "
        "whole answer in gradients (ends) or evaluations of the field (stability, rotation).",
        folded={
            "What was answered, and in how long": Table(
                columns=["networks", "parameters", "batch", *_ANSWER.values()],
                rows=[
                    [
                        *cell,
                        *(
                            f"{r['measured']['answers'][a]['said']}, "
                            f"{duration(r['measured']['answers'][a]['seconds'])}"
                            for a in _ANSWER
                        ),
                    ]
                    for cell, r in zip(_cells(rows), rows, strict=True)
                ],
            )
        },
    )  # fmt: skip


def _steps(rows: Sequence[Row]) -> str:
    return ", ".join(dict.fromkeys(str(r["configuration"]["steps"]) for r in rows))


def _cost_range(rows: Sequence[Row], name: str) -> str:
    costs = [r["measured"]["answers"][name]["cost"] for r in rows]
    unit = _UNIT[rows[0]["measured"]["answers"][name]["unit"]]
    return f"{number_text(min(costs), 2)} to {number_text(max(costs), 2)} {unit} of time"


def _shares(row: Row) -> tuple[float, float]:
    """Grown over announced: of the graph alone, and of graph and basis at the search's peak."""
    m = row["measured"]
    return (
        m["graph_grown"] / m["graph_announced"],
        m["all_grown"] / (m["graph_announced"] + m["basis_announced"]),
    )


def _memory_part(rows: Sequence[Row]) -> Part:
    shares = [_shares(r) for r in rows]
    found = [_judged(share, ANNOUNCED) for both in shares for share in both]
    graphs, peaks = zip(*shares, strict=True)
    return Part(
        name="Memory",
        agreement=_together(found),
        title=f"A search's peak is {_span(peaks)} of what was announced, a graph's {_span(graphs)}",
        lead="Each in a process of its own: the resident set above what it was before the graph was "
        "built. What is announced of a graph are the tensors that it saves; an operator also keeps "
        "the gradients themselves and a flat copy of them, and the allocator what its probes took.",
        numbers=[
            Number(
                label="peak of a search, of the announced",
                value=_span(peaks),
                note=f"graph and basis; predicted at most {ANNOUNCED:g}",
            ),
            Number(
                label="graph alone, of the announced",
                value=_span(graphs),
                note=f"predicted at most {ANNOUNCED:g}",
            ),
        ],
        table=Table(
            columns=[
                "search for", "networks", "parameters", "batch", "graph announced", "grown",
                "with basis announced", "peak grown",
            ],
            rows=[
                [
                    r["configuration"]["search"],
                    *cell,
                    *(
                        f"{number_text(size / 1e6, 3)} MB"
                        for size in (
                            r["measured"]["graph_announced"],
                            r["measured"]["graph_grown"],
                            r["measured"]["graph_announced"] + r["measured"]["basis_announced"],
                            r["measured"]["all_grown"],
                        )
                    ),
                ]
                for cell, r in zip(_cells(rows), rows, strict=True)
            ],
            words=2,
        ),
        draw=partial(memory_figure, rows),
        alt="Growth of the resident set against the bytes announced",
        caption="Growth of the resident set against what was announced, both in MB. Rings: the stored "
        "graph alone. Dots: the peak of the whole search against graph and basis. The line is "
        "equality, the dashed one a quarter more.",
    )  # fmt: skip


def _conclusion(
    products: Sequence[Row], answers: Sequence[Row], memory: Sequence[Row]
) -> list[str]:
    out = [
        f"**Count in gradients.** From {_sizes(products)} parameters a product costs "
        f"{_range(products, 'hessian')} gradients (H v), {_range(products, 'jacobian')} and "
        f"{_range(products, 'transposed')} evaluations of the field (J v, Jᵀ v). The count of matrix products leaves out what is elementwise, the calls, "
        "and the traffic of weights: where a batch is small against the layers, reading and writing "
        "them is what takes the time, and a second-order pass does more of it.",
    ]
    each = [a["cost"] / a["products"] for r in answers for a in r["measured"]["answers"].values()]
    worst = max(
        answers,
        key=lambda r: max(a["cost"] / a["products"] for a in r["measured"]["answers"].values()),
    )
    out.append(
        f"**An answer's price.** It took {min(each):.2g} to {max(each):.2g} gradients (or fields) for "
        "each of its products, with everything else that a search does: orthogonalising, a second "
        f"look in float64. The most: {_named(worst)}. To orthogonalise against sixty vectors, twice, "
        "is as many multiplications a parameter as a gradient on forty samples, so that small batches "
        "feel it."
    )
    shares = [_shares(r) for r in memory]
    peak, graph = max(s[1] for s in shares), max(s[0] for s in shares)
    out.append(
        f"**Leave room.** A search's peak was up to {peak:.2g} times, a graph up to {graph:.2g} times "
        "what was announced: the announcement counts what is kept for long, not what the pass of a "
        "product takes while it runs, nor what the allocator keeps of it."
        if max(peak, graph) > 1.0
        else "**The announcement covers it.** Nothing grew beyond what was announced."
    )
    return out


def _facts(rows: Sequence[Row]) -> list[tuple[str, str]]:
    def all_of(values: list[Any]) -> str:
        return ", ".join(dict.fromkeys(str(v) for v in values))

    versions: dict[str, list[Any]] = {}
    for row in rows:
        for name, version in row["versions"].items():
            versions.setdefault(name, []).append(version)
    return [
        ("cells", str(len(rows))),
        ("processor", all_of([r["measured"]["processor"] for r in rows])),
        ("CPUs, of which one thread was used", all_of([r["measured"]["cpus"] for r in rows])),
        ("time", "CPU seconds of the process, every call in turn"),
        ("precision", "float32"),
        *((name, all_of(found)) for name, found in versions.items()),
    ]
