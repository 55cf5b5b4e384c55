"""The distance alone, from moments with the reference's root at hand, against SciPy's sqrtm.

    python benchmarks/distance.py --out docs/speed/distance.json

Both get the same moments of the same rows, on one thread. The error is that against the nuclear norm of the
centred rows, which needs no root of a matrix. Times are CPU seconds, the median of the rounds.
"""

from __future__ import annotations

import statistics
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from figures import options, publish
from threadpoolctl import threadpool_limits

from ganqbench.metrics.frechet_distance import frechet_from_moments
from ganqbench.metrics.reference import Reference, moments_of

Array = npt.NDArray[np.float64]


def seconds(work: Callable[[], float], rounds: int) -> tuple[float, float]:
    """Median CPU seconds of `work`, and what it gave."""
    times, value = [], 0.0
    for _ in range(rounds):
        started = time.process_time()
        value = work()
        times.append(time.process_time() - started)
    return statistics.median(times), value


def nuclear(real: Array, fake: Array) -> float:
    """The distance by singular values of R_fake R_real', R from the QR of each sample's centred rows."""
    roots = [
        np.linalg.qr(rows - rows.mean(axis=0), mode="r") / np.sqrt(len(rows) - 1) for rows in (real, fake)
    ]
    shared = np.linalg.svd(roots[1] @ roots[0].T, compute_uv=False).sum()
    delta = fake.mean(axis=0) - real.mean(axis=0)
    return float(delta @ delta + sum((root**2).sum() for root in roots) - 2 * shared)


def compare(dim: int, n: int, rounds: int) -> dict[str, float]:
    """Figures for one number of features and of rows."""
    from scipy import linalg

    rng = np.random.default_rng(0)
    scales = np.exp(-3 * np.arange(dim) / dim)
    real, fake = (rng.standard_normal((n, dim)) * scales * scale for scale in (1.0, 1.1))
    reference = Reference.from_features(real)
    mean, covariance = moments_of(fake)

    def scipy_way() -> float:
        root = np.asarray(linalg.sqrtm(covariance @ reference.covariance))
        delta = mean - reference.mean
        return float(delta @ delta + np.trace(covariance) + reference.trace - 2 * np.trace(root).real)

    own, value = seconds(lambda: frechet_from_moments(reference, mean, covariance, n), rounds)
    theirs, other = seconds(scipy_way, rounds)
    exact = nuclear(real, fake)
    return {
        "features": dim,
        "images": n,
        "ganqbench_s": own,
        "sqrtm_s": theirs,
        "ratio": theirs / own,
        "error": abs(value - exact) / exact,
        "sqrtm_error": abs(other - exact) / exact,
    }


def main(arguments: list[str]) -> None:
    """Print the figures and write them."""
    parser = options(__doc__)
    parser.add_argument("--features", type=int, nargs="*", default=[192, 2048])
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args(arguments)
    figures: list[dict[str, Any]] = []
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figures += [compare(dim, chosen.images, chosen.rounds) for dim in chosen.features]
    publish(__file__, arguments, chosen, {"figures": figures})


if __name__ == "__main__":
    main(sys.argv[1:])
