"""Runs machine code that is in no file, or in one that is gone: ``code_in_memory.py FOLDER``.

The code counts down. It is in an anonymous mapping that ``/tmp/perf-PID.map`` names, as virtual
machines do; in another one; in a memfd; and in a file that was removed.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import sys
from pathlib import Path

ROUNDS = 40_000_000
CODE = {
    "x86_64": bytes.fromhex("48ffcf75fbc3"),  # dec rdi; jne; ret
    "aarch64": bytes.fromhex("000400f1e1ffff54c0035fd6"),  # subs x0, x0, 1; b.ne; ret
}.get(platform.machine(), b"")
NAME = "Lorg/x/Loop;::run->Lorg/x/Loop;::step"
_EXECUTABLE = mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC


def run(memory: mmap.mmap) -> int:
    """Run the code at the start of a mapping; return its address."""
    memory[: len(CODE)] = CODE
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    ctypes.CFUNCTYPE(None, ctypes.c_uint64)(address)(ROUNDS)
    return address


def main(folder: Path) -> None:
    """Run the code in mappings of each kind."""
    named = mmap.mmap(-1, mmap.PAGESIZE, prot=_EXECUTABLE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(named))
    names = Path(f"/tmp/perf-{os.getpid()}.map")
    names.write_text(f"{address:x} 40 {NAME}\n")
    file = os.open(folder / "gone", os.O_RDWR | os.O_CREAT, 0o600)
    memfd = os.memfd_create("my code")
    for descriptor in (file, memfd):
        os.truncate(descriptor, mmap.PAGESIZE)
    mappings = [named, *(mmap.mmap(one, mmap.PAGESIZE, prot=_EXECUTABLE) for one in (file, memfd))]
    (folder / "gone").unlink()
    for memory in mappings:
        run(memory)
    print(names)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
