r"""The long report of GNU time, ``time -v``, and of busybox; and the second line of the short one.

    Command exited with non-zero status 1                     first, if it failed
            Command being timed: "make -j8"
            User time (seconds): 32.57
            Elapsed (wall clock) time (h:mm:ss or m:ss): 19:42.98
            ...
            Exit status: 1
    0inputs+0outputs (0major+69minor)pagefaults 0swaps        without -v

Counters have the names that they have in FreeBSD's ``time -l``.
"""

from __future__ import annotations

import re

from pvprof.stats.runs.lines import CPU, REAL, SYS, USER, Content, Failed, Times, counter
from pvprof.stats.runs.time_output import seconds

_COMMAND = "Command being timed"
_STATUS = "Exit status"
_FIELDS = {
    "User time (seconds)": USER,
    "System time (seconds)": SYS,
    "Percent of CPU this job got": CPU,
    "Elapsed (wall clock) time (h:mm:ss or m:ss)": REAL,
    "Average shared text size (kbytes)": counter("average shared text size"),
    "Average unshared data size (kbytes)": counter("average unshared data size"),
    "Average stack size (kbytes)": counter("average stack size"),
    "Average total size (kbytes)": counter("average total size"),
    "Maximum resident set size (kbytes)": counter("maximum resident set size"),
    "Average resident set size (kbytes)": counter("average resident set size"),
    "Major (requiring I/O) page faults": counter("page faults"),
    "Minor (reclaiming a frame) page faults": counter("page reclaims"),
    "Voluntary context switches": counter("voluntary context switches"),
    "Involuntary context switches": counter("involuntary context switches"),
    "Swaps": counter("swaps"),
    "File system inputs": counter("block input operations"),
    "File system outputs": counter("block output operations"),
    "Socket messages sent": counter("messages sent"),
    "Socket messages received": counter("messages received"),
    "Signals delivered": counter("signals received"),
}
_NO_VALUES = ("Page size (bytes)",)
_VALUE = re.compile(r"[\d:., hms]+|\?")
_SHORT = re.compile(
    r"(\d{1,20})inputs\+(\d{1,20})outputs \((\d{1,20})major\+(\d{1,20})minor\)pagefaults"
    r" (\d{1,20})swaps\s*"
)
_SHORT_FIELDS = tuple(
    map(
        counter,
        (
            "block input operations",
            "block output operations",
            "page faults",
            "page reclaims",
            "swaps",
        ),
    )
)


def read_gnu_line(line: str) -> Content | None:
    """Return the content of a line, or None if it is not GNU time's."""
    short = _SHORT.fullmatch(line)
    if short:
        return Times(tuple(zip(_SHORT_FIELDS, map(float, short.groups()), strict=True)))
    text = line.strip()
    if text.startswith(f"{_COMMAND}: "):
        return Times((), text[len(_COMMAND) + 2 :].removeprefix('"').removesuffix('"'), begins=True)
    name, _, value = text.rpartition(": ")
    if name in _NO_VALUES:
        return Times()
    if name == _STATUS and value.isdigit():
        return Failed(f"exit status {value}", is_next=False) if value.strip("0") else Times()
    value = value.removesuffix("%")
    if name not in _FIELDS or not _VALUE.fullmatch(value):
        return None
    return Times(((_FIELDS[name], seconds(value)),))
