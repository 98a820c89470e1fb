"""Frames of the tracer itself: they depend on what else traces the machine, so they are cut off."""

from __future__ import annotations

import json

import pytest

from pvprof.classify.rules_file import load_rules
from pvprof.model.stacks import Stack
from pvprof.parse.linux.tracing_frames import without_tracing_frames
from pvprof.parse.read import ReadOptions, read
from pvprof.parse.result import ParseResult

# Leaf first. The first as Linux 6.18 has it when ftrace has the same event; the others after
# include/trace/{perf,bpf_probe,trace_events}.h and kernel/trace/bpf_trace.c.
TRACERS = [
    ["__traceiter_sched_switch"],
    ["__traceiter_contention_begin"],
    ["perf_trace_sched_switch", "__traceiter_sched_switch"],
    ["do_perf_trace_sched_switch", "perf_trace_sched_switch", "__traceiter_sched_switch"],
    ["trace_call_bpf", "perf_trace_run_bpf_submit", "perf_trace_sched_waking"],
    ["trace_event_raw_event_sched_switch", "__traceiter_sched_switch"],
    ["bpf_prog_6deef7357e7b4530_prog", "bpf_trace_run4", "__bpf_trace_sched_switch"],
    ["bpf_prog_6deef7357e7b4530", "bpf_trampoline_6442507698", "__probestub_sched_switch"],
    ["0xffffffffc0201234", "bpf_trace_run4.constprop.0", "__traceiter_sched_switch"],
    ["__do_trace_sched_switch"],
]
WAITING = ["__schedule", "schedule", "pipe_read", "do_syscall_64"]
FOLDED = "kernel`do_syscall_64;kernel`pipe_read;kernel`schedule;kernel`__schedule"


def raw(frames: list[str], spelled: str = "kernel`{}+0x2f") -> list[bytes]:
    return [(one if one[0] == "0" else spelled.format(one)).encode() for one in frames]


@pytest.mark.parametrize("tracer", TRACERS, ids=lambda frames: frames[0])
@pytest.mark.parametrize("spelled", ["kernel`{}+0x2f", "{}+47", "{}", "mod`{}"])
def test_the_frames_of_a_tracer_are_cut_off(tracer: list[str], spelled: str) -> None:
    waiting = raw(WAITING, spelled)
    assert without_tracing_frames(raw(tracer, spelled) + waiting) == waiting
    assert without_tracing_frames(waiting) == waiting


@pytest.mark.parametrize(
    "stack",
    [
        # A wait for a lock that a BPF program takes: the traced function is inside of it.
        ["rqspinlock_slowpath", "bpf_ringbuf_reserve", "bpf_prog_1_p", "__traceiter_sched_switch"],
        ["0xffffffffc0201234", "__schedule", "schedule"],
        ["tracepoint_probe_register", "bpf_probe_register"],
        ["perf_trace_destroy", "__free_event"],
        ["__schedule", "bpf_prog_6deef7357e7b4530_prog"],
    ],
    ids=lambda frames: frames[0],
)
def test_other_frames_stay(stack: list[str]) -> None:
    assert without_tracing_frames(raw(stack)) == raw(stack)


def test_a_stack_of_nothing_else_stays() -> None:
    for tracer in TRACERS:
        assert without_tracing_frames(raw(tracer)) == raw(tracer)
    assert without_tracing_frames([]) == []


def test_the_rules_know_the_same_frames_as_machinery() -> None:
    rules = load_rules()
    for tracer in TRACERS:
        stack = Stack(";".join(f"kernel`{frame}" for frame in [*reversed(WAITING), *tracer[::-1]]))
        if not any(frame.startswith("0x") for frame in tracer):
            assert rules.caller_of(stack) == "kernel`pipe_read"


def lines(frames: list[str]) -> str:
    return "".join(f"\n    {frame}+47" for frame in frames) + "\n"


def of_bpftrace(*records: dict[str, object], frames: int = 32) -> bytes:
    head = {"type": "printf", "data": f"#pvprof 2 offcpu linux ns 0.1.0 frames={frames}\n"}
    marks = [{"type": "printf", "data": f"#{mark} 9000 5000\n"} for mark in ("begin", "end")]
    text = [head, marks[0], *records, marks[1]]
    return "".join(json.dumps(record) + "\n" for record in text).encode()


def printed(text: str) -> dict[str, object]:
    return {"type": "printf", "data": text}


def parsed_from(data: bytes) -> ParseResult:
    return read(data, "test", ReadOptions(jobs=1))


def stacks_of(parsed: ParseResult) -> set[Stack]:
    found = {stack for profile in parsed.profiles.values() for _, stack, _ in profile}
    found.update(parsed.events.stacks if parsed.events is not None else ())
    return found


SWITCH = ["bpf_prog_1_p", "bpf_trace_run4", "__traceiter_sched_switch"]


def test_sums_of_a_wait_have_the_same_stack_with_and_without_another_tracer() -> None:
    maps = printed("#map off_cpu stack exec\n")
    both = {
        lines(frames) + ",sh": {"count": 1, "average": 5, "total": 5}
        for frames in (WAITING, SWITCH + WAITING)
    }
    parsed = parsed_from(of_bpftrace(maps, {"type": "stats", "data": {"@off_cpu": both}}))
    assert [weight[:2] for _, _, weight in parsed.profiles["ns", True]] == [(10, 2)]
    assert stacks_of(parsed) == {FOLDED}


def test_single_waits_and_wakers_lose_the_frames_too() -> None:
    wait = lines(SWITCH + WAITING).rstrip("\n")
    waker = lines(["__traceiter_sched_waking", "try_to_wake_up", "pipe_write"]).rstrip("\n")
    records = [f"S 10 7 7 0 0{wait}\n.sh", f"W 15 7 8 0{waker}\n.cat", "R 20 7 0"]
    parsed = parsed_from(of_bpftrace(*map(printed, records)))
    assert stacks_of(parsed) == {FOLDED, "kernel`pipe_write;kernel`try_to_wake_up"}


def test_samples_of_running_code_keep_the_tracers_frames() -> None:
    maps = printed("#map on_cpu stack exec\n")
    entry = {lines(["__traceiter_sched_switch", "__schedule"]) + ",sh": 3}
    parsed = parsed_from(of_bpftrace(maps, {"type": "map", "data": {"@on_cpu": entry}}))
    assert stacks_of(parsed) == {"kernel`__schedule;kernel`__traceiter_sched_switch"}


def test_a_stack_that_was_full_before_the_cut_may_still_lack_its_root() -> None:
    record = printed(f"S 10 7 7 0 0{lines(SWITCH + WAITING)}.sh")
    for frames, expected in ((len(SWITCH + WAITING), 1), (len(SWITCH + WAITING) + 1, 0)):
        text = of_bpftrace(record, printed("R 20 7 0"), frames=frames)
        kinds = [problem.kind for problem in parsed_from(text).problems]
        assert kinds.count("full-stacks") == expected


PERF = """\
sh  7/7  [000] 10.000000000:  1 {event}: {arguments}
    ffffffff81000001 __traceiter_sched_switch+0x3 ([kernel.kallsyms])
    ffffffff81000002 __schedule+0x23 ([kernel.kallsyms])

"""


@pytest.mark.parametrize(
    ("event", "leaf"),
    [("sched:sched_switch", "__schedule"), ("cpu-clock:ppp", "__traceiter_sched_switch")],
)
def test_perf_script_loses_them_in_switches_but_not_in_samples(event: str, leaf: str) -> None:
    switches = [
        "prev_comm=sh prev_pid=7 prev_prio=120 prev_state=S ==> next_comm=x next_pid=0 next_prio=9",
        "prev_comm=x prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=sh next_pid=7 next_prio=9",
    ]
    is_switch = event == "sched:sched_switch"
    text = "".join(PERF.format(event=event, arguments=one if is_switch else "") for one in switches)
    text = text.replace("sh  7/7  [000] 10.000000000", "sh  7/7  [000] 9.000000000", 1)
    assert {stack.rpartition("`")[2] for stack in stacks_of(parsed_from(text.encode()))} == {leaf}


@pytest.mark.parametrize(
    ("name", "leaf"), [("wait_ns", "__schedule"), ("n", "__traceiter_sched_switch")]
)
def test_maps_of_other_programs_lose_them_where_they_hold_waits(name: str, leaf: str) -> None:
    frames = lines(["__traceiter_sched_switch", "__schedule", "schedule"])
    text = f"@{name}[{frames}, sh]: 17\n"
    assert {stack.rpartition(";")[2] for stack in stacks_of(parsed_from(text.encode()))} == {leaf}
