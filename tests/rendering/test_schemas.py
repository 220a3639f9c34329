"""The shipped JSON Schemas: what the commands print follows them, and nothing else does."""

from __future__ import annotations

import copy
import json
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from jsonschema import ValidationError
from typer.testing import CliRunner

from gancheck import cli
from gancheck.diagnosis import Report
from tests.rendering.schemas import shipped, validator

if TYPE_CHECKING:
    from collections.abc import Iterator

REPORTS = ("full_report", "points_report", "hostile_report")
OPEN = {"metadata", "versions"}  # of a listing: names and values that a file chose


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What inspect says of a good file and of one that would run code."""
    folder = tmp_path_factory.mktemp("listed")
    torch.save({"0.weight": torch.ones(3, 2), "epoch": 3}, folder / "good.pth")
    with zipfile.ZipFile(folder / "bad.pth", "w") as archive:
        archive.writestr("bad/data.pkl", b"cposix\nsystem\n(S'true'\ntR.")
        archive.writestr("bad/version", "3\n")
    done = CliRunner().invoke(
        cli.app, ["inspect", str(folder / "good.pth"), str(folder / "bad.pth"), "--json"]
    )
    assert done.exit_code == 3, done.output
    return json.loads(done.stdout)


def _objects(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        yield path
        for key, inner in value.items():
            yield from _objects(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _objects(inner, (*path, index))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("stamped", [False, True])
def test_reports_of_every_kind_follow_the_schema(
    name: str, stamped: bool, request: pytest.FixtureRequest
) -> None:
    report: Report = replace(request.getfixturevalue(name), stamped=stamped)
    validator("report-1").validate(json.loads(report.to_json()))
    validator("report-1").validate(json.loads(Report(findings=[]).to_json()))


def test_a_key_that_the_schema_does_not_name_is_refused_in_every_object(
    full_report: Report, hostile_report: Report
) -> None:
    for report in (replace(full_report, stamped=True), replace(hostile_report, stamped=True)):
        whole = json.loads(report.to_json())
        for path in _objects(whole):
            if "x_own" in path:
                continue
            drifted = copy.deepcopy(whole)
            _at(drifted, path)["drift"] = 1
            assert not validator("report-1").is_valid(drifted), path


@pytest.mark.parametrize("name", ["verdict", "complete", "summary", "findings", "provenance"])
def test_a_report_without_one_of_its_keys_is_refused(name: str, full_report: Report) -> None:
    whole = json.loads(full_report.to_json())
    del whole[name]
    with pytest.raises(ValidationError, match=name):
        validator("report-1").validate(whole)


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("verdict",), "fine"),
        (("schema",), "gancheck-report/2"),
        (("findings", 0, "verdict"), "refused"),
        (("findings", 0, "code"), None),
        (("summary", "not_run"), -1),
        (("findings", 0, "quantities", "top_discriminator", "value"), "NaN"),
        (("findings", 0, "quantities", "top_discriminator", "kind"), "guess"),
        (("provenance", "files", "generator", "sha256"), "abc"),
        (("provenance", "level"), "deep"),
    ],
)
def test_a_wrong_value_is_refused(path: tuple[Any, ...], wrong: Any, full_report: Report) -> None:
    whole = json.loads(full_report.to_json())
    _at(whole, path[:-1])[path[-1]] = wrong
    assert not validator("report-1").is_valid(whole)


def test_what_inspect_prints_follows_its_schema(listing: list[dict[str, Any]]) -> None:
    check = validator("inspect-2")
    check.validate(listing)
    for entry in listing:
        check.validate(entry)
        for path in _objects(entry):
            if OPEN & set(path):
                continue
            drifted = copy.deepcopy(entry)
            _at(drifted, path)["drift"] = []
            assert not check.is_valid(drifted), path
    assert [entry["status"] for entry in listing] == ["read", "refused"]


def test_a_refusal_has_two_keys_and_no_verdict() -> None:
    check = validator("refusal-1")
    check.validate({"status": "refused", "reason": "it would run os.system"})
    assert not check.is_valid({"status": "refused", "reason": ""})
    assert not check.is_valid({"status": "refused", "reason": "x", "verdict": "sound"})
    assert not check.is_valid({"status": "read", "reason": "x"})


def test_every_schema_says_which_draft_and_what_it_is_of() -> None:
    for name in ("report-1", "refusal-1", "inspect-2"):
        schema = shipped(name)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert schema["title"].startswith("gancheck")
        assert schema["description"]
