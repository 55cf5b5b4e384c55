from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ganqbench.recipes.losses import mean_error, moment_error, relative_error


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@given(gain=st.floats(0.1, 100), seed=st.integers(0, 99))
def test_errors_have_no_unit(gain: float, seed: int) -> None:
    teacher, student = draw(4, 3, 8, 8, seed=seed), draw(4, 3, 8, 8, seed=seed + 100)
    assert relative_error(student * gain, teacher * gain) == pytest.approx(
        float(relative_error(student, teacher)), rel=1e-3
    )
    assert moment_error([student * gain], [teacher * gain]) == pytest.approx(
        float(moment_error([student], [teacher])), rel=1e-3, abs=1e-6
    )


def test_relative_error_of_the_mean_is_one() -> None:
    teacher = draw(8, 3, 16, 16)
    assert float(relative_error(teacher.mean().expand_as(teacher), teacher)) == pytest.approx(1, rel=1e-2)


def test_moments_see_lost_contrast_but_no_permutation() -> None:
    teacher = draw(8, 3, 16, 16)
    assert float(moment_error([teacher.flip(0)], [teacher])) < 1e-10
    # A deviation of 0.9 instead of 1 is 0.1 away, squared.
    faded = teacher.mean((0, 2, 3), keepdim=True) + 0.9 * (teacher - teacher.mean((0, 2, 3), keepdim=True))
    assert float(moment_error([faded], [teacher])) == pytest.approx(0.01, rel=1e-3)
    # A shift by half a deviation is 0.25 away.
    moved = teacher + 0.5 * teacher.std((0, 2, 3), keepdim=True)
    assert float(moment_error([moved], [teacher])) == pytest.approx(0.25, rel=1e-2)


def test_pairs_weigh_alike_whatever_their_size() -> None:
    small, large = draw(2, 1, 4, 4), draw(2, 64, 32, 32)
    both = mean_error([small * 1.1, large], [small, large])
    assert float(both) == pytest.approx(float(relative_error(small * 1.1, small)) / 2)


def test_a_constant_channel_is_no_division_by_zero() -> None:
    flat = torch.zeros(2, 3, 4, 4)
    assert torch.isfinite(moment_error([flat + 0.1], [flat]))
    assert torch.isfinite(relative_error(flat + 0.1, flat))


def test_a_channel_that_hardly_fires_weighs_no_more_than_the_others() -> None:
    teacher = draw(8, 4, 8, 8)
    teacher[:, 0] *= 1e-3
    student = teacher.clone()
    student[:, 0] += 0.1  # a hundred deviations of its own, a tenth of one of the others'
    expected = 0.1**2 / (0.1 * float(teacher.var(dim=(0, 2, 3)).mean())) / 4
    assert float(moment_error([student], [teacher])) == pytest.approx(expected, rel=1e-3)


def test_unequal_lists_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        mean_error([draw(1, 1, 2, 2)], [])
