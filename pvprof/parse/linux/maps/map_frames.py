r"""The frames of stacks as bpftrace prints them, in all of its modes.

::

        schedule+35                                 mode bpftrace; without blanks in JSON of 0.24
    schedule+35                                     before 0.9
        main+25@/src/x.c:41                         with debug information
        [inlined] helper@/src/x.c:3
        ffffffff81e0 schedule+35                    mode perf, of the kernel
        7f91ec57 read+7 (/usr/lib/libc.so.6)        and of a program
        7f91ec57 0x7f91ec57 ([unknown])
        5566 helper (inlined)
    ffffffff81e0fafd                                mode raw
    49daf84ed369fe589b73ea876f2591cd4c3588bb 0xfb6f7    mode build_id
        <unwind failure>                            a stack that could not be followed further

Offsets are decimal. A frame without an offset is inlined, or an address.
"""

from __future__ import annotations

import re

from pvprof.parse.text.frames import matching_open

_OFFSET = re.compile(rb"\+([0-9]{1,19})$")
_RAW = re.compile(rb"[0-9a-f]{1,16}")
_BUILD_ID = re.compile(rb"([0-9a-f]{40}) ?(0x[0-9a-f]{1,16})")
_PERF = re.compile(rb"([0-9a-f]{1,16}) (\S.*)")
# bpftrace takes all blanks out of a key in JSON from 0.24 on: addresses of usual lengths are known.
_JOINED_PERF = re.compile(rb"(ffff[0-9a-f]{12}|7[ef][0-9a-f]{10}|5[56][0-9a-f]{10})(.+)")
_PERF_WITHOUT_BLANK = re.compile(rb"\t[0-9a-f]++[^ ]")
_SOURCE = re.compile(rb"@[^@]*:[0-9]{1,9}$")
_END_OF_NAME = re.compile(rb"\+[0-9]{1,19}@")
_ADDRESS = re.compile(rb"0x[0-9a-f]{1,16}")
_INLINED = b"[inlined] "
_UNWIND_FAILURE = b"<unwind failure>"
_NO_MODULES = (b"", b"[unknown]")


def is_joined(line: bytes) -> bool:
    """Tell whether the address and the name of a frame of mode perf have no blank between them."""
    return _PERF_WITHOUT_BLANK.match(line) is not None


def frame_of(line: bytes) -> bytes:
    """Return the frame of a line, with a hexadecimal offset, as `FrameNames` reads it."""
    text = line.strip()
    if line.startswith(b"\t"):
        perf = _PERF.fullmatch(text) or _JOINED_PERF.fullmatch(text)
        return _perf_frame(*perf.groups()) if perf else _named(text)
    if text == _UNWIND_FAILURE:
        return b"[unwind failure]"
    if text.startswith(_INLINED):
        return _SOURCE.sub(b"", text.removeprefix(_INLINED)) + b"_[i]"
    if not line.startswith(b" "):
        build_id = _BUILD_ID.fullmatch(text)
        if build_id:
            return b"%b`%b" % build_id.groups()
        if _RAW.fullmatch(text):
            return b"0x" + text
    return _named(text)


def _named(text: bytes) -> bytes:
    """Return a symbol with its offset in hexadecimal, and without the line of its source."""
    if text[-1:].isdigit() and b"@" in text and text.rpartition(b":")[2].isdigit():
        end = _END_OF_NAME.search(text)
        text = text[: end.end() - 1] if end else text
    return _OFFSET.sub(lambda match: b"+0x%x" % int(match[1]), text)


def _perf_frame(address: bytes, text: bytes) -> bytes:
    symbol, module = _split_module(text)
    if module == b"inlined":
        return symbol + b"_[i]"
    if _ADDRESS.fullmatch(symbol):
        return b"0x" + address
    image = module.rpartition(b"/")[2].removesuffix(b" (deleted)").removesuffix(b"(deleted)")
    named = _named(symbol)
    return named if module in _NO_MODULES else b"%b`%b" % (image.strip(), named)


def _split_module(text: bytes) -> tuple[bytes, bytes]:
    """Return a symbol, and the module in parentheses behind it, which may hold parentheses."""
    if not text.endswith(b")"):
        return text, b""
    opening = matching_open(text)
    return (text, b"") if opening < 0 else (text[:opening].rstrip(), text[opening + 1 : -1])
