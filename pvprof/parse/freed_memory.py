"""Keep the memory that arrays of single waits leave, for the next ones.

Columns of millions of waits are made and freed by the hundred. glibc gives the memory of each back
to the system at once, and the system clears the pages of the next one: a third of the time that 5
million waits took, 6.2 s of 17.5 s.
"""

from __future__ import annotations

from pvprof.parse.source import TextSource

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of malloc.h
_MAX_FREE_BYTES = 64 << 20
_MIN_TEXT_BYTES = 64 << 20


def keep_freed_memory(source: TextSource) -> None:
    """Let this process, and those that it starts, keep some memory that they have freed.

    Nothing is done for a small text, or if the process is not pvprof's own. Other C libraries than
    glibc have no such setting.
    """
    if len(source) < _MIN_TEXT_BYTES or not source.options.is_memory_bounded:
        return
    import ctypes  # noqa: PLC0415 (rarely needed)

    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return
    mallopt(_M_MMAP_MAX, 0)
    mallopt(_M_TRIM_THRESHOLD, _MAX_FREE_BYTES)
