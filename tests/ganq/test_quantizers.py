"""The quantizers against the closed forms of their papers, and what holds for any of them."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from ganqbench.adapters.ganq.grids import Grid, affine, symmetric
from ganqbench.adapters.ganq.quantizers import EWGS, LSQ, PACT, DoReFaWeight, Dynamic, LSQPlus, Static
from ganqbench.adapters.ganq.rounding import round_through

X = torch.tensor([-9.0, -1.3, -0.6, -0.2, 0.05, 0.26, 0.74, 1.6, 2.4, 9.0])
G = torch.arange(1.0, 11.0)  # the gradient from behind
finite = st.floats(-1e4, 1e4, width=32)


def backward(quantizer: nn.Module, x: Tensor = X) -> tuple[Tensor, Tensor]:
    """Output, and the gradient towards x; those of parameters are left in them."""
    x = x.clone().requires_grad_()
    y: Tensor = quantizer(x)
    y.backward(G)
    assert x.grad is not None
    return y.detach(), x.grad


def grad(parameter: Tensor) -> float:
    assert parameter.grad is not None
    return float(parameter.grad)


@given(st.lists(finite, min_size=1, max_size=60), finite, finite, st.integers(2, 8))
@settings(max_examples=200, deadline=None)
def test_affine_grids(values: list[float], one: float, other: float, bits: int) -> None:
    low, high = torch.tensor(min(one, other)), torch.tensor(max(one, other))
    check_grid(affine(low, high, bits), torch.tensor(values), bits)


@given(
    st.lists(finite, min_size=1, max_size=60), st.floats(0, 1e4, width=32), st.integers(2, 8), st.booleans()
)
@settings(max_examples=200, deadline=None)
def test_symmetric_grids(values: list[float], largest: float, bits: int, signed: bool) -> None:
    check_grid(symmetric(torch.tensor(largest), bits, signed=signed), torch.tensor(values), bits)


def check_grid(grid: Grid, values: Tensor, bits: int) -> None:
    quantized = grid.quantize(values)
    assert len(quantized.unique()) <= 2**bits
    assert torch.equal(grid.quantize(quantized), quantized)  # idempotent
    assert torch.equal(grid.quantize(torch.zeros(1)), torch.zeros(1))  # padding is exact
    order = values.argsort()
    assert (quantized[order].diff() >= 0).all()  # monotonic
    inside = (values >= grid.lowest) & (values <= grid.highest)
    slack = 1e-5 * (grid.step + values.abs())
    assert ((quantized - values).abs() <= grid.step / 2 + slack)[inside].all()
    assert (quantized >= grid.lowest).all()
    assert (quantized <= grid.highest).all()


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("activation", [True, False])
def test_lsq_is_the_papers(signed: bool, activation: bool) -> None:
    low, high = (-4, 3) if signed else (0, 7)
    s = 0.5
    quantizer = LSQ(Grid(torch.tensor(s), torch.tensor(0.0), low, high), activation=activation)
    batch = X.reshape(2, 5)
    x = batch.clone().requires_grad_()
    y = quantizer(x)
    y.backward(G.reshape(2, 5))
    # Esser et al. 2020: eq. 1 and 2, eq. 3, and the gradient scale of section 2.2.
    v = batch / s
    torch.testing.assert_close(y.detach(), v.clamp(low, high).round() * s, rtol=0, atol=0)
    inside = (v > low) & (v < high)
    slope = torch.where(inside, v.round() - v, v.clamp(low, high))
    count = 5 if activation else 10
    expected = (slope * G.reshape(2, 5)).sum() / math.sqrt(count * high)
    assert grad(quantizer.step) == pytest.approx(float(expected), rel=1e-5)
    torch.testing.assert_close(x.grad, inside * G.reshape(2, 5))


def test_the_steps_gradient_is_that_of_a_difference_quotient() -> None:
    """Where no value changes its level: beyond the range, and of the straight-through part inside."""
    beyond = torch.tensor([9.0, -9.0, 30.0, 8.0])
    quantizer = LSQ(symmetric(torch.tensor(1.5), 3), activation=True)
    quantizer.gradient_scale = lambda x: 1.0  # type: ignore[method-assign]
    quantizer(beyond).sum().backward()
    width = 1e-3
    with torch.no_grad():
        sums = []
        for sign in (1, -1):
            quantizer.step += sign * width
            sums.append(float(quantizer(beyond).sum()))
            quantizer.step -= sign * width
    assert grad(quantizer.step) == pytest.approx((sums[0] - sums[1]) / (2 * width), rel=1e-3)
    # Inside, with rounding taken as the addition of a constant r: s (x / s + r) = x + s r.
    quantizer.step.grad = None
    inside = torch.tensor([0.3, -0.7, 0.9])
    quantizer(inside).sum().backward()
    step = float(quantizer.step.detach())
    residue = (inside / step).round() - inside / step
    after, before = ((inside + s * residue).sum() for s in (step + width, step))
    assert grad(quantizer.step) == pytest.approx(float(after - before) / width, abs=1e-3)


def test_lsq_plus_is_the_papers() -> None:
    grid = affine(torch.tensor(-1.0), torch.tensor(2.5), 3)
    quantizer = LSQPlus(grid)
    s, beta = float(grid.step), float(grid.lowest)
    y, towards_x = backward(quantizer)
    # Bhalgat et al. 2020, eq. 5-8: the quantizer shifted by its offset.
    v = (X - beta) / s
    torch.testing.assert_close(y, v.clamp(0, 7).round() * s + beta, rtol=0, atol=1e-6)
    inside = (v > 0) & (v < 7)
    scale = quantizer.gradient_scale(X)
    slope = torch.where(inside, v.round() - v, v.clamp(0, 7))
    assert grad(quantizer.step) == pytest.approx(float((slope * G).sum()) * scale, rel=1e-4)
    assert grad(quantizer.offset) == pytest.approx(float(G[~inside].sum()) * scale, rel=1e-5)
    torch.testing.assert_close(towards_x, inside * G)


def test_pact_is_the_papers() -> None:
    alpha, bits = 1.6, 3
    quantizer = PACT(affine(torch.tensor(0.0), torch.tensor(alpha), bits))
    y, towards_x = backward(quantizer)
    # Choi et al. 2018: y = (|x| - |x - alpha| + alpha) / 2, rounded, and eq. 3.
    clipped = 0.5 * (X.abs() - (X - alpha).abs() + alpha)
    n = 2**bits - 1
    torch.testing.assert_close(y, (clipped * n / alpha).round() * alpha / n)
    above = quantizer.upper.detach() <= X
    assert above.sum() == 3  # 1.6 itself is one of them
    assert grad(quantizer.upper) == pytest.approx(float(G[above].sum()))
    torch.testing.assert_close(towards_x, ((X >= 0) & ~above) * G)
    assert [name for name, _ in quantizer.named_parameters()] == ["upper"]


def test_pact_learns_a_lower_clip_where_inputs_were_negative() -> None:
    quantizer = PACT(affine(torch.tensor(-1.0), torch.tensor(1.0), 4))
    _, towards_x = backward(quantizer)
    assert isinstance(quantizer.lower, nn.Parameter)
    below = quantizer.lower.detach() > X
    assert grad(quantizer.lower) == pytest.approx(float(G[below].sum()))
    assert (towards_x[below] == 0).all()


@pytest.mark.parametrize("bits", [2, 4])
def test_dorefa_is_the_papers(bits: int) -> None:
    latent = torch.tensor([[-1.2, 0.3, 0.9], [0.01, -0.4, 2.0]])
    quantizer = DoReFaWeight(torch.ones_like(latent), None, bits)  # scale 1, as in the paper
    v = latent.clone().requires_grad_()
    y = quantizer(v)
    y.backward(torch.ones_like(y))
    # Zhou et al. 2016, eq. 9 with eq. 5.
    n = 2**bits - 1
    t = latent.tanh()
    share = t / (2 * t.abs().max()) + 0.5
    torch.testing.assert_close(y.detach(), 2 * (share * n).round() / n - 1)
    smooth = latent.clone().requires_grad_()
    (smooth.tanh() / smooth.tanh().abs().max()).sum().backward()
    torch.testing.assert_close(v.grad, smooth.grad)


def test_dorefa_starts_where_the_weights_are() -> None:
    weight = torch.randn(6, 5, 3, 3, generator=torch.Generator().manual_seed(0))
    weight[2] *= 100
    weight[3] = 0
    quantizer = DoReFaWeight(weight, 0, 8)
    latent = quantizer.right_inverse(weight)
    step = 2 * weight.abs().amax([1, 2, 3], keepdim=True) / 255
    assert ((quantizer(latent) - weight).abs() <= step / 2 * 1.001 + 1e-9).all()


def test_ewgs_is_the_papers() -> None:
    delta, bits = 0.7, 3
    grid = affine(torch.tensor(-1.0), torch.tensor(2.5), bits)
    quantizer = EWGS(grid, delta)
    lower, upper, n = grid.lowest, grid.highest, 2**bits - 1
    gradients = G * torch.tensor([1.0, -1.0] * 5)
    x = X.clone().requires_grad_()
    y = quantizer(x)
    y.backward(gradients)
    # Lee et al. 2021: x_n of eq. 1, x_q of eq. 2, gradients of eq. 3, in the units of x.
    normed = ((X - lower) / (upper - lower)).clamp(0, 1)
    rounded = (normed * n).round() / n
    torch.testing.assert_close(y.detach(), lower + (upper - lower) * rounded, rtol=0, atol=1e-6)
    inside = (normed > 0) & (normed < 1)
    expected = inside * gradients * (1 + delta * gradients.sign() * (normed - rounded))
    torch.testing.assert_close(x.grad, expected)
    assert not torch.allclose(expected, inside * gradients)
    assert quantizer.lower.grad is not None
    assert quantizer.upper.grad is not None


def test_dynamic_ranges_are_those_of_each_sample() -> None:
    x = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [1.0, 10.0, 100.0]
    ).reshape(3, 1, 1)
    together = Dynamic(4)(x)
    for sample, value in zip(x, together, strict=True):
        grid = affine(sample.min(), sample.max(), 4)
        assert torch.equal(grid.quantize(sample), value)


GRIDS = {
    "signed": affine(torch.tensor(-1.0), torch.tensor(2.0), 4),
    "rectified": affine(torch.tensor(0.0), torch.tensor(2.0), 4),
}
MAKERS: dict[str, Callable[[Grid], nn.Module]] = {
    "static": Static,
    "lsq-plus": LSQPlus,
    "pact": PACT,
    "ewgs": EWGS,
}


@pytest.mark.parametrize("range_", GRIDS)
@pytest.mark.parametrize("kind", MAKERS)
def test_every_quantizer_begins_on_the_calibrated_grid(kind: str, range_: str) -> None:
    x = torch.randn(4, 500, generator=torch.Generator().manual_seed(1)) * 2
    torch.testing.assert_close(MAKERS[kind](GRIDS[range_])(x), GRIDS[range_].quantize(x), rtol=0, atol=1e-6)


def test_straight_through_keeps_values_and_gradients() -> None:
    x = torch.tensor([0.2, 1.5, 2.5, -1.7], requires_grad=True)
    y = round_through(x)
    assert y.tolist() == [0, 2, 2, -2]
    y.backward(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert x.grad is not None
    assert x.grad.tolist() == [1, 2, 3, 4]
