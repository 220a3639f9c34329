"""`gancheck prove --jobs` stopped by Ctrl-C: exit code 130, one sentence, nothing left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc for what is left")


def members(group: int) -> list[int]:
    """Processes of a group that are not yet over."""
    found = list[int]()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupted_run_says_so_and_leaves_no_process(jobs: str) -> None:
    command = [Path(sys.executable).with_name("gancheck"), "prove", "--jobs", jobs]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as run:
        assert run.stderr is not None
        # progress is shown as it is made; two theorems are done when the second line is read
        seen = [run.stderr.readline() for _ in range(2)]
        assert all("check" in line for line in seen), seen
        assert len(members(run.pid)) >= (1 if jobs == "1" else 2)
        os.killpg(run.pid, signal.SIGINT)  # a terminal sends it to the whole group
        out, rest = run.communicate(timeout=60)
    assert run.returncode == 130, rest
    assert "gancheck: interrupted" in rest.splitlines(), rest
    assert "Traceback" not in rest
    assert out == ""
    until = time.monotonic() + 10
    while members(run.pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert members(run.pid) == []
