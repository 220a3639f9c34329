"""One thread, one Hypothesis profile, and the skips that say why."""

from __future__ import annotations

import json
import os
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import HealthCheck, settings

from gancheck.diagnosis import Report

if TYPE_CHECKING:
    from collections.abc import Generator

torch.set_num_threads(1)

_SHARED = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("fast", max_examples=25, **_SHARED)
settings.register_profile("ci", max_examples=100, derandomize=True, **_SHARED)
settings.register_profile("deep", max_examples=3000, **_SHARED)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--calibrate", action="store_true", help="run the tests marked slow too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    slow = pytest.mark.skip(reason="full count; `make calibrate` runs it")
    gpu = pytest.mark.skip(reason="no CUDA device on this machine")
    browser = pytest.mark.skip(reason="no Chromium on this machine")
    for item in items:
        if "slow" in item.keywords and not config.getoption("--calibrate"):
            item.add_marker(slow)
        if "gpu" in item.keywords and not torch.cuda.is_available():
            item.add_marker(gpu)
        if "browser" in item.keywords and shutil.which("chromium") is None:
            item.add_marker(browser)


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real third-party files, named by GANCHECK_CORPUS alone."""
    folder = os.environ.get("GANCHECK_CORPUS")
    if not folder or not Path(folder).is_dir():
        pytest.skip("GANCHECK_CORPUS does not name a folder of real checkpoints")
    return Path(folder)


@pytest.fixture(scope="session", autouse=True)
def every_report_follows_its_schema() -> Generator[None]:
    """Whatever report a test writes as JSON is held against the schema that the package ships."""
    if find_spec("jsonschema") is None:  # tests/rendering/test_schemas.py fails then, and says so
        yield
        return
    from tests.rendering.schemas import report_validator

    written = Report.to_json

    def validated(self: Report) -> str:
        text = written(self)
        report_validator().validate(json.loads(text))
        return text

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Report, "to_json", validated)
        yield
