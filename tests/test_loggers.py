"""The thin adapters, against the packages they adapt."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.nn.functional import softplus

from gancheck import latents
from gancheck.diagnosis import Plan
from gancheck.games.game import Game
from gancheck.games.networks import mlp
from gancheck.loggers import logger
from tests.training.tiny import everything, on_cpu, tiny

if TYPE_CHECKING:
    from pathlib import Path

    from gancheck.training.train import Progress

pytestmark = pytest.mark.filterwarnings("ignore")  # other packages' own warnings


def metrics(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_tensorboard_has_the_metrics_of_the_run(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    on_cpu(tiny(), tmp_path / "a", callbacks=[logger("tensorboard", tmp_path / "a")])
    seen = EventAccumulator(str(tmp_path / "a/tensorboard"))
    seen.Reload()
    rows = metrics(tmp_path / "a")
    for name in ("loss_g", "loss_d", "d_real", "grad_norm_g"):
        scalars = seen.Scalars(name)
        assert [s.step for s in scalars] == [r["step"] for r in rows]
        assert [s.value for s in scalars] == pytest.approx([r[name] for r in rows], rel=1e-6)


def test_tensorboard_forgets_what_a_killed_run_told_after_its_checkpoint(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def dies(now: Progress) -> None:
        if now.step == 35:
            raise RuntimeError("as a kill does, without a checkpoint")

    rarely_saved = tiny(steps=60, checkpoint_every=25)
    killed = logger("tensorboard", tmp_path / "a")
    with pytest.raises(RuntimeError, match="as a kill does"):
        on_cpu(rarely_saved, tmp_path / "a", callbacks=[killed, dies])
    killed._close()  # pyright: ignore[reportPrivateUsage] (its process would have)
    time.sleep(1.1)  # an event file is named by the second
    again = logger("tensorboard", tmp_path / "a")
    on_cpu(rarely_saved, tmp_path / "a", resume=True, callbacks=[again])
    seen = EventAccumulator(str(tmp_path / "a/tensorboard"))
    seen.Reload()
    rows = metrics(tmp_path / "a")
    assert [s.step for s in seen.Scalars("loss_g")] == [r["step"] for r in rows]


def test_weights_and_biases_keeps_an_offline_run_and_sends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    made = logger("wandb", tmp_path / "a")
    on_cpu(tiny(), tmp_path / "b", callbacks=[made])
    (folder,) = (tmp_path / "a/wandb").glob("offline-run-*")
    (log,) = folder.glob("run-*.wandb")
    until = time.monotonic() + 60.0  # the package's own process writes it after the run has ended
    while b"grad_norm_g" not in log.read_bytes() and time.monotonic() < until:
        time.sleep(0.1)
    assert b"grad_norm_g" in log.read_bytes()


def test_a_logged_run_is_the_same_run(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    on_cpu(tiny(), tmp_path / "plain")
    on_cpu(tiny(), tmp_path / "a", callbacks=[logger("tensorboard", tmp_path / "logs")])
    assert everything(tmp_path / "a") == everything(tmp_path / "plain")


def test_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="log must be one of tensorboard, wandb, got 'mlflow'"):
        logger("mlflow", tmp_path)


def trained_by_lightning(tmp_path: Path, callbacks: list[Any]) -> dict[str, torch.Tensor]:
    """A GAN in Lightning's manual optimisation; the parameters it ends with."""
    lightning = pytest.importorskip("lightning.pytorch")
    from lightning.pytorch.loggers import CSVLogger

    class Gan(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.automatic_optimization = False
            rng = torch.Generator().manual_seed(0)
            self.G, self.D = mlp((2, 8, 2), generator=rng), mlp((2, 8, 1), generator=rng)

        def training_step(self, batch: Any, batch_idx: int) -> None:
            for_g, for_d = self.optimizers()
            (real,) = batch
            loss_d = softplus(-self.D(real)) + softplus(self.D(self.G(torch.randn(16, 2)).detach()))
            for_d.zero_grad()
            self.manual_backward(loss_d.mean())
            for_d.step()
            loss_g = softplus(-self.D(self.G(torch.randn(16, 2)))).mean()
            for_g.zero_grad()
            self.manual_backward(loss_g)
            for_g.step()

        def configure_optimizers(self) -> list[torch.optim.Optimizer]:
            return [torch.optim.Adam(m.parameters(), lr=1e-3) for m in (self.G, self.D)]

    torch.manual_seed(7)
    data = torch.utils.data.TensorDataset(torch.randn(64, 2))
    model = Gan()
    trainer = lightning.Trainer(
        max_epochs=5,
        accelerator="cpu",
        callbacks=callbacks,
        logger=CSVLogger(str(tmp_path), name="csv", version=""),
        log_every_n_steps=1,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    trainer.fit(model, torch.utils.data.DataLoader(data, batch_size=16))
    return {k: v.clone() for k, v in model.state_dict().items()}


def test_lightning_trains_the_same_watched_or_not_and_logs_what_was_seen(tmp_path: Path) -> None:
    pytest.importorskip("lightning.pytorch")
    from gancheck.lightning_callback import WatchGame

    plan = Plan(batch_size=8, samples=64, gradient_batch=8, probes=8, products=30)
    watch = WatchGame(
        lambda m: Game(
            m.G, m.D, loss="non-saturating", latent=latents.normal(2), data=torch.zeros(64, 2)
        ),
        every=10,
        max_overhead=None,
        codes=["GC004"],
        plan=plan,
    )
    alone = trained_by_lightning(tmp_path / "alone", [])
    watched = trained_by_lightning(tmp_path / "watched", [watch])
    assert all(torch.equal(alone[k], watched[k]) for k in alone)
    assert {row["step"] for row in watch.monitor.history} == {0, 10}
    logged = (tmp_path / "watched/csv/metrics.csv").read_text()
    assert "gancheck/GC004.gradient_ratio" in logged.splitlines()[0]


def test_a_logger_leaves_nothing_where_no_step_is_made(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    with pytest.raises(ValueError, match="steps must be a whole number from 1 up, got 0"):
        on_cpu(tiny(), tmp_path / "a", steps=0, callbacks=[logger("tensorboard", tmp_path / "a")])
    assert not (tmp_path / "a").exists()
