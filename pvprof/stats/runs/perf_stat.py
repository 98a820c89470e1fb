r"""The output of ``perf stat``: its report, and its lines for programs (``-x,``, ``-j``).

     Performance counter stats for 'make':
                  1.01 msec task-clock              #    0.087 CPUs utilized
                   <not supported>      cycles
                 1,234      page-faults             #   73.3 K/sec           ( +-  0.77% )
           0.011622342 seconds time elapsed
           0.001653000 seconds user

    1.13,msec,task-clock,1131601,100.00,0.072,CPUs utilized
    {"counter-value" : "1.103049", "unit" : "msec", "event" : "task-clock", ...}

Each report is a run, and each event a metric. With ``-r`` perf prints means of its runs, which
cannot be compared: only the real times that ``--table`` adds are those of single runs. Counters of
parts of the machine (``-A``) and of parts of a run (``-I``) are left out, too.
"""

from __future__ import annotations

import re
from typing import Any

from pvprof.recording.limits import load_json
from pvprof.stats.runs.lines import REAL, SYS, USER, Content, LeftOut, Times, counter, scaled
from pvprof.stats.series import Metric

_HEAD = re.compile(r"\s*Performance counter stats for (.*?)(?: \((\d{1,9}) runs\))?:\s*")
_TIME = re.compile(r"\s*([\d.,]+)\s+seconds (time elapsed|user|sys)\b.*")
_MEAN_TIME = re.compile(r"\s*[\d.,]+ \+- [\d.,]+ seconds time elapsed\b.*")
_TIME_NAMES = {"time elapsed": REAL, "user": USER, "sys": SYS}
_SINGLE_TIME = re.compile(r"\s*([\d.,]+) \([-+][\d.,]+\) *[#!]*")
_EVENT = re.compile(r"\s*(\d[\d.,'\u2019\u202f\u00a0]*) (?:(\S+) +| +)?([^\s#(]\S*(?: \S+)*)")
_NO_VALUE = re.compile(r"\s*<not (?:counted|supported)>\s.*|\s*#.*|\s*\S+ +#.*")
_INTERVALS = re.compile(r"#\s+time\s+(?:\S+\s+)*counts unit events\s*")
_INTERVAL = re.compile(r"\s*\d+\.\d{9}\s+.*")
_SIGNAL = re.compile(
    r"\S+: (Killed|Terminated|Aborted|Interrupt|Hangup|Segmentation fault|Bus error"
    r"|Floating point exception|Illegal instruction|Broken pipe|Quit|User defined signal [12])"
)
_PART = re.compile(r"\S+ +(?:\d+ +)?(?:\d[\d.,]*|<not (?:counted|supported)>) (?:\S+ +| +)\S")
_GROUPS = re.compile(r"\d{1,3}(?:[.,'\u2019\u202f\u00a0]\d{3})+")
_UNITS_OF_TIME = {"msec": -3, "ms": -3, "usec": -6, "us": -6, "nsec": -9, "ns": -9}
_OWN_TIMES = {"duration_time": REAL, "user_time": USER, "system_time": SYS}

_RUNS_HINT = "run it once for each run: perf stat -o FILE --append COMMAND"
_MEANS = LeftOut("perf stat -r printed means, no single runs", f"{_RUNS_HINT}; or -r with --table")
_OTHER_MEANS = LeftOut("the counters of perf stat -r are means", _MEANS.hint, "note")
_PARTS = LeftOut("counters of perf stat for each CPU, core or thread", "without -A and --per-...")
_OTHER_PARTS = LeftOut(_PARTS.what, _PARTS.hint, "note")
_OF_INTERVALS = LeftOut("perf stat -I counted intervals of one run", _RUNS_HINT)


def _csv(separator: str) -> re.Pattern[str]:
    """Return the pattern of a line of ``perf stat -x``; the first two groups are prefixes."""
    end = re.escape(separator)
    field = f"[^{end}]"
    return re.compile(
        rf"(?:\s*(\d+\.\d{{9}}){end})?(?:({field}*\d){end}(?:\d+{end})?)?"
        rf"(\d+(?:[.,]\d+)?|<not (?:counted|supported)>){end}({field}*){end}([^\d{end}].*?){end}"
        rf"(?:([\d.,]+)%{end})?\d+{end}\d+[.,]\d\d(?:{end}.*)?"
    )


_CSV = tuple(map(_csv, ",;\t|:"))


class PerfStatReader:
    """Reads lines; knows whether a line is inside a report."""

    def __init__(self) -> None:
        self._command = ""
        self._is_inside = False
        self._is_repeated = False
        self._has_times = False
        self._in_intervals = False
        self._signal = ""  # that perf reported in the line before

    def read(self, line: str) -> Content | None:
        """Return the content of a line, or None if it is not perf's."""
        if not line.strip():
            return None
        head = _HEAD.fullmatch(line)
        if head:
            return self._begin(head)
        signal = _SIGNAL.fullmatch(line)
        self._signal = signal[1] if signal else ""
        if _INTERVALS.fullmatch(line.strip()):
            self._in_intervals = True
            return _OF_INTERVALS
        if self._in_intervals and _INTERVAL.fullmatch(line):
            return Times()
        if self._is_inside:
            content = self._read_report(line)
            if content is not None:
                return content
            self._is_inside = False
        return _read_json(line) if line.startswith('{"') else _read_csv(line)

    def _begin(self, head: re.Match[str]) -> Times:
        self._command = head[1].removeprefix("'").removesuffix("'")
        self._is_inside = True
        self._is_repeated, self._has_times = head[2] is not None, False
        if self._is_repeated:
            return Times()
        fault = f"its command was killed ({self._signal})" if self._signal else ""
        return Times((), self._command, begins=True, fault=fault)

    def _read_report(self, line: str) -> Content | None:
        """Read a line of a report; return None if it is none."""
        time = _TIME.fullmatch(line)
        if self._is_repeated and (time or _MEAN_TIME.fullmatch(line)):
            self._is_inside = False
            return _OTHER_MEANS if self._has_times else _MEANS
        single = _SINGLE_TIME.fullmatch(line) if self._is_repeated else None
        if single:
            self._has_times = True
            return Times(((REAL, float_of(single[1])),), self._command, begins=True)
        if time:
            self._has_times = True
            return Times(((_TIME_NAMES[time[2]], float_of(time[1])),))
        return None if self._has_times and not self._is_repeated else self._read_event(line)

    def _read_event(self, line: str) -> Content | None:
        """Read a line of a report without a time; return None if it is none."""
        if _NO_VALUE.fullmatch(line):
            return Times()
        event = _EVENT.match(line)
        if event is None:
            return _OTHER_PARTS if _PART.match(line) else None
        if self._is_repeated:
            return Times()
        return Times((_event(event[3], event[2] or "", number_of(event[1])),))


def float_of(text: str) -> float:
    """Return a time as perf prints it: with a decimal point or comma, without groups of digits."""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return float("nan")


def number_of(text: str) -> float:
    """Return a counter as perf prints it: ``1,234,567``, ``1.01``; also with German separators.

    perf prints counters with no decimals, or with two or six.
    """
    if _GROUPS.fullmatch(text):
        return float(re.sub(r"\D", "", text))
    bare = re.sub(r"['\u2019\u202f\u00a0]", "", text)
    whole, point, decimals = bare.replace(",", ".").rpartition(".")
    return float_of(whole.replace(".", "") + point + decimals)


def _event(name: str, unit: str, value: float) -> tuple[Metric, float]:
    """Return the metric and value of an event; times become seconds."""
    old = re.fullmatch(r"(\S+?)(?: \((\w+)\)|-(msec)s)", name)  # perf before 4.19, and before 3.0
    if old and not unit:
        name, unit = old[1], old[2] or old[3]
    exponent = _UNITS_OF_TIME.get(unit)
    if exponent is None:
        return counter(name, unit or "count"), value
    return Metric(name, "s", "lower", is_amount=True), scaled(value, exponent)


def _of_program(name: str, unit: str, value: str) -> Times:
    """Return the value of a line for programs, in which the times of the run are events, too."""
    if value.startswith("<"):
        return Times()
    metric, number = _event(name, unit, float_of(value))
    return Times(((_OWN_TIMES.get(name, metric), number),))


def _read_csv(line: str) -> Content | None:
    found = next((match for pattern in _CSV if (match := pattern.fullmatch(line))), None)
    if found is None:
        return None
    interval, part, value, unit, name, variance = found.groups()
    if interval or part or variance:
        return _OF_INTERVALS if interval else _PARTS if part else _MEANS
    return _of_program(name, unit, value)


def is_json_line(line: str) -> bool:
    """Tell whether a line is one of ``perf stat -j``."""
    return _json_of(line) is not None


def _json_of(line: str) -> dict[str, Any] | None:
    try:
        document = load_json(line)
    except ValueError:
        return None
    is_perf = isinstance(document, dict) and ("event" in document or "metric-value" in document)
    return document if is_perf else None


def _read_json(line: str) -> Content | None:
    document = _json_of(line)
    if document is None:
        return None
    value, name = document.get("counter-value"), document.get("event")
    if "interval" in document:
        return _OF_INTERVALS
    if document.keys() & {"cpu", "core", "die", "socket", "node", "thread", "cluster", "cache"}:
        return _PARTS
    if "variance" in document:
        return _MEANS
    if not isinstance(value, str) or not isinstance(name, str):
        return Times()  # a metric of the event before
    return _of_program(name, str(document.get("unit", "")), value)
