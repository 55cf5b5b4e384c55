"""SAGAN: parity with spectral norm as torch applies it, layouts, training and sampling."""

from __future__ import annotations

import pytest
import torch
from torch import fx, nn
from torch.nn.utils import parametrizations, spectral_norm

from ganqbench.errors import UserError
from ganqbench.zoo.layers import MatMul
from ganqbench.zoo.official import from_official
from ganqbench.zoo.sagan import SAGAN, add_spectral_norm, fold_spectral_norm


def randomised(generator):
    """Nonzero attention, gains and running statistics, as after training."""
    torch.manual_seed(1)
    for name, value in generator.state_dict().items():
        if name.endswith(("sigma", "running_var")):
            value.uniform_(0.5, 1.5)
        elif name.endswith("running_mean"):
            value.normal_()
    return generator


@pytest.mark.parametrize(
    ("widths", "classes", "attention"),
    [
        ((16, 16, 16, 16), 10, [2]),
        ((32, 16, 8, 8, 8), 4, [3, 4]),
        ((16, 16, 8, 8, 8, 8), 3, []),
        ((16, 16, 8), 0, [1]),
    ],
)
@pytest.mark.parametrize(
    "form", [spectral_norm, parametrizations.spectral_norm], ids=["hook", "parametrized"]
)
def test_folded_spectral_norm_equals_torch_in_eval_mode(widths, classes, attention, form):
    torch.manual_seed(0)
    normed = randomised(SAGAN(widths, 6, classes, attention))
    for layer in list(normed.modules()):
        if isinstance(layer, nn.Linear | nn.Conv2d):
            form(layer, eps=1e-6)
    normed.eval()
    generator = from_official(
        "studiogan-sagan",
        normed.state_dict(),
        g_spectral_norm=True,
        attn_g_loc=attention,
        num_classes=classes,
    )
    inputs = generator.sample_inputs(3, 0)
    with torch.inference_mode():
        images, expected = generator(*inputs), normed(*inputs)
    assert images.shape == (3, 3, 4 << (len(widths) - 1), 4 << (len(widths) - 1))
    assert (images - expected).abs().max() < 1e-5 * expected.std()


def test_spectral_norm_without_its_vectors_is_told():
    normed = SAGAN((16, 8), 5, 0, [])
    parametrizations.spectral_norm(normed.linear0)
    state = normed.state_dict()
    gone = "linear0.parametrizations.weight.0._v"
    del state[gone]
    with pytest.raises(UserError, match=gone):
        from_official("studiogan-sagan", state)


def test_class_embeddings_of_earlier_releases_are_the_same_maps():
    state = randomised(SAGAN((16, 8, 8), 5, 4, [1])).state_dict()
    old = {}
    for key, value in state.items():
        renamed = key.replace(".gain.weight", ".embed0.weight").replace(".bias.weight", ".embed1.weight")
        old[renamed] = value if renamed == key else value.t()
    assert old.keys() != state.keys()
    one, two = (from_official("studiogan-sagan", each) for each in (state, old))
    assert torch.equal(one(*one.sample_inputs(2, 0)), two(*one.sample_inputs(2, 0)))


def test_shortcut_before_upsampling_is_the_same_function():
    block = SAGAN((8, 8), 4, 3, []).blocks[0][0].eval()
    x, label = torch.randn(2, 8, 4, 4), torch.eye(3)[:2]
    up = nn.Upsample(scale_factor=2)
    main = block.conv2d2(block.bn2(block.conv2d1(up(block.bn1(x, label).relu())), label).relu())
    torch.testing.assert_close(block(x, label), main + block.conv2d0(up(x)))


def test_spectral_norm_for_training_folds_away_exactly():
    torch.manual_seed(0)
    generator = SAGAN((16, 16, 8), 5, 3, [1])
    keys = set(generator.state_dict())
    inputs = generator.sample_inputs(4, 0)
    add_spectral_norm(generator)
    for _ in range(30):
        images = generator(*inputs)
    images.sum().backward()
    assert all(parameter.grad is not None for parameter in generator.parameters())
    generator.eval()
    before = generator(*inputs)
    generator.train()
    fold_spectral_norm(generator)
    assert generator.training
    assert generator.bn4.training
    assert torch.equal(generator.eval()(*inputs), before)
    assert set(generator.state_dict()) == keys
    largest = torch.linalg.matrix_norm(generator.conv2d5.weight.flatten(1), 2)
    assert largest.item() == pytest.approx(1, rel=1e-2)


def test_batch_statistics_are_learnt():
    generator = SAGAN((8, 8), 4, 3, []).train()
    generator(*generator.sample_inputs(8, 0))
    assert generator.bn4.running_mean.abs().sum() > 0


def test_attention_s_products_are_modules():
    attention = SAGAN((16, 16), 4, 3, [1]).blocks[1][0]
    products = [name for name, module in attention.named_modules() if isinstance(module, MatMul)]
    assert products == ["scores", "mix"]


def test_generator_can_be_traced():
    generator = randomised(SAGAN((16, 8, 8), 4, 3, [1])).eval()
    inputs = generator.sample_inputs(2, 0)
    assert torch.equal(fx.symbolic_trace(generator)(*inputs), generator(*inputs))


def test_a_sample_does_not_depend_on_how_many_are_drawn():
    generator = SAGAN((8, 8), 4, 3, [])
    few, many = generator.sample_inputs(2, 9), generator.sample_inputs(50, 9)
    assert all(torch.equal(a, b[:2]) for a, b in zip(few, many, strict=True))
    assert many[1].dtype == torch.int64
    assert set(many[1].tolist()) == {0, 1, 2}


def test_latents_are_standard_normal():
    z = SAGAN((8, 8), 16, 3, []).sample_inputs(2000, 3)[0]
    assert abs(z.mean()) < 0.02
    assert z.std() == pytest.approx(1, abs=0.02)
    assert abs((z[:-1] * z[1:]).mean()) < 0.02


def test_attention_that_does_not_fit_is_refused():
    with pytest.raises(UserError, match="from 1 to 2"):
        SAGAN((8, 8, 8), 4, 3, [3])
