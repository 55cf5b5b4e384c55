"""Coverage of the 95 % intervals by simulation, at sizes that tests can't afford.

    python benchmarks/coverage.py --full --redraws 300 --jobs 2 --out docs/coverage.json
    python benchmarks/coverage.py --redraws 2000 [--seed 0] [--only REGEX] [--jobs 1]

The first takes cases of a suite's own size, 192 features and 5000 images, and writes a page beside the
figures; the second takes many small ones. Each case is a toy world: a fixed reference, and FP32 and
quantized features redrawn again and again. The interval must hold the expectation of the estimate at this
N. With R redraws an exact 95 % interval shows a coverage with standard deviation sqrt(0.95 * 0.05 / R):
1.26 % at R = 300, 0.49 % at 2000.
"""

from __future__ import annotations

import itertools
import math
import re
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from figures import options, publish
from threadpoolctl import threadpool_limits

from ganqbench.metrics import Estimate, frechet, frechet_delta, frechet_paired, kid, kid_delta
from ganqbench.metrics.reference import Reference

Array = npt.NDArray[np.float64]
Noise = Callable[[np.random.Generator, int, int], Array]


def gaussian(rng: np.random.Generator, n: int, dim: int) -> Array:
    """Standard normal."""
    return rng.standard_normal((n, dim))


def rectified(rng: np.random.Generator, n: int, dim: int) -> Array:
    """Skewed, with a common factor and a spread that varies from row to row."""
    shared, loud = rng.standard_normal((n, 1)), np.exp(0.3 * rng.standard_normal((n, 1)))
    base = rng.standard_normal((n, dim))
    rows: Array = np.maximum(base + 0.3 * shared, 0) * loud + 0.1 * base
    return rows


def bimodal(rng: np.random.Generator, n: int, dim: int) -> Array:
    """Two classes: one direction outweighs all others."""
    rows: Array = rng.standard_normal((n, dim)) + 3.0 * (rng.random((n, 1)) < 0.3)
    return rows


def heavy(rng: np.random.Generator, n: int, dim: int) -> Array:
    """Student's t with 6 degrees of freedom in each row's length."""
    rows: Array = rng.standard_normal((n, dim)) * np.sqrt(6 / rng.chisquare(6, (n, 1)))
    return rows


NOISES: dict[str, Noise] = {
    "gaussian": gaussian,
    "rectified": rectified,
    "bimodal": bimodal,
    "heavy": heavy,
}
PLACES = {"far": (1.15, 0.2), "near": (1.02, 0.02), "same": (1.0, 0.0)}
"""Scale and shift of the generator's features against the reference's."""
SINGLE = ("frechet", "kid")
PAIRED = ("frechet_delta", "kid_delta", "frechet_paired")
QUANTIZATIONS = ("coarse", "scaled", "near-identical", "exchangeable", "unpaired")
SIZES = ((4, 100), (6, 180), (12, 150), (12, 600), (24, 400))
FULL = (192, 5000)
"""Features and images of a suite with the embedded network."""


@dataclass(frozen=True)
class Case:
    """One toy world and one estimate in it."""

    metric: str
    noise: str
    place: str
    quantization: str
    dim: int
    n: int

    @property
    def name(self) -> str:
        """For people and for --only."""
        return f"{self.metric} {self.noise} {self.place} {self.quantization} d={self.dim} n={self.n}"


@dataclass(frozen=True)
class Outcome:
    """Shares of redraws whose interval holds, lies above and lies below the expectation."""

    case: Case
    held: float
    above: float
    below: float
    se_ratio: float
    """Mean reported standard error over the true standard deviation."""


class World:
    """A reference, and pairs of FP32 and quantized features drawn from one generator."""

    def __init__(self, case: Case, seed: int) -> None:
        self.case, self.noise = case, NOISES[case.noise]
        self.rng = np.random.default_rng([seed, zlib.crc32(f"{case.noise} {case.dim}".encode())])
        self.mix = np.eye(case.dim) + 0.15 * self.rng.standard_normal((case.dim, case.dim))
        self.error = self.rng.standard_normal((case.dim, case.dim)) / np.sqrt(case.dim)
        self.real = self.noise(self.rng, 5000, case.dim) @ self.mix
        self.reference = Reference.from_features(self.real)
        self.scale, self.shift = PLACES[case.place]

    def sample(self) -> Array:
        """Features of one generator."""
        rows = self.noise(self.rng, self.case.n, self.case.dim) @ self.mix
        result: Array = self.scale * rows + self.shift
        return result

    def pair(self) -> tuple[Array, Array]:
        """Features of FP32 and of quantized outputs of the same inputs."""
        fp32 = self.sample()

        def noisy(amount: float) -> Array:
            noise = self.noise(self.rng, self.case.n, self.case.dim) @ self.error
            result: Array = fp32 + amount * noise
            return result

        match self.case.quantization:
            case "coarse":
                return fp32, np.round(fp32 * 3) / 3
            case "scaled":
                return fp32, 1.05 * fp32
            case "near-identical":
                return fp32, noisy(0.01)
            case "exchangeable":
                return noisy(0.3), noisy(0.3)
            case _:
                return fp32, self.sample()

    def estimate(self) -> Estimate:
        """One redraw."""
        match self.case.metric:
            case "frechet":
                return frechet(self.reference, self.sample())
            case "kid":
                return kid(self.real[:500], self.sample())
            case "frechet_delta":
                return frechet_delta(self.reference, *self.pair())
            case "kid_delta":
                return kid_delta(self.real[:500], *self.pair())
            case _:
                return frechet_paired(*self.pair())


def cases() -> Iterator[Case]:
    """All of them."""
    for metric, noise, place, (dim, n) in itertools.product(SINGLE, NOISES, PLACES, SIZES):
        if metric == "frechet" or (place != "same" and dim in (4, 12)):
            yield Case(metric, noise, place, "-", dim, n)
    for metric, noise, quantization, (dim, n) in itertools.product(PAIRED, NOISES, QUANTIZATIONS, SIZES):
        if metric != "kid_delta" or dim in (4, 12):
            yield Case(metric, noise, "far", quantization, dim, n)


def full_cases() -> Iterator[Case]:
    """Cases of the size of a suite."""
    yield Case("frechet", "rectified", "far", "-", *FULL)
    for quantization in QUANTIZATIONS:
        yield Case("frechet_delta", "rectified", "far", quantization, *FULL)
    yield Case("frechet_delta", "gaussian", "far", "near-identical", *FULL)


def run(redraws: int, seed: int, case: Case) -> Outcome:
    """Simulates one case; the expectation is the mean of the estimates."""
    with threadpool_limits(1):
        world = World(case, seed)
        draws = [world.estimate() for _ in range(redraws)]
    values = np.array([draw.value for draw in draws])
    low = np.array([math.nan if draw.low is None else draw.low for draw in draws])
    high = np.array([math.nan if draw.high is None else draw.high for draw in draws])
    errors = np.array([math.nan if draw.se is None else draw.se for draw in draws])
    expectation = values.mean()
    above, below = float((low > expectation).mean()), float((high < expectation).mean())
    spread = float(values.std())
    return Outcome(case, 1 - above - below, above, below, float(errors.mean()) / spread if spread else 1.0)


def page(document: Mapping[str, Any]) -> str:
    """The figures as a page of the docs."""
    figures = document["figures"]
    rows = [
        f"| {row['metric'].replace('_', ' ')} | {row['noise']} | {row['quantization']} | {row['held']:.1%} "
        f"| {row['above']:.1%} | {row['below']:.1%} | {row['se_ratio']:.2f} |"
        for row in figures["cases"]
    ]
    dim, n = FULL
    return "\n".join(
        [
            "# Coverage of the intervals",
            "",
            f"Made by `{document['command']}` on {document['date'][:10]}: toy features of a suite's own "
            f"size, {dim} of {n} images, with a fixed reference, redrawn {figures['redraws']} times. An "
            "interval holds if the expectation at this N, the mean of all estimates, lies in it; an exact "
            f"95 % interval would show a coverage with a standard deviation of {figures['noise']:.1%}. A "
            "delta is that of quantized features to full precision's, paired by row: rounded, scaled, "
            "nearly the same, with errors of one size on both sides so that its expectation is 0, and, for "
            "comparison, drawn apart.",
            "",
            "| estimate | features | quantized | held | too high | too low | mean SE / true |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def main(arguments: list[str]) -> int:
    """Prints every case and what part of the deviations is the simulation's own noise."""
    parser = options(__doc__)
    parser.add_argument("--full", action="store_true", help="cases of a suite's size")
    parser.add_argument("--redraws", type=int, default=2000)
    parser.add_argument("--only", default="", help="regular expression on the names of cases")
    parser.add_argument("--seed", type=int, default=0, help="of all worlds and draws")
    parser.add_argument("--jobs", type=int, default=1)
    chosen = parser.parse_args(arguments)
    selected = [
        case for case in (full_cases() if chosen.full else cases()) if re.search(chosen.only, case.name)
    ]
    outcomes = []
    with ProcessPoolExecutor(chosen.jobs) as pool:
        for outcome in pool.map(partial(run, chosen.redraws, chosen.seed), selected):
            outcomes.append(outcome)
            print(
                f"{outcome.held:.3f}  above {outcome.above:.3f}  below {outcome.below:.3f}  "
                f"se/sd {outcome.se_ratio:.2f}  {outcome.case.name}",
                flush=True,
            )
    noise = math.sqrt(0.95 * 0.05 / chosen.redraws)
    under = [outcome for outcome in outcomes if outcome.held < 0.92]
    over = [outcome for outcome in outcomes if outcome.held > 0.98]
    print(
        f"{len(outcomes)} cases: {len(under)} under 92 %, {len(over)} over 98 %; "
        f"simulation noise of one coverage: {noise:.2%}"
    )
    if chosen.out:
        rows = [
            {**asdict(outcome.case), **asdict(outcome), "case": outcome.case.name} for outcome in outcomes
        ]
        figures = {"redraws": chosen.redraws, "noise": noise, "cases": rows}
        document = publish(__file__, arguments, chosen, {"figures": figures})
        if chosen.full:
            chosen.out.with_suffix(".md").write_text(page(document), encoding="utf-8")
    return 1 if under else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
