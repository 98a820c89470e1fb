"""Texts of time(1), of shells' ``time`` and of ``perf stat``, as strategies of hypothesis."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from hypothesis import strategies as st


@dataclass(frozen=True, slots=True)
class MeantRuns:
    """A text with times of runs, and what it means.

    Attributes:
        text: as the tool prints it.
        values: of each metric, for each run; nothing else may be in the result.
    """

    text: str
    values: Mapping[str, tuple[float, ...]]


# A time in units of 10 ms, as most tools print it.
_CENTS = st.integers(0, 99_999_99)
_COUNTS = st.integers(0, 10**12)


@st.composite
def texts(draw: st.DrawFn) -> MeantRuns:
    """Make the reports of one to five runs by one tool."""
    tool = draw(st.sampled_from(TOOLS))
    runs = [tool(draw) for _ in range(draw(st.integers(1, 5)))]
    names = dict.fromkeys(name for _, values in runs for name in values)
    return MeantRuns(
        "".join(text for text, _ in runs),
        {name: tuple(values[name] for _, values in runs) for name in names},
    )


Report = tuple[str, dict[str, float]]


def _times(draw: st.DrawFn) -> tuple[list[int], dict[str, float]]:
    cents = [draw(_CENTS) for _ in range(3)]
    names = ("real", "user", "sys")
    return cents, {name: float(Fraction(n, 100)) for name, n in zip(names, cents, strict=True)}


def _plain(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def _bsd(draw: st.DrawFn) -> Report:
    (real, user, sys), values = _times(draw)
    text = f"{_plain(real):>11} real {_plain(user):>11} user {_plain(sys):>11} sys\n"
    return text, values


def _bash(draw: st.DrawFn) -> Report:
    cents, values = _times(draw)
    names = zip(("real", "user", "sys"), cents, strict=True)
    lines = [f"{name}\t{n // 6000}m{_plain(n % 6000)}0s\n" for name, n in names]
    return "\n" + "".join(lines), values


def _mksh(draw: st.DrawFn) -> Report:
    cents, values = _times(draw)
    parts = [f"{n // 6000:>5}m{n % 6000 // 100:02}.{n % 100:02}s" for n in cents]
    return f"{parts[0]} real {parts[1]} user {parts[2]} system\n", values


def _gnu(draw: st.DrawFn) -> Report:
    (real, user, sys), values = _times(draw)
    hours, rest = divmod(real, 360_000)
    minutes, rest = divmod(rest, 6000)
    if hours:  # without a fraction then
        elapsed, values["real"] = f"{hours}:{minutes:02}:{rest // 100:02}", float(real // 100)
    else:
        elapsed = f"{minutes}:{rest // 100:02}.{rest % 100:02}"
    size, status = draw(_COUNTS), draw(st.sampled_from(("?", "0", "99")))
    values["maximum resident set size"] = float(size)
    if status != "?":
        values["cpu"] = float(status)
    text = (
        f'\tCommand being timed: "{draw(st.sampled_from(("make -j8",)))}"\n'
        f"\tUser time (seconds): {_plain(user)}\n\tSystem time (seconds): {_plain(sys)}\n"
        f"\tPercent of CPU this job got: {status}%\n"
        f"\tElapsed (wall clock) time (h:mm:ss or m:ss): {elapsed}\n"
        f"\tMaximum resident set size (kbytes): {size}\n"
        "\tPage size (bytes): 4096\n\tExit status: 0\n"
    )
    values.setdefault("cpu", 0.0)
    return text.replace("?%", "0%"), values


def _fish(draw: st.DrawFn) -> Report:
    cents, values = _times(draw)
    rows = zip(("Executed in", "   usr time", "   sys time"), cents, strict=True)
    lines = [f"{name}  {_plain(n):>6} secs    fish           external\n" for name, n in rows]
    return f"\n{'_' * 56}\n{''.join(lines)}\n", values


def _grouped(number: int, separator: str) -> str:
    return f"{number:,}".replace(",", separator)


def _perf(draw: st.DrawFn) -> Report:
    cents, values = _times(draw)
    clock, faults = draw(_CENTS), draw(_COUNTS)
    comma = draw(st.booleans())
    point, group = (",", ".") if comma else (".", draw(st.sampled_from((",", "", "'"))))
    real, user, sys = (f"{n // 100}{point}{n % 100:02}0000000" for n in cents)
    task = f"{_grouped(clock // 100, group)}{point}{clock % 100:02}"
    note = draw(st.sampled_from(("", "  #    0.087 CPUs utilized", "          (33.33%)")))
    text = (
        "# started on Fri Nov 27 17:58:41 2026\n\n\n Performance counter stats for 'make':\n\n"
        f"{task:>18} msec task-clock               {note}\n"
        f"{_grouped(faults, group):>18}      page-faults              {note}\n"
        "   <not supported>      cycles\n\n"
        f"{real:>18} seconds time elapsed\n\n{user:>18} seconds user\n{sys:>18} seconds sys\n\n\n"
    )
    values |= {"task-clock": float(Fraction(clock, 100_000)), "page-faults": float(faults)}
    return text, values


def _perf_program(draw: st.DrawFn) -> Report:
    clock, faults, real = draw(_CENTS), draw(_COUNTS), draw(_COUNTS)
    rows = (
        (_plain(clock), "msec", "task-clock"),
        (str(faults), "", "page-faults"),
        (str(real), "ns", "duration_time"),
        ("<not supported>", "", "cycles"),
    )
    separator = draw(st.sampled_from((",", ";", "\t", "|", "json")))
    lines = []
    for value, unit, event in rows:
        fields = (value, unit, event, "1131601", "100.00", "0.072", "CPUs utilized")
        as_json = {"counter-value": value, "unit": unit, "event": event, "event-runtime": 7}
        lines.append(json.dumps(as_json) if separator == "json" else separator.join(fields))
    values = {
        "task-clock": float(Fraction(clock, 100_000)),
        "page-faults": float(faults),
        "real": float(Fraction(real, 10**9)),
    }
    return "\n".join(lines) + "\n", values


TOOLS: tuple[Callable[[st.DrawFn], Report], ...] = (
    _bsd, _bash, _mksh, _gnu, _fish, _perf, _perf_program,
)  # fmt: skip
