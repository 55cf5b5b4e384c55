"""Reading pickled networks without running anything that they name.

The official StyleGAN2-ADA files are pickles of objects whose class is rebuilt from source text
inside the file. Here every global that such a file needs is replaced by a stand-in that only
keeps data; the text is never looked at, and any other global ends the reading.

The stand-ins are made anew for every file and can't be changed by it, so a pickle leaves nothing
behind.
"""

from __future__ import annotations

import io
import math
import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.storage import TypedStorage

_DTYPES = ("float16", "bfloat16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool")
_NUMPY_KINDS = "biufcSU"  # booleans, numbers and text; objects would be pickles of their own


class ForbiddenGlobalError(pickle.UnpicklingError):
    """A pickle asked for a global outside the allow-list."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the global {name} is not on the allow-list")
        self.name = name


class Network:
    """A pickled persistent object: its class's name and its attributes, nothing that runs."""

    def __init__(self, class_name: str, attributes: dict[str, Any]) -> None:
        self.class_name = class_name
        self.attributes = attributes

    def state(self) -> dict[str, Tensor]:
        """Parameters and persistent buffers of this module and those inside, as `state_dict` names them."""
        state: dict[str, Tensor] = {}
        pending: list[tuple[str, Network, int]] = [("", self, 0)]
        while pending:
            prefix, module, depth = pending.pop()
            if depth > 32:
                raise pickle.UnpicklingError("modules are nested too deeply")
            own = module.attributes
            passing = own.get("_non_persistent_buffers_set") or ()
            for kind in ("_parameters", "_buffers"):
                for name, value in _mapping(own, kind).items():
                    if isinstance(value, Tensor) and not (kind == "_buffers" and name in passing):
                        state[f"{prefix}{name}"] = value
            for name, child in _mapping(own, "_modules").items():
                if isinstance(child, Network):
                    pending.append((f"{prefix}{name}.", child, depth + 1))
        return state

    def arguments(self) -> dict[str, Any]:
        """The keyword arguments that the object was built with, as plain values."""
        return {str(key): _plain(value) for key, value in _mapping(self.attributes, "_init_kwargs").items()}


def read_pickle(file: BinaryIO) -> Any:
    """The object in a pickle, persistent objects as `Network`, tensors and arrays on the CPU.

    Raises ForbiddenGlobalError, or UnpicklingError for anything malformed.
    """
    try:
        return _Reader(file).load()
    except pickle.UnpicklingError:
        raise
    except Exception as error:  # a malformed pickle can fail in any way
        raise pickle.UnpicklingError(f"malformed pickle ({type(error).__name__}: {error})") from error


class _Reader(pickle.Unpickler):
    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self._allowed = _stand_ins()

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in of that global; ForbiddenGlobalError if there is none."""
        try:
            return self._allowed[f"{module}.{name}"]
        except KeyError:
            raise ForbiddenGlobalError(f"{module}.{name}") from None

    def persistent_load(self, pid: Any) -> NoReturn:
        """Refuses references to objects outside the pickle."""
        raise pickle.UnpicklingError("the pickle refers to an object outside itself")


class _Call:
    """A function that a pickle may call and can't alter."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: object) -> NoReturn:
        raise pickle.UnpicklingError("the pickle tries to change a function")


def _stand_ins() -> dict[str, Any]:
    """Qualified name -> harmless stand-in, all of them new."""

    class EasyDict(dict[str, Any]):
        """A dictionary of keyword arguments."""

    class Dtype:
        """A NumPy number type; its byte order arrives as state."""

        def __init__(self, code: str, *_: object) -> None:
            self.value = np.dtype(str(code))
            if self.value.kind not in _NUMPY_KINDS:
                raise pickle.UnpicklingError(f"NumPy type {code!r} is not plain data")

        def __setstate__(self, state: tuple[Any, ...]) -> None:
            self.value = self.value.newbyteorder(state[1])

    class Array:
        """An array that arrives in two steps: made empty, then filled by its state."""

        def __init__(self) -> None:
            self.value: NDArray[Any] = np.empty(0)

        def __setstate__(self, state: tuple[Any, ...]) -> None:
            _, shape, dtype, fortran, content = state
            self.value = array(content, dtype, shape, "F" if fortran else "C").value

    def array(content: bytes, dtype: Dtype, shape: tuple[int, ...], order: Any = "C") -> Array:
        filled = Array()
        filled.value = np.frombuffer(content, dtype.value).reshape(shape, order=order).copy()
        return filled

    def scalar(dtype: Dtype, content: bytes) -> Any:
        return np.frombuffer(content, dtype.value, count=1)[0].item()

    def persistent(meta: Mapping[str, Any]) -> Network:
        return Network(str(meta["class_name"]), dict(meta["state"]))

    def encode(text: str, encoding: str = "latin1") -> bytes:
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"text is encoded as {encoding!r}")
        return text.encode("latin1")

    functions: dict[str, Callable[..., Any]] = {
        "torch_utils.persistence._reconstruct_persistent_obj": persistent,
        "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
        "torch._utils._rebuild_parameter": lambda data, *_: data,
        "torch._utils._rebuild_parameter_with_state": lambda data, *_: data,
        "torch.storage._load_from_bytes": _load_storage,
        "torch.device": lambda *_: None,
        "torch.Size": lambda sizes=(): tuple(sizes),
        "numpy.dtype": Dtype,
        "_codecs.encode": encode,
    }
    for package in ("numpy.core", "numpy._core"):
        functions[f"{package}.multiarray._reconstruct"] = lambda *_: Array()
        functions[f"{package}.multiarray.scalar"] = scalar
        functions[f"{package}.numeric._frombuffer"] = array
    allowed: dict[str, Any] = {name: _Call(function) for name, function in functions.items()}
    # Only named, never called: the class handed to NumPy's `_reconstruct`, and data types.
    allowed["numpy.ndarray"] = _Call(lambda *_: Array())
    allowed |= {f"torch.{name}": getattr(torch, name) for name in _DTYPES}
    # Classes: a pickle makes instances of them without calling anything else.
    allowed |= {"dnnlib.util.EasyDict": EasyDict, "collections.OrderedDict": OrderedDict}
    for builtins in ("builtins", "__builtin__"):
        allowed |= {f"{builtins}.set": set, f"{builtins}.frozenset": frozenset}
    return allowed


def _load_storage(content: bytes) -> TypedStorage:
    """A tensor's numbers, which torch saves as a pickle of its own inside the outer one."""
    if not isinstance(content, bytes):
        raise pickle.UnpicklingError("a storage is not bytes")
    storage = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    if not isinstance(storage, TypedStorage):
        raise pickle.UnpicklingError(f"a storage turned out to be a {type(storage).__name__}")
    return storage


def _rebuild_tensor(storage: Any, offset: int, size: Any, stride: Any, *_: object) -> Tensor:
    """A copy of a view of `storage` that lies inside it."""
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
    return flat.as_strided(size, stride, offset).clone()


def _mapping(attributes: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = attributes.get(name)
    return value if isinstance(value, Mapping) else {}


def _plain(value: Any, depth: int = 0) -> Any:
    """Numbers, text, lists and dictionaries of a pickle without their special classes."""
    if depth > 8:
        raise pickle.UnpicklingError("arguments are nested too deeply")
    if isinstance(value, Mapping):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    inner = getattr(value, "value", None)
    if isinstance(inner, np.ndarray):
        return inner.tolist()
    raise pickle.UnpicklingError(f"an argument of type {type(value).__name__}")
