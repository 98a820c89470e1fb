"""The comment at the head of a recorder that is carried by hand, for the admin who runs it as root.

``sh rec.sh --help`` prints it. It states what the script is, needs, changes and removes, and how to
stop it; the recorder itself is in ``recorder``.
"""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterator, Sequence

from pvprof import __version__
from pvprof.model.stacks import show_controls

_WIDTH = 78


def head(mode: str, purpose: str, workload: Sequence[str], duration: str) -> str:
    """Return the comment, its last line empty.

    Args:
        mode: what is recorded.
        purpose: a sentence that says what the mode shows.
        workload: the words of the workload; empty if what runs anyway is traced.
        duration: seconds; empty for no limit.
    """
    lines: list[str] = []
    for paragraph in _paragraphs(mode, purpose, workload, duration):
        lines += ["#", *paragraph] if lines else paragraph
    return "\n".join(lines) + "\n"


def _paragraphs(
    mode: str, purpose: str, workload: Sequence[str], duration: str
) -> Iterator[list[str]]:
    yield _wrapped(
        f"A recorder of pvprof {__version__}: it traces the kernel of this machine (mode {mode})."
        f" {purpose} pvprof reads the file that it writes, on any machine: pvprof report FILE."
    )
    yield [
        "#   sh rec.sh                  record into a file named by host, mode and time",
        "#   sh rec.sh -o OUT.tar.gz    record into this file",
        "#   sh rec.sh -q               report no progress",
        "#   sh rec.sh --help           print this text",
    ]
    if workload:
        yield ["# It starts this command, and ends with it:", f"#   {_short(shlex.join(workload))}"]
    ends = f"after {duration} s. " if duration else "" if workload else "when you stop it. "
    yield _wrapped(
        f"Ends: {ends}Ctrl-C, or kill PID, ends tracing and keeps what was recorded; Ctrl-C after"
        " that drops it and removes everything. A closed terminal drops it, unless nohup runs it."
    )
    yield _wrapped(
        "Needs: root; FreeBSD with DTrace in its kernel (GENERIC has it), or Linux with bpftrace;"
        " room in TMPDIR (/tmp) for the recording. It sends nothing over a network."
    )
    yield _wrapped(
        "Changes: it makes a directory pvprof.XXXXXX in TMPDIR, the lock /var/run/pvprof.lock and"
        " OUT.tar.gz.XXXXXX.part beside the output, and starts dtrace or bpftrace. If it must, it"
        " loads the kernel module dtraceall (FreeBSD) or mounts /sys/kernel/tracing (Linux)."
    )
    yield _wrapped(
        "Removes: all of that at its end, however it ends. After SIGKILL a part of it that is"
        " left begins to within two seconds, or the next recorder does, or pvprof doctor"
        " --clean. The module dtraceall stays loaded (kldunload dtraceall). The output stays,"
        " for root alone: names, waits and stacks of processes, facts about the kernel and the"
        " machine, the kernel's symbols, and what the command printed."
    )
    yield _wrapped(
        "Exit status: 0 a recording was written, complete or not (its manifest states which); 3"
        " this machine could not record; 130 the recording was dropped."
    )


def _short(text: str) -> str:
    """Return a command on one line, not too long."""
    line = show_controls(" ".join(text.split()))
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 3]}..."


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )
