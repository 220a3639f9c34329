"""The wheel holds what the tree holds, and proves, trains and diagnoses outside any checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    # no isolation: the build backend is a development dependency, so nothing is fetched here;
    # a copy of the tree, so that no build folder of the checkout leaks old files into the wheel
    source = out / "tree"
    for name in ("gancheck", "proofs", "diagnostics", "pyproject.toml", "README.md", "LICENSE"):
        subprocess.run(["cp", "-r", str(ROOT / name), "-t", str(_made(source))], check=True)
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(out), str(source)],
        check=True,
        capture_output=True,
    )
    (built,) = out.glob("*.whl")
    return built


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _tree() -> set[str]:
    shelves = {"proofs": "gancheck/content/proofs", "diagnostics": "gancheck/content/diagnostics"}
    names = set()
    for top in ("gancheck", *shelves):
        for path in (ROOT / top).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                inside = path.relative_to(ROOT / top).as_posix()
                names.add(f"{shelves.get(top, top)}/{inside}")
    return names


def test_the_wheel_s_file_list_is_the_tree_s(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {n for n in archive.namelist() if ".dist-info/" not in n}
    assert packed == _tree()


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """A program of the installed wheel, run in a folder of its own; what it prints."""
    folder = tmp_path_factory.mktemp("installed")
    env = folder / "env"
    subprocess.run([sys.executable, "-m", "venv", str(env)], check=True)
    python = env / "bin" / "python"
    subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)],
        check=True,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )
    site = next((env / "lib").glob("python*/site-packages"))
    # The outer environment lends its torch and the rest; its own editable gancheck must not win,
    # so the .pth line comes after this environment's site-packages on the path.
    (site / "outer.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    clean = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    where = subprocess.run(
        [str(python), "-c", "import gancheck; print(gancheck.__file__)"],
        cwd=folder, env=clean, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert str(env) in where.stdout

    def run(program: str, *arguments: str) -> str:
        done = subprocess.run(
            [str(env / "bin" / program), *arguments],
            cwd=folder, env=clean, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_an_installed_wheel_proves_a_theorem_outside_the_checkout(
    installed: Callable[..., str],
) -> None:
    told = installed("gancheck", "prove", "optimal-discriminator")
    assert "optimal-discriminator" in told
    assert "1 of 1 hold" in told


def test_an_installed_wheel_reads_its_shelves_more_than_once(
    installed: Callable[..., str],
) -> None:
    """A package of the shelf's name must not take the place of the function of that name."""
    told = installed(
        "python",
        "-c",
        "from gancheck import content\n"
        "for _ in range(2): print(*content.diagnostics('weights'), len(content.theorems()))",
    )
    first, second = told.splitlines()
    assert first == second
    assert first.startswith("GC101 ")


@pytest.mark.slow
def test_an_installed_wheel_trains_and_diagnoses(installed: Callable[..., str]) -> None:
    installed("gancheck", "train", "dirac", "--set", "steps=2", "--out", "run")
    told = installed("gancheck", "diagnose", "run", "--only", "GC003", "--fail-on", "never")
    assert "page: run/report.html" in told
