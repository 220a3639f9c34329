"""The page about one's own loop is a script that runs."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "own_training_loop.md"


def test_every_block_of_the_page_runs_in_its_order(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102 (our own page)
    assert len(blocks) == 5
    assert capsys.readouterr().out.split() == [
        word for step in (20, 40, 60) for word in (str(step), f"step_{step:08d}.safetensors")
    ]
