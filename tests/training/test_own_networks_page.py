"""The pages about one's own loop are scripts that run, and the recipes of a page are recipes."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import nn

import gancheck
from gancheck import latents
from gancheck.diagnosis import Plan
from gancheck.recipe_file import read_recipe
from gancheck.sweep import read_sweep

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "own_networks.md"


def test_every_block_of_the_page_runs_in_its_order(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102 (our own page)
    assert len(blocks) == 6
    assert capsys.readouterr().out.split() == [
        word for step in (20, 40, 60) for word in (str(step), f"step_{step:08d}.safetensors")
    ]


def test_the_page_about_watching_runs_and_leaves_a_report(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "own_loop.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    exec(compile(block, "own_loop.md", "exec"), {"__name__": "page"})  # noqa: S102 (our own page)
    assert "overhead" in capsys.readouterr().out
    assert (tmp_path / "watched.html").exists()


def test_the_shape_of_the_usual_dcgan_script_is_read_as_the_page_says() -> None:
    g = nn.Sequential(nn.ConvTranspose2d(5, 1, 4), nn.Tanh())
    d = nn.Sequential(nn.Conv2d(1, 1, 4), nn.Sigmoid())
    assert d(g(torch.zeros(3, 5, 1, 1))).shape == (3, 1, 1, 1)
    game = gancheck.Game(
        nn.Sequential(nn.Unflatten(1, (5, 1, 1)), g),
        d,
        loss="non-saturating",
        discriminator_output="probability",
        latent=latents.normal(5),
        data=torch.rand(40, 1, 4, 4),
    )
    plan = Plan(batch_size=8, samples=32, gradient_batch=8)
    found = gancheck.diagnose(game, codes=["GC001", "GC004"], plan=plan)
    assert all(f.quantities for f in found.findings)


def test_the_recipes_of_the_page_are_recipes(tmp_path: Path) -> None:
    text = (DOCS / "recipes.md").read_text(encoding="utf-8")
    one, many = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "mine.toml").write_text(one)
    (tmp_path / "sweep.toml").write_text(many)
    assert read_recipe(tmp_path / "mine.toml").regularisation.r1 == 0.1
    assert [r.name for r in read_sweep(tmp_path / "sweep.toml").recipes][-1] == "mine"
