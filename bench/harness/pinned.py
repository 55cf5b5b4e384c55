"""What is the same in the process of every cell: threads, environment and the global random generators."""

from __future__ import annotations

THREADS = 1
ENVIRONMENT = {
    **dict.fromkeys(
        ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"), str(THREADS)
    ),
    "PYTHONHASHSEED": "0",
}
"""The order of a sum, so its last bits, must not depend on the machine's load."""


def pin(seed: int) -> None:
    """One thread, and global generators that start at `seed`: third-party backends draw from them."""
    import numpy as np
    import torch

    torch.set_num_threads(THREADS)
    torch.manual_seed(seed)
    np.random.seed(seed)  # noqa: NPY002
