"""The backends' colours keep apart, whoever looks, and stand out from the card that they lie on.

Difference: Euclidean in CIELAB (D65), as seen with each kind of colour blindness at full severity
(the matrices of Machado, Oliveira and Fernandes 2009, table for severity 1.0, in linear RGB).
"""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest

from ganqbench.site.names import BACKENDS
from ganqbench.site.render import assets

Array = npt.NDArray[np.float64]
EYES = {
    "all cones": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = np.array([0.95047, 1.0, 1.08883])
LEAST_DIFFERENCE = 19.0
LEAST_CONTRAST = 3.0  # WCAG 1.4.11, for what is no text


def tokens(name: str) -> tuple[str, str]:
    """(light, dark) of a colour in the stylesheet."""
    text = (assets() / "static/tokens.css").read_text()
    found = re.search(rf"{re.escape(name)}: light-dark\((#[0-9a-f]+), (#[0-9a-f]+)\)", text)
    assert found, name
    return found[1], found[2]


def mark(slug: str) -> tuple[str, str]:
    return tokens(f".b-{slug} {{ --mark")


def linear(colour: str) -> Array:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    srgb = np.array([int(digits[at : at + 2], 16) for at in (0, 2, 4)]) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: Array) -> Array:
    ratio = TO_XYZ @ np.clip(rgb, 0, 1) / WHITE
    x, y, z = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def luminance(colour: str) -> float:
    return float(TO_XYZ[1] @ linear(colour))


def test_the_difference_is_cielab() -> None:
    assert lab(linear("#ffffff")) == pytest.approx([100, 0, 0], abs=0.02)
    assert lab(linear("#ff0000")) == pytest.approx([53.24, 80.09, 67.20], abs=0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("eye", EYES)
def test_backends_are_told_apart(eye: str, theme: int) -> None:
    seen = {one.slug: lab(EYES[eye] @ linear(mark(one.slug)[theme])) for one in BACKENDS.values()}
    close = {
        (one, other): round(float(np.linalg.norm(seen[one] - seen[other])), 1)
        for one, other in combinations(seen, 2)
        if np.linalg.norm(seen[one] - seen[other]) < LEAST_DIFFERENCE
    }
    assert close == {}


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_marks_stand_out_from_the_card(theme: int) -> None:
    card = luminance(tokens("--card")[theme])
    for backend in BACKENDS.values():
        dark, light = sorted((card, luminance(mark(backend.slug)[theme])))
        assert (light + 0.05) / (dark + 0.05) >= LEAST_CONTRAST, backend.slug


def test_no_two_backends_share_a_shape() -> None:
    shapes = [backend.shape for backend in BACKENDS.values()]
    assert len(set(shapes)) == len(shapes)
