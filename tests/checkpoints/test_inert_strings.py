"""Whatever text a file holds, in whichever place: the terminal and JSON show it and never obey it."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING

import pytest
import torch

from gancheck.checkpoints import json_text
from gancheck.inspecting import inspect_files
from tests.checkpoints.hostile import as_zip, saved, text, zipped
from tests.checkpoints.stand_ins import field, initialiser, onnx, safetensors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVIL = {
    "escape sequences": "a\x1b[2J\x1b]0;title\x07\x9b31m",
    "right-to-left marks": "a\u202egnp.exe\u2066\u200f",
    "a closing script": "a</script><img src=x onerror=alert(1)>&quot;'\"",
    "line breaks": "a\nrefused: no\r\n\x85\u2028\u2029",
    "invisible": "a\u200b\u00ad\ufeff\u00a0\u3000\U000e0041",
    "5 kB": "a" * 5000,
    "surrogates": "a\udc80\ud800",
    "a template": "{{ 7 * 7 }}{% raw %}%s{0}\\x1b$(touch x)`touch x`",
}


def _state(name: str) -> bytes:
    return saved({name: torch.ones(2)})


def _safetensors(name: str) -> bytes:
    entry = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}
    header = {name: entry, "__metadata__": {name: name}}
    return safetensors(json.dumps(header), bytes(4))


def _onnx(name: str) -> bytes:
    raw = name.encode("utf-8", "surrogatepass")
    shape = field(1, field(2, field(1, field(2, raw))))
    return onnx(
        initialiser(raw, bytes(24)), field(1, field(4, raw)), field(11, field(1, raw) + field(2, shape))
    ) + field(3, raw) + field(8, field(1, raw))  # fmt: skip


PLACES: dict[str, Callable[[str], bytes]] = {
    "a key of a zip": _state,
    "a key of a legacy file": lambda name: saved({name: torch.ones(2)}, legacy=True),
    "a plain value and its key": lambda name: saved({name: name, "w": torch.ones(1)}),
    "a global": lambda name: as_zip(b"\x80\x04" + text_of(name) + text("X") + b"\x93."),
    "a class": lambda name: b"\x80\x04" + text_of(name) + text("Net") + b"\x93)\x81.",
    "a storage": lambda name: as_zip(
        b"\x80\x02(" + text("storage") + b"ctorch\nFloatStorage\n" + text_of(name) + b"NK\x04tQ."
    ),
    "a member of a zip": lambda name: zipped(
        [("a/data.pkl", b"\x80\x02}."), ("a/data/" + name.encode("utf-8", "replace").decode(), b"")]
    ),
    "everything of safetensors": _safetensors,
    "everything of ONNX": _onnx,
    "a stand-in": lambda name: name.encode("utf-8", "surrogatepass"),
}


def text_of(value: str) -> bytes:
    raw = value.encode("utf-8", "surrogatepass")
    return b"X" + len(raw).to_bytes(4, "little") + raw


def inert(shown: str) -> bool:
    """No character that a terminal acts on, that reorders or that is not seen; lines of a page's width."""
    return all(
        character in "\n " or unicodedata.category(character)[0] not in "CZ" for character in shown
    )


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("place", PLACES)
def test_text_of_a_file_is_inert_in_the_terminal_and_in_json(
    place: str, evil: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "G.pth"
    file.write_bytes(PLACES[place](EVIL[evil]))
    assert inspect_files([str(file)]) in (0, 3)
    page = capsys.readouterr()
    for shown in (page.out, page.err):
        assert inert(shown)
        assert max(map(len, shown.splitlines()), default=0) < 1000
    inspect_files(["--json", str(file)])
    data = capsys.readouterr().out
    assert data.isascii()
    assert not set(data) & set("<>&")
    assert inert(data)
    assert inert_values(json.loads(data))


def inert_values(value: object) -> bool:
    """The same of each string after a reader has decoded the JSON."""
    if isinstance(value, dict):
        return all(inert_values(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return all(map(inert_values, value))
    return not isinstance(value, str) or (inert(value) and "\n" not in value and len(value) < 1000)


def test_the_name_of_the_file_is_inert_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a\x1b[2J\u202e<script>.pth", "b\udcff.pth", "c\n.pth"):
        for content in (saved({"w": torch.ones(1)}), b"no"):
            (tmp_path / name).write_bytes(content)
            inspect_files([str(tmp_path / name)])
            inspect_files(["--json", str(tmp_path / name)])
            page = capsys.readouterr()
            assert inert(page.out + page.err)
            (page.out + page.err).encode()
    inspect_files([str(tmp_path / "missing\x1b[2J")])
    assert inert(capsys.readouterr().err)


def test_json_is_the_same_value_after_its_escapes() -> None:
    value = {"a<b>&": ["</script>", 1, None]}
    assert json.loads(json_text(value)) == value


def test_a_page_stays_a_page_however_much_stands_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    globals_ = b"".join(b"cm%d\nNet%d\n0" % (i, i) for i in range(5000))
    (tmp_path / "names.pkl").write_bytes(b"\x80\x02" + globals_ + b"}.")
    layers = {f"{i}.weight": torch.ones(1, 1) for i in range(3000)}
    (tmp_path / "G.pth").write_bytes(saved(layers))
    parts = {f"G{i}": {"w": torch.ones(2, 2)} for i in range(2000)} | {
        "netG": {"w": torch.ones(2, 2)}
    }
    (tmp_path / "parts.pth").write_bytes(saved(parts))
    for name in ("names.pkl", "G.pth", "parts.pth"):
        assert inspect_files([str(tmp_path / name)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) < 300
        assert max(map(len, lines)) < 2000
