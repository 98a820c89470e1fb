r"""The messages of bpftrace on stderr.

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

from pvprof.model.problems import Problem

LOST_STACKS = "stacks lost: their place was taken; their waits have none"

# What was lost is in the output, too, and counted there.
_USUAL = re.compile(
    r".*RLIMIT_MEMLOCK.*|ERROR: failed to look up stack id:? .*"
    r"|WARNING: (?:BPFTRACE_[A-Z_]+ is deprecated|Total lost event count: ).*"
    r"|WARNING: Could not read functions from .*available_filter_functions.*"
)
_COMPILER_WARNING = re.compile(r"\S+:[0-9]+:[0-9]+(?:-[0-9]+)?: WARNING: .*")
# From 0.21 to 0.24 a full table of stacks throws one out for another, without a word at that time.
_EVICTED_STACK = re.compile(
    r"ERROR: failed to look up stack id: [0-9]+ stack length: [1-9][0-9]* .*"
)


def messages_of_bpftrace(lines: Iterable[str], file: str) -> Iterator[Problem]:
    """Yield a problem for each unusual message of bpftrace on stderr."""
    messages: Counter[str] = Counter()
    is_excerpt = False
    for line in lines:
        is_excerpt = is_excerpt and line.startswith(" ")
        if _COMPILER_WARNING.fullmatch(line.rstrip()):
            is_excerpt = True
        elif line.strip() and not is_excerpt:
            messages[line.strip()] += 1
    lost_stacks = sum(messages[line] for line in messages if _EVICTED_STACK.fullmatch(line))
    if lost_stacks:
        yield Problem("lost-stacks", LOST_STACKS, file, severity="loss", count=lost_stacks)
    for line, count in messages.items():
        if not _USUAL.fullmatch(line):
            text = f"bpftrace: {line.removeprefix('ERROR: ').removeprefix('WARNING: ')}"
            yield Problem("bpftrace-message", text, file, count=count)
