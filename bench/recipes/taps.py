"""Outputs of the blocks that student and teacher share, caught while they run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from ganqbench.zoo.generator import Generator


def shared_blocks(teacher: nn.Module, student: nn.Module) -> tuple[str, ...]:
    """Names of the teacher's `compared` blocks that run in the student, too.

    A student traced to a graph has none: where they were it keeps empty modules that hold its layers
    and never run.
    """
    if not isinstance(teacher, Generator):
        return ()
    runs = {name for name, module in student.named_modules() if type(module) is not nn.Module}
    return tuple(
        name
        for name, module in teacher.named_modules()
        if type(module).__name__ in teacher.compared and name in runs
    )


@contextmanager
def outputs(model: nn.Module, names: tuple[str, ...]) -> Iterator[dict[str, Tensor]]:
    """A dictionary that each forward pass fills with the blocks' outputs."""
    caught: dict[str, Tensor] = {}

    def catch(name: str, output: object) -> None:
        if isinstance(output, Tensor):
            caught[name] = output

    modules = dict(model.named_modules())
    handles = [
        modules[name].register_forward_hook(lambda _module, _inputs, output, name=name: catch(name, output))
        for name in names
    ]
    try:
        yield caught
    finally:
        for handle in handles:
            handle.remove()
