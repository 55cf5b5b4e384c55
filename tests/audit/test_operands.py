"""What one operand turns out to be, and what is left of that after a second look."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ganqbench.audit.grid import ACCIDENT, find_grid
from ganqbench.audit.operands import (
    UNREADABLE,
    Judgement,
    bit_width,
    judge_activation,
    judge_weight,
)

REALS = torch.randn(4, 64, generator=torch.Generator().manual_seed(0))


def rounded(values: Tensor, levels: int, per_item: bool = False) -> Tensor:
    """The values on an even grid of so many levels, over all of them or one for each item of dimension 0."""
    parts = values.split(1) if per_item else [values]
    done = []
    for part in parts:
        step = (part.max() - part.min()) / (levels - 1)
        done.append(part.min() + step * ((part - part.min()) / step).round())
    return torch.cat(done)


@pytest.mark.parametrize(
    ("levels", "bits"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (256, 8), (257, 9), (None, 32)]
)
def test_bits_number_the_levels(levels: int | None, bits: int) -> None:
    assert bit_width(levels) == bits


def test_an_activation_is_judged_per_tensor_and_else_per_sample() -> None:
    whole = judge_activation(rounded(REALS, 16))
    assert (whole.levels, whole.granularity, whole.groups, whole.count) == (16, "tensor", 1, 256)
    each = judge_activation(rounded(REALS, 16, per_item=True))
    assert (each.levels, each.granularity, each.groups, each.count) == (16, "sample", 4, 256)
    assert each.grid is None
    # Where items are summed over, a scale for each could not be taken out of the product.
    assert judge_activation(rounded(REALS, 16, per_item=True), by_sample=False).levels is None
    # One item's scale is that of the tensor, and a row of numbers has no items.
    assert judge_activation(rounded(REALS[:1], 16)).granularity == "tensor"
    assert judge_activation(rounded(REALS[0], 16)).granularity == "tensor"
    assert judge_activation(rounded(REALS[:2], 16, per_item=True)).granularity == "sample"
    for reals in (REALS, REALS[0]):
        assert judge_activation(reals) == Judgement(None, None, 0, reals.numel())


def test_one_real_item_is_enough_for_none() -> None:
    assert judge_activation(torch.cat([rounded(REALS[:3], 16, per_item=True), REALS[3:]])).levels is None


def test_a_weight_is_judged_per_tensor_where_channels_need_no_fewer_bits() -> None:
    whole, each = rounded(REALS, 16), rounded(REALS, 16, per_item=True)
    for weight, granularity, groups in ((whole, "tensor", 1), (each, "channel", 4)):
        found = judge_weight(weight.numpy())
        assert (found.levels, found.granularity, found.groups) == (16, granularity, groups)
        assert found.count == 256
    assert judge_weight(REALS.numpy()) == Judgement(None, None, 0, 256)


def test_what_is_no_plain_array_counts_as_full_precision() -> None:
    zeros = torch.zeros(2, 3)
    with pytest.warns(UserWarning, match="deprecated"):
        quantized = torch.quantize_per_tensor(zeros, 0.1, 0, torch.qint8)
    for value in (zeros.to(torch.complex64), zeros.to_sparse(), quantized):
        assert judge_activation(value) == Judgement(None, None, 0, 6)
    assert Judgement(None, None, 0, 0) == UNREADABLE


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64, torch.int8])
def test_any_kind_of_number_is_read(dtype: torch.dtype) -> None:
    found = judge_activation((rounded(REALS, 16) * 0 + torch.arange(256).reshape(4, 64) % 7).to(dtype))
    assert (found.levels, found.granularity) == (7, "tensor")


def test_zeros_need_no_evidence_and_few_numbers_are_none() -> None:
    assert judge_activation(torch.zeros(2, 3)).levels == 1
    assert judge_activation(torch.tensor([0.31234, 0.73917, 1.91773])).levels is None


def test_a_grid_is_believed_from_as_many_numbers_on_as_rule_out_an_accident() -> None:
    seen = set()
    for count in range(3, 9):
        value = rounded(REALS[0, :count], 256)
        grid = find_grid(value.numpy())
        assert grid is not None
        believed = grid.log_accident(2 ** bit_width(grid.levels)) < math.log(ACCIDENT)
        assert (judge_activation(value).levels is not None) == believed
        seen.add(believed)
    assert seen == {False, True}


STEP = 0.25
COARSE = torch.arange(8).repeat(32).reshape(4, 64) * STEP


def test_the_worse_of_two_showings_counts() -> None:
    fine, coarse = judge_activation(COARSE / 2), judge_activation(COARSE)
    moved = judge_activation(COARSE * 1.1)
    wide = judge_activation(torch.arange(256).reshape(4, 64) * STEP)
    none = judge_activation(REALS)
    for one, other in ((wide, coarse), (coarse, wide)):
        worse = one.worse(other)
        assert (worse.levels, worse.granularity, worse.static) == (256, "tensor", True)
    assert fine.worse(coarse).static  # the coarser grid is a part of the finer
    assert not coarse.worse(moved).static
    assert coarse.worse(moved).levels == 8
    # No grid for one of the inputs is none at all.
    for one, other in ((none, coarse), (coarse, none), (none, none)):
        assert one.worse(other) == Judgement(None, None, 0, 256, static=False)


def test_a_scale_for_each_sample_is_no_static_one() -> None:
    each = judge_activation(rounded(REALS, 16, per_item=True))
    whole = judge_activation(rounded(REALS, 200))
    for worse in (each.worse(whole), whole.worse(each)):
        assert (worse.granularity, worse.groups, worse.levels, worse.static) == ("sample", 4, 200, False)


def test_a_constant_lies_on_any_grid() -> None:
    constant = judge_activation(torch.full((4, 64), 0.3))
    assert constant.worse(judge_activation(COARSE)).static
    assert constant.worse(constant).static


def test_a_shift_by_less_than_a_step_is_another_grid_and_by_whole_steps_the_same() -> None:
    assert not judge_activation(COARSE).worse(judge_activation(COARSE + STEP / 3)).static
    assert judge_activation(COARSE).worse(judge_activation(COARSE + 3 * STEP)).static
