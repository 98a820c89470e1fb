"""One line of time(1), or of a shell's ``time``.

Owns the grammar of lines. It refuses to group lines into runs (``runs`` does). A label or the
command may be in front of these layouts:

    237.53 real      6782.41 user       567.74 sys            time, also -h, -l: counters below
    real 237.53                                               time -p, and bash, ksh, sh:
    real    3m57.530s                                         one line each for real, user, sys
    0m00.01s real     0m00.00s user     0m00.00s system       mksh
    make  8499.63s user 1150.89s system 3145% cpu 5:06.83 total           zsh
    8499.63s user 1150.89s system 3145% cpu 306s real                     zsh with a TIMEFMT
    8499.634u 1150.891s 5:06.83 3145.0%  0+0k 0+0io 0pf+0w                csh
    0.06user 0.01system 0:00.12elapsed 58%CPU (0avgtext+...               GNU time
    Executed in   12.77 millis    fish           external                 fish: all, fish, external
       usr time    1.34 millis  155.00 micros    1.18 millis
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from fractions import Fraction

from pvprof.stats.runs.lines import (
    CPU,
    MAX_LINE,
    REAL,
    SYS,
    USER,
    Content,
    Failed,
    Times,
    Unclear,
    counter,
    scaled,
)

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
    # macOS
    "instructions retired",
    "cycles elapsed",
    "peak memory footprint",
)
_NUMBER = r"[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+|nan|inf(?:inity)?)"
_LENGTH = (
    r"(?:\d+:\d+(?::\d+)?(?:[.,]\d*)?"
    rf"|(?:-?\d{{1,9}}h ?)?(?:-?\d{{1,9}}m ?)?{_NUMBER}s|{_NUMBER}(?:[mun]s)?)"
)
_PAIR = rf"({_LENGTH})\s*(real|total|elapsed|user|system|sys)\b|({_NUMBER})\s*%\s*(cpu)\b"
_PAIRS = re.compile(rf"(?<!\S)(?:{_PAIR})", re.I)
_PAIRS_ANYWHERE = re.compile(rf"(?<!\d)(?:{_PAIR})", re.I)  # from within a number it takes long
_NAMED = re.compile(rf"\s*(real|user|sys)\s+({_LENGTH})\s*", re.I)
_CSH = re.compile(
    rf"(?<!\S)({_NUMBER})u\s+({_NUMBER})s\s+(\d+:\d+(?::\d+)?(?:[.,]\d*)?)\s+({_NUMBER})%"
)
_COUNTER = re.compile(rf"\s*({_NUMBER})\s+({'|'.join(map(re.escape, _COUNTERS))})\s*")
_FAILED = re.compile(
    r"(?:time: )?command terminated abnormally|"
    r"Command (?:exited|terminated) (?:with non-zero |by )(status|signal) (\d{1,9})"
)
_MAX_RESIDENT = re.compile(r"\(\d+avgtext\+\d+avgdata (\d{1,20})maxresident\)k\s*$")
_FISH = re.compile(r"\s*(Executed in|usr time|sys time)\s+([\d.,]+) (\S+)(?:\s.*)?")
_FISH_RULE = re.compile(r"_{20,}\s*")
_FISH_NAMES = {"Executed in": REAL, "usr time": USER, "sys time": SYS}
_FISH_UNITS = {"micros": -6, "millis": -3, "secs": 0}  # powers of ten
_FISH_LONG_UNITS = {"mins": 60, "hours": 3600}
_PARTS = re.compile(r"(?:(-?\d{1,9})h ?)?(?:(-?\d{1,9})m ?)?([-+]?[\d.]+)([mun]?s)?")
_PARTS_OF_SECOND = {"ms": -3, "us": -6, "ns": -9}  # powers of ten


def read_line(line: str) -> Content | None:
    """Return the content of a line, or None if it has no times."""
    if len(line) > MAX_LINE:
        return None
    named = _NAMED.fullmatch(line)
    if named:
        return Times(((_NAMES[named[1].lower()], seconds(named[2])),))
    counted = _COUNTER.fullmatch(line)
    if counted:
        return Times(((counter(counted[2]), seconds(counted[1])),))
    failed = _FAILED.fullmatch(line.strip())
    if failed:
        status, number = failed.groups()
        return Failed(
            f"{'exit status' if status == 'status' else status} {number}" if number else ""
        )
    csh = _CSH.search(line)
    if csh:
        metrics = (USER, SYS, REAL, CPU)
        values = [(metric, seconds(csh[n])) for n, metric in enumerate(metrics, 1)]
        return Times(tuple(values), line[: csh.start()].strip())
    return _fish(line) or _pairs(line)


def _fish(line: str) -> Times | None:
    """Read a line of fish; its first column is the sum of the others."""
    if _FISH_RULE.fullmatch(line):
        return Times()
    found = _FISH.fullmatch(line) if " in" in line or " time" in line else None
    if found is None or found[3] not in (*_FISH_UNITS, *_FISH_LONG_UNITS):
        return None
    metric = _FISH_NAMES[found[1]]
    value = scaled(seconds(found[2]), _FISH_UNITS.get(found[3], 0))
    value *= _FISH_LONG_UNITS.get(found[3], 1)
    return Times(((metric, value),), begins=metric is REAL)


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
    size = _MAX_RESIDENT.search(line) if is_gnu_time else None
    if size:
        values.append((counter("maximum resident set size"), float(size[1])))
    return Times(tuple(values), line[: pairs[0].start()].strip())


def seconds(text: str) -> float:
    """Return a duration in seconds: ``12.3``, ``12,3s``, ``3m57.5s``, ``1:02:03``, ``7ms``.

    Whatever is no number, such as ``nan``, is NaN.
    """
    text = text.replace(",", ".").lower()
    try:
        if ":" in text:
            value = Fraction(0)
            for part in text.split(":"):
                value = 60 * value + Fraction(Decimal(part))
            return float(value)
        parts = _PARTS.fullmatch(text)
        if parts is None:
            return math.nan
        last = abs(Decimal(parts[3])).scaleb(_PARTS_OF_SECOND.get(parts[4] or "", 0))
    except ArithmeticError:
        return math.nan
    hours, minutes = (abs(int(part or 0)) for part in parts.groups()[:2])
    size = float(3600 * hours + 60 * minutes + last)
    # bash writes the sign of a negative time once, in front.
    return -size if text.startswith("-") else size
