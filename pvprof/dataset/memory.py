"""How much memory this process may take for the recordings that it reads.

Owns the last line of defence: `pvprof.recording.limits` bounds the parts of a file, but a text of
very many different stacks takes thirty times its size, a picture of them more. Linux counts the
memory that a process asks for, and refuses more than was set here; Python turns that into a
`MemoryError`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from pvprof.recording.layout import Recording
from pvprof.recording.limits import Limits

MIN_BYTES = 1_000_000_000
"""What a process may take for small recordings, with Python itself."""

MAX_PER_BYTE = 10
"""What it may take for each byte of large ones; real ones take 1 to 4."""

_THREAD_BYTES = 9 << 20  # of address space: libraries start a thread for each core
_TAKEN = re.compile(r"^VmData:\s*(\d{1,12}) kB", re.M)


def bound_memory(recordings: Iterable[Recording], limits: Limits) -> None:
    """Let this process, and those that it starts, take no more memory than recordings may need.

    Only Linux has such a bound; elsewhere this does nothing.
    """
    size = sum(len(recording.data) for recording in recordings)
    try:
        import resource  # noqa: PLC0415 (not on every system)

        taken = _TAKEN.search(Path("/proc/self/status").read_text("ascii", "replace"))
        soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    except (ImportError, OSError):
        return
    if taken is None:
        return
    threads = _THREAD_BYTES * (os.cpu_count() or 1)
    wanted = max(MIN_BYTES, MAX_PER_BYTE * max(size, limits.trusted_bytes)) + threads
    wanted = max(wanted, int(taken[1]) * 1024 + MIN_BYTES // 2)
    others = [limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_DATA, (min([wanted, *others]), hard))
