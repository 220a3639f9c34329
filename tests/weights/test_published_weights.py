"""Nothing of the published files fails, and what is known of them is found."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from gancheck.diagnosis import Report, Verdict
from gancheck.weights_audit import examine_weights, read_weights

if TYPE_CHECKING:
    from pathlib import Path

FILES = (
    "basic.steg",
    "csinva_mnist_dcgan_netD.pth",
    "csinva_mnist_lenet.pth",
    "csinva_mnist_mlp_D.ckpt",
    "csinva_mnist_mlp_G.ckpt",
    "nicklalo_wgangp_generator.onnx",
    "pyhessian_net.pkl",
    "ryhan_wgangp_G.pth",
    "ryhan_wgangp_critic.pth",
    "sourjyadip_D.pth",
)


def examined(corpus: Path, *names: str) -> Report:
    return examine_weights(read_weights([corpus / name for name in names]))


@pytest.mark.parametrize("name", FILES)
def test_no_published_file_fails(corpus: Path, name: str) -> None:
    report = examined(corpus, name)
    assert report.complete
    assert report.verdict is not Verdict.failing
    assert report["GC102"].verdict is not Verdict.undecided


def test_the_clipping_of_steganogan_s_critic_is_read_off_its_weights(corpus: Path) -> None:
    """Its code clamps the critic's parameters to 0.1; the file says nothing of it."""
    finding = examined(corpus, "basic.steg")["GC104"]
    assert finding.verdict is Verdict.warning
    assert finding.quantities["bound"].value == pytest.approx(0.1)
    assert {p.tensor.split(".")[0] for p in finding.places} == {"critic"}


def test_the_schedule_of_a_published_wgan_gp_is_read_off_its_counters(corpus: Path) -> None:
    report = examined(corpus, "ryhan_wgangp_G.pth", "ryhan_wgangp_critic.pth")
    (rhythm,) = report["GC108"].measurement.rhythms
    assert (rhythm.critic_steps, rhythm.passes, rhythm.fresh) == (5, 3, True)
    assert report["GC107"].verdict is Verdict.warning
    assert report["GC103"].verdict is Verdict.sound


def test_an_audit_of_weights_takes_a_second_over_torch(corpus: Path) -> None:
    """A 3 MB file, from the first import after torch's to the last finding, in CPU seconds."""
    code = (
        "import sys, time, torch; torch.set_num_threads(1); start = time.process_time()\n"
        "from gancheck.weights_audit import examine_weights, read_weights\n"
        "examine_weights(read_weights([sys.argv[1]]))\n"
        "print(time.process_time() - start)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(corpus / "ryhan_wgangp_G.pth")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) < 1.0
