"""Which layer suffers: each product of a generator quantized alone, all others in full precision.

    python benchmarks/sensitivity.py --out docs/sensitivity.json [--suite mini] [--part 16] [GAN ...]

Weights per output channel and inputs per tensor get the ranges of least squared error, from the
suite's calibration items. The first sixteenth of the evaluation items, and 12 at least, is compared
with full precision. Less than three minutes on two cores for suite mini.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from typing import Any, cast

import torch
from figures import options, publish
from torch import nn

from ganqbench.adapters.ganq.build import Scheme, insert_quantizers
from ganqbench.adapters.ganq.products import products, weight_chain, weighted
from ganqbench.cell import Bits
from ganqbench.harness.evaluate import Evaluation
from ganqbench.harness.measure import calibration_items, evaluation_items, render
from ganqbench.suite import Suite, load_suite
from ganqbench.zoo import registry
from ganqbench.zoo.generator import Batches


def alone(quantized: nn.Module, kept: str) -> nn.Module:
    """A copy whose product `kept` is quantized and no other."""
    model = copy.deepcopy(quantized)
    layers = weighted(model)
    for name, product in products(model).items():
        if name == kept:
            continue
        given = cast("nn.ModuleList", product.operands)
        product.operands = nn.ModuleList(nn.Identity() for _ in given)
        if name in layers:
            weight_chain(layers[name])[0] = nn.Identity()
    return model


def count_of(final: int, part: int) -> int:
    """How many evaluation items are taken."""
    return min(final, max(final // part, 12))


def layers(suite: Suite, gan: str, bits: Bits, part: int) -> Iterator[dict[str, Any]]:
    """The PSNR of each product's images in dB, with its 95 % interval, in the order of the modules."""
    protocol, entry = suite.protocol[gan], registry.entry(gan)
    entry.prepare()
    exact = entry.load().eval()
    whole = evaluation_items(entry, protocol)
    items = Batches(whole.source, count_of(whole.n, part), whole.size)
    targets = [images for _, images in render(exact, items)]
    quantized = copy.deepcopy(exact)
    insert_quantizers(quantized, calibration_items(entry, protocol, 0), bits, Scheme())
    for name in products(quantized):
        evaluation = Evaluation(items, None)
        for (indices, images), target in zip(
            render(alone(quantized, name).eval(), items), targets, strict=True
        ):
            evaluation.update(indices, target, images)
        psnr = evaluation.of_quantized(None)["psnr"]
        yield {"site": name, "psnr": psnr.value, "low": psnr.low, "high": psnr.high}


def main(arguments: list[str]) -> None:
    """Measure the generators of a suite and write one file."""
    parser = options(__doc__)
    parser.add_argument("gans", nargs="*", metavar="GAN", help="all of the suite if none is named")
    parser.add_argument("--suite", default="mini")
    parser.add_argument("--bits", default="W4A8")
    parser.add_argument("--part", type=int, default=16, help="one evaluation item in so many")
    chosen = parser.parse_args(arguments)
    torch.manual_seed(0)
    suite = load_suite(chosen.suite)
    found = []
    for gan in chosen.gans or sorted(suite.protocol):
        measured = list(layers(suite, gan, Bits.parse(chosen.bits), chosen.part))
        where = {"suite": suite.name, "suite_version": suite.version, "gan": gan, "bits": chosen.bits}
        count = count_of(suite.protocol[gan].final, chosen.part)
        weights = f"sha256:{registry.entry(gan).weights_sha256.removeprefix('sha256:')}"
        found.append({**where, "weights": weights, "items": count, "layers": measured})
    publish(__file__, arguments, chosen, {"gans": found}, torch.get_num_threads())


if __name__ == "__main__":
    main(sys.argv[1:])
