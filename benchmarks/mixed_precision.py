"""What mixed precision gives for its bits: images against BOPs, at budgets from all 8-bit weights to all 4.

    python benchmarks/mixed_precision.py --out docs/mixed-precision.json [--suite mini] [GAN ...]

One entry per GAN: the sensitivity of every layer (mean squared error of the images when it alone has
4-bit weights), and the curve of budgets with the audited BOPs, the packed size and the PSNR to full
precision on the first eighth of the evaluation items. Four minutes on one core for the small GANs.
"""

from __future__ import annotations

import argparse
import copy
import json
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from ganqbench.adapters.ganq.build import Scheme, insert_quantizers
from ganqbench.adapters.ganq.mixed import narrow, sensitivity
from ganqbench.audit import audit
from ganqbench.cell import Bits
from ganqbench.deploy.parity import Parity, pictures
from ganqbench.harness.measure import calibration_items, evaluation_items
from ganqbench.suite import Suite, load_suite
from ganqbench.zoo import registry

SHARES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)
SMALL = ("cyclegan-edges2emoji", "sagan-cifar10", "stylegan2-cifar10")


def curve(suite: Suite, gan: str) -> dict[str, Any]:
    """Sensitivities and the curve of one GAN."""
    protocol, entry = suite.protocol[gan], registry.entry(gan)
    reference = entry.load().eval()
    calibration, items = calibration_items(entry, protocol, 0), evaluation_items(entry, protocol)
    wide = copy.deepcopy(reference)
    insert_quantizers(wide, calibration, Bits(8, 8), Scheme())
    layers = sensitivity(wide, list(islice(iter(calibration), 2)), 4)
    most = max(items.n // 8, 2 * items.size)
    batches = [items.source.batch(part) for part in items.indices() if part.stop <= most]
    exact = pictures(reference, batches)
    points = []
    for share in SHARES:
        model = copy.deepcopy(wide)
        narrow(model, calibration, bits=4, wide=8, share=share)
        report = audit(model, batches[0], reference=reference, second=batches[-1])
        failure = report.failure(8, 8)
        if failure is not None:
            raise SystemExit(f"{gan} at {share}: {failure}")
        agreement = Parity.of(pictures(model, batches), exact)
        points.append(
            {"share": share, "bops": report.bops() // report.batch, "bytes": report.packed_bytes}
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


def main() -> None:
    """Write the file; nothing is written unless every GAN was measured."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("gans", nargs="*", default=SMALL, metavar="GAN")
    parser.add_argument("--suite", default="mini")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(1)
    suite = load_suite(options.suite)
    found = [curve(suite, gan) for gan in options.gans]
    options.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
