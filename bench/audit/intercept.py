"""Watch a module run, one tensor operation at a time, below the module level.

The interception knows nothing of layer classes. It follows every storage: whether the
module's input can have changed it (then it holds activations, otherwise weights) and which
products contributed to it. Values that reach an operation without having come out of one
are *leaves* (parameters, buffers, constants, or values made outside torch); bytes that
change between two operations are tampering.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from ganqbench.audit.account import Observation, Run
from ganqbench.audit.ledger import Ledger, checksum
from ganqbench.audit.operands import UNREADABLE, Judgement, judge_activation, judge_weight, readable
from ganqbench.audit.products import Kind, Product, bound, is_opaque, is_product, read_product
from ganqbench.zoo.generator import Inputs

Weights = dict[tuple[Any, ...], Judgement]


def watch(
    module: nn.Module,
    inputs: Inputs,
    *,
    inspect: bool = False,
    silence: Callable[[int], bool] = lambda product: False,
    weights: Weights | None = None,
    record: Callable[[Product, Mapping[str, Any]], None] = lambda product, arguments: None,
) -> Run:
    """Run `module(*inputs)` under interception and say what happened.

    `inspect` judges operands and checks seals and leaves; `silence` says for which
    products (numbered as they run) the result is replaced by zeros, so that the images show
    what went past them. `weights`
    remembers judgements of weights between runs. `record` is given every product with the
    operation's arguments. Raises TypeError unless the module returns
    one tensor.
    """
    mode = Interception(
        inspect=inspect, silence=silence, weights={} if weights is None else weights, record=record
    )
    copies = tuple(value.clone() for value in inputs)
    with torch.no_grad(), seeded(), _uncompiled(), _paths(module, mode.path):
        for value in copies:
            mode.ledger.write(value, varies=True, sources=0)
        with mode:
            images = module(*copies)
    return mode.close(images_of(images))


def images_of(result: object) -> Tensor:
    """The result of a generator; raises TypeError unless it is one tensor."""
    if not isinstance(result, Tensor):
        raise TypeError(f"a generator returns one tensor of images, not {type(result).__name__}")
    return result


@contextmanager
def seeded() -> Iterator[None]:
    """The same random numbers in every run; the caller's generators are put back afterwards."""
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(0)
        yield


def _uncompiled() -> AbstractContextManager[object]:
    """Let compiled modules run as they were written, so that their operations are seen."""
    if "torch._dynamo" not in sys.modules:  # then nothing is compiled, and loading it takes seconds
        return nullcontext()
    eager: AbstractContextManager[object] = torch.compiler.set_stance("force_eager")
    return eager


@contextmanager
def _paths(module: nn.Module, path: list[str]) -> Iterator[None]:
    """Keep `path` the stack of names of the modules being run."""

    def enter(name: str) -> Callable[..., None]:
        return lambda *_: path.append(name)

    def leave(*_: object) -> None:
        path.pop()

    with ExitStack() as handles:
        for name, child in module.named_modules():
            if not isinstance(child, torch.jit.ScriptModule):
                handles.callback(child.register_forward_pre_hook(enter(name)).remove)
                handles.callback(child.register_forward_hook(leave, always_call=True).remove)
        yield


class Interception(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """The dispatch mode behind `watch`; one instance serves one run."""

    def __init__(
        self,
        *,
        inspect: bool,
        silence: Callable[[int], bool],
        weights: Weights,
        record: Callable[[Product, Mapping[str, Any]], None],
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.path: list[str] = []
        self.ledger = Ledger(strict=inspect)
        self._inspect, self._silence, self._weights, self._record = inspect, silence, weights, record
        self._observations: list[Observation] = []
        self._opaque: Counter[str] = Counter()
        self._work = self._operands = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Keeping the compiler out of this handler would import all of it: seconds, for nothing.
        return False

    def close(self, images: Tensor) -> Run:
        """The account of the finished run."""
        known = self.ledger.find(images)
        if known is not None:
            self.ledger.meet(images, "the images")
        return Run(
            images=images.detach().clone(),
            observations=self._observations,
            reached=frozenset(i for i in range(len(self._observations)) if known and known.sources >> i & 1),
            seen=known is not None and known.varies,
            opaque=self._opaque,
            work=self._work,
            operands=self._operands,
            leaves=self.ledger.leaves,
            numbers=self.ledger.numbers,
            tampered=frozenset(self.ledger.tampered),
        )

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Called by torch for every operation of the run."""
        kwargs = kwargs or {}
        if any(kind is not Tensor and kind is not nn.Parameter for kind in types):
            return NotImplemented  # a wrapper subclass: let it unwrap, its inner operations come here
        if not isinstance(func, OpOverload):
            self._opaque[str(func)] += 1
            return func(*args, **kwargs)
        if func.has_kernel_for_dispatch_key(torch._C.DispatchKey.CompositeImplicitAutograd):
            with self:  # under inference_mode composite operations arrive whole
                return func.decompose(*args, **kwargs)
        name = func._schema.name.partition("::")[2]
        operands = _tensors((args, kwargs))
        if any(operand.layout != torch.strided for operand in operands):
            self._opaque[f"{func.namespace}::{name} of a tensor without strides"] += 1
            return func(*args, **kwargs)
        if self._inspect:
            self.ledger.numbers.update(_numbers((args, kwargs)))
        known = [self.ledger.meet(operand, name) for operand in operands]
        varies, sources = any(one.varies for one in known), 0
        for one in known:
            sources |= one.sources
        arguments = bound(func, args, kwargs)
        product = func.namespace == "aten" and is_product(name)
        if product:
            sources |= 1 << len(self._observations)
            result = self._product(func, name, args, kwargs, arguments)
        else:
            result = func(*args, **kwargs)
        if name in ("mul", "mul_") and any(map(_is_zero, arguments.values())):
            sources = 0  # nothing gets through a multiplication by zero
        if name.endswith("_like") or name.startswith("new_"):
            varies, sources = False, 0  # takes the shape, not the values
        written = _written(func, name, arguments)
        fresh = [
            value for value in _tensors(result) if not any(self.ledger.find(value) is one for one in known)
        ]
        for value in (*written, *fresh):
            self.ledger.write(value, varies=varies, sources=sources)
        if varies and not product:
            if is_opaque(func.namespace, name):
                self._opaque[f"{func.namespace}::{name}"] += 1
            if written or fresh:  # and not a view
                self._work += max(map(_touched, (*arguments.values(), result)))
        return result

    def _product(
        self,
        func: OpOverload,
        name: str,
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        arguments: dict[str, Any],
    ) -> Any:
        silent = self._silence(len(self._observations))
        result = _silent(func, args, kwargs) if silent else func(*args, **kwargs)
        product = read_product(name, arguments, _tensors(result)[0])
        self._record(product, arguments)
        self._observations.append(self._observe(product))
        return result

    def _observe(self, product: Product) -> Observation:
        """Tell weight from activation and judge both."""
        left, right = (self.ledger.varies(one) for one in (product.left, product.right))
        swapped = product.weight_is_left(left, right)
        data, weight = (product.right, product.left) if swapped else (product.left, product.right)
        both = left if swapped else right  # then the "weight" is another activation
        kind: Kind = product.form if product.form != "matmul" else ("matmul" if both else "linear")
        identity = (checksum(weight), weight.storage_offset(), *weight.shape, *weight.stride())
        self._operands += data.numel() + (weight.numel() if both else 0)
        judged = activation = UNREADABLE
        if self._inspect and kind != "attention":
            # A dimension 0 that is summed over, or counts output channels, holds no samples.
            activation = judge_activation(data, by_sample=not swapped or data.ndim == 3)
            if both:
                judged = judge_activation(weight, by_sample=product.form == "matmul" and weight.ndim == 3)
            elif readable(weight):
                key = (product.form, product.groups, swapped, *identity)
                if key not in self._weights:
                    self._weights[key] = judge_weight(product.rows(left=swapped))
                judged = self._weights[key]
        path = self.path[-1] if self.path else ""
        return Observation(
            path, kind, product.signature, product.macs, judged, activation, weight.numel(), identity
        )


def _tensors(tree: object) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _numbers(tree: object) -> list[str]:
    leaves = tree_leaves(tree)
    return [repr(leaf) for leaf in leaves if isinstance(leaf, int | float) and not isinstance(leaf, bool)]


def _touched(value: object) -> int:
    """Values of an argument or result: all of a list of tensors, the most of several results."""
    if isinstance(value, Tensor):
        return value.numel() * (4 if value.is_complex() else 1)  # as many multiplications of real numbers
    sizes = [_touched(item) for item in value] if isinstance(value, list | tuple) else []
    return sum(sizes) if isinstance(value, list) else max(sizes, default=0)


def _written(func: OpOverload, name: str, arguments: Mapping[str, Any]) -> list[Tensor]:
    """Arguments that the operation changes in place."""
    names = [
        one.name for one in func._schema.arguments if one.alias_info is not None and one.alias_info.is_write
    ]
    if name.startswith("native_batch_norm"):  # updates these in training mode, and its schema hides it
        names += ["running_mean", "running_var"]
    return _tensors([arguments.get(name) for name in names])


def _silent(func: OpOverload, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """The operation's result with every value zero, computed on shapes alone where that is possible."""
    if func._schema.is_mutable or len(func._schema.returns) != 1:
        return tree_map_only(Tensor, Tensor.zero_, func(*args, **kwargs))
    device = _tensors((args, kwargs))[0].device
    shape = func(*tree_map_only(Tensor, lambda value: value.to("meta"), args), **kwargs)
    return torch.zeros(shape.shape, dtype=shape.dtype, device=device)


def _is_zero(factor: object) -> bool:
    if isinstance(factor, Tensor):
        return factor.numel() == 1 and not factor.is_complex() and factor.item() == 0
    return isinstance(factor, int | float | complex) and factor == 0
