"""Tools whose output is no recording: how their lines look, and what to run instead.

Owns `OTHER_TOOLS`, the registry of such tools. ``detect`` compares them with the layouts: what
explains most lines is what a text is. Most print a summary or the state of one moment, in which
stacks have no weights.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pvprof.errors import InputError
from pvprof.parse.recognition.explanation import Explain, Explanation, lines_of
from pvprof.parse.recognition.sample import Sample

_MIN_SHARE = 0.5
_PERF_SCRIPT = "perf script -i perf.data > perf.txt prints the samples: give perf.txt"
_RECORD = "pvprof record offcpu oncpu -- COMMAND records where it waits and runs"
_OF_A_MOMENT = f"stacks of one moment have no weights; {_RECORD}"
_COUNTERS = f"it has no stacks; {_RECORD}"


@dataclass(frozen=True, slots=True)
class OtherTool:
    """A tool whose output pvprof does not read.

    Attributes:
        name: what its output is, for the error: "the output of perf report".
        explain: explains its lines.
        hint: what to run instead.
    """

    name: str
    explain: Explain
    hint: str

    def refusal(self) -> InputError:
        """Return the error for its output."""
        return InputError(f"{self.name}, not a recording", self.hint)


def other_tool(sample: Sample) -> tuple[OtherTool, Explanation] | None:
    """Return the tool that explains most lines of a sample, if it explains half of them."""
    found = [
        (tool, explanation)
        for tool in OTHER_TOOLS
        if (explanation := tool.explain(sample)) is not None
    ]
    best = max(found, key=lambda pair: pair[1].rank, default=None)
    if best is None or best[1].explained < len(sample.lines) * _MIN_SHARE:
        return None
    return best


def _tool(name: str, hint: str, own: bytes, fits: bytes = b"") -> OtherTool:
    pattern = re.compile(fits) if fits else None
    return OtherTool(f"the output of {name}", lines_of(re.compile(own), pattern), hint)


_FRAME_OF_GDB = rb"#\d+ +(?:0x[0-9a-f]+ in )?\S"
_CALL = rb"\w+\(.*"  # of a system call
_CLOCK = rb"(?:\d\d:\d\d:\d\d(?:\.\d+)? +(?:[AP]M +)?)"
_NUMBERS = rb"(?:\s+-?[\d.,]+%?)+\s*$"

_OF_PERF = (
    _tool(
        "perf report",
        _PERF_SCRIPT,
        rb"# (?:Overhead|Children) |# (?:Samples: |Event count \(approx\.\))"
        rb"|\s+\d+\.\d\d%(?:\s+\d+\.\d\d%)?\s+[^+\s-].*\[[.kguH]\] \S",
        rb"#|[ |]+(?:[|-]|$)|[ |]{8,}\S|\s+\d+\.\d\d%\s|\d+\.\d\d% \S",
    ),
    _tool(
        "perf diff",
        "give both recordings: perf script of each, then pvprof compare A --vs B",
        rb"# Baseline +Delta",
        rb"#|\s(?:\s*\d+\.\d\d%)?\s+[+-]?\d+\.\d\d%\s|\s+\d+\.\d\d%\s",
    ),
    _tool(
        "perf annotate",
        _PERF_SCRIPT,
        rb"\s*Percent ?\|\s*(?:Source code|Disassembly)|\s*Percent\s+\|",
        rb"\s(?:\s*\d+\.\d\d)?\s*[:|](?:\s|$)|-{20,}$|\s*\d+\.\d\d\s+\S+:\d+",
    ),
    _tool(
        "perf sched timehist",
        _PERF_SCRIPT,
        rb"\s+time +cpu +task name |Runtime summary$|\s+comm  parent +sched-in",
        rb"\s*\d+\.\d+ \[\d+\]\s|\s*\(?\[?(?:tid/pid\]|count\)|\(count)|[- ]{20,}$|\s+\[tid/pid\]"
        rb"|\s+\S.*\[\d+\](?:\s+-?[\d.]+)+\s*$|Terminated tasks:|Idle stats:|\s+CPU +\d+ idle"
        rb"|\s*Total (?:number|run|scheduling)",
    ),
    _tool(
        "perf sched latency",
        _PERF_SCRIPT,
        rb"\s*Task +\| +Runtime ms +\| +Switches",
        rb"\s*-{20,}|\s*\S.*\|\s+[\d.]+ ms \||\s*TOTAL:|\s*INFO: ",
    ),
    _tool(
        "perf sched map",
        _PERF_SCRIPT,
        rb"[ *.A-Z0-9]+\s\d+\.\d+ secs(?:\s|$)",
    ),
    _tool(
        "perf trace",
        "perf record -e sched:sched_switch -c 1 -a -g -- COMMAND, then perf script",
        rb"\s*(?:[\d.]+|\?) \((?: *[\d.]+ ms)? *\): \S.*/\d+ |\s*Summary of events:$",
        rb"\s+\S+ \(\d+\), \d+ events, |\s+syscall +calls|\s+\((?:msec|%)\)|\s+[-]+ "
        rb"|\s+\w+\s+\d+(?:\s+[\d.]+%?)+\s*$",
    ),
    _tool(
        "perf script -D (raw events)",
        "print them without -D: " + _PERF_SCRIPT,
        rb"\. \.\.\. raw event: size \d+ bytes|0x[0-9a-f]+(?:@\S+)? \[0x[0-9a-f]+\]: event: \d",
        rb"\.(?: |$)|.*PERF_RECORD_| ?\.\.\.",
    ),
    _tool(
        "perf list",
        "perf record -e EVENT -g -- COMMAND, then perf script",
        rb"\s+\S.*\[(?:Software|Hardware|Tool|Kernel PMU|Raw|Tracepoint)",
    ),
    _tool(
        "perf script --header-only (no samples)",
        "print the samples, too: " + _PERF_SCRIPT,
        rb"# (?:captured on|header version|perf version|cpudesc) ",
        rb"#",
    ),
    _tool(
        "ftrace or trace-cmd",
        "perf sched record -a -g -- COMMAND, then perf script; or " + _RECORD,
        rb"# tracer: |#\s+TASK-PID +CPU#|\s*\S.*-\d+\s+(?:\([ \d-]+\)\s+)?\[\d{3,}\]\s.*\d\.\d+: ",
        rb"#|cpus=\d+$|version = ",
    ),
)

_OF_BSD = (
    _tool(
        "lockstat -I (a profile of CPUs)",
        "pvprof record oncpu; or lockstat without -I for locks",
        rb"\s*(?:Count|ops/s)\s+(?:indv|genr)\s+cuml\s+rcnt\s.*CPU\+P"
        rb"|Profiling interrupt: \d+ events",
        rb"\s*\d+\s+\d+%\s|-{40,}\s*$|\s*nsec\s+-+ Time Distribution -+|\s*\d+ \|[@ ]*\d|\s{40,}\S",
    ),
    _tool(
        "procstat -kk (kernel stacks)",
        _OF_A_MOMENT,
        rb"\s*PID\s+TID\s+COMM\s.*KSTACK",
        rb"\s*\d+\s+\d+\s+\S.*",
    ),
    _tool(
        "pmcstat -T (a list of functions)",
        "pmcstat -R LOG -G - prints the call graphs of a log (-S EVENT -O LOG)",
        rb"PMC: \[.*\] Samples: |%SAMP +IMAGE +FUNCTION",
        rb"\s*\d+\.\d +\S",
    ),
    _tool(
        "dtrace -l (a list of probes)",
        "pvprof script offcpu prints a program that uses some of them",
        rb"\s*ID\s+PROVIDER\s+MODULE\s+FUNCTION NAME",
        rb"\s*\d+\s+\S+\s",
    ),
    _tool(
        "dtrace -F (a trace of calls)",
        "a trace has no stacks: count them, @[stack()] = count(), without -F",
        rb"CPU FUNCTION\s*$|\s*\d+ +(?:=>|->|<-|<=) \S|\s*\d+ +\| \S*:\S",
    ),
    _tool(
        "bpftrace -l (a list of probes)",
        "pvprof script offcpu --tracer bpftrace prints a program that uses some of them",
        rb"(?:kprobe|kretprobe|tracepoint|fentry|fexit|kfunc|kretfunc|rawtracepoint|software|hardware"
        rb"|iter|uprobe|usdt):[^\s{/]+$",
    ),
    _tool(
        "ktrdump (KTR)",
        "it has no stacks; pvprof record events records single waits",
        rb"index +(?:cpu +)?(?:timestamp +)?(?:file and line +)?trace\s*$",
        rb"\s*\d+ ",
    ),
    _tool(
        "kdump (ktrace)",
        _COUNTERS,
        rb"\s*\d+ (?:\d+ )?\S+ +(?:[\d.]+ )?(?:CALL|RET|NAMI|PSIN|CSW|GIO|STRU|CAP|USER|SCTL) ",
        rb"\s+\S",
    ),
)

_OF_DEBUGGERS = (
    _tool(
        "gdb (backtraces)",
        _OF_A_MOMENT,
        _FRAME_OF_GDB,
        rb"Thread \d+ |\[(?:Thread|New|Switching|Inferior) |Breakpoint \d|Using host|warning: "
        rb"|\s+\S|\* \d|Program |Reading symbols|\(gdb\)|\d+\s",
    ),
    _tool(
        "lldb (backtraces)",
        _OF_A_MOMENT,
        rb"\s*\*? ?frame #\d+: ",
        rb"\*? ?thread #\d+|\(lldb\)|Process \d+",
    ),
    _tool(
        "jstack (a thread dump)",
        f"{_OF_A_MOMENT}; async-profiler -o collapsed writes folded stacks",
        rb'Full thread dump |"[^"]*" (?:#\d+ |daemon |prio=|os_prio=)',
        rb"\s+at |\s+- |\s+java\.lang\.Thread\.State|JNI global|0x[0-9a-f]+, ?|[\d-]+ [\d:]+$"
        rb"|Threads class SMR|_java_thread_list|\}|\s*(?:Locked ownable|No compile)",
    ),
    _tool(
        "py-spy dump (stacks of one moment)",
        "py-spy record -f raw -o x.folded --pid PID writes folded stacks",
        rb"Thread (?:\d+|0x[0-9A-Fa-f]+) \((?:active|idle)|Python v\d",
        rb"\s+\S.* \(.*\)$|Process \d+: ",
    ),
    _tool(
        "/proc/PID/stack", _OF_A_MOMENT, rb"\[<(?:0|[0-9a-f]{16})>\] \S+\+0x[0-9a-f]+/0x[0-9a-f]+"
    ),
    _tool("/proc/PID/maps", _COUNTERS, rb"[0-9a-f]{8,16}-[0-9a-f]{8,16} [r-][w-][x-][ps] "),
    _tool(
        "strace, truss or ltrace",
        _COUNTERS,
        rb"(?:\[pid +\d+\] |\d+:? +)?"
        + _CLOCK
        + rb"?(?:\d+\.\d+ )?"
        + _CALL
        + rb"\) *= (?:-?\d|0x|\?|nil|\")"
        rb"|% time +seconds +(?:usecs/call +)?calls|.*<unfinished \.\.\.>|.*<\.\.\. \w+ resumed>",
        rb" > /|.*\+\+\+ (?:exited|killed)|.*--- SIG|[- ]{20,}$|\s*\d+\.\d+\s+\d+\.\d+\s+\d+\s"
        rb"|\s*\d+\.\d+\s+\d+\.\d+\s+total",
    ),
)

_OF_PROFILERS = (
    _tool(
        "ministat (a comparison)",
        "give the files of numbers: pvprof stats A --vs B",
        rb"(?:Difference|No difference proven) at [\d.]+% confidence|\s+N +Min +Max +Median +Avg",
        rb"[x+*%#@O] +\S|\+-+\+$|\|[ x+*%#@OAM_|]+\|$|\s+[\d.]+%? \+/- |\s*\(Student's",
    ),
    _tool(
        "perf stat",
        "pvprof stats reads it",
        rb"\s*Performance counter stats for |\s+[\d.]+ (?:\+- [\d.]+ )?seconds time elapsed",
        rb"\s+(?:[\d.,]+|<not )\s*\S|\s+[\d.]+ seconds ",
    ),
    _tool(
        "gprof",
        f"it has no whole stacks; {_RECORD}",
        rb"Flat profile:$|\s*%\s+cumulative +self|Each sample counts as |index +% time +self",
        rb"\s*\d+\.\d\d\s|\s*time +seconds|-{20,}$|\[\d+\]\s|\s+\S|\w",
    ),
    _tool(
        "pprof (a table, or its raw form)",
        "go tool pprof -raw FILE | stackcollapse-go.pl > x.folded",
        rb"Showing nodes accounting for |\s*flat +flat% +sum% +cum|PeriodType: "
        rb"|Total: \d+ samples$",
        rb"\s+\S|(?:Type|File|Time|Duration|Period|Samples|Locations|Mappings): ?|-+\+-+$|Dropped ",
    ),
    _tool(
        "callgrind",
        f"it counts instructions by function; {_RECORD}",
        rb"# callgrind format|Profile data file '|creator: callgrind-|\S.*PROGRAM TOTALS$",
        rb"[\w:]+[:=]|-{20,}$|[\d+*-]+(?: [\d+*-]+)*$| *[\d,]+ \([ \d.]+%\)|\S.*:\s"
        rb"|\w+ (?: *file:function)?\s*$",
    ),
    _tool(
        "massif",
        f"it measures memory; {_RECORD}",
        rb"desc: .*massif|Massif arguments:|#-{11}$|\s*n +time\(\w+\) +total\(B\)",
        rb"\w+=|n\d+: | +n\d+: |-{20,}$|\s*\d|\s*[\d.]*[|^]|\w",
    ),
    _tool(
        "Python's cProfile",
        "py-spy record -f raw -o x.folded -- python PROGRAM writes folded stacks",
        rb"\s+ncalls +tottime +percall|\s+\d+ function calls ",
        rb"\s+\d+(?:/\d+)? +\d+\.\d+|\s+Ordered by: ",
    ),
    _tool(
        "sample (macOS)",
        "stackcollapse-sample.awk of FlameGraph makes folded stacks of it",
        rb"Analysis of sampling |Call graph:$|Sort by top of stack",
        rb"[\s+!:|]*\d+ \S|[A-Z][\w /]+:\s|\s+0x[0-9a-f]+ -",
    ),
    _tool(
        "xctrace (Instruments)",
        "inferno-collapse-xctrace makes folded stacks of it",
        rb"<trace-query-result|\s*<(?:row|node|backtrace|frame|schema)\b",
        rb"\s*<[/?]?\w",
    ),
)

_OF_MONITORS = (
    _tool(
        "top",
        _COUNTERS,
        rb"top - \d|last pid:|\s*PID +(?:USER|JID|USERNAME)\s",
        rb"(?:Tasks|%?Cpu|CPU|Mem|Swap|ARC|MiB|KiB|GiB|Threads)\S*[ :]|\d+ (?:processes|threads)"
        rb"|\s*\d+ \S",
    ),
    _tool(
        "vmstat",
        _COUNTERS,
        rb"\s*procs\s.*memory|\s*r +b +(?:w +|swpd|avm)|interrupt +total +rate",
        rb"\s*\d+(?:\s+[\dKMG.-]+)+\s*$|\S.*\s\d+\s+\d+\s*$",
    ),
    _tool(
        "ps",
        _COUNTERS,
        rb"\s*(?:USER|UID|PID)\s.*(?:COMMAND|CMD|TIME)\s*$",
        rb"\s*\S+\s+\d+ |\s*\d+ ",
    ),
    _tool(
        "sar, iostat, mpstat or pidstat",
        _COUNTERS,
        rb"avg-cpu: |Device\S* +\S*(?:r/s|tps)|(?:Average:|"
        + _CLOCK
        + rb")\s+.*(?:%usr|%user|%CPU)",
        rb"Linux \S+ \(|\S+"
        + _NUMBERS
        + rb"|\s+[\d.]+"
        + _NUMBERS
        + rb"|(?:Average:|"
        + _CLOCK
        + rb")\s",
    ),
    _tool(
        "dmesg (messages of the kernel)",
        _COUNTERS,
        rb"\[ *\d+\.\d{6}\](?: |$)|Copyright \(c\) [\d-]+ The FreeBSD Project",
        rb"[a-z]+\d+: |[A-Z]\S+ |\s+\S|---<<BOOT>>---|WARNING: ",
    ),
    _tool(
        "sysctl",
        "sysctl debug.lock.prof.stats prints the table of LOCK_PROFILING",
        rb"(?!debug\.lock\.prof\.stats)"
        rb"(?:kern|vm|vfs|net|debug|hw|machdep|user|security|dev|kstat|compat|p1003_1b|abi|fs)"
        rb"(?:\.[\w%/-]+)+(?::| =)(?: |$)",
    ),
)

OTHER_TOOLS: tuple[OtherTool, ...] = (
    *_OF_PERF,
    *_OF_BSD,
    *_OF_DEBUGGERS,
    *_OF_PROFILERS,
    *_OF_MONITORS,
)
"""Every known tool."""
