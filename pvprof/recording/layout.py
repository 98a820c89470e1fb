"""A recording's files on disk, and the opened recording.

A recording has three forms, which are the same to the rest of pvprof: a directory, that directory
as one ``.tar.gz``, and a bare output file of dtrace. A directory contains:

=======================  ======================================================
``manifest.json``        facts about the run (`pvprof.recording.manifest`)
``raw.out``              the tracer's output, unchanged; also ``.gz`` or ``.zst``
``stderr.txt``           the tracer's stderr
``script.d``             the D program that ran; ``script.bt``: the bpftrace program
``symbols.nm.gz``        ``nm -n`` of the kernel
``kldstat.txt``          ``kldstat`` of the target
``user-maps.txt.gz``     memory maps of processes, to name the frames of programs
``user-symbols.txt.gz``  the names of those frames, as far as they could be looked up
``time.txt``             ``time -l`` of the workload
``workload.txt``         the workload's own output
=======================  ======================================================

A run set is a directory of recordings with a ``set.json`` (`pvprof.recording.run_set`). A bare file
``NAME.out`` may have companions beside it: ``NAME.err`` and ``NAME.d`` (or ``.bt``), each also
as ``.gz``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pvprof.model.problems import Problem
from pvprof.recording.manifest import Manifest

GRAMMAR = 2
"""The version of the grammar of the output, which the programs write and ``parse.native`` reads.

1: the first. 2: waits on turnstiles and sleep queues have the class of the lock, and ``^`` lines
have innermost frames that a stack may lack.
"""

TWIN = "_twin"
"""The end of the name of a second map: programs that print at intervals use both by turns."""

RAW = "raw.out"
MANIFEST = "manifest.json"
SET_FILE = "set.json"
USER_MAPS = "user-maps.txt.gz"
USER_SYMBOLS = "user-symbols.txt.gz"
MEMBERS = (
    MANIFEST,
    "script.d",
    "script.bt",
    "stderr.txt",
    "time.txt",
    "kldstat.txt",
    "workload.txt",
    RAW,
    "symbols.nm.gz",
    USER_MAPS,
    USER_SYMBOLS,
)
"""The files of a recording's directory, in the order of an archive."""

SUFFIX = ".pvprof"
TAR_SUFFIXES = (".tar.gz", ".tgz", ".tar")
PACKED_SUFFIXES = ("", ".gz", ".zst")
_SUFFIXES = (
    *(".gz", ".zst", ".tgz", ".tar", SUFFIX),
    *(".out", ".folded", ".speedscope.json", ".txt", ".html"),
)

Buffer = Any
"""``bytes`` or a read-only ``mmap.mmap``."""


@dataclass(frozen=True, slots=True)
class Recording:
    """An opened recording.

    Attributes:
        path: the path as the user gave it, for error messages.
        name: a short name for results: no directory, no suffix.
        data: the tracer's output, uncompressed.
        stderr: the tracer's stderr, or empty.
        script: the program that ran, or empty.
        symbols: ``nm`` output, plain or gzip, or empty.
        kldstat: ``kldstat`` output, or empty.
        user_maps: memory maps of processes, or empty.
        user_symbols: names of functions in them, or empty.
        manifest: facts about the run; false if there is none.
        problems: doubts about the files.
    """

    path: str
    name: str
    data: Buffer
    stderr: str = ""
    script: str = ""
    symbols: bytes = b""
    kldstat: str = ""
    user_maps: bytes = b""
    user_symbols: bytes = b""
    manifest: Manifest = field(default_factory=Manifest)
    problems: tuple[Problem, ...] = ()


def short_name(name: str) -> str:
    """Return a file name without the suffixes of packing and of recordings."""
    for suffix in _SUFFIXES:
        if len(name) > len(suffix):
            name = name.removesuffix(suffix)
    return name
