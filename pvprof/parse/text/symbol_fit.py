"""Whether a kernel's symbols can be those of the kernel that was recorded.

Tracers print most frames as ``function+0x1f``. In the symbols of another build functions have other
sizes, so that some offsets are past the end of their function: then the names of addresses, which
only the symbols give, are wrong as well. In recordings of three other builds and versions of
FreeBSD nearly every text has one such offset or more; with the right symbols none has.
"""

from __future__ import annotations

import re

from pvprof.model.problems import Problem
from pvprof.parse.parallel import Buffer
from pvprof.parse.text.symbols import SymbolTable

_MAX_BYTES = 1 << 22
_KERNEL_FRAME = re.compile(rb"(?<![\w`])kernel`([A-Za-z_][\w.]*)\+0x([0-9a-fA-F]{1,8})\b")
# lockstat(1) prints no modules, and the frame is the last word of a line.
_BARE_FRAME = re.compile(rb"\s([A-Za-z_][\w.]*)\+0x([0-9a-fA-F]{1,8})[ \t]*$", re.M)


def foreign_symbols(data: Buffer, table: SymbolTable, source: str) -> list[Problem]:
    """Return a warning if the symbols are those of another kernel, by the start of a text."""
    start = bytes(data[:_MAX_BYTES])
    pattern = _KERNEL_FRAME if b"`" in start else _BARE_FRAME
    sizes = _sizes(table)
    for name, digits in sorted(set(pattern.findall(start))):
        function, offset = name.decode(), int(digits, 16)
        size = sizes.get(function, offset)
        if offset > size:
            text = (
                f"the symbols are those of another kernel: {function} has {size} bytes in them, and"
                f" the recording has {function}+{offset:#x}; names of addresses are wrong"
            )
            return [Problem("foreign-symbols", text, source)]
    return []


def _sizes(table: SymbolTable) -> dict[str, int]:
    """Map each function to the distance to the next one: the longest, if several have a name."""
    sizes: dict[str, int] = {}
    for name, address, following in zip(
        table.names, table.addresses, table.addresses[1:], strict=False
    ):
        sizes[name] = max(sizes.get(name, 0), following - address)
    return sizes
