"""Memory that arrays leave is kept in pvprof's own process, for large texts only."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from pvprof.parse.freed_memory import keep_freed_memory
from pvprof.parse.read import ReadOptions
from pvprof.parse.source import TextSource

class Large(bytes):
    def __len__(self):
        return int(sys.argv[1])

keep_freed_memory(TextSource(Large(), "x", ReadOptions(is_memory_bounded=sys.argv[2] == "own")))
np.ones(6_000_000)  # 48 MB: more than glibc keeps by itself
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(6_000_000)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a setting of glibc")
@pytest.mark.parametrize(
    ("size", "process", "is_kept"),
    [(1 << 30, "own", True), (1 << 30, "another", False), (1 << 20, "own", False)],
)
def test_freed_memory_is_used_again(size: int, process: str, is_kept: bool) -> None:
    words = [sys.executable, "-c", PROGRAM, str(size), process]
    faults = int(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
    assert (faults < 100) == is_kept
