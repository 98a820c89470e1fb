"""The critical path in words and tables: what it spent its time on, and what would be without."""

from __future__ import annotations

from pvprof.analysis.critical_path.answer import PathReport, RunPath
from pvprof.analysis.critical_path.cause_rows import (
    RUNNABLE,
    RUNNING,
    UNKNOWN_CAUSE,
    Cause,
    CauseRow,
)
from pvprof.analysis.critical_path.walk import State
from pvprof.model.stacks import show_controls
from pvprof.units import format_share, format_value
from pvprof.views.tables.table import Column, Table, TableOptions, count_rows

_STATES = {
    RUNNING: "Running",
    RUNNABLE: "Runnable",
    UNKNOWN_CAUSE: "Not known",
}
_NOTE = (
    "Path: the time on the critical path; the rows add up to the whole. Ran: the part in which"
    " another thread, which ended the wait, ran. Saved: how much sooner the end would be"
    " if these waits took no time, by the recorded schedule; At most: if no thread waited for a"
    " CPU, either. Wait, Union: all such waits, on the path or not."
)
_MIN_UNKNOWN_SHARE = 0.01
_MAX_THREADS = 10


def title(report: PathReport) -> str:
    """Return the first line."""
    names = ", ".join(report.names)
    return show_controls(f"pvprof path: {names}")


def thread_name(run: RunPath) -> str:
    """Return the process and the id of the thread whose path it is."""
    tid = int(run.graph.lives.tid[run.target.life])
    named = next((share for share in run.threads if share.tid == tid), None)
    return show_controls(f"{named.execname if named else ''} (thread {tid})".strip())


def answer(report: PathReport) -> str:
    """Return the sentence that says what the time of the run was spent on."""
    whole = report.length_ns
    parts = [
        f"{_ns(_path_ns(report, RUNNING))} running ({_share(_path_ns(report, RUNNING), whole)})",
        f"{_ns(_path_ns(report, RUNNABLE))} runnable",
    ]
    waits = [row for row in report.rows if row.cause.kind]
    if waits:
        parts.append(f"{_ns(sum(row.path_ns for row in waits))} waiting")
    unknown = _path_ns(report, UNKNOWN_CAUSE)
    parts += [f"{_ns(unknown)} not known"] if unknown else []
    runs = len(report.runs)
    of_runs = f" in {runs:,} runs" if runs > 1 else ""
    return f"Of {_ns(whole)}{of_runs} until the end of {thread_name(report.runs[0])}: " + ", ".join(
        parts
    )


def cost_sentence(report: PathReport) -> str:
    """Return the sentence that says what the waits that count cost, beside their sum."""
    rows = [row for row in report.rows if row.cause.kind and row.what_if is not None]
    if not rows:
        return "No wait of the kinds that count is on the path: without them the run takes as long"
    largest = max(rows, key=lambda row: row.path_ns)
    everything = report.everything
    return (
        f"The waits that count: {_ns(sum(row.wait_ns for row in rows))} summed over threads,"
        f" {_ns(sum(row.path_ns for row in rows))} on the path, most of it for"
        f" {label(largest.cause)}; if none of them took any time, the end would be"
        f" {_ns(everything.saved_ns)} sooner, at most {_ns(everything.at_most_ns)}"
    )


def doubts(report: PathReport) -> list[str]:
    """Return the doubts about the path, one sentence each, with their shares."""
    whole = report.length_ns
    texts = []
    if report.unknown_ns > _MIN_UNKNOWN_SHARE * whole:
        texts.append(
            f"Nothing was recorded of the path's threads for {_ns(report.unknown_ns)}"
            f" ({_share(report.unknown_ns, whole)}): before their first wait, after their last, or"
            " where a thread woke another one while it was off the CPU itself"
        )
    if report.unseen_ns > _MIN_UNKNOWN_SHARE * whole:
        texts.append(
            f"No wake-up was recorded of waits of {_ns(report.unseen_ns)}"
            f" ({_share(report.unseen_ns, whole)} of the path), or not what the waking thread did"
            " before: the path stays in the waiting thread"
        )
    if report.outside_ns > _MIN_UNKNOWN_SHARE * whole:
        texts.append(
            f"Threads that were not recorded, of the kernel or of other programs, ended waits of"
            f" {_ns(report.outside_ns)} ({_share(report.outside_ns, whole)} of the path)"
        )
    if any(run.target.is_guess for run in report.runs):
        texts.append(
            "The recording does not say which thread was the first of the workload: this is the"
            " one that was woken last; --of names another one"
        )
    trimmed = sum(run.graph.trimmed for run in report.runs)
    if trimmed:
        texts.append(f"{trimmed:,} waits overlap in one thread, or lie outside of the run: cut")
    return texts


def facts(report: PathReport) -> list[str]:
    """Return further facts about the path, one sentence each."""
    hops = sum(len(run.path.hop_times) for run in report.runs)
    threads = sum(len(run.threads) for run in report.runs)
    texts = [f"The path changes threads {hops:,} times and visits {threads:,} threads"]
    if report.interrupt_ns:
        texts.append(
            f"Interrupts (devices, timers) ended waits of {_ns(report.interrupt_ns)} on the path"
        )
    return texts


def cause_table(report: PathReport, options: TableOptions) -> Table:
    """Return the table of causes."""
    columns = (
        Column("Path spent on", is_name=True),
        Column("Kind", rank=6, is_words=True),
        Column("Path", True),
        Column("Share", True),
        Column("Ran", True, 4),
        Column("Saved", True),
        Column("At most", True, 3),
        Column("Wait", True, 1),
        Column("Union", True, 2),
        Column("Count", True, 5),
    )
    enough = [
        row
        for row in report.rows
        if 100 * row.path_ns >= options.min_share * report.length_ns or not row.cause.kind
    ]
    shown = enough[: options.top] if options.top else enough
    others = [row for row in report.rows if row not in shown]
    rest: tuple[str, ...] = ()
    if others:
        path_ns = sum(row.path_ns for row in others)
        share = format_share(path_ns, report.length_ns)
        rest = (f"({count_rows(len(others))})", "", _ns(path_ns), share, *[""] * 6)
    rows = tuple(_cells(row, report) for row in shown)
    return Table("", columns, rows, _NOTE, rest)


def _cells(row: CauseRow, report: PathReport) -> tuple[str, ...]:
    is_wait = bool(row.cause.kind)
    what_if = row.what_if
    return (
        label(row.cause),
        next((one.title for one in report.kinds if one.id == row.cause.kind), ""),
        _ns(row.path_ns),
        format_share(row.path_ns, report.length_ns),
        _ns(row.state_ns[State.RUNNING]) if is_wait else "-",
        "-" if what_if is None else _ns(what_if.saved_ns),
        "-" if what_if is None else _ns(what_if.at_most_ns),
        _ns(row.wait_ns) if is_wait else "-",
        _ns(row.union_ns) if is_wait else "-",
        f"{row.count:,}" if is_wait else "-",
    )


def thread_table(report: PathReport) -> Table:
    """Return the table of the threads that the paths visit."""
    shares = sorted(
        (share for run in report.runs for share in run.threads), key=lambda one: -one.path_ns
    )
    columns = (
        Column("Process", is_name=True),
        Column("PID", True),
        Column("Thread", True),
        Column("Path", True),
        Column("Share", True),
    )
    rows = tuple(
        (
            share.execname or "-",
            "-" if share.pid < 0 else str(share.pid),
            str(share.tid),
            _ns(share.path_ns),
            format_share(share.path_ns, report.length_ns),
        )
        for share in shares[:_MAX_THREADS]
    )
    others = shares[_MAX_THREADS:]
    path_ns = sum(share.path_ns for share in others)
    rest = (
        (
            f"({count_rows(len(others))})",
            "",
            "",
            _ns(path_ns),
            format_share(path_ns, report.length_ns),
        )
        if others
        else ()
    )
    return Table("Threads of the path", columns, rows, rest=rest)


def label(cause: Cause) -> str:
    """Return the name of a cause in tables."""
    return _STATES.get(cause, cause.name)


def _path_ns(report: PathReport, cause: Cause) -> int:
    return sum(row.path_ns for row in report.rows if row.cause == cause)


def _ns(value: int) -> str:
    return format_value(value, "ns")


def _share(part: int, whole: int) -> str:
    return format_share(part, whole)
