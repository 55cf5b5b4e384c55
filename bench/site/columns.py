"""The board's columns: what each is called, whether less is better, and how its cells read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import median

from ganqbench.site import format as fmt

Values = Mapping[str, float | None]
_MOST_DIGITS = 6


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
    extra: bool = False
    """Whether it waits behind "all columns" where there is a script to fetch it."""
    paired: bool = False
    """Whether it is a difference to FP32, whose cells show their intervals and as many digits."""

    @property
    def article(self) -> str:
        """What goes before its title: *an* FID, *a* PSNR."""
        return "an" if self.title == "FID" else "a"

    @property
    def address(self) -> str:
        """What the column is called in a page's address."""
        return self.short or self.key

    def cell(self, values: Values) -> str:
        """The value as the table shows it."""
        value, half = values.get(self.key), half_width(self.key, values)
        if self.paired and half:
            return fmt.signed(value, _digits(half))
        return self.text(value)

    def interval(self, values: Values) -> str:
        """The half width that goes beside a value: `±0.31`; empty without an interval."""
        half = half_width(self.key, values)
        if half is None:
            return ""
        text = fmt.number(half, _digits(half)) if self.paired and half else self.text(half)
        return "\u00b1" + text.lstrip("+")

    def fitted(self, rows: Iterable[Values]) -> Column:
        """This column with the digits that its intervals deserve; as it is where they ask for none."""
        if self.key not in FITTED:
            return self
        halves = [half for values in rows if (half := half_width(self.key, values))]
        digits = _digits(median(halves)) if halves else 0
        return replace(self, text=_fixed(max(digits, FITTED[self.key])))


def _fixed(digits: int) -> Callable[[float | None], str]:
    return lambda value: fmt.number(value, digits)


def _signed(figures: int) -> Callable[[float | None], str]:
    def text(value: float | None) -> str:
        return ("+" if value is not None and value > 0 else "") + fmt.significant(value, figures)

    return text


def _scaled(factor: float, figures: int = 3) -> Callable[[float | None], str]:
    return lambda value: fmt.significant(None if value is None else value / factor, figures)


METRICS: tuple[Column, ...] = (
    Column("fid", "FID", "less", _fixed(2), "Distance of the image distribution to the real one"),
    Column("fid_delta", "\u0394 FP32", "less", _signed(2), "FID minus FP32's, same inputs", paired=True),
    Column("perceptual", "Perceptual", "less", _scaled(1, 2), "Mean distance to FP32's image, in features"),
    Column("lpips", "LPIPS", "less", _scaled(1, 2), "Mean LPIPS to FP32's image", extra=True),
    Column("psnr", "PSNR", "more", _fixed(2), "Mean over the images of the PSNR to FP32's image", "dB"),
    Column("qfid", "qFID", "less", _scaled(1, 2), "FID between quantized and FP32 images", extra=True),
    Column("kid", "KID", "less", _fixed(4), "Kernel distance to the real images", extra=True),
    Column(
        "kid_delta",
        "\u0394 KID",
        "less",
        _signed(2),
        "KID minus FP32's, same inputs",
        extra=True,
        paired=True,
    ),
    Column("precision", "Precision", "more", _fixed(3), "Share of images that look real", extra=True),
    Column("recall", "Recall", "more", _fixed(3), "Share of real images that are covered", extra=True),
    Column("density", "Density", "more", _fixed(3), "How densely real images lie around", extra=True),
    Column("coverage", "Coverage", "more", _fixed(3), "Real images with a neighbour", extra=True),
    Column(
        "inception_score",
        "IS",
        "more",
        _fixed(2),
        "Inception score, by the feature network's classes",
        extra=True,
    ),
    Column("ssim", "SSIM", "more", _fixed(4), "Mean structural similarity to FP32's image", extra=True),
    Column("mae", "MAE", "less", _fixed(2), "Mean absolute difference to FP32's image, of 255", extra=True),
)
FITTED: Mapping[str, int] = {"fid": 2, "kid": 4}
"""Columns whose digits follow their intervals, and the least number of digits."""
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
    Column("bops", "BOPs", "less", _scaled(1e9), "MACs times weight bits times activation bits", "G"),
    Column(
        "energy",
        "Energy (proxy)",
        "less",
        _scaled(1e-6),
        "Arithmetic of one image by the table of Horowitz 2014 (45 nm), no measurement",
        "\u00b5J",
        extra=True,
    ),
    Column(
        "calibration_s",
        "Calib.",
        "less",
        _scaled(1, 2),
        "CPU time to calibrate, quantize and fine-tune",
        "s",
        "calibration",
    ),
    Column(
        "latency_s",
        "Latency",
        "less",
        _scaled(1e-3),
        "One image, fastest runtime of the integer graph",
        "ms",
        "latency",
    ),
    Column("speedup", "Speed-up", "more", _scaled(1), "Against the best FP32 runtime", "\u00d7", extra=True),
    Column(
        "integer_share",
        "Integer",
        "more",
        fmt.share,
        "Share of MACs that integer kernels executed",
        short="integer",
        extra=True,
    ),
    Column("throughput", "Throughput", "more", _scaled(1), "Images per second in a batch", "1/s", extra=True),
    Column("cpu_s", "CPU", "less", _scaled(1e-3), "CPU time of one image", "ms", "cpu", extra=True),
    Column("memory", "Memory", "less", _scaled(1e6), "Opening and running the graph", "MB", extra=True),
    Column("weight_bits", "W bits", None, _scaled(1), "Width of the deployed weights", extra=True),
)
WAITING = ("psnr", "coverage_of_macs", "bops")
"""Columns that wait behind "all columns" too, where a distance says more than pixels do."""
BY_KEY: Mapping[str, Column] = {column.key: column for column in (*METRICS, *COST)}


def half_width(key: str, values: Values) -> float | None:
    """Half of the interval, the longer half where it is lopsided; None without an interval."""
    value, low, high = values.get(key), values.get(f"{key}_low"), values.get(f"{key}_high")
    return None if value is None or low is None or high is None else max(value - low, high - value)


def _digits(half: float) -> int:
    """Decimal places that show a half width with two figures."""
    return min(max(1 - math.floor(math.log10(half)), 0), _MOST_DIGITS)
