"""What mixed precision gives for its bits: images against BOPs, at budgets from all 8-bit weights to all 4.

    python benchmarks/mixed_precision.py --out docs/mixed-precision.json [--suite mini] [GAN ...]

`gans` has an entry for each: the sensitivity of every layer (mean squared error of the images when it
alone has 4-bit weights), and the curve of budgets with the audited BOPs, the packed size and the PSNR to full
precision on the first eighth of the evaluation items. The page beside the file, of the same name, shows both.
Three minutes on one core for the small GANs.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping
from dataclasses import asdict
from itertools import islice
from typing import Any

import torch
from figures import options, publish

from ganqbench.adapters.ganq.build import Scheme, insert_quantizers
from ganqbench.adapters.ganq.mixed import chosen, narrow_layer, sensitivity
from ganqbench.adapters.ganq.products import weighted
from ganqbench.audit import audit
from ganqbench.cell import Bits
from ganqbench.deploy.parity import Parity, pictures
from ganqbench.harness.measure import calibration_items, evaluation_items
from ganqbench.suite import Suite, load_suite
from ganqbench.zoo import registry

SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
NARROW, WIDE = 4, 8
SMALL = ("cyclegan-edges2emoji", "sagan-cifar10", "stylegan2-cifar10")


def curve(suite: Suite, gan: str) -> dict[str, Any]:
    """Sensitivities and the curve of one GAN."""
    protocol, entry = suite.protocol[gan], registry.entry(gan)
    reference = entry.load().eval()
    calibration, items = calibration_items(entry, protocol, 0), evaluation_items(entry, protocol)
    wide = copy.deepcopy(reference)
    insert_quantizers(wide, calibration, Bits(WIDE, 8), Scheme())
    layers = sensitivity(wide, list(islice(iter(calibration), 2)), NARROW)
    most = max(items.n // 8, 2 * items.size)
    batches = [items.source.batch(part) for part in items.indices() if part.stop <= most]
    exact = pictures(reference, batches)
    points = []
    for share in SHARES:
        model = copy.deepcopy(wide)
        names = chosen(layers, NARROW / WIDE, share)
        for name in names:
            narrow_layer(weighted(model)[name], NARROW)
        report = audit(model, batches[0], reference=reference, second=batches[-1])
        failure = report.failure(WIDE, 8)
        if failure is not None:
            raise SystemExit(f"{gan} at {share}: {failure}")
        agreement = Parity.of(pictures(model, batches), exact)
        points.append(
            {"share": share, "narrow": len(names), "bops": report.bops() // report.batch}
            | {"bytes": report.packed_bytes}
            | asdict(agreement)
        )
    return {
        "suite": suite.name,
        "suite_version": suite.version,
        "gan": gan,
        "weights": f"sha256:{entry.weights_sha256}",
        "layers": [asdict(layer) for layer in layers],
        "curve": points,
    }


def page(document: Mapping[str, Any]) -> str:
    """The figures as a page: the curve of each GAN and the layers that its images depend on most."""
    lines = [
        "# Mixed precision",
        "",
        f"Made by `{document['command']}`. Activations have 8 "
        f"bits; layers have {WIDE}-bit weights until, least error per BOP saved first, enough have {NARROW} "
        "bits for the budget. The first row is W8A8, the last W4A8.",
    ]
    for gan in document["gans"]:
        whole = gan["curve"][0]
        lines += [
            "",
            f"## {gan['gan']}",
            "",
            f"Suite {gan['suite']} v{gan['suite_version']}: {whole['n']} images, "
            f"{len(gan['layers'])} layers.",
            "",
            "| budget of BOPs | audited BOPs | narrow layers | bytes | PSNR to FP32, dB | worst image, dB |",
            "|---|---|---|---|---|---|",
        ]
        lines += [
            f"| {point['share']:.0%} | {point['bops']:,} | {point['narrow']} | {point['bytes']:,} | "
            f"{point['psnr']:.2f} | {point['worst']:.2f} |"
            for point in gan["curve"]
        ]
        worst = sorted(gan["layers"], key=lambda layer: -layer["error"])[:5]
        lines += [
            "",
            f"Alone at {NARROW} bits these change the images most (mean squared error of images in [-1, 1]): "
            + ", ".join(f"`{layer['name']}` {layer['error']:.1e}" for layer in worst)
            + ".",
        ]
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> None:
    """Write the file and its page; nothing is written unless every GAN was measured."""
    parser = options(__doc__)
    parser.add_argument("gans", nargs="*", default=SMALL, metavar="GAN")
    parser.add_argument("--suite", default="mini")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    suite = load_suite(given.suite)
    document = publish(__file__, arguments, given, {"gans": [curve(suite, gan) for gan in given.gans]})
    if given.out:
        given.out.with_suffix(".md").write_text(page(document), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
