r"""The frames of stacks as the tools of bcc print them.

::

    schedule                                            by default
    read+0x13 [libc.so.6]                               with offsets and modules
    0xffffffff81c0ffee schedule+0x23 [kernel]           profile with addresses
    ffffffff81c0ffee schedule                           wakeuptime, all tools of 2016
    7f91ec57fad7     read                               stackcount -v
    #3  0x00007f91ec57fad7 read+0x13 (libc.so.6+0xf8b7) libbpf-tools -v
    b'schedule'                                         some releases with Python 3
    schedule_[k]                                        profile -a
    [unknown], unknown, Unknown                         an address without a name
    [Missed User Stack] -17                             a stack that is lost, and its error
"""

from __future__ import annotations

import ast
import re
from functools import lru_cache

_BYTES = re.compile(rb"b'(?:[^'\\]|\\.)*'|b\"(?:[^\"\\]|\\.)*\"")
_NUMBERED = re.compile(rb"#[0-9]+ +(?=0x)")
_ADDRESS = re.compile(rb"(?:0x([0-9a-f]{1,16})(?: +|$)|([0-9a-f]{8,16}) +(?=\S))")
_UNNAMED = (b"", b"[unknown]", b"unknown", b"Unknown")
_MODULE = re.compile(rb"(.*\S) \[([^][ ]+)\]")
_IMAGE = re.compile(rb"(?:(.*\S) )?\(([^()]*)\+(0x[0-9a-f]{1,16})\)")
_MISSED = re.compile(rb"(\[Missed (?:User|Kernel) Stack\])(?: -?[0-9]+)?")
_KERNEL_HALF = 1 << 63


def unquoted(text: bytes) -> bytes:
    r"""Return the bytes that Python printed as ``b'a\tb'``; any other text as it is."""
    if text.startswith((b"b'", b'b"')) and _BYTES.fullmatch(text):
        try:
            value = ast.literal_eval(text.decode("ascii"))
        except (ValueError, SyntaxError):
            return text
        return value if isinstance(value, bytes) else text
    return text


def is_missed(frame: bytes) -> bool:
    """Tell whether a frame is in the place of a stack that is lost."""
    return _MISSED.fullmatch(frame) is not None


@lru_cache(maxsize=1 << 16)  # a text of millions of lines has a few thousand distinct ones
def bcc_frame(line: bytes) -> bytes:
    """Return the frame of a line, as `FrameNames` reads it."""
    text = unquoted(line.strip())
    missed = _MISSED.fullmatch(text)
    if missed:
        return missed[1]
    if text.startswith(b"#"):
        text = _NUMBERED.sub(b"", text, count=1)
    address = _ADDRESS.match(text)
    if address is None:
        return b"[unknown]" if text in _UNNAMED else _with_module(text)
    digits = address[1] or address[2]
    name = unquoted(text[address.end() :].strip())
    if name in _UNNAMED:
        return b"0x" + digits.lstrip(b"0")
    named = _with_module(name)
    is_kernel = int(digits, 16) >= _KERNEL_HALF
    return b"kernel`" + named if is_kernel and b"`" not in named else named


def _with_module(text: bytes) -> bytes:
    """Return a name with its module in front, if it has one."""
    if text.endswith(b"]"):
        match = _MODULE.fullmatch(text)
        if match and match[1] not in _UNNAMED:
            return b"%b`%b" % (match[2], match[1])
    elif text.endswith(b")"):
        match = _IMAGE.fullmatch(text)
        if match:
            name, path, offset = match.groups()
            return b"%b`%b" % (path.rpartition(b"/")[2].strip() or b"[unknown]", name or offset)
    return text
