"""Records with invented numbers, for the site's tests; they never leave a temporary folder."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image

from ganqbench.records.canonical import sha256
from ganqbench.records.schema import Record
from ganqbench.records.store import seal, write

GAN = "cyclegan-vintagify"


def strip(shade: int, items: int = 8, side: int = 16) -> bytes:
    """A WebP strip of square images."""
    image = Image.new("RGB", (items * side, side))
    for item in range(items):
        image.paste((shade, 30 * item, 255 - shade), (item * side, 0, (item + 1) * side, side))
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=True)
    return file.getvalue()


def metric(value: float, half: float, **more: Any) -> dict[str, Any]:
    """A metric with a symmetric interval."""
    return {"value": value, "low": value - half, "high": value + half, "n": 96, **more}


def provenance(**more: Any) -> dict[str, Any]:
    """Where an invented record comes from."""
    digest = sha256(b"invented")
    return {
        "key": digest,
        "numeric_code": digest,
        "suite": digest,
        "weights": digest,
        "inputs": {"final": "96 crops of 12 photographs"},
        "baseline_images": digest,
        "versions": {"python": "3.11.9", "torch": "2.14.1"},
        "commit": "3f9c2e1" + "0" * 33,
        "dirty": False,
        "hardware": {
            "cpu": "Invented CPU @ 2.50GHz",
            "isa": ["avx2"],
            "cores": 2,
            "threads": 1,
            "os": "Linux 6.1",
        },
        "command": "ganqbench run --suite mini",
        "protocol": {"resolution": 64, "calibrate": 4, "final": 96, "batch": 2},
        "seeds": {"calibration": 0},
        "finished": "2026-11-24T02:40:00Z",
        **more,
    }


def audit(bits: str, **more: Any) -> dict[str, Any]:
    """An audit of three operations."""
    weights, activations = (32, 32) if bits == "FP32" else (int(part) for part in bits[1:].split("A"))
    levels = (None, None) if bits == "FP32" else (2**weights, 2**activations)
    ops = [
        {
            "site": f"model.{index}",
            "kind": kind,
            "macs": 10**9,
            "match": "site",
            "weight_levels": levels[1] if kind == "matmul" else levels[0],
            "activation_levels": levels[1],
            "weight_granularity": "channel",
            "activation_granularity": "tensor",
            "static": True,
            "weights": 10**6,
            "scale_groups": 64,
            "exempt": False,
            "declared": False,
        }
        for index, kind in enumerate(("conv2d", "conv_transpose2d", "matmul"))
    ]
    return {
        "coverage": 1.0,
        "coverage_undeclared": 1.0,
        "hidden_work": 0,
        "macs": 3 * 10**9,
        "bops": 10**9 * (2 * weights * activations + activations**2),
        "bytes": 11_378_179 * weights // 8,
        "ops": ops,
        **more,
    }


def declared_audit(bits: str, levels: int = 256) -> dict[str, Any]:
    """An audit whose first operation the method declares and keeps at so many levels of weights."""
    made = audit(bits)
    first = made["ops"][0]
    widths = (levels.bit_length() - 1, (first["activation_levels"] or 2).bit_length() - 1)
    claimed = int(bits[1:].split("A")[0])
    first |= {"declared": True, "weight_levels": levels}
    return made | {"coverage": 2 / 3, "bops": made["bops"] + 10**9 * (widths[0] - claimed) * widths[1]}


def graph(runtime: str, kind: str, milliseconds: float, ratio: float, **more: Any) -> dict[str, Any]:
    """A graph in one runtime: its time for an image, and how many times as fast as full precision."""

    def spread(value: float) -> dict[str, float]:
        return {"median": value, "low": 0.9 * value, "high": 1.1 * value}

    agreement = {"psnr": 45.0, "worst": 41.0, "worst_pixel": 9, "n": 16}
    made = {
        "runtime": runtime,
        "kind": kind,
        "version": "1",
        "parity": agreement,
        "latency_ms": spread(milliseconds),
        "cpu_ms": spread(0.95 * milliseconds),
        "ratio": spread(ratio),
        "throughput": {"batch": 8, "items_per_s": spread(1050 / milliseconds), "ratio": spread(ratio)},
        "memory": 12_000_000,
    }
    integer = {"change": agreement, "integer_share": 0.874, "weight_bits": 4} if kind == "int8" else {}
    return made | integer | more


NO_GRAPH = {"runtime": "ncnn", "kind": "int8", "version": None, "reason": "it reads no <such> graphs"}
PLAIN, INTEGER = graph("onnxruntime", "fp32", 20.0, 1.0), graph("openvino", "int8", 10.0, 2.0)


def deploy(*graphs: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A deployment of these graphs: by default one of integers, one of full precision and one that failed."""
    return {
        "key": sha256(b"invented"),
        "parity_psnr": 45.0,
        "file_bytes": 270,
        "float_bytes": 1000,
        "threads": 1,
        "rounds": 9,
        "others": 0.01,
        "busy": False,
        "saturating": ["openvino"],
        "hardware": {**provenance()["hardware"], "accelerator": None},
        "runtimes": list(graphs or (INTEGER, PLAIN, NO_GRAPH)),
        "reason": None,
        "finished": "2026-01-01T00:00:00Z",
        **more,
    }


def document(
    adapter: str = "brevitas",
    method: str = "ptq-mse",
    bits: str = "W8A8",
    *,
    psnr: float | None = 40.0,
    status: str = "ok",
    reason: str | None = None,
    seed: int = 0,
    image: bytes | None = None,
    seconds: float = 12.0,
    **more: Any,
) -> dict[str, Any]:
    """A record's document without its hash; `more` replaces whole fields."""
    cell = {
        "suite": "mini",
        "suite_version": 1,
        "gan": GAN,
        "adapter": adapter,
        "method": method,
        "recipe": None,
        "bits": bits,
        "seed": seed,
        **more.pop("cell", {}),
    }
    made: dict[str, Any] = {
        "schema": 1,
        "status": status,
        "cell": cell,
        "metrics": {},
        "audit": None,
        "cost": {"phases": {"quantize": {"wall_s": seconds, "cpu_s": seconds}}, "peak_memory": 10**9},
        "tolerance": {"psnr": 0.2},
        "provenance": provenance(),
        "reason": reason,
    }
    if status == "ok":
        image = image or strip(100)
        with Image.open(io.BytesIO(image)) as opened:
            width, height = opened.size
        made["audit"] = audit(bits)
        made["preview"] = {"sha256": sha256(image), "items": 8, "width": width, "height": height}
        if psnr is not None and adapter != "fp32":
            error = 200 * 10 ** (-psnr / 20)
            made["metrics"] = {
                "psnr": metric(psnr, 0.4, worst=psnr - 5),
                "ssim": metric(0.9, 0.01, worst=0.8),
                "mae": metric(0.5 * error, 0.1 * error, worst=error),
            }
    return {**made, **more}


def put(results: Path, made: dict[str, Any], image: bytes | None = None) -> Record:
    """Seal a document and write it where it belongs."""
    record = seal(made)
    if record.preview is not None and image is None:
        image = strip(100)
    write(record, image, results)
    return record


def small_board(results: Path) -> None:
    """FP32, three backends at two bit-widths, a failure and a skip."""
    put(results, document("fp32", "baseline", "FP32"))
    for place, (adapter, method) in enumerate(
        [("brevitas", "ptq-mse"), ("pytorch_quantization", "ptq-max"), ("torch_ao", "ptq-minmax")]
    ):
        put(results, document(adapter, method, "W8A8", psnr=41.0 - place, seconds=40 - 15 * place))
        put(results, document(adapter, method, "W4A8", psnr=29.0 + place))
    put(results, document("torch_ao", "ptq-histogram", "W4A8", status="failed", reason="NaN in the images"))
    put(results, document("brevitas", "gptq", "W4A4", status="skipped", reason="integer only"))
