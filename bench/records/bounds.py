"""What a metric can be at all; a number outside is a fault, whoever submitted it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ganqbench.records.schema import Metric

# name -> (least, greatest) possible value; `None` is unbounded.
BOUNDS: Mapping[str, tuple[float | None, float | None]] = {
    "psnr": (0, 100),
    "ssim": (-1, 1),
    "mae": (0, 255),
    "perceptual": (0, None),
    "lpips": (0, None),
    "fid": (0, None),
    "fid_delta": (None, None),
    "qfid": (0, None),
    "kid": (None, None),
    "kid_delta": (None, None),
    "precision": (0, 1),
    "recall": (0, 1),
    "density": (0, None),
    "coverage": (0, 1),
    "inception_score": (1, None),
}
WORST_IS_GREATEST = frozenset({"mae", "perceptual", "lpips"})


def metric_faults(metrics: Mapping[str, Metric]) -> Iterator[str]:
    """One sentence for every metric that is unknown or impossible."""
    for name, metric in metrics.items():
        if name not in BOUNDS:
            yield f"metrics.{name}: no such metric; known are {', '.join(BOUNDS)}"
            continue
        least, greatest = BOUNDS[name]
        for part in ("value", "worst"):
            number = getattr(metric, part)
            if number is None:
                continue
            if (least is not None and number < least) or (greatest is not None and number > greatest):
                yield f"metrics.{name}.{part}: {number} is impossible"
        if metric.worst is not None:
            sign = -1 if name in WORST_IS_GREATEST else 1
            if sign * metric.worst > sign * metric.value:
                yield f"metrics.{name}.worst: {metric.worst} is better than the mean {metric.value}"
