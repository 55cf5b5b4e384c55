"""Images on disk don't count as a process's memory once they were looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.lib.format import open_memmap

from ganqbench.harness.baselines import Baselines, array_hash, release

MEGABYTE = 1 << 20
STATUS = Path("/proc/self/status")


def mapped() -> int:
    """Bytes of files that this process has in memory."""
    return 1024 * int(STATUS.read_text(encoding="ascii").split("RssFile:")[1].split()[0])


@pytest.mark.skipif(not STATUS.is_file(), reason="reads Linux's /proc")
def test_pages_that_were_written_and_read_are_let_go(tmp_path: Path) -> None:
    before = mapped()

    def fill(path: Path) -> None:
        written = open_memmap(path, mode="w+", dtype=np.uint8, shape=(40, MEGABYTE))
        for number in range(40):
            written[number] = number
            release(written)
        assert mapped() - before < 8 * MEGABYTE
        written.flush()

    images = Baselines(tmp_path, "key").array("images", fill)
    whole = array_hash(images)
    assert mapped() - before < 8 * MEGABYTE  # its name was checked, and it was hashed again
    assert [int(row[-1]) for row in images] == list(range(40))
    release(images[3:5])  # a part lets go of all
    assert mapped() - before < 8 * MEGABYTE
    assert whole == array_hash(np.array(images))


def test_arrays_in_memory_are_left_as_they_are() -> None:
    array = np.arange(10)
    release(array[2:])
    assert array.tolist() == list(range(10))
