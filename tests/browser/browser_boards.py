"""Invented boards for the browser: a large one with distances, and one of hostile records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import site_factory as factory

GAN = "stylegan2-cifar10"
BOARD = Path("mini-v1", GAN, "index.html")
PIXELS = Path("mini-v1", factory.GAN, "index.html")
N = 2048
FID = 3.0
WHERE = {"protocol": {"resolution": 32, "calibrate": 4, "final": N, "batch": 2}}
METHODS = {
    "brevitas": ("ptq-minmax", "ptq-mse", "ptq-percentile", "gptq", "adaround"),
    "pytorch_quantization": ("ptq-max", "ptq-percentile", "ptq-entropy", "ptq-max-tensor"),
    "torch_ao": ("ptq-minmax", "ptq-histogram", "ptq-moving-average"),
    "torchao": ("pt2e-minmax", "pt2e-histogram"),
    "ganq": ("lsq", "brecq"),
}
LOSSES = {"W8A8": 0.02, "W6A6": 0.2, "W4A8": 0.9}
HOSTILE = (
    "<script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\"> \" ' & </td>"
    " \u202egnp.exe\u202c \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627 \U0001f600"
    " </table> {{ 7*7 }} " + "W" * 3000
)


def distances(delta: float, half: float) -> dict[str, Any]:
    """Metrics of a row: everything that a suite with distances records."""
    space = f"[net@abc pil n={N} ref=123]"
    own = {"n": N}
    return {
        "fid": factory.metric(FID + delta, 0.06, identity=f"fid{space}", **own),
        "fid_delta": factory.metric(delta, half, identity=f"fid_delta{space}", **own),
        "perceptual": factory.metric(0.02 + delta / 9, 0.001, identity=f"perceptual{space}", **own),
        "kid": factory.metric(0.001, 0.0004, identity=f"kid{space}", **own),
        "precision": factory.metric(0.8, 0.01, identity=f"precision{space}", **own),
        "psnr": factory.metric(42 - 9 * delta, 0.2, worst=20, n=N),
        "ssim": factory.metric(0.95, 0.01, worst=0.7, n=N),
    }


def _put(results: Path, adapter: str, method: str, bits: str, **more: Any) -> None:
    cell = {"gan": GAN, **more.pop("cell", {})}
    where = more.pop("provenance", factory.provenance(**WHERE))
    image = more.get("image")
    factory.put(results, factory.document(adapter, method, bits, cell=cell, provenance=where, **more), image)


def fill(results: Path, *, deployed: bool = False) -> None:
    """60 rows with distances, and the small board of pixels; GPTQ's rows are never deployed."""
    base = distances(0.0, 0.01)
    _put(results, "fp32", "baseline", "FP32", metrics={key: base[key] for key in ("fid", "kid", "precision")})
    place = 0
    for adapter, methods in METHODS.items():
        for method in methods:
            for bits, loss in LOSSES.items():
                place += 1
                delta = loss * (0.5 + place % 7 / 3) - (0.03 if place % 5 == 0 else 0)
                half = 0.01 + loss / 20
                _put(
                    results,
                    adapter,
                    method,
                    bits,
                    metrics=distances(delta, half),
                    seconds=1.0 + place**1.7,
                    image=factory.strip(40 + 3 * place),
                    deploy=factory.deploy() if deployed and method != "gptq" else None,
                )
    for recipe, delta in (("distill", 0.05), ("distill-adv", -0.02)):
        _put(
            results,
            "ganq",
            "lsq",
            "W4A8",
            metrics=distances(delta, 0.03),
            cell={"recipe": recipe},
            seconds=700,
        )
    _put(
        results,
        "ganq",
        "smooth-gptq-ends8",
        "W4A8",
        metrics=distances(-0.01, 0.03),
        audit=factory.declared_audit("W4A8"),
        image=factory.strip(90),
    )
    for method in ("smoothquant", "gpfq"):
        _put(results, "brevitas", method, "W8A8", status="failed", reason="RuntimeError: out of memory")
    for bits in ("W8A8", "W6A6", "W4A8"):
        _put(
            results,
            "torchao",
            "x86-inductor",
            bits,
            status="skipped",
            reason="leaves transposed convolutions",
        )
    _put(results, "modelopt", "ptq-max", "W8A8", metrics=distances(0.4, 0.02), seconds=9)
    _put(results, "onnxruntime", "ptq-minmax", "W8A8", metrics=distances(0.3, 0.02), seconds=5)
    factory.small_board(results)


def fill_large(results: Path) -> None:
    """More rows than one page of the table shows: FP32 and 320 others, each a little worse."""
    base = distances(0.0, 0.01)
    _put(results, "fp32", "baseline", "FP32", metrics={"fid": base["fid"]})
    for place in range(320):
        adapter = list(METHODS)[place % len(METHODS)]
        bits = list(LOSSES)[place % len(LOSSES)]
        metrics = distances(0.01 + place / 300, 0.01)
        _put(results, adapter, f"method-{place:03}", bits, metrics=metrics, seconds=1 + place)


def fill_hostile(results: Path) -> None:
    """HTML, right-to-left text, emoji and endless words in every free text; numbers that are none."""
    where = factory.provenance(
        **WHERE,
        command=HOSTILE[:3900],
        hardware={**factory.provenance()["hardware"], "cpu": HOSTILE[:200], "os": HOSTILE[:200]},
        versions={HOSTILE[:150]: HOSTILE[:150], "brevitas": HOSTILE[60:200]},
        inputs={"final": HOSTILE[:200]},
    )
    audit = factory.declared_audit("W8A8", 1024)
    audit["ops"][0]["site"] = HOSTILE[:200]
    metrics = distances(0.1, 0.02)
    for metric in metrics.values():
        metric |= {"identity": HOSTILE[:200], "note": HOSTILE[:3900]}
    base = distances(0.0, 0.01)
    _put(results, "fp32", "baseline", "FP32", metrics={"fid": base["fid"]}, provenance=where)
    _put(results, "brevitas", "m" * 64, "W8A8", metrics=metrics, audit=audit, provenance=where)
    _put(results, "a" * 64, "ptq-mse", "W8A8", metrics=distances(3e5, 1e5), provenance=where)
    _put(results, "brevitas", "gptq", "W4A8", status="failed", reason=HOSTILE[:3900], provenance=where)
    _put(results, "brevitas", "gpfq", "W4A8", status="skipped", reason="\u202e" * 3000, provenance=where)
    folder = results / "mini-v1" / GAN
    good = json.loads((folder / f"{'a' * 64}.ptq-mse.W8A8.s0.json").read_text())
    good["metrics"]["fid"]["value"] = float("nan")
    (folder / "nan.json").write_text(json.dumps(good))
    (results / f"<img src=x onerror=alert(1)>{'x' * 120}.json").write_text("{" + "[" * 5000)
