"""One line of time(1), or of a shell's ``time``.

Owns the grammar of lines. It refuses to group lines into runs (``runs`` does). A label or the
command may be in front of these layouts:

    237.53 real      6782.41 user       567.74 sys            time, also -h, -l: counters below
    real 237.53                                               time -p, and bash, ksh, sh:
    real    3m57.530s                                         one line each for real, user, sys
    make  8499.63s user 1150.89s system 3145% cpu 5:06.83 total           zsh
    8499.63s user 1150.89s system 3145% cpu 306s real                     zsh with a TIMEFMT
    8499.634u 1150.891s 5:06.83 3145.0%  0+0k 0+0io 0pf+0w                csh
    0.06user 0.01system 0:00.12elapsed 58%CPU (0avgtext+...               GNU time
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from pvprof.stats.series import Metric

REAL = Metric("real", "s", "lower", is_amount=True)
USER = Metric("user", "s", "lower", is_amount=True)
SYS = Metric("sys", "s", "lower", is_amount=True)
CPU = Metric("cpu", "%")
_NAMES = {
    "real": REAL,
    "total": REAL,
    "elapsed": REAL,
    "user": USER,
    "sys": SYS,
    "system": SYS,
    "cpu": CPU,
}
# Those of time -l, as FreeBSD's usr.bin/time prints them.
_COUNTERS = (
    "maximum resident set size",
    "average shared memory size",
    "average unshared data size",
    "average unshared stack size",
    "page reclaims",
    "page faults",
    "swaps",
    "block input operations",
    "block output operations",
    "messages sent",
    "messages received",
    "signals received",
    "voluntary context switches",
    "involuntary context switches",
)
# Fewer of these are better; the other counters have no better direction.
_COSTS = ("page faults", "voluntary context switches", "involuntary context switches")

_NUMBER = r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+|nan|inf(?:inity)?)"
_LENGTH = rf"(?:\d+:\d+(?::\d+)?(?:[.,]\d*)?|(?:-?\d+h)?(?:-?\d+m)?{_NUMBER}s|{_NUMBER})"
_PAIR = rf"({_LENGTH})\s*(real|total|elapsed|user|system|sys)\b|({_NUMBER})\s*%\s*(cpu)\b"
_PAIRS = re.compile(rf"(?<!\S)(?:{_PAIR})", re.I)
_PAIRS_ANYWHERE = re.compile(_PAIR, re.I)
_NAMED = re.compile(rf"\s*(real|user|sys)\s+({_LENGTH})\s*", re.I)
_CSH = re.compile(
    rf"(?<!\S)({_NUMBER})u\s+({_NUMBER})s\s+(\d+:\d+(?::\d+)?(?:[.,]\d*)?)\s+({_NUMBER})%"
)
_COUNTER = re.compile(rf"\s*({_NUMBER})\s+({'|'.join(map(re.escape, _COUNTERS))})\s*")
_FAILED = re.compile(
    r"(?:time: )?command terminated abnormally|"
    r"Command exited with non-zero status \d+|Command terminated by signal \d+"
)
_PARTS = re.compile(r"(?:(-?\d+)h)?(?:(-?\d+)m)?([^s]+)s?")


@dataclass(frozen=True, slots=True)
class Times:
    """The times in a line.

    Attributes:
        values: metrics and values, as written; NaN for one without a value.
        label: the text in front: a label, or the command.
    """

    values: tuple[tuple[Metric, float], ...]
    label: str = ""


@dataclass(frozen=True, slots=True)
class Unclear:
    """A line with times in which the beginning of a number is ambiguous."""


class Failed:
    """A line that says that the command of the next times failed."""


def read_line(line: str) -> Times | Unclear | Failed | None:
    """Return the content of a line, or None if it has no times."""
    named = _NAMED.fullmatch(line)
    if named:
        return Times(((_NAMES[named[1].lower()], seconds(named[2])),))
    counter = _COUNTER.fullmatch(line)
    if counter:
        name = counter[2]
        metric = Metric(name, "count", "lower" if name in _COSTS else "")
        return Times(((metric, seconds(counter[1])),))
    if _FAILED.fullmatch(line.strip()):
        return Failed()
    csh = _CSH.search(line)
    if csh:
        metrics = (USER, SYS, REAL, CPU)
        values = [(metric, seconds(csh[n])) for n, metric in enumerate(metrics, 1)]
        return Times(tuple(values), line[: csh.start()].strip())
    return _pairs(line)


def _pairs(line: str) -> Times | Unclear | None:
    """Read a line of numbers, each followed by its name."""
    if "user" not in line.lower():  # each of these layouts has it, and most lines have not
        return None
    anywhere = list(_PAIRS_ANYWHERE.finditer(line))
    is_gnu_time = "user" in line and "elapsed" in line  # it writes pairs without a blank between
    pairs = anywhere if is_gnu_time else list(_PAIRS.finditer(line))
    values = [(_NAMES[(pair[2] or pair[4]).lower()], seconds(pair[1] or pair[3])) for pair in pairs]
    metrics = {metric for metric, _ in values}
    if len(metrics - {CPU}) < 2:
        return Unclear() if len(anywhere) > 2 else None
    if len(pairs) < len(anywhere) or len(values) > len(metrics):
        return Unclear()
    return Times(tuple(values), line[: pairs[0].start()].strip())


def seconds(text: str) -> float:
    """Return a duration in seconds: ``12.3``, ``12.3s``, ``3m57.5s``, ``1:02:03``, ``12,3``.

    ``nan`` is NaN.
    """
    text = text.replace(",", ".").lower()
    if ":" in text:
        value = 0.0
        for part in text.split(":"):
            value = 60 * value + float(part)
        return value
    parts = _PARTS.fullmatch(text)
    if parts is None or not parts[3]:
        return math.nan
    hours, minutes = (int(part or 0) for part in parts.groups()[:2])
    last = float(parts[3]) if "n" not in parts[3] else math.nan
    # bash writes the sign of a negative time once, in front.
    is_negative = text.startswith("-")
    size = 3600 * abs(hours) + 60 * abs(minutes) + abs(last)
    return -size if is_negative else size
