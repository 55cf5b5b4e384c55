from __future__ import annotations

from itertools import combinations

import pytest
import torch

from ganqbench.zoo.classifier import CLASSIFIERS, WhitenedNet, build_classifier


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_shapes(name: str) -> None:
    network = build_classifier(name).eval()
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.inference_mode():
        maps, features = network.stages(images), network.features(images)
        assert [stage.shape[1] for stage in maps] == list(network.stage_dims)
        assert features.shape == (3, network.feature_dim)
        assert torch.equal(network(images), network.logits_from(features))
    assert network(images).shape == (3, 10)
    assert sum(p.numel() for p in network.parameters()) < 2e6  # 8 MB of float32


def test_no_two_share_a_shape() -> None:
    networks = [build_classifier(name) for name in CLASSIFIERS]
    for a, b in combinations(networks, 2):
        assert type(a) is not type(b)
        assert a.stage_dims != b.stage_dims


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match="teacher, tutor, metric, third"):
        build_classifier("judge")


def test_whitening_decorrelates_patches() -> None:
    rng = torch.Generator().manual_seed(2)
    smooth = torch.nn.functional.interpolate(torch.rand(200, 3, 8, 8, generator=rng), scale_factor=4.0)
    network = WhitenedNet()
    network.set_whitening(smooth * 2 - 1, epsilon=0.0)
    rows = network.whiten.weight.detach()[:12].flatten(1).double()
    patches = torch.nn.functional.unfold(network.normalise(smooth * 2 - 1), 2).transpose(1, 2).reshape(-1, 12)
    white = patches.double() @ rows.T
    assert torch.allclose(white.T @ white / len(white), torch.eye(12, dtype=torch.float64), atol=2e-2)
    assert torch.equal(network.whiten.weight[:12], -network.whiten.weight[12:])
