"""Nothing of a file runs: every payload is refused by name and its marker never appears."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from gancheck.checkpoints import Refused, read
from gancheck.checkpoints.load import load_tensors
from gancheck.checkpoints.symbols import Kind, classify
from tests.checkpoints.hostile import PAYLOADS, WRAPPERS, wrapped


@pytest.mark.parametrize("how", WRAPPERS)
@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload_is_refused_by_name_and_never_runs(name: str, how: str, tmp_path: Path) -> None:
    named, make = PAYLOADS[name]
    marker, file = tmp_path / "marker", tmp_path / "weights.safetensors"
    file.write_bytes(wrapped(how, make(str(marker))))
    with pytest.raises(Refused) as refusal:
        read(file)
    assert named in str(refusal.value)
    with pytest.raises(Refused):
        load_tensors(file)
    assert not marker.exists()


@pytest.mark.parametrize("name", PAYLOADS)
def test_the_payloads_are_live(name: str, tmp_path: Path) -> None:
    """The control of the test above: an unpickler does create the marker."""
    marker = tmp_path / "marker"
    with contextlib.suppress(
        pickle.UnpicklingError, TypeError, AttributeError, ValueError, RuntimeError, KeyError
    ):
        pickle.loads(PAYLOADS[name][1](str(marker)))
    assert marker.exists()


@pytest.mark.parametrize(
    "symbol",
    [
        "os.system", "nt.system", "posix.popen", "subprocess.Popen", "builtins.eval", "builtins.exec",
        "__builtin__.execfile", "builtins.getattr", "builtins.__import__", "importlib.import_module",
        "pickle.loads", "_pickle.loads", "cPickle.loads", "dill.loads", "cloudpickle.cloudpickle.loads",
        "joblib.load", "runpy.run_path", "code.InteractiveInterpreter", "ctypes.CDLL", "socket.socket",
        "shutil.rmtree", "pty.spawn", "webbrowser.open", "torch.load", "torch.hub.load", "torch.jit.load",
        "torch.serialization.load", "torch.utils.cpp_extension.load", "torch._inductor.codecache.PyCodeCache",
        "numpy.load", "numpy.f2py.crackfortran.getlincoef", "pandas.read_pickle", "operator.methodcaller",
        "pip.main", "types.FunctionType", "types.CodeType", "timeit.timeit", "bdb.Bdb", "asyncio.run",
    ],
)  # fmt: skip
def test_what_can_do_harm_is_dangerous(symbol: str) -> None:
    module, _, name = symbol.rpartition(".")
    assert classify(module, name) is Kind.dangerous


@pytest.mark.parametrize(
    "symbol",
    [
        ("torch.nn.modules.conv", "math.os.system"),
        ("models", "Net.forward.__globals__"),
        ("models\nos", "X"),
        ("", "X"),
        ("models", ""),
    ],
)
def test_a_name_that_leaves_its_module_is_dangerous(symbol: tuple[str, str]) -> None:
    assert classify(*symbol) is Kind.dangerous


def test_a_call_of_something_the_file_made_is_refused() -> None:
    from gancheck.checkpoints.read import examine

    made = b"\x80\x02cmodels\nNet\n)R)R."
    with pytest.raises(Refused, match="made itself"):
        examine(made, name="x")


def test_reading_leaves_a_class_of_the_file_unimported(tmp_path: Path) -> None:
    """The file names a class of an importable module that would create the marker when imported."""
    marker = tmp_path / "marker"
    (tmp_path / "author_code.py").write_text(
        f"open({str(marker)!r}, 'w').close()\nclass Net: pass\n"
    )
    (tmp_path / "whole.pth").write_bytes(b"\x80\x02cauthor_code\nNet\n)\x81.")
    script = "from gancheck.checkpoints import read; print(read('whole.pth').why_not)"
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": f"{Path.cwd()}:{tmp_path}"},
    )
    assert run.stdout.strip() == "cannot be built: needs class author_code.Net"
    assert not marker.exists()


def test_the_static_reader_imports_only_the_standard_library(tmp_path: Path) -> None:
    from tests.checkpoints.hostile import saved

    (tmp_path / "a.pth").write_bytes(saved({}))
    script = textwrap.dedent("""
        import sys
        from gancheck.checkpoints import describe, index_json, read
        import gancheck.checkpoints.selection, gancheck.checkpoints.adapters.mlp
        describe(read(sys.argv[1])); index_json(read(sys.argv[1]))
        banned = {"torch", "numpy", "pydantic", "sympy", "scipy", "pandas", "safetensors", "pickle", "_pickle"}
        print(sorted(banned & set(sys.modules)))
    """)
    run = subprocess.run(
        [sys.executable, "-S", "-c", script, str(tmp_path / "a.pth")],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    found = run.stdout.strip()
    # `pickletools` of the standard library imports `pickle` for its self-test; nothing here calls it
    assert found in ("[]", "['_pickle', 'pickle']"), run.stderr


def test_the_source_of_the_package_calls_no_unpickler() -> None:
    import ast

    import gancheck.checkpoints

    for path in Path(gancheck.checkpoints.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text())
        imported = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        imported |= {
            str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
        }
        attributes = {
            f"{node.value.id}.{node.attr}"
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        }
        assert not imported & {"pickle", "_pickle", "dill", "marshal", "shelve"}, path
        assert not attributes & {"torch.load", "pickle.loads"}, path
