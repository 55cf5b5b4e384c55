"""Weights that a training starts from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn

from ganqbench.errors import UserError


def start_from(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load published weights, which lack the counters of norms; UserError if they are another network's."""
    counters = {k: v for k, v in network.state_dict().items() if k.endswith("num_batches_tracked")}
    with of_this_network():
        network.load_state_dict({**counters, **weights})


@contextmanager
def of_this_network() -> Iterator[None]:
    """Makes what torch says of weights that don't fit a UserError."""
    try:
        yield
    except (ValueError, RuntimeError) as error:
        raise UserError(
            "The weights to start from are those of another network.",
            "Give --init a file of the network that is trained.",
        ) from error
