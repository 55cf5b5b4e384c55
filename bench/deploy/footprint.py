"""How much memory a model takes in its runtime.

Asked of a process that has opened next to nothing: in the one that quantized the generator, a runtime
gets memory that others have freed, and the process grows by a fraction of what the model takes.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from ganqbench.deploy.engines import Arrays, Model, open_engine, reads_graphs
from ganqbench.deploy.machine import grown
from ganqbench.deploy.saturation import CHANNELS, largest_sums


def footprint(engine: str, model: Model, inputs: Arrays, threads: int) -> int | None:
    """Bytes by which a new process grows at its peak, opening the model and running it once.

    What the runtime takes at its first model is not among them. None where nobody knows: the
    system doesn't tell, the generator can't be handed to another process, or that one died.
    """
    if reads_graphs(engine):
        model = Model(model.graph, None)  # without torch, which its process need not import
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        try:
            return alone.submit(_grown, engine, model, inputs, threads).result()
        except Exception:  # pickle, and whatever the runtime raises only there
            return None


def _grown(engine: str, model: Model, inputs: Arrays, threads: int) -> int | None:
    if model.generator is None:
        first = Model(largest_sums(), None)
    else:
        import torch

        torch.set_num_threads(threads)
        first = Model(largest_sums(), torch.nn.Conv2d(CHANNELS, CHANNELS, 3).eval())
    some = [np.zeros((1, CHANNELS, 8, 8), np.float32)]
    open_engine(engine, first, some, threads).run(some)
    with grown() as memory:
        open_engine(engine, model, inputs, threads).run(inputs)
    return memory.peak
