"""Clean frames: from a frame as it is printed to a name.

A clean frame has no offset, no argument list, and no character that would break a folded line. Each
distinct raw line is cleaned once (`FrameNames` is a cache), so cleaning may be thorough: a
recording of millions of lines has a few thousand distinct ones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pvprof.model.stacks import Frame, clean_frame
from pvprof.parse.text.symbols import Symbols

INLINED = "_[i]"
_OFFSET = re.compile(r"\+0x[0-9a-fA-F]+$")
_HEX_FRAME = re.compile(r"(?:([^`]*)`)?0x([0-9a-fA-F]{1,16})$")
# rustc's legacy mangling ends in a hash; the v0 one is demangled elsewhere or not at all.
_RUST_HASH = re.compile(r"::h[0-9a-f]{16}$")
_LLVM_SUFFIX = re.compile(r" \(\.llvm\.[0-9A-Fa-f]+\)$|\.llvm\.[0-9A-Fa-f]+$")
# After an argument list: qualifiers, and what compilers add: " [mangled]", " [clone .cold]".
_QUALIFIER = re.compile(r" (?:const|volatile|noexcept|&&?|\[[^][]*\])")
_CHARACTERS, _BYTES = re.compile(r"[()]"), re.compile(rb"[()]")
_RUST_ESCAPES = {
    "$SP$": "@",
    "$BP$": "*",
    "$RF$": "&",
    "$LT$": "<",
    "$GT$": ">",
    "$LP$": "(",
    "$RP$": ")",
    "$C$": ",",
}
_RUST_ESCAPE = re.compile(r"\$(?:SP|BP|RF|LT|GT|LP|RP|C|u[0-9a-f]{1,6})\$")

UNKNOWN_FRAME: Frame = "[unknown]"
"""The frame of an address in a program that has no name, as perf and bcc call it."""

KERNEL_MODULES = frozenset({"kernel", "unix", "genunix", "mach_kernel"})
# The upper half of a 64-bit address space belongs to the kernel on every FreeBSD architecture.
_KERNEL_HALF = 1 << 63


@dataclass(slots=True, eq=False)
class FrameNames(dict[bytes, tuple[Frame, ...]]):
    """Clean frames by raw line; a line is cleaned when it is first looked up.

    A line is one frame, or, for an inlined user frame ``outer->inner``, several, leaf first.

    Attributes:
        symbols: names for hex frames.
        keep_offsets: leave ``+0x1f`` at the end of names.
        merge_unknown: name the bare addresses of programs `UNKNOWN_FRAME`. They differ in each
            process of a program, so one frame for each would keep equal stacks apart.
        hex_frames: the frames without a name.
    """

    symbols: Symbols = field(default_factory=Symbols)
    keep_offsets: bool = False
    merge_unknown: bool = False
    hex_frames: set[Frame] = field(default_factory=set)

    def __missing__(self, raw: bytes) -> tuple[Frame, ...]:
        frames = tuple(self._clean(text) for text in _split_inlines(decode(raw).strip()))
        self[raw] = frames
        return frames

    def _clean(self, text: str) -> Frame:
        named = self._name_hex(text)
        if named is None:
            text = clean_frame(text)  # its module may be any text
            self.hex_frames.add(text)
            is_in_program = "`" not in text and not is_kernel_frame(text)
            return UNKNOWN_FRAME if self.merge_unknown and is_in_program else text
        inlined = INLINED if named.endswith(INLINED) else ""
        named = named.removesuffix(inlined)
        match = _OFFSET.search(named)
        offset = match.group() if match else ""
        name = strip_arguments(repair_rust(named[: len(named) - len(offset)]))
        return clean_frame((name + offset if self.keep_offsets else name) + inlined)

    def _name_hex(self, text: str) -> str | None:
        """Return the name of a hex frame, None if it has none, or `text` if it is no hex frame."""
        match = _HEX_FRAME.match(text)
        if match is None:
            return text
        return self.symbols.name(match.group(1) or "", int(match.group(2), 16))


def decode(raw: bytes) -> str:
    r"""Return the text of raw bytes; bytes that are not UTF-8 become ``\xff`` and stay distinct."""
    return raw.decode("utf-8", "backslashreplace")


def is_kernel_frame(frame: Frame) -> bool:
    """Tell whether a frame belongs to the kernel: by its module, or by its bare address."""
    module, tick, _ = frame.partition("`")
    if tick:
        return module in KERNEL_MODULES or module.endswith(".ko")
    return frame.startswith("0x") and _is_kernel_address(frame)


def _is_kernel_address(frame: Frame) -> bool:
    try:
        return int(frame, 16) >= _KERNEL_HALF
    except ValueError:
        return False


def _split_inlines(text: str) -> list[str]:
    """Split ``outer->inner`` of a virtual machine's frame, leaf first.

    Only frames without a module have inlines (they come from a ustack helper of DTrace, or perf's
    map of a virtual machine); a kernel or C++ frame with ``->`` in it is one frame, and `` -> ``
    comes before the type that a function returns.
    """
    if "->" not in text or "`" in text or "operator->" in text or " -> " in text:
        return [text]
    outer, *inner = text.split("->")
    return [f"{name}{INLINED}" for name in reversed(inner)] + [outer]


def strip_arguments(name: str) -> str:
    """Return a demangled C++ name without its argument list.

    ``A::b<x>(char const*) const`` gives ``A::b<x>``. ``operator()``, template arguments and
    parentheses inside them are left alone.
    """
    if "(" not in name:
        return name
    text = _without_qualifiers(name)
    if not text.endswith(")"):
        return name
    opening = matching_open(text)
    # operator() without an argument list, and (anonymous namespace), are names themselves.
    if opening <= 0 or text[:opening].endswith(("operator", "::", " ", "`")):
        return name
    return text[:opening]


def _without_qualifiers(name: str) -> str:
    """Return a name without the qualifiers at its end, which are cut off one by one."""
    end = len(name)
    while end:
        begin = name.rfind("[", 0, end) if name[end - 1] == "]" else end
        begin = name.rfind(" ", 0, max(begin, 0))
        if begin < 0 or _QUALIFIER.fullmatch(name, begin, end) is None:
            break
        end = begin
    return name[:end]


def matching_open(text: str | bytes) -> int:
    """Return the index of the parenthesis that the last character closes, or -1."""
    if isinstance(text, bytes):
        found = [(match.start(), match[0] == b")") for match in _BYTES.finditer(text)]
    else:
        found = [(match.start(), match[0] == ")") for match in _CHARACTERS.finditer(text)]
    depth = 0
    for index, is_closing in reversed(found):
        depth += 1 if is_closing else -1
        if depth == 0:
            return index
    return -1


def repair_rust(name: str) -> str:
    """Return a half-demangled Rust name in source form, without its hash.

    ``_$LT$alloc..vec..Vec$GT$::push::h0123456789abcdef`` gives ``<alloc::vec::Vec>::push``.
    """
    bare = _LLVM_SUFFIX.sub("", name)
    unhashed = _RUST_HASH.sub("", bare)
    if unhashed == bare and not _RUST_ESCAPE.search(name):
        return name
    module, tick, function = unhashed.rpartition("`")
    if function.startswith("_$"):
        function = function[1:]
    function = _RUST_ESCAPE.sub(_rust_character, function).replace("..", "::")
    return module + tick + function


def _rust_character(match: re.Match[str]) -> str:
    escape = match.group()
    known = _RUST_ESCAPES.get(escape)
    if known is not None:
        return known
    code = int(escape[2:-1], 16)
    return chr(code) if code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else escape
