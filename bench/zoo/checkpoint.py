"""Official checkpoint files as plain states: `read_official(path)`; nothing in them is executed."""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganqbench.errors import UserError
from ganqbench.zoo.file_kind import ZIP, refuse_text

if TYPE_CHECKING:
    from torch import Tensor

# The number that torch.save's older format begins with, itself a pickle (from protocol 4 on in a frame).
_LEGACY_TORCH = re.compile(rb"\x80[\x02-\x05](\x95.{8})?\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19\.", re.DOTALL)

# Keys that tell an architecture's states apart, with or without spectral norm.
_MARKS = {
    "stylegan2-ada": r"synthesis\.b4\.|mapping\.(fc0|w_avg)",
    "studiogan-sagan": r"linear0\.(parametrizations\.)?weight|blocks\.0\.0\.conv2d1\.",
    "cyclegan-resnet": r"model\.\d+\.(conv_block\.|weight$)",
}


_PASS = (
    "Pass a StyleGAN2-ADA .pkl, a .pth of a state_dict or safetensors; if it was downloaded, fetch it again."
)


@dataclass(frozen=True)
class OfficialCheckpoint:
    """What `from_official(arch, state_dict, **kwargs)` needs, taken out of an official file."""

    arch: str
    state_dict: dict[str, Tensor]
    kwargs: dict[str, Any] = field(default_factory=dict)


def read_official(path: str | Path) -> OfficialCheckpoint:
    """Reads an official checkpoint by its content, whatever its name says.

    StyleGAN2-ADA `.pkl` (its `G_ema`), PyTorch-StudioGAN and junyanz `.pth`, and safetensors, whose
    metadata may hold `arch` and the arguments as JSON in `kwargs`. Raises UserError for a file that
    is truncated, none of these, or names anything outside a list of harmless globals.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}.", "Check the path.") from error
    refuse_text(path, head)
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size:
        return _safetensors(path)
    if head.startswith(ZIP) or _LEGACY_TORCH.match(head):
        return _torch(path)
    return _pickle(path)


def _safetensors(path: Path) -> OfficialCheckpoint:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path} is no whole safetensors file: {error}.", _PASS) from error
    try:
        kwargs = json.loads(metadata.get("kwargs", "{}"))
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"The metadata `kwargs` of {path} is no JSON: {error}.", "Write the arguments as a JSON object."
        ) from error
    if not isinstance(kwargs, dict):
        raise UserError(f"The metadata `kwargs` of {path} is no JSON object.", "Write the arguments by name.")
    arch = metadata.get("arch") or _recognise(path, state)
    if arch not in _MARKS:
        raise UserError(
            f"The metadata of {path} says that it is of {arch!r}.", f"Known are {', '.join(_MARKS)}."
        )
    return OfficialCheckpoint(arch, state, kwargs)


def _torch(path: Path) -> OfficialCheckpoint:
    """A torch.save file: a state, or a dictionary of training state with one in `state_dict`."""
    from ganqbench.zoo.pickled_names import ForbiddenGlobalError
    from ganqbench.zoo.torch_file import read_torch

    try:
        with path.open("rb") as file:
            content = read_torch(file, path.stat().st_size)
    except ForbiddenGlobalError as error:
        raise _forbidden(path, error.name) from error
    except pickle.UnpicklingError as error:
        raise _unreadable(path, error) from error
    except Exception as error:  # torch reports damaged files in many ways
        raise UserError(f"{path} is truncated or damaged: {_reason(error)}.", _PASS) from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    state = _tensors(path, content)
    # Tensors may be views of one number, or many of one storage: what they ask for is bounded, too.
    if sum(tensor.numel() * tensor.itemsize for tensor in state.values()) > 2 * path.stat().st_size:
        raise UserError(
            f"{path} names more numbers than it holds.", "Save the state_dict anew, tensor by tensor."
        )
    return OfficialCheckpoint(_recognise(path, state), state)


def _pickle(path: Path) -> OfficialCheckpoint:
    """A StyleGAN2-ADA file: a dictionary of pickled networks."""
    from ganqbench.zoo.network import Network
    from ganqbench.zoo.pickled_names import ForbiddenGlobalError
    from ganqbench.zoo.unpickle import read_pickle

    try:
        with path.open("rb") as file:
            content = read_pickle(file)
        network = content.get("G_ema") if isinstance(content, Mapping) else None
        if not isinstance(network, Network):
            raise UserError(
                f"{path} holds no network named G_ema.",
                "Pass a StyleGAN2-ADA file; older TensorFlow ones must be converted by their authors' tool.",
            )
        state, kwargs = network.state(), network.arguments()
    except UserError:
        raise
    except ForbiddenGlobalError as error:
        raise _forbidden(path, error.name) from error
    except Exception as error:  # attributes of a network may be anything
        raise _unreadable(path, error) from error
    return OfficialCheckpoint(_recognise(path, state), state, kwargs)


def _forbidden(path: Path, name: str) -> UserError:
    return UserError(
        f"{path} names {name}, which reading weights never needs; nothing in it was executed.",
        "Use a checkpoint from a source that you trust, or save its state_dict as safetensors.",
    )


def _unreadable(path: Path, error: Exception) -> UserError:
    """The error for a pickle that broke off; torch's own refusals name the global in their text."""
    if found := re.search(r"(?:GLOBAL|unsupported class) ([\w.]+)", str(error)):
        return _forbidden(path, found[1])
    return UserError(f"{path} is truncated, damaged or no checkpoint: {_reason(error)}.", _PASS)


def _tensors(path: Path, content: object) -> dict[str, Tensor]:
    from torch import Tensor

    if isinstance(content, Mapping):
        state = {key: value for key, value in content.items() if isinstance(value, Tensor)}
        if state and len(state) == len(content) and all(isinstance(key, str) for key in state):
            return state
    raise UserError(f"{path} holds no state_dict.", "Pass a file that torch.save made of a state_dict.")


def _recognise(path: Path, state: Mapping[str, object]) -> str:
    """The architecture whose key names a state has."""
    for arch, mark in _MARKS.items():
        if any(re.match(rf"(module\.)?({mark})", key) for key in state):
            return arch
    some = ", ".join(list(state)[:3]) or "none"
    raise UserError(
        f"{path} has key names of no known architecture ({some}, ...).",
        f"Known are {', '.join(_MARKS)}.",
    )


def _reason(error: Exception) -> str:
    """What an exception says, in one line and without torch's advice to read the file less safely."""
    paragraphs = [text.strip() for text in str(error).split("\n\n") if text.strip()]
    telling = [text for text in paragraphs if not text.startswith(("Weights only", "Check the doc"))]
    line = (telling or [type(error).__name__])[0].splitlines()[0]
    return line.rstrip(".")[:200]
