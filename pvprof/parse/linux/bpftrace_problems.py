r"""What is lost or odd in the output of bpftrace programs, and the messages of bpftrace on stderr.

::

    script.bt:46:9-14: WARNING: Expression of type: uint64 being cast to type: int64. ...
            $ns = nsecs - ($since >> 1);                from bpftrace 0.24 on, of its compiler
                  ~~~~~
    ERROR: failed to look up stack id: 0 stack length: 0 (pid -1): -2       a key without a stack
    ERROR: failed to look up stack id: 81 stack length: 12 (pid -1): -2     a stack that is lost
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from pvprof.model.problems import Problem, Severity

PROBLEMS: dict[str, tuple[str, Severity]] = {
    "drops": ("records dropped: bpftrace's buffer was full; record with --buffer-mb", "loss"),
    "map-full": ("values not kept: a map was full; record with more --variable-mb", "loss"),
    "not-printed": (
        "waits lost: a map was full, or printed too late; record with more --variable-mb",
        "loss",
    ),
    "lost-stacks": ("stacks lost: their place was taken; their waits have none", "loss"),
    "missed-ends": (
        "waits whose end was not seen: their thread left the CPU again; left out",
        "loss",
    ),
    "damaged": ("lines or keys were damaged and left out", "loss"),
    "cut-off": ("the text ends inside a line, which is left out", "loss"),
    "before-header": ("records before the header were left out", "loss"),
    "ambiguous-names": (
        "process names with commas: the end of the first name is a guess",
        "warning",
    ),
    "unknown-mark": ("lines with an unknown word after # were skipped", "note"),
    "other-maps": ("maps that the program did not announce were skipped", "note"),
}
"""By kind: text and severity."""

# What was lost is in the output, too, and counted there: then no table has the stack (-2, ENOENT).
_USUAL = re.compile(
    r".*RLIMIT_MEMLOCK.*|ERROR: failed to look up stack id:? .*: -2"
    r"|Attach(?:ing|ed) [0-9]+ probes?(?:\.\.\.)?"
    r"|WARNING: (?:BPFTRACE_[A-Z_]+ is deprecated|Total lost event count: ).*"
    r"|WARNING: Could not read functions from .*available_filter_functions.*"
)
# The lines of the program follow that it means, and marks below them: up to the next message.
_COMPILER_WARNING = re.compile(r"\S+:[0-9]+[-:][0-9]+(?:-[0-9]+)?: WARNING: .*")
_MESSAGE = re.compile(r"(?:\S+: )?(?:WARNING|ERROR|INFO): ")
# From 0.21 to 0.24 a full table of stacks throws one out for another, without a word at that time.
_EVICTED_STACK = re.compile(
    r"ERROR: failed to look up stack id: [0-9]+ stack length: [1-9][0-9]* .*"
)
_UNREADABLE_STACK = re.compile(r"ERROR: failed to look up stack id:? .*: (-[0-9]+)")
_LOST = re.compile(r"Lost ([0-9]{1,18}) events")
_CLOSED = "-9"  # EBADF
_CLOSED_OUTPUT = (
    "bpftrace may have closed its own output, as libbcc before 0.33 does when it looks up user"
    " frames: pvprof now looks them up itself, record again"
)


def messages_of_bpftrace(lines: Iterable[str], file: str) -> Iterator[Problem]:
    """Yield a problem for each unusual message of bpftrace on stderr."""
    messages: Counter[str] = Counter()
    is_excerpt = False
    for line in lines:
        is_excerpt = is_excerpt and not _MESSAGE.match(line)
        if _COMPILER_WARNING.fullmatch(line.rstrip()):
            is_excerpt = True
        elif line.strip() and not is_excerpt:
            messages[line.strip()] += 1
    lost_stacks = sum(messages[line] for line in messages if _EVICTED_STACK.fullmatch(line))
    if lost_stacks:
        text, severity = PROBLEMS["lost-stacks"]
        yield Problem("lost-stacks", text, file, severity=severity, count=lost_stacks)
    yield from _unreadable_stacks(messages, file)
    lost = {line: int(match[1]) for line in messages if (match := _LOST.fullmatch(line))}
    if lost:
        count = sum(events * messages.pop(line) for line, events in lost.items())
        yield Problem("drops", "bpftrace lost events", file, severity="loss", count=count)
    for line, count in messages.items():
        if not _USUAL.fullmatch(line) and not _UNREADABLE_STACK.fullmatch(line):
            text = f"bpftrace: {line.removeprefix('ERROR: ').removeprefix('WARNING: ')}"
            yield Problem("bpftrace-message", text, file, count=count)


def _unreadable_stacks(messages: Counter[str], file: str) -> Iterator[Problem]:
    """Yield a loss for stacks that bpftrace could not read when it printed (only on stderr)."""
    counts: Counter[str] = Counter()
    for line, count in messages.items():
        match = _UNREADABLE_STACK.fullmatch(line)
        if match is not None and not _USUAL.fullmatch(line):
            counts[match.group(1)] += count
    for error, count in counts.items():
        cause = "libbcc before 0.33 closed their table" if error == _CLOSED else f"error {error}"
        text = f"stacks lost: bpftrace could not read them ({cause}); their values have none"
        yield Problem("unreadable-stacks", text, file, count=count, severity="loss")


def closed_output(maps: Iterable[tuple[str, ...]], file: str) -> Iterator[Problem]:
    """Yield the likely reason why an output has no end mark, if bpftrace looked up user frames.

    Args:
        maps: the parts of the keys of each map.
        file: the name of the output.
    """
    if any("user_stack" in parts and "pid" not in parts for parts in maps):
        yield Problem("closed-output", _CLOSED_OUTPUT, file, severity="note")
