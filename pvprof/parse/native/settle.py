"""Finish a result when all shares of a text were read: join its waits, judge its marks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pvprof.model.problems import Problem
from pvprof.model.profile import Profile
from pvprof.model.stacks import DELIMITER, LOST_FRAMES, Stack
from pvprof.parse.native.header import Header, Marks, end_problems, left_out_problems
from pvprof.parse.result import ParseResult
from pvprof.units import format_ns

if TYPE_CHECKING:
    from pvprof.parse.native.halves import Switches
    from pvprof.parse.native.join import Joined


_WAITS_FOR_CALLER = re.compile(
    r"`_*(?:sleep|msleep|pause|cv_|mtx_|rw_|rm_|sx_|lockmgr|turnstile_)[^;`]*\Z"
)
"""Matches a stack whose leaf is a function that only waits for its caller."""


def settle(parsed: ParseResult, header: Header, data: Any, file: str) -> None:
    """Join the waits of a result and judge its marks."""
    marks = parsed.marks or Marks()
    parsed.marks = None
    parsed.mode = header.mode
    parsed.begin, parsed.end = marks.begin, marks.end
    parsed.problems[:0] = header.problems
    if marks.switches is not None:
        join_waits(parsed, marks.switches, file, is_path=header.mode == "path")
    parsed.problems.extend(_full_stacks(parsed, header.frames, file))
    if header.lacks_frames:
        parsed.problems.extend(_mark_lost_frames(parsed, file))
    parsed.problems.extend(left_out_problems(marks, file))
    parsed.problems.extend(end_problems(marks, data, file))


def _mark_lost_frames(parsed: ParseResult, file: str) -> Iterator[Problem]:
    """Append `LOST_FRAMES` to stacks that may lack the caller, and yield how many there are.

    A stack that still begins with a function that only waits for its caller is complete enough.
    """
    count = 0
    for profile in parsed.profiles.values():
        for key, stacks in profile.groups.items():
            profile.groups[key] = marked = {}
            for stack, weight in stacks.items():
                if _WAITS_FOR_CALLER.search(stack):
                    marked[stack] = weight
                else:
                    marked[Stack(f"{stack};{LOST_FRAMES}")] = weight
                    count += weight.records
    if count:
        text = (
            "recorded with an older pvprof: stacks may lack the function that waited, shown as"
            f" {LOST_FRAMES}"
        )
        yield Problem("lost-frames", text, file, count=count)


def join_waits(parsed: ParseResult, switches: Switches, file: str, is_path: bool = False) -> None:
    """Add the waits that the switches make up, and problems with them, to a result.

    Args:
        parsed: the result.
        switches: the halves of waits.
        file: the name of the text.
        is_path: it is of the mode ``path`` (`join.join`).
    """
    from pvprof.parse.native.join import join, wakeup_problems  # noqa: PLC0415 (imports numpy)

    end_ns = None if parsed.end is None else parsed.end.monotonic_ns
    joined = join(switches, end_ns, is_path)
    parsed.events, parsed.wakeups = joined.events, joined.wakeups
    parsed.threads, parsed.open_waits = joined.threads, joined.open_waits
    parsed.records += int(switches.is_sleep.sum()) + len(switches.wake_ns)
    parsed.records += len(switches.exit_ns)
    parsed.problems.extend(_join_problems(joined, file))
    parsed.problems.extend(wakeup_problems(joined.lone_wakeups, joined.more_wakeups, file))


def has_both_marks(parsed: ParseResult) -> bool:
    """Tell whether a recording states that nothing is missing: it has both marks and no loss."""
    has_loss = any(problem.severity == "loss" for problem in parsed.problems)
    return parsed.has_begin and parsed.has_end and not has_loss


def note_end(parsed: ParseResult, header: Header, file: str, last_line: Callable[[], int]) -> None:
    """Note that the end mark is missing, or that nothing was recorded.

    Call it when all other problems are known.

    Args:
        parsed: the settled result.
        header: of the text.
        file: its name.
        last_line: returns the number of its last line; all lines are counted for it.
    """
    if not parsed.has_end:
        text = "no end mark: the recording was cut off, its last record may be too"
        problem = Problem("no-end-marker", text, file, last_line(), severity="loss")
        parsed.problems.append(problem)
    if not parsed.records and has_both_marks(parsed):
        parsed.profile(header.unit, header.unit == "ns")  # an empty profile: totals of 0
        text = "nothing was recorded between begin and end"
        parsed.problems.append(Problem("nothing-recorded", text, file, severity="note"))


def _full_stacks(parsed: ParseResult, max_frames: int, file: str) -> Iterator[Problem]:
    """Yield a note on stacks of the maximum number of frames: DTrace cuts them without a mark."""
    stacks = {stack for profile in parsed.profiles.values() for _, stack, _ in profile}
    stacks.update(parsed.events.stacks if parsed.events is not None else ())
    count = sum(
        f";{DELIMITER};" not in stack
        and max(stack.count(";") + 1, parsed.kept_frames.get(stack, 0)) >= max_frames
        for stack in stacks
        if max_frames
    )
    if count:
        text = f"stacks have all {max_frames} frames that were kept, and may lack their root"
        yield Problem("full-stacks", f"{text}: record with more --stack-frames", file, count=count)


def _join_problems(joined: Joined, file: str) -> Iterator[Problem]:
    if joined.lost:
        text = "waits whose end was not recorded: their thread waited again; left out"
        yield Problem("lost-waits", text, file, count=joined.lost, severity="loss")
    yield from open_problems(joined.open_waits, file)


def open_problems(waits: Profile, file: str) -> Iterator[Problem]:
    """Yield a note on waits that were still open at the end, if there are any."""
    count = sum(weight.count for _, _, weight in waits)
    if count:
        together = format_ns(waits.total)
        text = f"waits still open at the end, at least {together} together, are left out"
        yield Problem("open-waits", text, file, count=count, severity="note")
