"""Structural similarity, equal to scikit-image's with the settings of the original paper.

Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural
similarity" (2004): 11-tap Gaussian window with sigma 1.5, population covariance, K1 = 0.01,
K2 = 0.03, range 255, per colour channel, then the mean over channels and over the positions where
the window fits. In scikit-image: ``structural_similarity(x, y, channel_axis=..., data_range=255,
gaussian_weights=True, sigma=1.5, use_sample_covariance=False)``.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ganqbench.metrics.checks import Float64, MetricError, Pixels

RADIUS = 5
"""Taps on either side of the centre: int(3.5 * sigma + 0.5)."""
_SIGMA = 1.5
_C1 = (0.01 * 255) ** 2
_C2 = (0.03 * 255) ** 2
# Pixels worked on at once: the intermediate maps of so many still fit a core's cache.
_GROUP_PIXELS = 16384


def _taps() -> list[float]:
    """The window's weights from the centre outwards, RADIUS + 1 of them."""
    raw = [math.exp(-0.5 * (k / _SIGMA) ** 2) for k in range(RADIUS + 1)]
    total = raw[0] + 2 * math.fsum(raw[1:])
    return [weight / total for weight in raw]


def _blur(maps: Float64, taps: list[float], axis: int) -> Float64:
    """Valid correlation with the symmetric window along one axis (length shrinks by 2 RADIUS).

    Shifted sums rather than a matrix product or a convolution routine: only elementwise operations,
    so an image's result can't depend on its batch, on threads or on a BLAS.
    """
    length = maps.shape[axis] - 2 * RADIUS

    def shifted(start: int) -> Float64:
        window = [slice(None)] * maps.ndim
        window[axis] = slice(start, start + length)
        return maps[tuple(window)]

    total = shifted(RADIUS) * taps[0]
    pair = np.empty_like(total)
    for offset in range(1, RADIUS + 1):
        np.add(shifted(RADIUS - offset), shifted(RADIUS + offset), out=pair)
        pair *= taps[offset]
        total += pair
    return total


def _similarity(first: Float64, second: Float64, taps: list[float]) -> Float64:
    """The map of local similarities of planes ``[M, H, W]`` in 0..255."""
    # var(x) + var(y) is all the formula needs, so x^2 + y^2 is filtered as one map.
    maps = np.stack([first, second, first * first + second * second, first * second])
    mean_x, mean_y, squares, product = _blur(_blur(maps, taps, 3), taps, 2)
    means = mean_x * mean_y
    energy = mean_x * mean_x + mean_y * mean_y
    above = (2 * means + _C1) * (2 * (product - means) + _C2)
    below = (energy + _C1) * ((squares - energy) + _C2)
    result: Float64 = above / below
    return result


def ssim(first: Pixels, second: Pixels) -> npt.NDArray[np.float64]:
    """Structural similarity in [-1, 1] of each pair of images ``[N, 3, H, W]`` uint8, ``[N]``.

    Raises MetricError for images under 11 pixels, where the window does not fit.
    """
    n, channels, height, width = first.shape
    if min(height, width) <= 2 * RADIUS:
        raise MetricError(f"SSIM needs images of at least {2 * RADIUS + 1} pixels, not {height}x{width}")
    taps = _taps()
    planes = n * channels
    x = first.reshape(planes, height, width)
    y = second.reshape(planes, height, width)
    step = max(1, _GROUP_PIXELS // (height * width))
    means = np.empty(planes)
    for start in range(0, planes, step):
        part = slice(start, start + step)
        local = _similarity(x[part].astype(np.float64), y[part].astype(np.float64), taps)
        for offset, plane in enumerate(local):
            means[start + offset] = plane.mean()
    by_image = means.reshape(n, channels)
    total = by_image[:, 0].copy()
    for channel in range(1, channels):
        total += by_image[:, channel]
    # Rounding may lift identical images a last bit above 1.
    result: Float64 = np.clip(total / channels, -1.0, 1.0)
    return result
