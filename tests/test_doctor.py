"""The doctor names what is there and what to install for what is not."""

from __future__ import annotations

import importlib.util
import tomllib
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from gancheck import doctor
from gancheck.games import data_files

if TYPE_CHECKING:
    import pytest

PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]


def found() -> dict[str, doctor.Check]:
    return {check.name: check for check in doctor.examine()}


def test_base_packages_are_there_with_their_versions() -> None:
    there = found()
    assert there["torch"].detail.startswith(torch.__version__.partition("+")[0])
    assert all(check.there for check in there.values() if check.group == "package")
    assert there["cpu"].there


def test_everything_that_the_project_declares_is_looked_for() -> None:
    declared = {need.split(">")[0] for need in PROJECT["dependencies"]}
    packages = {c.name for c in doctor.examine() if c.group == "package"}
    assert packages == declared | {"python", "gancheck"}
    extras = {
        (need.split(">")[0], extra)
        for extra, needs in PROJECT["optional-dependencies"].items()
        if extra not in ("bench", "dev")
        for need in needs
    }
    assert {(package, extra) for _, package, extra, _ in doctor._EXTRAS} == extras


def test_a_package_that_is_too_old_or_not_there_is_told_with_what_to_type(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def version(package: str) -> str:
        if package == "numpy":
            raise metadata.PackageNotFoundError
        return {"torch": "2.5.1+cu121", "scipy": "1.11"}.get(package, "99")

    monkeypatch.setattr(metadata, "version", version)
    there = found()
    assert not there["torch"].there
    assert there["torch"].detail == "2.5.1+cu121 is older than 2.6, needed; type: pip install 'torch>=2.6'"  # fmt: skip
    assert there["numpy"].detail == "needed; type: pip install 'numpy>=1.26'"
    assert there["scipy"].there


def test_without_torch_or_an_installation_the_rest_is_still_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else real(name)
    )
    assert found()["cuda"].detail == "not known without torch"

    def none(package: str) -> list[str]:
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(metadata, "requires", none)
    assert "torch" not in found()


def test_what_is_missing_says_what_it_is_for_and_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "sklearn" else real(name)
    )
    monkeypatch.setattr(data_files, "_DEBIAN", tmp_path / "none")
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("GANCHECK_DATA", str(tmp_path / "nowhere"))
    lacking = {name: check for name, check in found().items() if not check.there}
    assert "pip install 'gancheck[data]'" in lacking["scikit-learn"].detail
    assert "apt install dataset-fashion-mnist" in lacking["fashion-mnist"].detail
    assert "prove --kernel" in lacking["coqc"].detail
    assert "is no folder" in lacking["GANCHECK_DATA"].detail
    assert "the CPU does it all" in lacking["cuda"].detail
    assert set(lacking["cuda"].to_dict()) == {"group", "name", "there", "detail"}


def test_data_are_looked_for_where_training_finds_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(data_files, "_DEBIAN", tmp_path / "none")
    monkeypatch.setenv("GANCHECK_DATA", str(tmp_path))
    own = tmp_path / "fashion-mnist"
    own.mkdir()
    (own / "train-images-idx3-ubyte.gz").write_bytes(b"")
    assert not found()["fashion-mnist"].there  # pictures without labels are no set
    (own / "train-labels-idx1-ubyte").write_bytes(b"")
    check = found()["fashion-mnist"]
    assert check.there
    assert check.detail == str(own)


def test_a_graphics_card_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Properties:
        total_memory = 80 * 2**30

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "A card")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: Properties())
    assert found()["cuda:0"].detail == "A card, 80 GiB"


def test_whether_several_processes_can_train_together_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = found()["distributed"]
    assert there.there
    assert there.detail.startswith("over gloo")
    monkeypatch.setattr("torch.distributed.is_available", lambda: False)
    lacking = found()["distributed"]
    assert not lacking.there
    assert "built without torch.distributed" in lacking.detail
