"""StyleGAN2 against a plain evaluation of the papers' formulas, and what training relies on."""

from __future__ import annotations

import math

import pytest
import torch
from torch import fx
from torch.nn import functional as F

from ganqbench.errors import UserError
from ganqbench.zoo.modulated import fir_filter, fir_upsample, make_fir
from ganqbench.zoo.official import from_official
from ganqbench.zoo.stylegan2 import StyleGAN2


def random_state(
    channels, z_dim, w_dim, c_dim, layers, architecture, taps=(1, 3, 3, 1), hidden=None, noise=True
):
    """A state with the official key names and random values of plausible size."""
    torch.manual_seed(0)
    state = {"mapping.w_avg": torch.randn(w_dim)}
    if c_dim:
        state["mapping.embed.weight"] = torch.randn(w_dim, c_dim)
        state["mapping.embed.bias"] = torch.randn(w_dim)
    widths = [z_dim + (w_dim if c_dim else 0), *[hidden or w_dim] * (layers - 1), w_dim]
    for i in range(layers):
        state[f"mapping.fc{i}.weight"] = torch.randn(widths[i + 1], widths[i]) * 100
        state[f"mapping.fc{i}.bias"] = torch.randn(widths[i + 1]) * 10
    fir = make_fir(taps)

    def modulated(name, inputs, outputs, kernel, resolution=None):
        state[f"{name}.weight"] = torch.randn(outputs, inputs, kernel, kernel)
        state[f"{name}.bias"] = torch.randn(outputs)
        state[f"{name}.affine.weight"] = torch.randn(inputs, w_dim)
        state[f"{name}.affine.bias"] = torch.ones(inputs)
        if resolution:
            # Official code passes the filter on to layers that resample alone.
            state[f"{name}.resample_filter"] = fir if name.endswith("conv0") else make_fir((1, 3, 3, 1))
            if noise:
                state[f"{name}.noise_const"] = torch.randn(resolution, resolution)
                state[f"{name}.noise_strength"] = torch.rand([])

    for level, outputs in enumerate(channels):
        block, resolution = f"synthesis.b{4 << level}", 4 << level
        state[f"{block}.resample_filter"] = fir
        if level == 0:
            state[f"{block}.const"] = torch.randn(outputs, 4, 4)
        else:
            modulated(f"{block}.conv0", channels[level - 1], outputs, 3, resolution)
            if architecture == "resnet":
                state[f"{block}.skip.weight"] = torch.randn(outputs, channels[level - 1], 1, 1)
                state[f"{block}.skip.resample_filter"] = fir
        modulated(f"{block}.conv1", outputs, outputs, 3, resolution)
        if architecture == "skip" or level == len(channels) - 1:
            modulated(f"{block}.torgb", outputs, 3, 1)
    return state


def lrelu(x, gain, clamp):
    x = F.leaky_relu(x, 0.2) * math.sqrt(2) * gain
    return x if clamp is None else x.clamp(-clamp * gain, clamp * gain)


def upsample(x, fir, before, after, gain=4):
    """Zero insertion, padding, true convolution: the definition."""
    n, c, h, w = x.shape
    spread = torch.zeros(n, c, h, 2, w, 2, dtype=x.dtype)
    spread[:, :, :, 0, :, 0] = x
    spread = F.pad(spread.reshape(n, c, 2 * h, 2 * w), [before, after, before, after])
    return F.conv2d(spread, (fir * gain).flip([0, 1]).expand(c, 1, *fir.shape), groups=c)


def reference(state, z, c, channels, architecture, clamp, psi=1.0, cutoff=None):
    """Images by weights modulated per sample (Karras et al. 2020, equations 1 to 3), in float64."""
    state = {key: value.double() for key, value in state.items()}
    unit = lambda x: x / (x.square().mean(1, keepdim=True) + 1e-8).sqrt()  # noqa: E731
    x = unit(z.double())
    if c is not None:
        weight = state["mapping.embed.weight"]
        x = torch.cat(
            [x, unit(c.double() @ weight.t() / math.sqrt(weight.shape[1]) + state["mapping.embed.bias"])], 1
        )
    i = 0
    while f"mapping.fc{i}.weight" in state:
        weight = state[f"mapping.fc{i}.weight"] * 0.01 / math.sqrt(x.shape[1])
        x = lrelu(x @ weight.t() + state[f"mapping.fc{i}.bias"] * 0.01, 1, None)
        i += 1
    w, average = x, state["mapping.w_avg"]
    pulled = average + psi * (w - average)
    index = 0

    def style(name, at):
        chosen = pulled if cutoff is None or at < cutoff else w
        weight = state[f"{name}.affine.weight"]
        return chosen @ weight.t() / math.sqrt(weight.shape[1]) + state[f"{name}.affine.bias"]

    def conv(x, name, at, up, gain=1.0):
        weight = state[f"{name}.weight"] * style(name, at)[:, None, :, None, None]
        weight = weight / (weight.square().sum([2, 3, 4], keepdim=True) + 1e-8).sqrt()
        fir = state[f"{name}.resample_filter"]
        taps = len(fir)
        maps = []
        for sample, kernel in zip(x, weight, strict=True):
            sample = sample[None]
            if up:
                # The upscaled, filtered map convolved with the kernel; filtering commutes with it.
                # Up-sampling layers convolve, the others correlate.
                wide = upsample(sample, fir, 1 + (taps + 1) // 2, 1 + (taps - 2) // 2)
                maps.append(F.conv2d(wide, kernel.flip([2, 3])))
            else:
                maps.append(F.conv2d(sample, kernel, padding=1))
        x = torch.cat(maps)
        if f"{name}.noise_const" in state:
            x = x + state[f"{name}.noise_const"] * state[f"{name}.noise_strength"]
        return lrelu(x + state[f"{name}.bias"][:, None, None], gain, clamp)

    x, image = None, None
    for level in range(len(channels)):
        block = f"synthesis.b{4 << level}"
        fir = state[f"{block}.resample_filter"]
        pads = ((len(fir) + 1) // 2, (len(fir) - 2) // 2)
        if level == 0:
            x = state[f"{block}.const"].expand(len(z), -1, -1, -1)
        else:
            entering = x
            x = conv(x, f"{block}.conv0", index, True)
            index += 1
        residual = architecture == "resnet" and level > 0
        x = conv(x, f"{block}.conv1", index, False, math.sqrt(0.5) if residual else 1.0)
        index += 1
        if residual:
            weight = state[f"{block}.skip.weight"]
            x = x + upsample(F.conv2d(entering, weight / math.sqrt(weight.shape[1])), fir, *pads) * math.sqrt(
                0.5
            )
        if image is not None:
            image = upsample(image, fir, *pads)
        if f"{block}.torgb.weight" in state:
            weight = state[f"{block}.torgb.weight"]
            rgb = torch.einsum("nchw,nc,oc->nohw", x, style(f"{block}.torgb", index), weight[:, :, 0, 0])
            rgb = rgb / math.sqrt(weight.shape[1]) + state[f"{block}.torgb.bias"][:, None, None]
            rgb = rgb if clamp is None else rgb.clamp(-clamp, clamp)
            image = rgb if image is None else image + rgb
    return image


@pytest.mark.parametrize("architecture", ["skip", "orig", "resnet"])
@pytest.mark.parametrize(
    ("channels", "c_dim", "layers", "clamp", "taps", "psi", "cutoff"),
    [
        ((8, 6, 4), 3, 4, 0.7, (1, 3, 3, 1), 1.0, None),
        ((8, 6, 4, 2), 0, 8, None, (1, 2, 1), 0.5, 3),
        ((8, 8), 5, 1, 256, (1, 1), 0.3, None),
        ((6, 4), 0, 2, None, (1, 5, 10, 10, 5, 1), -0.5, 0),
        ((6, 4), 0, 2, None, (1,), 1.0, None),
        ((5,), 0, 3, 1.0, (1, 2, 1), 0.9, 1),
    ],
)
def test_equals_the_papers_formulas(architecture, channels, c_dim, layers, clamp, taps, psi, cutoff):
    state = random_state(channels, 7, 9, c_dim, layers, architecture, taps, hidden=11)
    options = {} if len(channels) == 1 else {"architecture": architecture}
    generator = from_official("stylegan2-ada", state, synthesis_kwargs={"conv_clamp": clamp, **options})
    z, *rest = generator.sample_inputs(3, 1)
    c = rest[0] if rest else None
    images = generator(z, c, truncation_psi=psi, truncation_cutoff=cutoff)
    expected = reference(state, z, c, channels, architecture, clamp, psi, cutoff)
    assert images.shape == expected.shape
    assert (images - expected).abs().max() < 2e-5 * expected.std()


def test_a_state_without_noise_is_recognised():
    state = random_state((6, 4), 5, 5, 0, 2, "skip", noise=False)
    generator = from_official("stylegan2-ada", state)
    z = generator.sample_inputs(2, 0)[0]
    expected = reference(state, z, None, (6, 4), "skip", None)
    assert (generator(z) - expected).abs().max() < 2e-5 * expected.std()


def test_separable_filters_are_stored_as_a_row():
    taps = (1, 2, 3, 4, 4, 3, 2, 1)
    square = random_state((6, 4), 5, 5, 0, 2, "skip", taps)
    row = torch.tensor(taps) / sum(taps)
    stored = {key: row if key.endswith("resample_filter") else value for key, value in square.items()}
    z = torch.randn(2, 5)
    one, two = (from_official("stylegan2-ada", state)(z) for state in (square, stored))
    torch.testing.assert_close(one, two)


@pytest.mark.parametrize("taps", [(1,), (1, 1), (1, 2, 1), (1, 3, 3, 1), (1, 2, 3, 2, 1), (4, 1, 2, 7)])
def test_upsampling_is_zero_insertion_and_filtering(taps):
    x, fir = torch.randn(2, 3, 5, 4), make_fir(taps)
    expected = upsample(x, fir, (len(taps) + 1) // 2, (len(taps) - 2) // 2)
    torch.testing.assert_close(fir_upsample(x, fir), expected)


def test_filtering_keeps_a_constant():
    filtered = fir_filter(torch.ones(1, 2, 8, 8), make_fir((1, 3, 3, 1)), 2, 1, 1.0)
    torch.testing.assert_close(filtered[:, :, 2:6, 2:6], torch.ones(1, 2, 4, 4))


def small(**options):
    torch.manual_seed(0)
    return StyleGAN2((8, 8, 4), z_dim=6, w_dim=6, c_dim=3, mapping_layers=2, **options)


def test_random_noise_is_seeded_and_constant_noise_is_not_random():
    generator = small()
    for name, parameter in generator.named_parameters():
        if name.endswith("noise_strength"):
            parameter.data.fill_(1)
    inputs = generator.sample_inputs(2, 0)

    def noisy(seed):
        return generator(*inputs, noise_mode="random", noise_generator=torch.Generator().manual_seed(seed))

    assert torch.equal(noisy(1), noisy(1))
    assert not torch.equal(noisy(1), noisy(2))
    assert torch.equal(generator(*inputs), generator(*inputs))
    assert not torch.equal(generator(*inputs), generator(*inputs, noise_mode="none"))
    with pytest.raises(ValueError, match="noise_mode"):
        generator(*inputs, noise_mode="Const")


def test_a_sample_does_not_depend_on_how_many_are_drawn():
    generator = small()
    few, many = generator.sample_inputs(2, 9), generator.sample_inputs(5, 9)
    assert all(torch.equal(a, b[:2]) for a, b in zip(few, many, strict=True))
    assert not torch.equal(few[0], generator.sample_inputs(2, 10)[0])
    assert few[1].shape == (2, 3)
    assert torch.equal(few[1].sum(1), torch.ones(2))


def test_every_weighted_operation_is_an_ordinary_layer():
    layers = [name for name, _ in small().named_parameters() if name.endswith("weight")]
    kinds = {type(small().get_submodule(name.rpartition(".")[0])).__name__ for name in layers}
    assert kinds == {"Linear", "Conv2d", "ConvTranspose2d"}


def test_demodulation_follows_the_weights():
    generator = small().eval()
    inputs = generator.sample_inputs(2, 0)
    before = generator(*inputs)
    for layer in ("b4.conv1", "b8.conv0"):
        generator.get_submodule(f"synthesis.{layer}.modulated.conv").weight.data.mul_(3)
    torch.testing.assert_close(generator(*inputs), before)


def test_traced_generator_keeps_its_options():
    generator = small().eval()
    traced = fx.symbolic_trace(generator)
    inputs = generator.sample_inputs(3, 0)
    for options in ({}, {"truncation_psi": 0.5, "noise_mode": "none"}, {"truncation_cutoff": 2}):
        assert torch.equal(traced(*inputs, **options), generator(*inputs, **options))
    assert not [node for node in traced.graph.nodes if node.target is F.conv2d]


def test_one_adam_step_equals_that_of_equalised_weights():
    """Scaled steps on acting weights are plain steps on weights v that act as g v."""
    generator = small()
    scales = generator.lr_scales()
    before = {name: value.detach().clone() for name, value in generator.named_parameters()}
    optimiser = torch.optim.Adam(generator.parameter_groups(1e-3), eps=0.0)
    generator(*generator.sample_inputs(4, 0)).square().mean().backward()
    optimiser.step()
    for name, value in generator.named_parameters():
        moved = (value - before[name]).abs() / scales.get(name, 1.0)
        touched = value.grad != 0
        torch.testing.assert_close(
            moved[touched], torch.full_like(moved[touched], 1e-3), rtol=2e-2, atol=1e-6
        )


def test_every_parameter_learns():
    generator = small(architecture="orig")
    generator(*generator.sample_inputs(4, 0)).square().mean().backward()
    assert all(parameter.grad is not None for parameter in generator.parameters())


def test_average_w_follows_training_batches():
    mapping = small().mapping
    w = torch.randn(16, 6)
    mapping.track(w, beta=0.75)
    torch.testing.assert_close(mapping.w_avg, w.mean(0) * 0.25)


def test_exempt_modules_hold_the_filters_and_demodulation():
    generator = small()
    assert "synthesis.b8" in generator.exempt_modules()
    assert "synthesis.b8.conv0.modulated" in generator.exempt_modules()
    assert not any(name.endswith((".conv", ".affine")) for name in generator.exempt_modules())


def test_unknown_architecture_is_refused():
    with pytest.raises(UserError, match="skip, orig or resnet"):
        small(architecture="original")
