"""The same images give the same bits in another process, whatever its hash seed and place in memory."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import numpy as np
import torch
from ganqbench.metrics import frechet, frechet_delta, frechet_paired, kid, kid_delta, prdc
from ganqbench.metrics.evaluation_state import EvaluationState
from ganqbench.metrics.extractors import EmbeddedExtractor
from ganqbench.metrics.inception_score import inception_score
from ganqbench.metrics.reference import Reference

torch.set_num_threads(1)
rng = np.random.default_rng(0)
real, fp32 = (rng.integers(0, 256, (250, 3, 32, 32), dtype=np.uint8) for _ in range(2))
quantized = fp32 ^ rng.integers(0, 16, fp32.shape, dtype=np.uint8)
network = EmbeddedExtractor()
rows, base = network.features(real), network.features(fp32)
reference = Reference.from_features(rows).keeping(rows)
state = EvaluationState(network.feature_identity, reference.mean)
for start in range(0, 250, 50):
    part = slice(start, start + 50)
    features, distances = network.compare(fp32[part], quantized[part])
    state.update(range(start, start + 50), features, (fp32[part], quantized[part]), distances)
fake = state.features()
print(reference.digest, state.gaussian()[1].tobytes().hex())
print(frechet(reference, fake), frechet_delta(reference, base, fake), frechet_paired(base, fake))
print(kid(reference, fake), kid_delta(reference, base, fake))
print(prdc(reference, fake, rng=np.random.default_rng(0)), inception_score(network.logits(fake)))
print(state.paired(lambda item: f"unit {item // 2}"))
"""


def printed(hash_seed: str) -> str:
    environment = {
        **os.environ,
        "PYTHONHASHSEED": hash_seed,
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.slow
def test_two_processes_print_the_same_bits() -> None:
    first = printed("1")
    assert first.count("Estimate(") >= 14
    assert printed("2") == first
