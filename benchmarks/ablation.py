"""What one step of a recipe adds: pairs of rows of suite `study` with and without it.

    python benchmarks/ablation.py --out docs/ablation.json

Nothing is run here. Both rows of a pair were judged on the same inputs, so the error of their difference is
that of the difference of their influence values, which lie in the cache folder of the machine that made the
records; elsewhere it is the most that it can be. A page beside the file, of the same name, shows the figures.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from figures import options, publish

from ganqbench.cell import Cell
from ganqbench.harness.influence import FOLDER, METRIC, Influence, kept
from ganqbench.home import home
from ganqbench.metrics.interval import Estimate, normal_quantile
from ganqbench.metrics.seeds import combine_seeds
from ganqbench.records.schema import Record
from ganqbench.records.validate import validate
from ganqbench.site.identity import space
from ganqbench.site.ingredients import FEW, STUDY
from ganqbench.suite import load_suite

BITS = "W4A8"
_BEST = "ganq.qat-even-gptq-ends8"
Rows = Mapping[tuple[str, str, str], list[Record]]
"""Suite, GAN and method -> its records at `BITS`."""


@dataclass(frozen=True)
class Step:
    """Something that is added: the row without it, and the row with it."""

    what: str
    before: str
    after: str
    suite: str = STUDY
    """Of the row without it."""


STEPS = (
    Step(
        "percentiles of activations instead of extremes, weights of least squared error",
        "ganq.ptq-minmax",
        "ganq.ptq-percentile",
    ),
    Step("ranges of least squared error instead of extremes", "ganq.ptq-minmax", "ganq.ptq-mse"),
    Step(
        "extremes by torch.ao instead of pytorch-quantization: a zero point, another weight grid",
        "pytorch_quantization.ptq-max",
        "torch_ao.ptq-minmax",
    ),
    Step("a step for each output channel", "ganq.ptq-mse-per-tensor", "ganq.ptq-mse"),
    Step("channels evened out", "ganq.ptq-mse", "ganq.smooth"),
    Step("images evened out, too", "ganq.smooth", "ganq.even"),
    Step("learned rounding (AdaRound)", "ganq.ptq-mse", "ganq.adaround"),
    Step("BRECQ instead of AdaRound", "ganq.adaround", "ganq.brecq"),
    Step("QDrop instead of BRECQ", "ganq.brecq", "ganq.qdrop"),
    Step("rounding with compensation", "ganq.even", "ganq.even-gptq"),
    Step("images evened out, under compensation", "ganq.smooth-gptq", "ganq.even-gptq"),
    Step("8-bit ends", "ganq.even-gptq", "ganq.even-gptq-ends8"),
    Step(
        "learned steps and offsets, and 100 steps of distillation",
        "ganq.even-gptq-ends8",
        f"{_BEST}+distill-short",
    ),
    Step("400 steps instead of 100", f"{_BEST}+distill-short", f"{_BEST}+distill"),
    Step("8-bit ends, under 100 steps", "ganq.qat-even-gptq+distill-short", f"{_BEST}+distill-short"),
    Step(
        "learned steps and offsets, under 100 steps",
        "ganq.ptq-mse+distill-short",
        "ganq.qat-lsq+distill-short",
    ),
    Step("losses of blocks, features and moments", f"{_BEST}+distill-pixel", f"{_BEST}+distill"),
    Step("the loss of moments", f"{_BEST}+distill-no-moment", f"{_BEST}+distill"),
    Step("averaged weights", f"{_BEST}+distill-no-average", f"{_BEST}+distill"),
    Step("dampened oscillation", f"{_BEST}+distill", f"{_BEST}+distill-dampened"),
    Step("restated norms", f"{_BEST}+distill", f"{_BEST}+distill-restated"),
    Step("a small adversarial term", f"{_BEST}+distill", f"{_BEST}+distill-adv"),
    Step("an adversarial term instead of distillation", f"{_BEST}+distill", f"{_BEST}+adversarial"),
    Step("more inputs than 16: extremes", "ganq.ptq-minmax", "ganq.ptq-minmax", FEW),
    Step("more inputs than 16: least squared error", "ganq.ptq-mse", "ganq.ptq-mse", FEW),
    Step("more inputs than 16: evened out", "ganq.even", "ganq.even", FEW),
    Step(
        "more inputs than 16: compensation, 8-bit ends", "ganq.even-gptq-ends8", "ganq.even-gptq-ends8", FEW
    ),
    Step(
        "more inputs than 16: that and distillation", f"{_BEST}+distill-short", f"{_BEST}+distill-short", FEW
    ),
    Step("more inputs than 16: Brevitas' GPTQ", "brevitas.gptq", "brevitas.gptq", FEW),
)


def found(results: Path) -> tuple[Rows, dict[str, Record]]:
    """The rows of the present versions of `study` and `few`, and of each GAN the record of FP32.

    Raises ValueError for a cell that has no record, failed, or is invalid: a page must not leave it out.
    """
    rows: dict[tuple[str, str, str], list[Record]] = {}
    whole: dict[str, Record] = {}
    for name in (STUDY, FEW):
        suite = load_suite(name)
        report = validate(results / f"{name}-v{suite.version}")
        records = {record.cell: record for _, record in report.records}
        for cell in suite.cells():
            if cell not in records or records[cell].status != "ok":
                raise ValueError(f"{cell} has no record that is ok: run suite {name} again")
            if cell.is_baseline and name == STUDY:
                whole[cell.gan] = records[cell]
            elif str(cell.bits) == BITS:
                rows.setdefault((name, cell.gan, method_of(cell)), []).append(records[cell])
    return rows, whole


def method_of(cell: Cell) -> str:
    """ADAPTER.METHOD[+RECIPE]."""
    return f"{cell.adapter}.{cell.method}" + (f"+{cell.recipe}" if cell.recipe else "")


def figures(rows: Rows, whole: Mapping[str, Record], influences: Path) -> list[dict[str, Any]]:
    """One entry for each step and GAN that has both rows; differences of distances in per cent of FP32's."""
    made = []
    for step in STEPS:
        for gan, baseline in whole.items():
            before, after = rows.get((step.suite, gan, step.before)), rows.get((STUDY, gan, step.after))
            if before and after:
                percent = 100 / baseline.metrics["fid"].value
                found = difference(before, after, percent, influences)
                unchanged = "+" in step.after and _is_a_start(after, rows, gan)
                made.append({"step": step.what, "gan": gan, **found, "unchanged": unchanged})
    return made


def _is_a_start(records: Iterable[Record], rows: Rows, gan: str) -> bool:
    """Whether a row's images are those of a row without a recipe: its training kept what it began with."""
    begun = {
        _images(record)
        for (_, where, method), others in rows.items()
        if where == gan and "+" not in method
        for record in others
    }
    return all(_images(record) in begun for record in records)


def _images(record: Record) -> tuple[object, ...]:
    preview = record.preview
    metrics = (record.metrics[name].value for name in ("fid", "psnr", "mae"))
    return (record.cell.seed, preview and preview.sha256, *metrics)


def difference(
    before: Iterable[Record], after: Iterable[Record], percent: float, influences: Path
) -> dict[str, Any]:
    """What lies between two rows under the seeds that both have.

    Raises ValueError where they were not judged on the same inputs and in the same way.
    """
    first = {record.cell.seed: record for record in before}
    pairs = [(first[record.cell.seed], record) for record in after if record.cell.seed in first]
    for one, other in pairs:
        here, there = one.metrics[METRIC], other.metrics[METRIC]
        if (space(here.identity or ""), here.n, one.provenance.baseline_images) != (
            space(there.identity or ""),
            there.n,
            other.provenance.baseline_images,
        ):
            raise ValueError(f"{one.cell} and {other.cell} were measured differently")
    moves = [_influence(one, other, influences) for one, other in pairs]
    known = [move for move in moves if move is not None]
    exact = len(known) == len(moves)
    summary = combine_seeds(
        [_at_most(one, other) for one, other in pairs],
        [move.values for move in known] if exact else None,
        known[0].units if exact else None,
    )
    inputs = None if summary.sampling_se is None else percent * normal_quantile() * summary.sampling_se
    half = inputs
    if summary.low is not None and summary.high is not None:
        half = percent * (summary.high - summary.low) / 2
    return {
        "seeds": sorted(other.cell.seed for _, other in pairs),
        "delta": percent * summary.mean,
        "half": half,
        "half_over_inputs": inputs,
        "exact": exact,
        "psnr": fmean(other.metrics["psnr"].value - one.metrics["psnr"].value for one, other in pairs),
    }


def spreads(rows: Rows, whole: Mapping[str, Record]) -> list[dict[str, Any]]:
    """The standard deviation between seeds of every row of `study` that has several."""
    made = []
    for (name, gan, method), records in rows.items():
        if name == STUDY and len(records) > 1:
            percent = 100 / whole[gan].metrics["fid"].value
            made.append(
                {
                    "method": method,
                    "gan": gan,
                    "seeds": len(records),
                    "delta": percent * stdev(record.metrics[METRIC].value for record in records),
                    "psnr": stdev(record.metrics["psnr"].value for record in records),
                }
            )
    return made


def _influence(one: Record, other: Record, folder: Path) -> Influence | None:
    """Of every input on the difference of two deltas; None where it is not at hand."""
    metrics = [record.metrics[METRIC] for record in (one, other)]
    here, there = (kept(folder, each.value, each.identity or "", each.n) for each in metrics)
    if here is None or there is None or here.units != there.units:
        return None
    return Influence(there.values - here.values, here.units)


def _at_most(one: Record, other: Record) -> Estimate:
    """The difference, its error as if both erred in opposite directions."""
    here, there = one.metrics[METRIC], other.metrics[METRIC]
    error = None if here.se is None or there.se is None else here.se + there.se
    return Estimate(there.value - here.value, error, None, None, there.n)


def page(document: Mapping[str, Any]) -> str:
    """The figures as a page of the docs."""
    rows, between = document["rows"], document["between_seeds"]
    gans = list(dict.fromkeys(row["gan"] for row in rows))
    lines = [
        "# What one step adds",
        "",
        f"Made by `{document['command']}` of the records of suites `study` and `few`, at {BITS}. Each cell "
        "is what a step changes between a row without and a row with it: in the distance to the data, in per "
        "cent of full precision's (less is nearer), and in the PSNR to full precision's images. ± is the "
        "half-width of the paired 95 % interval over inputs of that one pair (≤ where influence values were "
        "not at hand and it is the most it can be). Another calibration set would move these changes as "
        "well, by what the second table says; where both rows have several seeds (*), ± holds that too. "
        "*Unchanged* is a row whose training came no nearer to full precision, so that its start was kept: "
        "it says nothing about images after such a training.",
        "",
        *_table(gans, "step", rows, _change),
        "",
        "Between seeds, which draw other inputs to calibrate and train on, the same method gives distances "
        "and PSNR of this standard deviation:",
        "",
        *_table(gans, "method", between, _spread),
    ]
    return "\n".join(lines) + "\n"


def _table(
    gans: Sequence[str],
    what: str,
    rows: Sequence[Mapping[str, Any]],
    cell: Callable[[Mapping[str, Any]], str],
) -> list[str]:
    lines = [f"| {what} | {' | '.join(gans)} |", "|---" * (1 + len(gans)) + "|"]
    for name in dict.fromkeys(row[what] for row in rows):
        cells = {row["gan"]: cell(row) for row in rows if row[what] == name}
        shown = f"`{name}`" if what == "method" else name
        lines.append(f"| {shown} | {' | '.join(cells.get(gan, '') for gan in gans)} |")
    return lines


def _change(row: Mapping[str, Any]) -> str:
    half = "" if row["half"] is None else f" ±{'' if row['exact'] else '≤ '}{row['half']:.1f}"
    several = "*" if len(row["seeds"]) > 1 else ""
    aside = " (*unchanged*)" if row["unchanged"] else ""
    return f"{row['delta']:+.1f}{half} %{several}, {row['psnr']:+.2f} dB{aside}".replace("-", "\u2212")


def _spread(row: Mapping[str, Any]) -> str:
    return f"{row['delta']:.1f} %, {row['psnr']:.2f} dB"


def main(arguments: list[str]) -> None:
    """Write the figures and their page."""
    parser = options(__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of the records")
    chosen = parser.parse_args(arguments)
    try:
        rows, whole = found(chosen.results)
        made = {"rows": figures(rows, whole, home() / FOLDER), "between_seeds": spreads(rows, whole)}
    except ValueError as error:
        parser.error(str(error))
    document = publish(__file__, arguments, chosen, made)
    if chosen.out:
        chosen.out.with_suffix(".md").write_text(page(document), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
