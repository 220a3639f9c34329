"""Training curves on a page are the rows of the run's metrics, in their own colours."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gancheck.measures.figures import DISCRIMINATOR, GENERATOR, INK
from gancheck.rendering.compare_page import overlay
from gancheck.rendering.history import curves, history_figure
from tests.drawn import lines

ROWS = [
    {"step": 10 * k, "loss_g": math.exp(-0.1 * k), "loss_d": 1.0 - 0.02 * k, "rate": 5.0 + k}
    for k in range(1, 31)
]


def column(name: str, rows: list[dict[str, float]] = ROWS) -> list[list[float]]:
    return [[row["step"], row[name]] for row in rows]


@pytest.mark.parametrize("width", [690, 340])
def test_each_metric_is_a_line_through_its_rows(width: int) -> None:
    losses, rate = history_figure(curves(ROWS), width).axes[:2]
    for name, colour in (("loss_g", GENERATOR), ("loss_d", DISCRIMINATOR)):
        (line,) = lines(losses, colour)
        assert line.tolist() == column(name)
    (line,) = lines(rate, INK)
    assert line.tolist() == column("rate")


def test_of_a_long_run_means_of_buckets_are_drawn_and_what_is_lost_is_left_out() -> None:
    many = [{"step": k, "rate": float(k % 7)} for k in range(1, 5001)]
    many[99]["rate"] = math.nan
    drawn = curves(many)
    assert drawn.bucket > 1
    assert drawn.notes == ("rate is not finite at step 100.",)
    (line,) = lines(history_figure(drawn, 690).axes[0], INK)
    first = [row["rate"] for row in many[: drawn.bucket]]
    assert line[0] == pytest.approx([np.mean(np.arange(1, drawn.bucket + 1)), np.mean(first)])
    held = next(i for i in range(len(line)) if (i + 1) * drawn.bucket >= 100)
    bucket = many[held * drawn.bucket : (held + 1) * drawn.bucket]
    kept = [row["rate"] for row in bucket if math.isfinite(row["rate"])]
    assert line[held, 1] == pytest.approx(np.mean(kept))


def test_two_runs_lie_over_each_other_the_base_dashed() -> None:
    later = [{**row, "loss_g": 2.0 * row["loss_g"]} for row in ROWS]
    losses = overlay(curves(ROWS), curves(later), 690).axes[0]
    found = {
        line.is_dashed(): np.column_stack(line.get_data()).tolist()
        for line in losses.lines
        if line.get_color() == GENERATOR
    }
    assert found == {True: column("loss_g"), False: column("loss_g", later)}
