"""What `from_official` accepts and refuses, beyond the parity of outputs."""

from __future__ import annotations

import pytest
import torch

from ganqbench.errors import UserError
from ganqbench.zoo.cyclegan import ResnetGenerator
from ganqbench.zoo.official import ARCHITECTURES, from_official
from ganqbench.zoo.sagan import SAGAN


def cyclegan_state(**options):
    torch.manual_seed(0)
    return ResnetGenerator(**{"ngf": 4, "n_blocks": 3, **options}).state_dict()


def sagan_state():
    torch.manual_seed(0)
    return SAGAN((16, 16, 8), 6, 4, [1]).state_dict()


def stylegan2_state():
    torch.manual_seed(0)
    state = {"mapping.w_avg": torch.zeros(6), "synthesis.b4.const": torch.randn(5, 4, 4)}
    shapes = {
        "mapping.fc0": (6, 4),
        "mapping.fc1": (6, 6),
        "synthesis.b4.conv1.affine": (5, 6),
        "synthesis.b4.conv1": (5, 5, 3, 3),
        "synthesis.b4.torgb.affine": (5, 6),
        "synthesis.b4.torgb": (3, 5, 1, 1),
        "synthesis.b8.conv0.affine": (5, 6),
        "synthesis.b8.conv0": (7, 5, 3, 3),
        "synthesis.b8.conv1.affine": (7, 6),
        "synthesis.b8.conv1": (7, 7, 3, 3),
        "synthesis.b8.torgb.affine": (7, 6),
        "synthesis.b8.torgb": (3, 7, 1, 1),
    }
    for name, shape in shapes.items():
        state[f"{name}.weight"] = torch.randn(shape)
        state[f"{name}.bias"] = torch.randn(shape[0])
    for name, size in (("b4.conv1", 4), ("b8.conv0", 8), ("b8.conv1", 8)):
        state[f"synthesis.{name}.noise_const"] = torch.randn(size, size)
        state[f"synthesis.{name}.noise_strength"] = torch.randn([])
        state[f"synthesis.{name}.resample_filter"] = torch.full((2, 2), 0.25)
    for size in (4, 8):
        state[f"synthesis.b{size}.resample_filter"] = torch.full((2, 2), 0.25)
    return state


STATES = {
    "stylegan2-ada": stylegan2_state,
    "studiogan-sagan": sagan_state,
    "cyclegan-resnet": cyclegan_state,
}


@pytest.fixture(params=ARCHITECTURES)
def case(request):
    return request.param, STATES[request.param]()


def test_a_whole_state_is_accepted(case):
    arch, state = case
    assert not from_official(arch, state).training


def test_data_parallel_s_prefix_is_dropped(case):
    arch, state = case
    from_official(arch, {f"module.{key}": value for key, value in state.items()})


def test_every_missing_key_is_named(case):
    """Even those that widths and depths are read from, unless they are what tells an option."""
    arch, state = case
    told_by_presence = ("embed", "noise_strength", "sigma", "num_batches_tracked")
    needed = [key for key in state if not key.endswith(told_by_presence)]
    # A filter of an unused place has no effect here, so its absence is no fault.
    unused = {"synthesis.b4.resample_filter"} | {f"synthesis.b{r}.conv1.resample_filter" for r in (4, 8)}
    for key in set(needed) - unused:
        rest = {name: value for name, value in state.items() if name != key}
        with pytest.raises(UserError) as caught:
            from_official(arch, rest)
        assert key in str(caught.value), f"without {key}: {caught.value}"


def test_extra_keys_are_listed(case):
    arch, state = case
    with pytest.raises(UserError, match=r"does not know: a\.weight, b"):
        from_official(arch, {**state, "b": torch.zeros(1), "a.weight": torch.zeros(1)})


# What tells a width is never found wrong: that of the latents fits any, and against a class's the others are.
LATENTS = ("mapping.fc0.weight", "linear0.weight")
NAMED = {"blocks.0.0.bn1.gain.weight": "blocks.0.0.bn1.bias.weight"}


def test_every_wrong_shape_is_named(case):
    arch, state = case
    for key, value in state.items():
        if value.ndim == 0 or "resample_filter" in key:
            continue
        wider = torch.zeros(*value.shape[:-1], value.shape[-1] + 1)
        if key not in LATENTS:
            refused(arch, {**state, key: wider}, NAMED.get(key, key))
        refused(arch, {**state, key: value[None]}, key)


def refused(arch, state, key):
    with pytest.raises(UserError) as caught:
        from_official(arch, state)
    assert key in str(caught.value), f"{key}: {caught.value}"


def test_wrong_shapes_come_with_the_expected_ones():
    state = cyclegan_state()
    state["model.4.bias"] = torch.zeros(9)
    with pytest.raises(UserError, match=r"model\.4\.bias has shape \[9\], expected \[8\]"):
        from_official("cyclegan-resnet", state)


def test_unknown_architecture_gets_the_closest_names():
    with pytest.raises(UserError, match="stylegan2-ada"):
        from_official("stylegan2", {})


def test_unknown_argument_gets_the_closest_name(case):
    arch, state = case
    with pytest.raises(UserError, match="no argument 'foo'"):
        from_official(arch, state, foo=1)


@pytest.mark.parametrize("state", [{}, {"a": 1}, {1: torch.zeros(1)}])
def test_what_is_no_state_is_refused(state):
    with pytest.raises(UserError, match="not a state_dict"):
        from_official("cyclegan-resnet", state)


@pytest.mark.parametrize(
    ("arch", "kwargs"),
    [
        ("stylegan2-ada", {"z_dim": 5}),
        ("stylegan2-ada", {"img_resolution": 16}),
        ("stylegan2-ada", {"mapping_kwargs": {"num_layers": 8}}),
        ("stylegan2-ada", {"mapping_kwargs": {"activation": "relu"}}),
        ("stylegan2-ada", {"synthesis_kwargs": {"architecture": "orig"}}),
        ("stylegan2-ada", {"synthesis_kwargs": {"channel_base": 4, "channel_max": 5}}),
        ("stylegan2-ada", {"mapping_kwargs": {"layer_features": 7}}),
        ("stylegan2-ada", {"architecture": "orig"}),
        ("stylegan2-ada", {"conv_clamp": 256, "synthesis_kwargs": {}}),
        ("studiogan-sagan", {"attn_g_loc": [2]}),
        ("studiogan-sagan", {"g_spectral_norm": True}),
        ("studiogan-sagan", {"num_classes": 10}),
        ("studiogan-sagan", {"g_act_fn": "ELU"}),
        ("cyclegan-resnet", {"n_blocks": 9}),
        ("cyclegan-resnet", {"norm": "batch"}),
        ("cyclegan-resnet", {"affine": True}),
        ("cyclegan-resnet", {"padding_type": "zero"}),
        ("cyclegan-resnet", {"padding_type": "circular"}),
    ],
)
def test_arguments_that_contradict_the_state_are_refused(arch, kwargs):
    with pytest.raises(UserError):
        from_official(arch, STATES[arch](), **kwargs)


def test_the_state_is_left_alone(case):
    arch, state = case
    before = {key: value.clone() for key, value in state.items()}
    generator = from_official(arch, state)
    for parameter in generator.parameters():
        parameter.data.add_(1)
    assert state.keys() == before.keys()
    assert all(torch.equal(state[key], before[key]) for key in before)


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("padding", ["reflect", "replicate", "zero"])
@pytest.mark.parametrize("dropout", [False, True])
def test_cyclegan_layouts(affine, padding, dropout):
    """Zero padding takes no place in the official blocks, dropout takes one between the convolutions."""
    ours = ResnetGenerator(2, 4, 5, 2, affine, padding).eval()
    if affine:
        for parameter in ours.parameters():
            parameter.data.uniform_(-0.3, 0.3)
    first = 0 if padding == "zero" else 1
    second = 2 * first + 3 + dropout
    moved = {1: first, 2: first + 1, 5: second, 6: second + 1}
    official = {}
    for key, value in ours.state_dict().items():
        parts = key.split(".")
        if parts[2] == "conv_block":
            parts[3] = str(moved[int(parts[3])])
        official[".".join(parts)] = value
    # Published files carry running statistics, which official code drops as well.
    official["model.2.running_mean"] = torch.ones(5)
    official["model.2.num_batches_tracked"] = torch.tensor(7)
    generator = from_official("cyclegan-resnet", official, padding_type=padding)
    image = torch.rand(2, 2, 12, 16) * 2 - 1
    assert torch.equal(generator(image), ours(image))


def test_batch_norm_is_refused():
    state = {key: value for key, value in cyclegan_state(affine=True).items() if key != "model.1.bias"}
    with pytest.raises(UserError, match="instance"):
        from_official("cyclegan-resnet", {**state, "model.2.running_mean": torch.zeros(4)})


def test_studiogan_s_width_table():
    torch.manual_seed(0)
    state = SAGAN((128, 64, 32, 16, 8), 6, 4, [3]).state_dict()
    kwargs = {"img_size": 64, "z_dim": 6, "attn_g_loc": [3], "apply_attn": True, "g_spectral_norm": False}
    from_official("studiogan-sagan", state, g_conv_dim=8, **kwargs)
    with pytest.raises(UserError, match="widths"):
        from_official("studiogan-sagan", state, g_conv_dim=16, **kwargs)


def test_a_mapping_may_have_tracked_no_average():
    state = stylegan2_state()
    whole = from_official("stylegan2-ada", state)
    del state["mapping.w_avg"]
    generator = from_official("stylegan2-ada", state, mapping_kwargs={"w_avg_beta": None})
    assert torch.equal(generator.mapping.w_avg, torch.zeros(6))
    z = generator.sample_inputs(2, 0)
    assert torch.equal(generator(*z), whole(*z))
    with pytest.raises(UserError, match=r"lacks keys .*mapping\.w_avg"):
        from_official("stylegan2-ada", state, mapping_kwargs={"w_avg_beta": 0.998})


@pytest.mark.parametrize(
    ("arch", "kwargs"),
    [
        ("stylegan2-ada", {"mapping_kwargs": 3}),
        ("stylegan2-ada", {"synthesis_kwargs": "abc"}),
        ("stylegan2-ada", {"synthesis_kwargs": {"conv_clamp": "big"}}),
        ("stylegan2-ada", {"synthesis_kwargs": {"conv_clamp": -1}}),
        ("stylegan2-ada", {"synthesis_kwargs": {"conv_clamp": float("nan")}}),
        ("stylegan2-ada", {"synthesis_kwargs": {"channel_base": "x"}}),
        ("stylegan2-ada", {"conv_clamp": "big"}),
        ("stylegan2-ada", {"synthesis_kwargs": {"channel_max": 0}}),
        ("stylegan2-ada", {"mapping_kwargs": {"lr_multiplier": True}}),
        ("studiogan-sagan", {"attn_g_loc": 2}),
        ("studiogan-sagan", {"attn_g_loc": [[1]]}),
        ("studiogan-sagan", {"g_conv_dim": "16"}),
        ("cyclegan-resnet", {"padding_type": [1]}),
    ],
)
def test_arguments_of_another_type(arch, kwargs):
    said = "know no padding" if "padding_type" in kwargs else rf"Argument ({'|'.join(_names(kwargs))})\b"
    with pytest.raises(UserError, match=said):
        from_official(arch, STATES[arch](), **kwargs)


def _names(kwargs):
    """Names of arguments and of those inside them."""
    for name, value in kwargs.items():
        yield name
        if isinstance(value, dict):
            yield from _names(value)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda value: value.to("meta"), "not a plain tensor"),
        (lambda value: value.to_sparse(), "not a plain tensor"),
        (lambda value: value.to(torch.complex64), "not a plain tensor"),
        (lambda value: value.to(torch.int8), "holds int8, expected floating-point"),
        (lambda value: value * float("nan"), "not finite"),
        (lambda value: value / 0, "not finite"),
    ],
)
def test_tensors_of_another_kind(change, match):
    state = cyclegan_state()
    state["model.1.weight"] = change(state["model.1.weight"])
    with pytest.raises(UserError, match=match) as caught:
        from_official("cyclegan-resnet", state)
    assert "model.1.weight" in str(caught.value)


@pytest.mark.parametrize("state", [None, [("a", torch.zeros(1))], torch.zeros(1), torch.nn.Linear(1, 1)])
def test_what_is_no_mapping(state):
    with pytest.raises(UserError, match=f"it is a {type(state).__name__}"):
        from_official("cyclegan-resnet", state)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_weights(dtype):
    state = {key: value.to(dtype) for key, value in cyclegan_state().items()}
    generator = from_official("cyclegan-resnet", state)
    assert {value.dtype for value in generator.state_dict().values()} == {torch.float32}
