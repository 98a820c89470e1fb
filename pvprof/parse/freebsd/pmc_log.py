r"""Logs of pmcstat(8) as text: ``pmcstat -R LOG``, which goes to stderr without ``-o``.

::

    initlog   0x1000000 "INTEL_HASWELL"
    allocate  0x2 "cpu_clk_unhalted.thread_p" 0x1
    map-in    -1 0xffffffff80200000 "/boot/kernel/kernel"
    exec      0x0 4711 0x201450 "/bin/sh"
    callchain 4711 0x2 3 2 s
    ...       0xffffffff80c1d2a4
    ...       0xffffffff80bfc101

One line per event (``usr.sbin/pmcstat/pmcstat_log.c``, `pmcstat_print_log`). These are read:
``callchain PID [TID] PMC CPU NUMBER u|s``, followed by that many addresses, innermost first;
``sample PMC PID ADDRESS u|s``, without callers; the addresses of images (process -1: the kernel),
and the program of each process.

The kernel's addresses get their names from symbols, as in all layouts. Of a user address only the
image is known: it becomes ``libc.so.7`0x1d2a4``, the same in each process and run.
"""

from __future__ import annotations

import re
from bisect import bisect_right, insort

from pvprof.errors import quote
from pvprof.model.problems import Problem
from pvprof.model.profile import Key
from pvprof.model.stacks import DELIMITER, Frame, clean_frame, stack_of
from pvprof.parse.layout import Layout
from pvprof.parse.recognition.explanation import lines_of
from pvprof.parse.result import ParseResult
from pvprof.parse.source import TextSource
from pvprof.parse.text.diagnostics import is_diagnostic, parse_diagnostics
from pvprof.parse.text.frames import decode

_SAMPLE_LINE = re.compile(
    rb'initlog\s+0x[0-9a-f]+ "|callchain\s+-?\d+ (?:-?\d+ )?0x[0-9a-f]+ \d'
    rb"|sample\s+0x[0-9a-f]+ -?\d+ 0x"
)

# All words that begin a line, in any release.
_TAGS = (
    rb"(?:allocate(?:dyn)?|attach|detach|callchain|sample|closelog|drop(?:notify)?|initlog|map-in"
    rb"|map-out|cswval|proccsw|exec|procexec|exit|procexit|exitvalue|fork|procfork|sysexit|userdata"
    rb"|thr-create|thr-exit|proc-?create|pmcattach|pmcdetach|unknown)"
)
_TAG = re.compile(r"([a-z]+(?:-[a-z]+)*)\s")
_CALLCHAIN = re.compile(
    r"callchain\s+(-?\d{1,10}) (?:-?\d{1,10} )?(0x[0-9a-f]{1,16}) \d+ (\d{1,9}) [us]\s*$"
)
_SAMPLE = re.compile(r"sample\s+(0x[0-9a-f]{1,16}) (-?\d{1,10}) (0x[0-9a-f]{1,16}) [us]\s*$")
_ADDRESS = re.compile(r"\.\.\.\s+(0x[0-9a-f]{1,16})\s*$")
_MAP_IN = re.compile(r'map-in\s+(-?\d{1,10}) (0x[0-9a-f]{1,16}) "(.*)"\s*$')
_EXEC = re.compile(r'exec\s+0x[0-9a-f]{1,16} (-?\d{1,10}) [^"]*+"(.*)"\s*$')
_CREATED = re.compile(r'proc-?create\s+(-?\d{1,10}) [^"]*+"(.*)"\s*$')
_FORK = re.compile(r"fork\s+(-?\d{1,10}) (-?\d{1,10})\s*$")
_ALLOCATE = re.compile(r'allocate(?:dyn)?\s+(0x[0-9a-f]+) "(.*?)" ')
_KERNEL_HALF = 1 << 63


class PmcLogReader:
    """Reads the text of a whole log into a `ParseResult`."""

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._names = source.frame_names
        self._file = source.name
        self._events: dict[str, str] = {}
        self._process: dict[str, str] = {}
        self._maps: dict[str, list[tuple[int, str]]] = {}
        self._addresses: list[int] = []
        self._missing = 0  # number of addresses that the current callchain still lacks
        self._head: tuple[str, str] = ("", "")  # its process and event
        self._head_line = 0
        self._parsed = ParseResult()

    def read(self) -> ParseResult:
        """Return the result."""
        lines = self._source.text().split(b"\n")
        texts = [decode(line) for line in lines if line.startswith(b"allocate")]
        matches = [match for text in texts if (match := _ALLOCATE.match(text))]
        self._events = {match.group(1): match.group(2) for match in matches}
        if len(set(self._events.values())) < 2:
            self._events = {}
        for number, raw in enumerate(lines, 1):
            if raw.strip():
                self._read_line(decode(raw), number)
        if lines[-1].strip():
            text = "the last line may have been cut short"
            self._parsed.problems.append(Problem("no-final-newline", text, self._file, len(lines)))
        if self._missing:
            self._end_short(len(lines))
        self._parsed.hex_frames |= self._names.hex_frames
        return self._parsed

    def _read_line(self, text: str, number: int) -> None:
        address = _ADDRESS.match(text)
        if is_diagnostic(text):
            self._parsed.problems.extend(parse_diagnostics([text], self._file))
            return
        if address and self._missing:
            self._addresses.append(int(address.group(1), 16))
            self._missing -= 1
            if not self._missing:
                self._add(*self._head, self._addresses)
            return
        if self._missing:
            self._end_short(number)
        tag = _TAG.match(text)
        if not self._understand(text, tag.group(1) if tag else "", number):
            self._loss("bad-line", f"damaged: {quote(text.strip())}; left out", number)

    def _understand(self, text: str, tag: str, number: int) -> bool:
        """Read a line; return False if it is damaged."""
        if tag == "callchain":
            return self._begin(_CALLCHAIN.match(text), number)
        if tag == "sample":
            return self._add_sample(_SAMPLE.match(text))
        if tag == "drop" or text.strip() == "drop":
            self._loss("drops", "pmcstat: the kernel dropped records of the log", number)
        elif tag == "map-in":
            return self._map(_MAP_IN.match(text))
        elif tag in ("exec", "proc-create", "proccreate"):
            match = _EXEC.match(text) or _CREATED.match(text)
            if match:
                self._process[match.group(1)] = match.group(2).rpartition("/")[2]
            return match is not None
        elif tag == "fork":
            match = _FORK.match(text)
            if match:
                self._fork(*match.groups())
            return match is not None
        return not text.startswith("...")  # other lines have no samples

    def _begin(self, match: re.Match[str] | None, number: int) -> bool:
        if match is None:
            return False
        pid, pmc, size = match.groups()
        self._head, self._head_line = (pid, pmc), number
        self._missing, self._addresses = int(size), []
        if not self._missing:
            self._add(pid, pmc, [])
        return True

    def _add_sample(self, match: re.Match[str] | None) -> bool:
        if match is None:
            return False
        pmc, pid, address = match.groups()
        self._add(pid, pmc, [int(address, 16)])
        return True

    def _map(self, match: re.Match[str] | None) -> bool:
        if match is None:
            return False
        pid, start, path = match.groups()
        insort(self._maps.setdefault(pid, []), (int(start, 16), path.rpartition("/")[2]))
        return True

    def _fork(self, old: str, new: str) -> None:
        if old in self._maps:
            self._maps[new] = list(self._maps[old])
        if old in self._process:
            self._process[new] = self._process[old]

    def _add(self, pid: str, pmc: str, addresses: list[int]) -> None:
        frames: list[Frame] = []
        was_kernel = False
        for address in addresses:
            is_kernel = address >= _KERNEL_HALF
            if was_kernel and not is_kernel:
                frames.append(DELIMITER)
            was_kernel = is_kernel
            frames.append(self._frame(pid, address, is_kernel))
        execname = self._process.get(pid, f"pid {pid}" if int(pid) > 0 else "")
        key = Key(mechanism="on-cpu", name=self._events.get(pmc, ""), execname=execname)
        self._parsed.add("samples", key, stack_of(reversed(frames)), (1,), 1)

    def _frame(self, pid: str, address: int, is_kernel: bool) -> Frame:
        if is_kernel:
            return self._names[f"{address:#x}".encode()][0]
        maps = self._maps.get(pid, [])
        index = bisect_right(maps, address, key=lambda mapping: mapping[0]) - 1
        if index < 0:
            return f"{address:#x}"
        start, image = maps[index]
        return clean_frame(f"{image}`{address - start:#x}")

    def _end_short(self, number: int) -> None:
        text = f"a callchain ends {self._missing} addresses early; left out"
        self._loss("cut-off", text, self._head_line or number)
        self._missing = 0

    def _loss(self, kind: str, text: str, line: int) -> None:
        self._parsed.problems.append(Problem(kind, text, self._file, line, severity="loss"))


LAYOUT = Layout(
    name="pmcstat-log",
    summary="the log of pmcstat(8) as text, `pmcstat -R LOG`",
    mode="pmcstat",
    read=lambda source: PmcLogReader(source).read(),
    explain=lines_of(
        own=_SAMPLE_LINE,
        fits=re.compile(rb"\.\.\.\s+0x[0-9a-f]+\s*$|" + _TAGS + rb"(?:\s|$)|(?:dtrace|pmcstat): "),
    ),
    has_other_output=True,
    states_units="a log of pmcstat(8)",
)
