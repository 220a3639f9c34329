"""The shelves are found, from a checkout and under no other name; a broken file names itself."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gancheck import content

ROOT = Path(content.__file__).resolve().parents[2]


def test_theorems_come_by_id_and_in_order():
    found = content.theorems()
    assert list(found) == sorted(found)
    assert all(theorem.id == name for name, theorem in found.items())
    files = {p.stem.replace("_", "-") for p in (ROOT / "proofs").glob("[a-z]*.py")}
    assert set(found) == files


def test_a_shelf_is_one_package_under_gancheck_content():
    theorem = content.theorems()["gradient-ratio"]
    assert theorem.derive.__module__ == "gancheck.content.proofs.gradient_ratio"
    assert "proofs" not in sys.modules


@pytest.fixture
def checkout(tmp_path):
    """A copy of what the shelves need, with a small shelf of its own."""
    shutil.copytree(ROOT / "gancheck" / "theory", tmp_path / "gancheck" / "theory")
    shutil.copytree(ROOT / "gancheck" / "content", tmp_path / "gancheck" / "content")
    for name in ("__init__.py", "diagnosis.py"):
        shutil.copy(ROOT / "gancheck" / name, tmp_path / "gancheck" / name)
    (tmp_path / "pyproject.toml").write_text("")
    for shelf in ("proofs", "diagnostics"):
        (tmp_path / shelf).mkdir()
        (tmp_path / shelf / "__init__.py").write_text("")
    shutil.copy(ROOT / "proofs" / "gradient_ratio.py", tmp_path / "proofs")
    return tmp_path


def listed(checkout, call="theorems"):
    code = f"from gancheck import content; print(list(content.{call}()))"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=checkout, capture_output=True, text=True, timeout=60
    )


def test_a_checkout_of_its_own_shows_its_own_shelves(checkout):
    assert listed(checkout).stdout.strip() == "['gradient-ratio']"
    assert listed(checkout, "diagnostics").stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def broken(:\n", "SyntaxError"),
        ("import nothing_of_this_name\n", "ModuleNotFoundError"),
        ("theorem = 3\n", "of type Theorem, got int"),
        ("", "got NoneType"),
        ("from .gradient_ratio import theorem\n", "the id must be the file's name"),
    ],
)
def test_a_broken_theorem_file_is_an_error_that_names_it(checkout, text, reason):
    (checkout / "proofs" / "bad_file.py").write_text(text)
    result = listed(checkout)
    assert result.returncode != 0
    last = result.stderr.strip().splitlines()[-1]
    assert "BrokenShelf" in last
    assert "bad_file.py" in last
    assert reason in last


def test_a_broken_diagnostic_file_and_a_missing_package_file_name_themselves(checkout):
    (checkout / "diagnostics" / "bad_one.py").write_text("diagnostic = 'GC001'\n")
    assert "bad_one.py" in listed(checkout, "diagnostics").stderr.splitlines()[-1]
    (checkout / "proofs" / "__init__.py").unlink()
    assert "proofs/__init__.py" in listed(checkout).stderr.splitlines()[-1]


def test_a_file_with_an_underscore_helps_and_is_no_theorem(checkout):
    (checkout / "proofs" / "_shared.py").write_text("value = 1\n")
    assert listed(checkout).stdout.strip() == "['gradient-ratio']"


def test_theory_and_proofs_import_neither_torch_nor_numpy():
    code = (
        "import sys; from gancheck import content; content.theorems(); "
        "print(sorted({'torch', 'numpy'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert result.stdout.strip() == "[]"


def test_no_verdict_path_rests_on_simplify_or_force():
    for folder in ("gancheck/theory", "proofs"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text()
            assert ".simplify(" not in text, path
            assert "force=True" not in text, path
