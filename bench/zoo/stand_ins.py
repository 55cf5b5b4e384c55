"""What takes the place of the globals that official pickles name: functions that only keep data."""

from __future__ import annotations

import io
import math
import pickle
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.storage import TypedStorage

from ganqbench.zoo.budget import Budget
from ganqbench.zoo.network import Network
from ganqbench.zoo.torch_file import read_torch

_DTYPES = ("float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool")
_NUMPY_KINDS = "biufcSU"  # booleans, numbers and text; objects would be pickles of their own


class Filled(ABC):
    """An object that a pickle makes in two steps: empty, then filled by a state."""

    @abstractmethod
    def fill(self, state: Any) -> None:
        """Takes the content."""


class _Call:
    """A function that a pickle may call and can't alter."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)


def stand_ins(budget: Budget) -> dict[str, Any]:
    """Qualified name -> harmless stand-in, all of them new; what they make is taken from `budget`."""

    class EasyDict(dict[str, Any]):
        """A dictionary of keyword arguments; a pickle makes it empty and then sets its items."""

        __slots__ = ()

        def __init__(self) -> None:
            super().__init__()

    class Dtype(Filled):
        """A NumPy number type; its byte order arrives as state."""

        def __init__(self, code: str, *_: object) -> None:
            self.value = np.dtype(str(code))
            if self.value.kind not in _NUMPY_KINDS:
                raise pickle.UnpicklingError(f"NumPy type {code!r} is not plain data")

        def fill(self, state: Any) -> None:
            self.value = self.value.newbyteorder(state[1])

    class Array(Filled):
        """An array."""

        def __init__(self) -> None:
            self.value: NDArray[Any] = np.empty(0)

        def fill(self, state: Any) -> None:
            _, shape, dtype, fortran, content = state
            self.value = array(content, dtype, shape, "F" if fortran else "C").value

    def array(content: bytes, dtype: Dtype, shape: tuple[int, ...], order: Any = "C") -> Array:
        budget.spend(len(content))
        filled = Array()
        filled.value = np.frombuffer(content, dtype.value).reshape(shape, order=order).copy()
        return filled

    def scalar(dtype: Dtype, content: bytes) -> Any:
        return np.frombuffer(content, dtype.value, count=1)[0].item()

    def persistent(meta: Mapping[str, Any]) -> Network:
        return Network(str(meta["class_name"]), dict(listed(meta["state"].items())))

    def encode(text: str, encoding: str = "latin1") -> bytes:
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"text is encoded as {encoding!r}")
        budget.spend(len(text))
        return text.encode("latin1")

    def storage(content: bytes) -> TypedStorage:
        budget.spend(len(content))
        return _load_storage(content)

    def tensor(storage: Any, offset: int, size: Any, stride: Any, *_: object) -> Tensor:
        view = _view(storage, offset, size, stride)
        budget.spend(view.numel() * view.itemsize)
        return view.clone()

    def listed(items: Iterable[Any]) -> list[Any]:
        found = list(items)
        budget.spend(16 * len(found))
        return found

    def size(numbers: Iterable[int] = ()) -> tuple[int, ...]:
        return tuple(int(number) for number in listed(numbers))

    functions: dict[str, Callable[..., Any]] = {
        "torch_utils.persistence._reconstruct_persistent_obj": persistent,
        "torch._utils._rebuild_tensor_v2": tensor,
        "torch._utils._rebuild_parameter": lambda data, *_: data,
        "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
        "torch.storage._load_from_bytes": storage,
        "torch.device": lambda *_: None,
        "torch.Size": size,
        "numpy.dtype": Dtype,
        "_codecs.encode": encode,
        "collections.OrderedDict": lambda items=(): OrderedDict(listed(items)),
    }
    for package in ("numpy.core", "numpy._core"):
        functions[f"{package}.multiarray._reconstruct"] = lambda *_: Array()
        functions[f"{package}.multiarray.scalar"] = scalar
        functions[f"{package}.numeric._frombuffer"] = array
    for builtins in ("builtins", "__builtin__"):
        functions[f"{builtins}.set"] = lambda items=(): set(listed(items))
    allowed: dict[str, Any] = {name: _Call(function) for name, function in functions.items()}
    # Only named, never called: the class handed to NumPy's `_reconstruct`, and data types.
    allowed["numpy.ndarray"] = _Call(lambda *_: Array())
    allowed |= {f"torch.{name}": getattr(torch, name) for name in _DTYPES}
    # A class: a pickle makes an instance of it without a call.
    allowed["dnnlib.util.EasyDict"] = EasyDict
    return allowed


def _load_storage(content: bytes) -> TypedStorage:
    """A tensor's numbers, which torch saves as a pickle of its own inside the outer one."""
    if not isinstance(content, bytes):
        raise pickle.UnpicklingError("a storage is not bytes")
    storage = read_torch(io.BytesIO(content), len(content))
    if not isinstance(storage, TypedStorage):
        raise pickle.UnpicklingError(f"a storage turned out to be a {type(storage).__name__}")
    return storage


def _view(storage: Any, offset: int, size: Any, stride: Any) -> Tensor:
    """A view of `storage` that lies inside it."""
    if not isinstance(storage, TypedStorage):
        raise pickle.UnpicklingError("a tensor without a storage")
    numbers = (offset, *size, *stride)
    if len(size) != len(stride) or not all(type(number) is int and number >= 0 for number in numbers):
        raise pickle.UnpicklingError("a tensor with an impossible shape")
    flat = torch.empty(0, dtype=storage.dtype).set_(storage._untyped_storage)
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if math.prod(size) and last >= flat.numel():
        raise pickle.UnpicklingError("a tensor that reaches beyond its storage")
    if math.prod(size) > flat.numel():
        raise pickle.UnpicklingError("a tensor larger than its storage")
    return flat.as_strided(size, stride, offset)
