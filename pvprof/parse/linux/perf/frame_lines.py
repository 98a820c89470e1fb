r"""The frames that ``perf script`` prints, one a line, or one at the end of a record's first line.

::

    <tab>ffffffff821f94c3 schedule+0x23 ([kernel.kallsyms])     address, symbol, offset, place
    <tab>           1a34f f(int (*)(int)) (/opt/My App/x (deleted))
    <tab>           1a34f std::swap<int> (inlined)
    <tab>           1a34f [unknown] ([unknown])
    <tab>    7f722d142778 La/B;::f->La/C;::g (/tmp/perf-4711.map)

After ``sample__fprintf_callchain`` in tools/perf/util/evsel_fprintf.c. ``-F`` may leave out symbol,
offset and place (``dso``), and add an offset in the file to the place. A symbol may hold blanks and
parentheses, and so may a place: the place is what the last parenthesis of the line encloses.
"""

from __future__ import annotations

import re

from pvprof.parse.text.frames import matching_open

_FRAME = re.compile(rb"[ \t]+([0-9a-f]{1,16})(?: (\S.*| \(.*\)))?")
_CERTAIN_PLACE = re.compile(rb" \((?:[/\[].*|inlined)\)$")
_EXACT = re.compile(rb"[\t ] *[0-9a-f]+(?<=\A.{17})(?: \S|\s*\Z)", re.S)
_FRAME_IN_COLUMN_0 = re.compile(rb"([0-9a-f]{3,16}) (\S.* \(.*\)| *\(.*\))")
# Behind an address that is the name of a process: a thread, a CPU, a time, an event; behind one in
# memory: the sizes of pages.
_NO_SYMBOL = re.compile(
    rb"-?[0-9]+(?:/-?[0-9]+)?\s|\[[0-9]+\]|[0-9]+\.[0-9]{6,9}:|\S+:(?:\s|$)"
    rb"|(?:[0-9]+[KMGB]|N/A)(?:\s|$)"
)
# The same, if the name has more words: a time or an event, or the address of the frame itself.
_OF_HEAD = re.compile(rb"\s\S*[^\s:]:(?:\s|$)|\s{2}[0-9a-f]{6,16} \S")
_PLAIN = re.compile(rb"([^()]*) \(([^()]*)\)")
_PLACE = re.compile(
    rb"[/\[.]|inlined$|memfd:|anon_inode:|bpf_|[\w.+@~:%-]+(?:\+0x[0-9a-f]+)?$", re.ASCII
)
_OFFSET_IN_FILE = re.compile(rb"\+0x[0-9a-f]+$")
_INNER_FRAME = re.compile(rb"(?:^|\s)([0-9a-f]{6,16}) (?=\S)")
_ADDRESS_AND_SYMBOL = re.compile(rb"([0-9a-f]{1,16}) (\S.*)|([0-9a-f]{6,16})")
# What follows a frame in its line: registers, instructions, branches.
_FIELDS_BEHIND = re.compile(rb"\s(?:ABI:[0-9]|ilen: [0-9]|insn: |IPC: |=> |0x[0-9a-f]\S*/0x)")
_KERNEL_ADDRESS = re.compile(rb"ffff[0-9a-f]{12}|c0000000[0-9a-f]{8}")
_MODULE = re.compile(rb"\[([\w-]+)\](?:\.[\w.]+)?")
_MODULE_FILE = re.compile(rb"(?:.*/)?([^/]+)\.ko(?:\.[a-z0-9]+)?")
_BPF_PROGRAM = re.compile(rb"bpf_(?:prog|trampoline|dispatcher)_\w+")
_VMLINUX = b"vmlinux"
_NO_MODULES = frozenset(
    (b"[vdso]", b"[vsyscall]", b"[vvar]", b"[unknown]", b"[heap]", b"[stack]", b"[uprobes]")
)
# Code that was written while the program ran: an address there is none in a file.
_NO_FILE = re.compile(
    rb"\[unknown\]|//anon|/dev/zero.*|/anon_hugepage.*|/SYSV.*|\[(?:heap|stack)(?::[0-9]+)?\]"
    rb"|\[anon:.*\]|(?:/|//)?memfd:.*|anon_inode:.*"
)
_VIRTUAL_MACHINE = re.compile(
    rb"(?:.*/)?perf-[0-9]+\.map|(?:.*/)?jitted-[0-9]+-[0-9]+\.so|\[JIT\] tid [0-9]+"
)
# A class as Java's signatures spell it; maps of old agents cut long names, maybe before the ";".
_JAVA_CLASS = re.compile(rb"(^|->)L(?=[\w/$.-]+;|[\w$-]+(?:/[\w$-]+){2,}$)")

FrameLine = tuple[bytes, bool]
"""The frame of a line, as the D programs print it, and whether it is the kernel's."""


def frame_of(line: bytes) -> FrameLine | None:
    """Return the frame of an indented line, or None for any other line."""
    match = _FRAME.fullmatch(line.rstrip())
    if match is None:
        return None
    address, text = match.groups()
    if text is None:  # an address alone: other fields are, too, but only frames follow a tab
        return _named(address, b"", b"") if line[:1] == b"\t" else None
    if line[:1] != b"\t" and (_NO_SYMBOL.match(text) or _OF_HEAD.search(text)):
        return None
    return _named(address, *split_place(text))


def frame_in_column_0(line: bytes) -> FrameLine | None:
    """Return the frame of a line that is not indented, as some editors leave them."""
    match = _FRAME_IN_COLUMN_0.fullmatch(line.rstrip())
    if match is None or _NO_SYMBOL.match(match[2]):
        return None
    return _named(match[1], *split_place(match[2]))


def sample_leaf(rest: bytes) -> FrameLine | None:
    """Return the frame in the rest of a head, behind other addresses and before other fields."""
    text = _without_fields(rest)
    inner = _last_inner(text)
    match = _ADDRESS_AND_SYMBOL.fullmatch(text if inner is None else text[inner:])
    if match is None:
        return None
    return _named(match[3], b"", b"") if match[3] else _named(match[1], *split_place(match[2]))


def tracepoint_leaf(arguments: bytes) -> FrameLine | None:
    """Return the frame behind the arguments of a tracepoint, which may end in any text."""
    text = _without_fields(arguments)
    start = leaf_start(text)
    return sample_leaf(text[start:]) if start < len(text) else None


def leaf_start(text: bytes) -> int:
    """Return the index of the frame that any text ends in; its length if there is none.

    Such a frame has a place, or it is one word at an address of the kernel, or its address fills
    the 16 columns that perf gives it.
    """
    text = text.rstrip()
    inner = _last_inner(text)
    match = None if inner is None else _ADDRESS_AND_SYMBOL.fullmatch(text, inner)
    if inner is None or match is None or match[3]:
        return len(text)
    symbol, place = split_place(match[2])
    is_kernel = _KERNEL_ADDRESS.fullmatch(match[1]) is not None
    column = text[max(inner + len(match[1]) - 17, 0) : inner]
    is_frame = place.startswith((b"/", b"[")) or (is_kernel and b" " not in symbol)
    is_frame = is_frame or (len(column) > 1 and not column.strip())
    return match.start() if is_frame else len(text)


def is_certain_frame(line: bytes) -> bool:
    """Tell whether a line is a frame that no other tool prints: it has a place, or perf's width."""
    if _EXACT.match(line) is not None and frame_of(line) is not None:
        return True
    frame = frame_of(line) or frame_in_column_0(line)
    return frame is not None and _CERTAIN_PLACE.search(line) is not None


def is_single(line: bytes) -> bool:
    """Tell whether a frame is no part of a stack, as perf prints it if nothing is before it."""
    return line[:1] == b" " and _EXACT.match(line) is not None


def _without_fields(rest: bytes) -> bytes:
    """Return the text before registers, instructions and branches."""
    match = _FIELDS_BEHIND.search(rest)
    return (rest if match is None else rest[: match.start()]).strip()


def _last_inner(text: bytes) -> int | None:
    """Return the index of the last address that a symbol or a place follows."""
    start = None
    for match in _INNER_FRAME.finditer(text):
        if not _NO_SYMBOL.match(text, match.end()):
            start = match.start(1)
    return start


def split_place(text: bytes) -> tuple[bytes, bytes]:
    """Return symbol and place of a frame; either may be empty.

    The place is in the parentheses that the line ends in, and which balance. A path that holds a
    parenthesis by itself begins at the last ``(/``.
    """
    text = text.lstrip()  # old versions print an empty symbol for an unknown one
    plain = _PLAIN.fullmatch(text)
    if plain is not None and _PLACE.match(plain[2]):
        return plain[1], plain[2]
    if not text.endswith(b")"):
        return text, b""
    opening = matching_open(text)
    if opening == 0 or (opening > 0 and text[opening - 1 : opening] == b" "):
        place = text[opening + 1 : -1]
        if _PLACE.match(place):
            return text[: max(opening - 1, 0)], place
    opening = max(text.rfind(b" (/"), text.rfind(b" (["))
    return (text, b"") if opening < 0 else (text[:opening], text[opening + 2 : -1])


def _named(address: bytes, symbol: bytes, place: bytes) -> FrameLine:
    """Return the frame of an address; symbol and place may be empty."""
    if place == b"inlined":
        return symbol + b"_[i]", False
    module = kernel_module(place) if place else _module_of_address(address)
    if module:
        return b"%b`%b" % (module, symbol or b"0x" + address), True
    if not symbol or symbol.startswith(b"[unknown]"):
        is_bare = not place or _NO_FILE.fullmatch(place) or _VIRTUAL_MACHINE.fullmatch(place)
        image = b"" if is_bare else _image(place) + b"`"
        return image + b"0x" + address, False  # in an image the address is an offset
    if _VIRTUAL_MACHINE.fullmatch(place):
        return _without_java_types(symbol), False
    return b"%b`%b" % (_image(place), symbol) if place else symbol, False


def _image(place: bytes) -> bytes:
    return _OFFSET_IN_FILE.sub(b"", place).rpartition(b"/")[2]


def _module_of_address(address: bytes) -> bytes:
    return b"kernel" if _KERNEL_ADDRESS.fullmatch(address) else b""


def kernel_module(place: bytes) -> bytes:
    """Return the kernel module of a place, as the D programs name it, or an empty text."""
    place = _OFFSET_IN_FILE.sub(b"", place)
    is_vmlinux = place.rpartition(b"/")[2].startswith(_VMLINUX)
    if place.startswith((b"[kernel", b"[guest")) or is_vmlinux or _BPF_PROGRAM.fullmatch(place):
        return b"kernel"
    module = _MODULE.fullmatch(place)
    if module and place not in _NO_MODULES:
        return module[1] + b".ko"
    file = _MODULE_FILE.fullmatch(place)
    return file[1] + b".ko" if file else b""


def _without_java_types(symbol: bytes) -> bytes:
    """Return a virtual machine's symbol with Java's classes as ``a/B;``, without argument types."""
    named = _JAVA_CLASS.sub(rb"\1", symbol)
    if named == symbol:
        return symbol
    return b"->".join(part.partition(b"(")[0] for part in named.split(b"->"))
