"""Reading pickled networks without running anything that they name.

The official StyleGAN2-ADA files are pickles of objects whose class is rebuilt from source text
inside the file. Here every global that such a file needs is replaced by a stand-in that only
keeps data; the text is never looked at, and any other global ends the reading.

The stand-ins are made anew for every file and can't be changed by it, so a pickle leaves nothing
behind.
"""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, BinaryIO, NoReturn

from ganqbench.zoo.budget import Budget
from ganqbench.zoo.pickled_names import ForbiddenGlobalError
from ganqbench.zoo.stand_ins import Filled, stand_ins

_MOST_IN_TUPLE = 1_000
_DEEPEST = 1_000
_NEVER_NEEDED = (
    *(pickle.EXT1, pickle.EXT2, pickle.EXT4),  # globals by number
    *(pickle.PERSID, pickle.BINPERSID, pickle.NEXT_BUFFER),  # objects outside the pickle
    pickle.FROZENSET,  # which compare through and through as keys, for ever where they are nested
)


def read_pickle(file: BinaryIO) -> Any:
    """The object in a pickle, persistent objects as `Network`, tensors and arrays on the CPU.

    Raises ForbiddenGlobalError, or UnpicklingError for anything malformed.
    """
    try:
        return _Reader(file, Budget(os.fstat(file.fileno()).st_size)).load()
    except pickle.UnpicklingError:
        raise
    except EOFError as error:
        raise pickle.UnpicklingError("it ends too early") from error
    except Exception as error:  # a malformed pickle can fail in any way
        raise pickle.UnpicklingError(f"malformed pickle ({type(error).__name__}: {error})") from error


class _Instructions(dict[int, Callable[[Any], None]]):
    """What a pickle may tell its reader to do, by the byte that says it."""

    def __missing__(self, code: int) -> NoReturn:
        raise pickle.UnpicklingError(f"the byte {bytes([code])!r} stands where an instruction should")


def _tuple_of(count: int) -> Callable[[Any], None]:
    """The instruction that makes one tuple of the last `count` objects."""

    def instruction(reader: _Reader) -> None:
        items = [reader.stack.pop() for _ in range(count)]
        reader.stack.append(reader.weighed(tuple(reversed(items))))

    return instruction


def _into(kind: type, code: bytes, *, many: bool, below: int = 2) -> dict[int, Callable[[Any], None]]:
    """The instruction `code`, which fills what lies `below` items under the top, for that kind alone.

    On any other, items would go to methods of the same name: a tensor has an `add` that makes tensors.
    """
    honest: Callable[[Any], None] = pickle._Unpickler.dispatch[code[0]]

    def instruction(reader: _Reader) -> None:
        target = reader.metastack[-1][-1] if many else reader.stack[-below]
        if not isinstance(target, kind):
            raise pickle.UnpicklingError(f"the pickle puts items into a {type(target).__name__}")
        honest(reader)

    return {code[0]: instruction}


class _Reader(pickle._Unpickler):
    """The standard library's reader in the form whose instructions can be replaced.

    Some are. Only stand-ins that wait for their content take a state, lest a pickle change what
    reads it. A tuple may not hold more than an honest file's ever do: as a key it is hashed through and
    through, which for nested ones ends the process or takes for ever.
    """

    # Attributes of the standard class that its stubs leave out.
    stack: list[Any]
    metastack: list[list[Any]]
    append: Callable[[Any], None]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, file: BinaryIO, budget: Budget) -> None:
        super().__init__(file)
        self._allowed = stand_ins(budget)
        self._held: dict[int, int] = {}

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in of that global; ForbiddenGlobalError if there is none."""
        try:
            return self._allowed[f"{module}.{name}"]
        except KeyError:
            raise ForbiddenGlobalError(f"{module}.{name}") from None

    def weighed(self, made: tuple[Any, ...]) -> tuple[Any, ...]:
        """`made`, if it does not hold too much, counted through tuples inside tuples."""
        held = 1 + sum(self._held.get(id(item), 1) if type(item) is tuple else 1 for item in made)
        if held > _MOST_IN_TUPLE:
            raise pickle.UnpicklingError("tuples are nested too deeply")
        self._held[id(made)] = held
        return made

    def _load_mark(self) -> None:
        if len(self.metastack) == _DEEPEST:
            raise pickle.UnpicklingError("objects are nested too deeply")
        self.metastack.append(self.stack)
        self.stack = []
        self.append = self.stack.append

    def _load_tuple(self) -> None:
        items = self.pop_mark()
        self.stack.append(self.weighed(tuple(items)))

    def _load_build(self) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, Filled):
            target.fill(state)
        elif not isinstance(target, OrderedDict):  # whose attributes, versions of modules, nobody needs
            raise pickle.UnpicklingError(f"the pickle tries to change a {type(target).__name__}")

    dispatch = _Instructions(
        {
            code: load
            for code, load in pickle._Unpickler.dispatch.items()
            if bytes([code]) not in _NEVER_NEEDED
        }
        | {code[0]: _tuple_of(n) for n, code in enumerate((pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3), 1)}
        | _into(set, pickle.ADDITEMS, many=True)
        | _into(dict, pickle.SETITEM, many=False, below=3)
        | _into(dict, pickle.SETITEMS, many=True)
        | _into(list, pickle.APPEND, many=False)
        | _into(list, pickle.APPENDS, many=True)
        | {pickle.MARK[0]: _load_mark, pickle.TUPLE[0]: _load_tuple, pickle.BUILD[0]: _load_build}
    )
