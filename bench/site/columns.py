"""The board's columns: what each is called, whether less is better, and how its cells read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ganqbench.site import format as fmt

Values = Mapping[str, float | None]


@dataclass(frozen=True)
class Column:
    """A numeric column: `key` names the value in the rows table."""

    key: str
    title: str
    better: str | None
    """`less`, `more`, or None where neither is better."""
    text: Callable[[float | None], str]
    hint: str
    unit: str = ""
    short: str = ""

    @property
    def address(self) -> str:
        """What the column is called in a page's address."""
        return self.short or self.key


def _fixed(digits: int) -> Callable[[float | None], str]:
    return lambda value: fmt.number(value, digits)


def _signed(digits: int) -> Callable[[float | None], str]:
    return lambda value: fmt.signed(value, digits)


def _scaled(factor: float, figures: int = 3) -> Callable[[float | None], str]:
    return lambda value: fmt.significant(None if value is None else value / factor, figures)


METRICS: tuple[Column, ...] = (
    Column("fid", "FID", "less", _fixed(2), "Distance of the image distribution to the real one"),
    Column("fid_delta", "\u0394 FP32", "less", _signed(2), "FID minus FP32's, from the same inputs"),
    Column("psnr", "PSNR", "more", _fixed(2), "Mean over the images of the PSNR to FP32's image", "dB"),
    Column("perceptual", "Perceptual", "less", _fixed(3), "Mean perceptual distance to FP32's image"),
    Column("qfid", "qFID", "less", _fixed(2), "FID between quantized and FP32 images"),
    Column("kid", "KID", "less", _fixed(4), "Kernel distance to the real images"),
    Column("precision", "Precision", "more", _fixed(3), "Share of images that look real"),
    Column("recall", "Recall", "more", _fixed(3), "Share of real images that are covered"),
    Column("density", "Density", "more", _fixed(3), "How densely real images surround the generated ones"),
    Column("coverage", "Coverage", "more", _fixed(3), "Share of real images with a generated neighbour"),
    Column("ssim", "SSIM", "more", _fixed(4), "Mean structural similarity to FP32's image"),
    Column("mae", "MAE", "less", _fixed(2), "Mean absolute difference to FP32's image, of 255"),
)
COST: tuple[Column, ...] = (
    Column(
        "coverage_of_macs",
        "Audited",
        "more",
        fmt.share,
        "Share of MACs at the claimed width or below",
        short="audited",
    ),
    Column("bytes", "Size", "less", _scaled(1e6), "Packed weights, scales and zero points", "MB", "size"),
    Column("bops", "BOPs", "less", _scaled(1e12), "MACs times weight bits times activation bits", "T"),
    Column(
        "calibration_s",
        "Calib.",
        "less",
        _scaled(1, 2),
        "CPU time to calibrate and quantize",
        "s",
        "calibration",
    ),
)
BY_KEY: Mapping[str, Column] = {column.key: column for column in (*METRICS, *COST)}


def interval(key: str, values: Values) -> str:
    """The half width that goes beside a value: `±0.31`; empty without an interval."""
    value, low, high = values.get(key), values.get(f"{key}_low"), values.get(f"{key}_high")
    if value is None or low is None or high is None:
        return ""
    text = BY_KEY[key].text(max(value - low, high - value))
    return "\u00b1" + text.lstrip("+")
