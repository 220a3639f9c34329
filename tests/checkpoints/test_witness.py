"""Running statistics contradict a network that is not the one that was trained, and no other."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from gancheck.checkpoints.witness import DISAGREES, norm_gaps, witness


def drawn(n: int, seed: int, *, uniform: bool = False) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return 2 * torch.rand(n, 8, generator=rng) - 1 if uniform else torch.randn(n, 8, generator=rng)


def generator(
    hidden: type[nn.Module] = nn.ReLU, eps: float = 1e-5, stride: int = 2
) -> nn.Sequential:
    return nn.Sequential(
        nn.Unflatten(1, (8, 1, 1)),
        nn.ConvTranspose2d(8, 16, 4, 1, 0),
        nn.BatchNorm2d(16, eps),
        hidden(),
        nn.ConvTranspose2d(16, 16, 4, stride, 1),
        nn.BatchNorm2d(16, eps),
        hidden(),
        nn.ConvTranspose2d(16, 12, 3, 1, 1),
        nn.BatchNorm2d(12, eps),
        hidden(),
        nn.ConvTranspose2d(12, 1, 3, 1, 1),
    )


def weights() -> dict[str, Tensor]:
    """Of a network that saw 200 batches, its scales far from those of a fresh one."""
    torch.manual_seed(0)
    network = generator()
    for p in network.parameters():
        p.data *= 0.5
    for i in range(200):
        network(drawn(32, i))
    return network.state_dict()


TRAINED = weights()


def loaded(network: nn.Sequential) -> nn.Sequential:
    network.load_state_dict(TRAINED)
    return network.eval()


def test_the_network_that_was_trained_is_not_contradicted() -> None:
    found = witness(loaded(generator()), drawn(512, 1000))
    assert len(found.gaps) == 3
    assert found.worst < 0.2
    assert not found.contradicts
    assert "at most" in found.sentence("generator")


@pytest.mark.parametrize(
    ("network", "latent"),
    [
        (generator(hidden=nn.Tanh), drawn(512, 1000)),
        (generator(hidden=nn.Identity), drawn(512, 1000)),
        (generator(eps=0.8), drawn(512, 1000)),
        (generator(), drawn(512, 1000, uniform=True)),
        (generator(), 2 * drawn(512, 1000)),
    ],
    ids=["tanh for relu", "no activation", "epsilon 0.8", "uniform for normal", "twice as wide"],
)
def test_another_network_with_the_same_weights_is_contradicted(
    network: nn.Sequential, latent: Tensor
) -> None:
    found = witness(loaded(network), latent)
    assert found.contradicts
    assert found.worst > DISAGREES


def test_a_discriminator_is_held_against_averages_of_both_kinds() -> None:
    torch.manual_seed(1)
    network = nn.Sequential(
        nn.Linear(8, 16), nn.LeakyReLU(0.2), nn.Linear(16, 16), nn.BatchNorm1d(16)
    )
    for i in range(300):
        network(drawn(64, i))
        network(drawn(64, 1000 + i) + 3.0)
    network.eval()
    real, fake = drawn(512, 5000), drawn(512, 6000) + 3.0
    assert witness(network, real, fake).worst < 0.2
    assert witness(network, real).contradicts, "either kind alone is another law"


def test_statistics_that_say_nothing_are_no_witness() -> None:
    assert witness(generator().eval(), drawn(64, 0)).untouched
    young = generator()
    for i in range(20):
        young(drawn(32, i))
    found = witness(young.eval(), drawn(64, 0))
    assert found.untouched
    assert not found.contradicts
    assert "too young" in found.sentence("generator")
    plain = nn.Sequential(nn.Linear(8, 4), nn.LayerNorm(4))
    assert witness(plain, drawn(64, 0)).gaps == ()
    assert "no running statistics" in witness(plain, drawn(64, 0)).sentence("generator")


def test_looking_moves_no_statistics() -> None:
    network = loaded(generator())
    before = copy.deepcopy(network.state_dict())
    witness(network, drawn(64, 0))
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_the_gap_is_the_distance_it_says() -> None:
    stored = (torch.tensor([0.0, 1.0, 2.0]), torch.tensor([4.0, 4.0, 4.0]))
    assert norm_gaps(stored, [stored]) == 0.0
    moved = (torch.tensor([2.0, 3.0, 4.0]), stored[1])
    assert norm_gaps(stored, [moved]) == pytest.approx(1.0)  # two in units of the root of four
    wider = (stored[0], stored[1] * torch.e)
    assert norm_gaps(stored, [wider]) == pytest.approx(1.0)
    between = (torch.tensor([-2.0, -1.0, 0.0]), stored[1])
    assert norm_gaps(stored, [moved, between]) == pytest.approx(0.0, abs=1e-6)
