"""Nothing of a file runs, and every malformed one ends in one sentence, by both commands.

The kinds are made by `hostile`, `traps`, `pickle_traps` and `stand_ins`.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import pickle
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from typer.testing import CliRunner

from gancheck import cli
from gancheck.checkpoints import Refused, read
from gancheck.checkpoints.load import load_tensors
from gancheck.checkpoints.symbols import Kind, classify
from tests.checkpoints.hostile import MAGIC, OBJECTS, PAYLOADS, WRAPPERS, as_legacy, saved, wrapped
from tests.checkpoints.pickle_traps import PICKLES
from tests.checkpoints.stand_ins import ONNX, SAFETENSORS, STAND_INS
from tests.checkpoints.traps import LEGACY, VIEWS, ZIPS

if TYPE_CHECKING:
    from collections.abc import Generator

    from typer.testing import Result

    from tests.checkpoints.traps import Trap

TRAPS: dict[str, Trap] = {
    f"{group}: {name}": trap
    for group, traps in {
        "zip": ZIPS,
        "legacy": LEGACY,
        "view": VIEWS,
        "pickle": PICKLES,
        "safetensors": SAFETENSORS,
        "ONNX": ONNX,
        "stand-in": STAND_INS,
    }.items()
    for name, trap in traps.items()
}
_SECONDS = 30  # far above what any kind takes, so that only a hang reaches it


@pytest.fixture(autouse=True)
def _guard() -> Generator[None]:
    """A hang fails the test instead of stopping the run."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"took over {_SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.app, [str(word) for word in words])


def refused_by_both_commands(file: Path, said: str) -> None:
    """`inspect` and `audit` each end in exit code 3 and one sentence."""
    shown = run("inspect", file)
    assert shown.exit_code == 3
    assert re.search(said, shown.stderr)
    assert len(shown.stderr.splitlines()) == 1
    assert shown.stdout == ""
    data = json.loads(run("inspect", file, "--json").stdout)
    assert data["status"] == "refused"
    assert re.search(said, data["reason"])
    audited = run("audit", file, "--out", file.parent / "audit")
    assert audited.exit_code == 3, audited.output
    assert re.search(said, audited.stderr)


def test_the_kinds_are_many() -> None:
    assert len(TRAPS) + len(PAYLOADS) + len(OBJECTS) >= 200


@pytest.mark.parametrize("how", WRAPPERS)
@pytest.mark.parametrize("name", PAYLOADS)
def test_a_payload_is_refused_by_name_and_never_runs(name: str, how: str, tmp_path: Path) -> None:
    named, make = PAYLOADS[name]
    marker, file = tmp_path / "marker", tmp_path / "weights.safetensors"
    file.write_bytes(wrapped(how, make(str(marker))))
    with pytest.raises(Refused, match=named) as refusal:
        read(file)
    assert refusal.value.way_out
    with pytest.raises(Refused, match=named):
        load_tensors(file)
    if how == WRAPPERS[len(name) % 3]:  # a third each: the commands add nothing to the reading
        refused_by_both_commands(file, named)
    assert not marker.exists()


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_whose_class_would_do_harm_is_listed_and_never_made(
    name: str, tmp_path: Path
) -> None:
    marker, file = tmp_path / "marker", tmp_path / "object.pth"
    for how in WRAPPERS:
        file.write_bytes(wrapped(how, OBJECTS[name](str(marker))))
        index = read(file)
        assert index.needs[0].startswith("tests.checkpoints.hostile.Touching")
        with pytest.raises(Refused, match="needs class"):
            load_tensors(file)
        assert run("inspect", file).exit_code == 0
    audited = run("audit", file, "--out", tmp_path / "audit")
    assert audited.exception is None or isinstance(audited.exception, SystemExit)
    assert not marker.exists()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("name", [*PAYLOADS, *OBJECTS])
def test_the_payloads_are_live(name: str, tmp_path: Path) -> None:
    """The control of the tests above: an unpickler does create the marker."""
    marker = tmp_path / "marker"
    make = PAYLOADS[name][1] if name in PAYLOADS else OBJECTS[name]
    with contextlib.suppress(Exception):  # it ends as it likes; what counts is the marker
        pickle.loads(make(str(marker)))
    assert marker.exists()


@pytest.mark.parametrize("part", range(5))
def test_each_of_the_five_pickles_of_a_legacy_file_is_watched(part: int, tmp_path: Path) -> None:
    marker, file = tmp_path / "marker", tmp_path / "G.pth"
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    parts = [pickle.dumps(value, 2) for value in (MAGIC, 1001, system, {"w": 1}, [])]
    parts[part] = PAYLOADS["os.system"][1](str(marker))
    file.write_bytes(b"".join(parts))
    if part:  # without its magic number it is a bare pickle
        with contextlib.suppress(Exception):
            torch.load(file, weights_only=False)
        assert marker.exists()
        marker.unlink()
    refused_by_both_commands(file, "posix.system")
    assert not marker.exists()


@pytest.mark.parametrize("name", TRAPS)
def test_a_trap_is_refused_in_one_sentence_that_names_it(name: str, tmp_path: Path) -> None:
    said, make = TRAPS[name]
    file = tmp_path / "G.pth"
    file.write_bytes(make())
    with pytest.raises(Refused, match=said) as refusal:
        read(file)
    sentence = str(refusal.value)
    assert "\n" not in sentence
    assert len(sentence) < 900
    assert refusal.value.way_out
    assert refusal.value.to_dict() == {"status": "refused", "reason": sentence}
    with pytest.raises(Refused):
        load_tensors(file)
    refused_by_both_commands(file, said)


def test_the_command_itself_survives_the_worst_of_them(tmp_path: Path) -> None:
    """In processes of their own: a recursion in freeing what was read would end the process."""
    for name in ("pickle: a list 200,000 deep", "pickle: tuples 200,000 deep", "stand-in: nothing"):
        said, make = TRAPS[name]
        (tmp_path / "G.pth").write_bytes(make())
        ended = command("inspect", tmp_path / "G.pth")
        assert ended.returncode == 3
        assert said in ended.stderr
    marker = tmp_path / "marker"
    (tmp_path / "G.pth").write_bytes(as_legacy(PAYLOADS["os.system"][1](str(marker))))
    for words in (("inspect",), ("inspect", "--json"), ("audit", "--out", str(tmp_path / "a"))):
        ended = command(words[0], tmp_path / "G.pth", *words[1:])
        assert ended.returncode == 3, ended.stderr
        assert "posix.system" in ended.stdout + ended.stderr
    assert not marker.exists()


def command(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gancheck.cli", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )


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


def test_inspect_imports_only_the_standard_library(tmp_path: Path) -> None:
    """The command as the console script runs it; typer is the parser of the other commands."""
    (tmp_path / "a.pth").write_bytes(saved({"w": torch.ones(2)}))
    script = """
        import sys
        from gancheck.cli import main
        sys.argv[0] = "gancheck"
        try:
            main()
        except SystemExit as end:
            assert end.code == 0
        import gancheck.checkpoints.selection
        banned = {"torch", "numpy", "pydantic", "sympy", "scipy", "pandas", "safetensors", "rich"}
        banned |= {"pickle", "_pickle", "pickletools"}
        print(sorted(banned & set(sys.modules)))
    """
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(script),
            "inspect",
            "--json",
            str(tmp_path / "a.pth"),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert run.stdout.splitlines()[-1] == "[]", run.stderr


_UNPICKLERS = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}


def test_no_file_of_the_package_names_an_unpickler() -> None:
    """The syntax trees hold no such name, and no line is exempt from the linter's ban."""
    root = Path(__file__).parents[2]
    for path in (*(root / "gancheck").rglob("*.py"), *(root / "diagnostics").glob("*.py")):
        source = path.read_text()
        assert "noqa: TID251" not in source, path
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {alias.name for alias in node.names} | {getattr(node, "module", None)}
                assert not names & _UNPICKLERS, path
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                named = f"{node.value.id}.{node.attr}"
                assert named not in {"torch.load", "torch.serialization", "torch.hub"}, path
                assert node.value.id not in _UNPICKLERS, path


@pytest.mark.parametrize(
    "line",
    ["import pickle", "from torch import load", "import torch\n\ntorch.load(b'')", "import dill"],
)
def test_the_linter_holds_that(line: str, tmp_path: Path) -> None:
    (tmp_path / "package.py").write_text(line + "\n")
    config = Path(__file__).parents[2] / "pyproject.toml"
    ended = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "--config", str(config), "--select", "TID251", str(tmp_path)],
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert ended.returncode == 1
    assert "TID251" in ended.stdout
