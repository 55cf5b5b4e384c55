"""Files made to stop, fill or confuse whoever reads them: each ends in a sentence and in little memory."""

from __future__ import annotations

import io
import pickle
import resource
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch.storage import TypedStorage

from ganqbench.errors import UserError
from ganqbench.zoo.checkpoint import read_official
from ganqbench.zoo.cyclegan import ResnetGenerator

MEGA = 1_000_000


@pytest.fixture(autouse=True)
def _little_memory():
    """No file here may take a gigabyte beyond what the process has."""
    statm = Path("/proc/self/statm")
    if not statm.exists():  # not Linux: the sentences are compared, the memory isn't
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_AS)
    now = int(statm.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + 2**30, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def refused(path, match=None):
    with pytest.raises(UserError, match=match):
        read_official(path)


def cyclegan_state():
    torch.manual_seed(0)
    return ResnetGenerator(ngf=4, n_blocks=1).state_dict()


DEEP = {
    "tuple as a key": b"\x80\x04})" + b"\x85" * 200_000 + b"K\x01s.",
    "tuple as a value": b"\x80\x04}K\x01)" + b"\x85" * MEGA + b"s.",
    "tuple of pairs of the same, hashed": b"\x80\x04)\x94"
    + b"".join(b"h%ch%c\x86\x94" % (n, n) for n in range(60))
    + b"}h\x3cK\x01s.",
    "marks": b"\x80\x04" + b"(" * 5 * MEGA + b".",
    "size of sizes": b"\x80\x04ctorch\nSize\n\x94)" + b"h\x00\x8c\x00\x86\x85R" * 1000 + b".",
    "itself": b"\x80\x04}\x94\x8c\x05G_emah\x00s.",
}


def test_nesting_ends_the_reading_and_not_the_process(tmp_path):
    """In a process of its own: what is hashed too deeply is killed by the system, not by Python."""
    for name, program in DEEP.items():
        (tmp_path / f"{name}.pkl").write_bytes(program)
    lines = [
        "import pathlib, sys",
        "from ganqbench.zoo.checkpoint import UserError, read_official",
        "for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):",
        "    try:",
        "        read_official(path)",
        "    except UserError:",
        "        print(path.stem, flush=True)",
    ]
    command = [sys.executable, "-P", "-c", "\n".join(lines), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.stdout.splitlines() == sorted(DEEP), done.stderr


@pytest.mark.parametrize(
    "program",
    [
        b"\x80\x04Q.",  # a reference out of the file, of each kind
        b"\x80\x04Nr\xff\xff\xff\x7fQ.",
        b"Pabc\n.",
        b"\x80\x05\x97.",
        b"\x80\x02\x82\x01.",  # a global by its number
        b"\x80\x04\x8e\xff\xff\xff\xff\x00\x01\x00\x00abc.",  # bytes, text and numbers of more than there is
        b"\x80\x05\x96\xff\xff\xff\xff\x08\x00\x00\x00abc.",
        b"\x80\x04\x8b\xff\xff\xff\x40abc.",
        b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
        b"I" + b"9" * MEGA + b"\n.",
        b"\x80\x04\x87.",  # a tuple of more than there is
        b"\x80\x04\xff.",
        b"Not Found",
        # items into what has methods of the same name: a tensor's `add`, text, a tuple
        b"\x80\x04ctorch\nfloat32\n(K\x01\x90.",
        b"\x80\x04\x8c\x01a(K\x01K\x02u.",
        b"\x80\x04)K\x01a.",
        b"\x80\x04(K\x01\x91.",  # a frozen set
    ],
)
def test_instructions_without_sense(tmp_path, program):
    (tmp_path / "a.pkl").write_bytes(program)
    refused(tmp_path / "a.pkl")


def one_storage(numbers):
    values = torch.zeros(numbers)
    return TypedStorage(wrap_storage=values.untyped_storage(), dtype=values.dtype, _internal=True)


def test_one_storage_is_not_many_tensors(tmp_path, reduced, write_pkl):
    """Each reference to it costs a few bytes in the file and would cost the whole in memory."""
    storage = one_storage(MEGA)
    tensors = [
        reduced(torch._utils._rebuild_tensor_v2, storage, 0, (MEGA,), (1,), False, {}) for _ in range(1000)
    ]
    refused(write_pkl(tmp_path / "a.pkl", {}, {}, hidden=tensors), "many times its size")


def test_one_array_is_not_many(tmp_path, reduced, write_pkl):
    rebuild, arguments = np.zeros(MEGA).__reduce_ex__(5)[:2]
    content = arguments[0].raw().tobytes()
    arrays = [reduced(rebuild, content, *arguments[1:]) for _ in range(1000)]
    refused(write_pkl(tmp_path / "a.pkl", {}, {}, protocol=5, hidden=arrays), "many times its size")


def test_items_go_into_sets_alone(tmp_path, reduced, write_pkl):
    """A tensor has an `add`, which would make of a row and a column a square that no file pays for."""

    class Adding:
        def __reduce__(self):
            storage = one_storage(MEGA)
            return torch._utils._rebuild_tensor_v2, (storage, 0, (MEGA, 1), (1, 1), False, {})

    program = pickle.dumps(Adding(), protocol=2)
    hostile = program[:-1] + b"(" + pickle.dumps(Adding(), protocol=2)[2:-1] + b"\x90."
    (tmp_path / "a.pkl").write_bytes(hostile)
    refused(tmp_path / "a.pkl", "items into a Tensor")


def test_one_list_is_not_many(tmp_path, write_pkl, reduced):
    items = list(range(10_000))
    sets = [reduced(set, items) for _ in range(5000)]
    refused(write_pkl(tmp_path / "a.pkl", {}, {}, hidden=sets), "many times its size")


def packed(path, size):
    """A torch.save file whose one tensor is compressed, as torch never does."""
    plain = io.BytesIO()
    torch.save({"linear0.weight": torch.zeros(size // 4)}, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
    return path


def test_archives_that_grow_are_not_unpacked(tmp_path, write_pkl, reduced):
    path = packed(tmp_path / "a.pth", 100 * MEGA)
    refused(path, "would unpack to")
    hidden = reduced(torch.storage._load_from_bytes, path.read_bytes())
    refused(write_pkl(tmp_path / "a.pkl", {}, {}, hidden=hidden), "would unpack to")


def test_views_of_one_number_are_not_weights(tmp_path):
    with torch.device("meta"):
        shapes = ResnetGenerator(ngf=20_000, n_blocks=1).state_dict()
    torch.save({key: torch.zeros(1).expand(value.shape) for key, value in shapes.items()}, tmp_path / "a.pth")
    refused(tmp_path / "a.pth", "more numbers than it holds")


def test_modules_that_hold_each_other(tmp_path, reduced):
    inner = {"class_name": "x", "state": {"_parameters": {"weight": None}}}
    rebuild = reconstruct()
    for _ in range(8):
        inner = {
            "class_name": "x",
            "state": {"_modules": {str(n): reduced(rebuild, inner) for n in range(20)}},
        }
    refused(dumped(tmp_path / "a.pkl", {"G_ema": reduced(rebuild, inner)}), "nested too deeply")


@pytest.mark.parametrize("wide", [10, 60])
def test_arguments_that_hold_each_other(tmp_path, write_pkl, wide):
    value = [1] * wide
    for _ in range(6):
        value = [value] * wide
    refused(write_pkl(tmp_path / "a.pkl", {}, {"z_dim": value}), "nested too deeply")


def test_a_number_of_thousands_of_digits(tmp_path, write_pkl):
    refused(write_pkl(tmp_path / "a.pkl", {}, {"z_dim": 10**9000}), "argument of type int")


def reconstruct():
    """The function that official pickles name; only its name counts."""

    def _reconstruct_persistent_obj(meta):
        raise AssertionError

    _reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
    _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
    return _reconstruct_persistent_obj


def dumped(path, content):
    """A pickle that may name functions of modules which are not installed."""

    class Pickler(pickle._Pickler):
        def save_global(self, obj, name=None):
            self.write(f"c{obj.__module__}\n{name or obj.__qualname__}\n".encode())
            self.memoize(obj)

        dispatch: ClassVar = {**pickle._Pickler.dispatch, type(reconstruct): save_global}

    with path.open("wb") as file:
        Pickler(file, 4).dump(content)
    return path


@pytest.mark.parametrize(
    "meta",
    [
        None,
        1,
        "x",
        {},
        {"class_name": "x"},
        {"class_name": "x", "state": 5},
        {"class_name": "x", "state": [(1, 2)]},
        {"class_name": "x", "state": {"_parameters": 3, "_modules": [1], "_init_kwargs": "a"}},
    ],
)
def test_networks_of_another_shape(tmp_path, reduced, meta):
    refused(dumped(tmp_path / "a.pkl", {"G_ema": reduced(reconstruct(), meta)}))


@pytest.mark.parametrize(
    "state", [{"state": 1}, {"attributes": None}, {"__class__": 3}, (None, {"state": 1})]
)
def test_what_is_built_is_not_changed(tmp_path, reduced, state):
    class Changed:
        def __reduce__(self):
            return reconstruct(), ({"class_name": "x", "state": {}},), state

    refused(dumped(tmp_path / "a.pkl", {"G_ema": Changed()}), "tries to change a Network")


def test_a_tensor_takes_no_state(tmp_path, reduced):
    """Tensor.__setstate__ would let it reach beyond its storage."""
    storage = one_storage(4)

    class Stretched:
        def __reduce__(self):
            made = (storage, 0, (4,), (1,), False, {})
            return torch._utils._rebuild_tensor_v2, made, (storage, 0, (1 << 20,), (1,))

    (tmp_path / "a.pkl").write_bytes(pickle.dumps(Stretched()))
    refused(tmp_path / "a.pkl", "tries to change a Tensor")


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf<!DOCTYPE html>",
        b"<!-- moved --><html>",
        b"\n" * 200 + b"<html>",
        b"<script>location='/login'</script>",
        b"<Error><Code>NoSuchKey</Code></Error>",
        b'{"error":"Repository not found"}',
        b'{\n  "message": "Forbidden"\n}',
    ],
)
def test_messages_of_servers_saved_as_weights(tmp_path, content):
    (tmp_path / "a.pth").write_bytes(content)
    refused(tmp_path / "a.pth", "server's message")


def test_metadata_nested_without_end(tmp_path):
    save_file(cyclegan_state(), tmp_path / "a.safetensors", {"kwargs": "[" * 100_000})
    refused(tmp_path / "a.safetensors", "recursion")
