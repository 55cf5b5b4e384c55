"""How near to full precision the best methods come, with all seeds taken together.

    python benchmarks/claim.py --out docs/claim.json

Nothing is run here: the figures are those of the records of suite `claim`, of each GAN those of the newest
version that was run whole, and beside them those of suite `confirm`, which judges the same images by another
network. The standard error over inputs needs the influence values that lie in the cache folder of the machine
that made the records, see `ganqbench seeds`; elsewhere it is the most that it can be. A page beside the file,
of the same name, shows the figures.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from statistics import fmean
from typing import Any

from ablation import difference, method_of
from asked import asked, duel, tables, verdicts
from figures import options, publish

from ganqbench.harness.influence import FOLDER, METRIC
from ganqbench.harness.seed_rows import combined
from ganqbench.home import home
from ganqbench.metrics.interval import normal_quantile
from ganqbench.records.schema import Record
from ganqbench.records.validate import validate
from ganqbench.site.identity import space
from ganqbench.suite import load_suite

_HEAD = (
    "| bits | method | seeds | Δ | SE | limit | each seed | in the third network | PSNR, dB | worst "
    "| precision | recall | CPU-s |",
    "|---" * 13 + "|",
)


def newest(results: Path, name: str = "claim") -> list[Record]:
    """Of each GAN the records of a suite's newest version, of the present one only if it lacks no cell."""
    suite = load_suite(name)
    wanted: dict[str, set[PurePosixPath]] = {}
    for cell in suite.cells():
        wanted.setdefault(cell.gan, set()).add(cell.path)
    found: dict[str, dict[int, list[Record]]] = {}
    for folder in results.glob(f"{name}-v*"):
        for _, record in validate(folder).records:
            versions = found.setdefault(record.cell.gan, {})
            versions.setdefault(record.cell.suite_version, []).append(record)
    kept: list[Record] = []
    for gan, versions in sorted(found.items()):
        here = {record.cell.path for record in versions.get(suite.version, ())}
        if not wanted.get(gan, set()) <= here:
            versions.pop(suite.version, None)
        kept += versions[max(versions)] if versions else []
    return kept


def rows(records: Iterable[Record], influences: Path) -> list[dict[str, Any]]:
    """One entry per GAN, width and method, in order of the limit; distances in per cent of FP32's.

    Raises ValueError rather than leave out a cell that failed, or average what was measured differently.
    """
    groups: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        cell = record.cell
        if record.status != "ok":
            raise ValueError(f"{cell.gan} {cell.label} is {record.status}: run suite {cell.suite} again")
        groups.setdefault((cell.gan, str(cell.bits), method_of(cell)), []).append(record)
    whole = {gan: found[0] for (gan, _, _), found in groups.items() if found[0].cell.is_baseline}
    found = [
        {"gan": gan, "bits": bits, "method": method, **_row(runs, whole[gan], influences)}
        for (gan, bits, method), runs in groups.items()
        if not runs[0].cell.is_baseline
    ]
    return sorted(found, key=lambda row: (row["gan"], row["bits"], row["limit"] or 0, -row["psnr"]))


def confirmed(found: list[dict[str, Any]], again: Iterable[Record], influences: Path) -> list[dict[str, Any]]:
    """The rows with `third`: what the records of the other network say of the same cells, None where nothing.

    Raises ValueError where full precision's images are not the same, bit by bit.
    """
    third = {(row["gan"], row["bits"], row["method"]): row for row in rows(again, influences)}
    kept = ("suite", "seeds", "delta", "se", "limit", "exact", "each")
    made = []
    for row in found:
        other = third.get((row["gan"], row["bits"], row["method"]))
        if other is not None and other["images"] != row["images"]:
            raise ValueError(f"{row['gan']} {row['method']}: the third network judged other images")
        made.append({**row, "third": None if other is None else {name: other[name] for name in kept}})
    return made


def duels(
    found: Iterable[Mapping[str, Any]], records: Iterable[Record], influences: Path
) -> list[dict[str, Any]]:
    """Of each GAN and width the nearest row of a third party against ours, under the seeds that both have."""
    runs: dict[tuple[str, str, str], list[Record]] = {}
    whole = {}
    for record in records:
        cell = record.cell
        runs.setdefault((cell.gan, str(cell.bits), method_of(cell)), []).append(record)
        if cell.is_baseline and "fid" in record.metrics:
            whole[cell.gan] = 100 / record.metrics["fid"].value
    made = []
    judged = [row for row in found if row["limit"] is not None]
    for gan, bits in dict.fromkeys((row["gan"], row["bits"]) for row in judged):
        own = [row for row in judged if (row["gan"], row["bits"]) == (gan, bits)]
        theirs = min(
            (row for row in own if not row["method"].startswith("ganq.")),
            key=lambda row: row["limit"],
            default=None,
        )
        wish = next(each for each in asked(gan) if each.bits == bits and each.trained)
        for ours in own if theirs else ():
            if theirs is not None and ours["method"].startswith("ganq."):
                before, after = (runs[gan, bits, row["method"]] for row in (theirs, ours))
                between = difference(before, after, whole[gan], influences)
                names = {"gan": gan, "bits": bits, "ours": ours["method"], "theirs": theirs["method"]}
                made.append({**names, **between, "verdict": duel(ours, theirs, between, wish)})
    return made


def _row(runs: list[Record], whole: Record, influences: Path) -> dict[str, Any]:
    runs = sorted(runs, key=lambda run: run.cell.seed)
    row: dict[str, Any] = {
        "seeds": [run.cell.seed for run in runs],
        "psnr": fmean(run.metrics["psnr"].value for run in runs),
        "worst": min(run.metrics["psnr"].worst or 0.0 for run in runs),
        "n": runs[0].metrics["psnr"].n,
        "suite": f"{runs[0].cell.suite} {runs[0].cell.suite_version}",
        "images": whole.provenance.baseline_images,
        "cpu_s": fmean(map(_spent, runs)),
        **dict.fromkeys(("delta", "se", "limit", "exact", "each", "precision", "recall")),
    }
    if "fid" not in whole.metrics:
        return row
    measured = [whole.metrics["fid"], *(run.metrics[METRIC] for run in runs)]
    if len({space(metric.identity or "") for metric in measured}) > 1:
        raise ValueError(f"{runs[0].cell.gan} {runs[0].cell.label}: seeds or FP32 were measured differently")
    percent = 100 / whole.metrics["fid"].value
    summary = combined(runs, influences)
    row |= {
        "delta": percent * summary.mean,
        "exact": summary.exact,
        "each": [percent * run.metrics[METRIC].value for run in runs],
    }
    for name in ("precision", "recall"):
        row[name] = fmean(run.metrics[name].value for run in runs) - whole.metrics[name].value
    if summary.sampling_se is not None:
        row["se"] = percent * summary.sampling_se
        row["limit"] = row["delta"] + normal_quantile() * row["se"]
    return row


def _spent(run: Record) -> float:
    """CPU seconds from the calibration items to the finished generator."""
    return sum(phase.cpu_s for name, phase in run.cost.phases.items() if name in ("quantize", "fine-tune"))


def page(document: Mapping[str, Any]) -> str:
    """The figures as a page of the docs."""
    lines = [
        "# As good as full precision?",
        "",
        f"Made by `{document['command']}` of the records of suite `claim`. Δ is the paired difference to "
        "full precision's Fréchet distance, in per cent of that distance and as a mean over the seeds; SE is "
        "its standard error over the inputs, which are the same for all seeds (influence values averaged "
        "over the seeds first; ≤ where these were not at hand and it is the most it can be), and the limit "
        "is Δ + 1.96 SE. The third network shares neither seed, shape nor activation with the one that "
        "judges; of it the records of suite `confirm` give Δ, the limit in brackets and each seed. PSNR is "
        "to full precision's images, its worst that of a single image under any seed; precision and recall "
        "are differences to full precision's. CPU seconds are those of calibration and training, per seed. "
        "`ends8` keeps the first and last layers at 8 bits; everything else has the width stated.",
        "",
        "## Targets",
        "",
        "The project set these targets itself. A row *reaches* one if its limit is at most the target, its "
        "SE at most the value given, and it has three seeds, none with a Δ of more than a point above the "
        "target. It *misses* it if Δ - 1.96 SE lies above the target. Else the target is *open*. PSNR "
        "targets are *met* or not by the values themselves, mean and worst image. Below them are our rows "
        "against the nearest of a third party, paired under the seeds that both have: one "
        "is better where the interval of the difference lies below zero, or with 3 dB more where the other "
        "is as good as full precision. The first interval is over inputs and holds for these seeds; the "
        "second, by Student's t, for others too, and is wide with three of them.",
        "",
        *tables(document["asked"], document["duels"], document["duels_in_the_third_network"]),
    ]
    for gan in dict.fromkeys(row["gan"] for row in document["rows"]):
        own = [row for row in document["rows"] if row["gan"] == gan]
        lines += [
            "",
            f"## {gan}",
            "",
            f"Suite {own[0]['suite']}, {own[0]['n']:,} images.{_other(own)}",
            "",
            *_HEAD,
            *map(_line, own),
        ]
    return "\n".join(lines) + "\n"


def _other(rows: Sequence[Mapping[str, Any]]) -> str:
    """Which records the columns of the third network are of."""
    suites = dict.fromkeys(row["third"]["suite"] for row in rows if row["third"])
    return f" Third network: suite {', '.join(suites)}." if suites else ""


def _line(row: Mapping[str, Any]) -> str:
    def signed(value: float | None, digits: str, unit: str = " %") -> str:
        return "-" if value is None else f"{value:+{digits}}{unit}"

    error = "-" if row["se"] is None else f"{'' if row['exact'] else '≤ '}{row['se']:.2f} %"
    each = ", ".join(f"{value:+.2f}" for value in row["each"] or ()) or "-"
    cells = (
        *(row["bits"], f"`{row['method']}`", str(len(row["seeds"]))),
        *(signed(row["delta"], ".2f"), error, signed(row["limit"], ".2f"), each),
        _third(row["third"]),
        *(f"{row['psnr']:.2f}", f"{row['worst']:.2f}"),
        *(signed(row["precision"], ".4f", ""), signed(row["recall"], ".4f", ""), f"{row['cpu_s']:.0f}"),
    )
    return f"| {' | '.join(cells)} |"


def _third(row: Mapping[str, Any] | None) -> str:
    if row is None or row["delta"] is None:
        return "-"
    each = ", ".join(f"{value:+.2f}" for value in row["each"])
    return f"{row['delta']:+.2f} % ({'' if row['exact'] else '≤ '}{row['limit']:+.2f} %): {each}"


def main(arguments: list[str]) -> None:
    """Write the figures and their page."""
    parser = options(__doc__)
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of the records")
    chosen = parser.parse_args(arguments)
    records = newest(chosen.results)
    if not records:
        parser.error(f"there are no valid records of suite claim in {chosen.results}: run it first")
    again = newest(chosen.results, "confirm")
    influences = home() / FOLDER
    try:
        found = confirmed(rows(records, influences), again, influences)
        made = {
            "rows": found,
            "asked": verdicts(found),
            "duels": duels(found, records, influences),
            "duels_in_the_third_network": duels(rows(again, influences), again, influences),
        }
    except ValueError as error:
        parser.error(str(error))
    document = publish(__file__, arguments, chosen, made)
    if chosen.out:
        chosen.out.with_suffix(".md").write_text(page(document), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
