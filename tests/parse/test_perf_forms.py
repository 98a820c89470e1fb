"""Heads, frames and other lines of ``perf script``, with any fields and of any version."""

from __future__ import annotations

import pytest
from helpers.command_line import RunCommand
from helpers.readings import kinds_of, parsed_from

from pvprof.parse.result import ParseResult


def folded(parsed: ParseResult) -> dict[str, int]:
    """Map process and stack to the number of samples or events, of all events together."""
    found: dict[str, int] = {}
    for part in (parsed, *parsed.further):
        for profile in part.profiles.values():
            for key, stack, weight in profile:
                frames = [key.execname, stack, key.name]
                line = ";".join(frame for frame in frames if frame)
                found[line] = found.get(line, 0) + weight.value
    return found


def stack_of(*frames: str, head: str = "a 1 1.000000: 1 cpu-clock: ") -> str:
    """Return the only stack of a record with these frames."""
    text = f"{head}\n" + "".join(f"\t{frame:>16}\n" for frame in frames) + "\n"
    parsed = parsed_from(text)
    assert parsed.problems == []
    ((_, stack, _),) = next(iter(parsed.profiles.values()))
    return stack


# ---- symbols and places --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        ("f(int (*)(int)) (/bin/a)", "a`f"),
        (
            "std::function<void (int)>::operator()(int) const (/bin/a)",
            "a`std::function<void (int)>::operator()",
        ),
        ("void run<decltype(auto) (*)(int)>(int) (/bin/a)", "a`void run<decltype(auto) (*)(int)>"),
        (
            "std::function<int (int, int)>::operator()(int, int) const+0x3b (/bin/a)",
            "a`std::function<int (int, int)>::operator()",
        ),
        (
            "OopMapSet::all_do(frame const*, void (*)(oop*)) (/lib/libjvm.so)",
            "libjvm.so`OopMapSet::all_do",
        ),
        ("java_start(Thread*) (/lib/libjvm.so)", "libjvm.so`java_start"),
        ("main.(*T).Do (/bin/a)", "a`main.(*T).Do"),
        ("f (/x (deleted))", "x (deleted)`f"),
        ("f (/opt/My App/x)", "x`f"),
        ("f (/opt/My App (x86)/lib (1)/x.so)", "x.so`f"),
        ("f(int) (/opt/a (b/x.so)", "x.so`f"),
        ("f ([JIT app cache])", "[JIT app cache]`f"),
        ("f(int)+0x1 (/memfd:jit (deleted))", "memfd:jit (deleted)`f"),
        ("f (/bin/a+0x1139)", "a`f"),
        ("(/bin/a)", "a`0x1"),
        (" (/bin/a)", "a`0x1"),
        ("[unknown] (/bin/a)", "a`0x1"),
        ("[unknown] (//anon)", "[unknown]"),
        ("[unknown] (/tmp/perf-12.map)", "[unknown]"),
        ("[unknown] (/memfd:doublemapper (deleted))", "[unknown]"),
        ("vector<int>::push_back(int const&) (inlined)", "vector<int>::push_back_[i]"),
        (
            "bpf_prog_6deef7357e7b4530_f (bpf_prog_6deef7357e7b4530_f)",
            "kernel`bpf_prog_6deef7357e7b4530_f",
        ),
        ("f ([guest.kernel.kallsyms])", "kernel`f"),
        ("f ([kvm].init.text)", "kvm.ko`f"),
        ("fn() -> i32", "fn() -> i32"),
    ],
)
def test_the_place_is_what_the_last_parenthesis_encloses(frame: str, name: str) -> None:
    assert stack_of(f"1 {frame}") == name


@pytest.mark.parametrize(
    ("symbol", "stack"),
    [
        ("La/B;::f->La/C;::g", "a/B:::f;a/C:::g_[i]"),
        ("Lorg/x/Factory;.call(Lorg/x/Action;)Ljava/lang/Object;", "org/x/Factory:.call"),
        ("Lorg/x/Box;.<init>(Ljava/lang/refl", "org/x/Box:.<init>"),
        (
            "Lorg/mozilla/javascript/gen/file__srv_vert_x_2_1",
            "org/mozilla/javascript/gen/file__srv_vert_x_2_1",
        ),
        ("Lib/f", "Lib/f"),
        ("a.B.c(int)", "a.B.c"),
        ("Interpreter", "Interpreter"),
        ("LazyCompile:*run /srv/L;x.js:12", "LazyCompile:*run /srv/L:x.js:12"),
        ("RegExp:[&<>\"\\']", "RegExp:[&<>\"\\']"),
        ("py::<lambda>:/srv/a.py", "py::<lambda>:/srv/a.py"),
    ],
)
@pytest.mark.parametrize(
    "place", ["/tmp/perf-4711.map", "/root/.debug/jit/jitted-4711-17.so", "[JIT] tid 4711"]
)
def test_a_virtual_machine_has_no_module(symbol: str, stack: str, place: str) -> None:
    assert stack_of(f"7f722d142778 {symbol} ({place})") == stack


def test_equal_functions_of_two_virtual_machines_are_one() -> None:
    record = "java {0} 1.000000: 1 cpu-clock: \n\t7f00 La/B;::f (/tmp/perf-{0}.map)\n\n"
    assert folded(parsed_from(record.format(1) + record.format(2))) == {"java;a/B:::f": 2}


# ---- stacks in one line, and lines between frames ------------------------------------------------


@pytest.mark.parametrize(
    "rest",
    [
        " ffffffff81063c36 native_write_msr+0x6 ([kernel.kallsyms])",
        "ffffffff81063c36 native_write_msr ([kernel.kallsyms])",
        "     7ffd0000 [unknown] ([stack]) ffffffff81063c36 native_write_msr ([kernel.kallsyms])",
        "  jmp                    ffffffff81063c36 native_write_msr ([kernel.kallsyms])",
        " ffffffff81063c36 native_write_msr ([kernel.kallsyms]) ilen: 2 insn: 0f 30",
        " ffffffff81063c36 native_write_msr ([kernel.kallsyms]) ABI:2    AX:0x1    BX:0x2 ",
        " ffffffff81063c36 native_write_msr ([kernel.kallsyms]) 0x1/0x2/P/-/-/0//- ",
        "  7f0000001000               15 ffffffff81063c36 native_write_msr ([kernel.kallsyms])",
    ],
)
def test_the_frame_in_the_line_of_an_event_is_kept(rest: str) -> None:
    text = f"a 1 1.000000: 1 cpu-clock: {rest}\n"
    assert folded(parsed_from(text)) == {"a;kernel`native_write_msr": 1}


BETWEEN_FRAMES = (
    *("  x.c:3", "  My dir/x.c:3 (discriminator 2)", "  :0", "  libc.so.6[27b25]", "  "),
    "|3        return f(x);",
)


@pytest.mark.parametrize("comm", ["dd", "add", "cafe", "facade", "1234"])
@pytest.mark.parametrize(
    "fields", ["{} 12345 1.000000: 1 cpu-clock: ", "{} 12345 [000] 1.000000: "]
)
def test_a_process_may_be_named_as_an_address(comm: str, fields: str) -> None:
    line = fields.format(f"{comm:>16}") + " ffffffff81063c36 f ([kernel.kallsyms])\n"
    assert folded(parsed_from(line * 3)) == {f"{comm};kernel`f": 3}


@pytest.mark.parametrize(
    "line",
    [
        "  x.c:3",
        "  My dir/x.c:3 (discriminator 2)",
        "  :0",
        "  libc.so.6[27b25]",
        "  ",
        "|3        return f(x);",
        " ABI:2    AX:0x7f00    BX:0x0 ",
        " ilen: 2 insn: 89 c2",
        " insn: 89 c2",
        " 0x55d0/0x55e0/P/-/-/0//- 0x1/0x2/M/-/-/4//- ",
        "\t00000000000055d0\tinsn: 89 c2\t# PRED",
        "\tleaf+3:",
        "\t... not reaching sample ...",
        "        12fe2000 4K 2M",
        " N/A",
    ],
)
def test_a_line_of_other_fields_is_passed_over(line: str) -> None:
    between = f"{line}\n" if line in BETWEEN_FRAMES else ""
    head = "a 1 1.000000: 1 cpu-clock: \n"
    text = f"{head}\t1 leaf (/bin/a)\n{between}\t2 main (/bin/a)\n{line}\n\n"
    parsed = parsed_from(text)
    assert folded(parsed) == {"a;a`main;a`leaf": 1}
    assert parsed.problems == []


@pytest.mark.parametrize("line", [" insn: 89 c2", " ABI:2    AX:0x7f00    BX:0x0 "])
def test_a_stack_behind_other_fields_lacks_its_head(line: str) -> None:
    record = f"a 1 1.000000: 1 cpu-clock: \n\t1 leaf (/bin/a)\n{line}\n"
    parsed = parsed_from(record + record.partition("\n")[2] + record)
    assert folded(parsed) == {"a;a`leaf": 2}
    assert kinds_of(parsed) == {"without-head": 1}


def test_an_unknown_line_in_a_stack_is_a_loss_and_the_callers_stay() -> None:
    text = "a 1 1.000000: 1 cpu-clock: \n\t1 leaf (/bin/a)\nwhat\n\t2 main (/bin/a)\n\n"
    parsed = parsed_from(text)
    assert folded(parsed) == {"a;a`main;a`leaf": 1}
    assert [(one.kind, one.line, one.severity) for one in parsed.problems] == [
        ("bad-line", 3, "loss")
    ]


def test_a_source_line_says_that_its_frame_was_inlined() -> None:
    text = (
        "a 1 1.000000: 1 cpu-clock: \n\t1 leaf\n  x.c:3 (inlined)\n\t1 main (/bin/a)\n  x.c:9\n\n"
    )
    assert folded(parsed_from(text)) == {"a;a`main;leaf_[i]": 1}


def test_a_stack_whose_head_is_lost_is_a_loss() -> None:
    record = "a 1 1.000000: 1 cpu-clock: \n\t1 leaf (/bin/a)\n\t2 main (/bin/a)\n\n"
    lost = record.partition("\n")[2]
    parsed = parsed_from(record + lost + record + lost)
    assert folded(parsed) == {"a;a`main;a`leaf": 2}
    assert [(one.kind, one.count, one.severity) for one in parsed.problems] == [
        ("without-head", 2, "loss")
    ]


# ---- heads ---------------------------------------------------------------------------------------

HEADS = {
    "a 1 cycles: ": "a",
    "a b  1/2 cycles:u: ": "a b",
    "a 1 [003] cycles: ": "a",
    "a     250000 cycles: ": "a",
    "    1 cycles: ": "",
    "cycles: ": "",
    "    250000            cycles: ": "",
    "a cycles: ": "a",
    "a 1 1.000000: ": "a",
    "a 1.000000:     250000 ": "a",
    "a 1.000000: cycles: ": "a",
    "[003] 1.000000: cycles: ": "",
    "    1 1.000000: cycles: ": "",
    "    1/2     [003] 1.000000: cycles: ": "",
    "1.000000: cycles: ": "",
    "a 1 [003] U     1.000000: 1 cycles: ": "a",
    "a 1 2026-11-27 18:01:07.123456 1.000000: 1 cycles: ": "a",
    "VM:  812 VCPU:001 a 1 1.000000: 1 cycles: ": "a",
    "            a-b-4711  [003] 1.000000: cycles: ": "a-b",
    "a 1 1.000000: 1 raw 0x3c: ": "a",
    "a 1 1.000000: 1 cpu/event=0x3c,umask=0x0/: ": "a",
    "a 1 1.000000: 1 mem:0xffffffff81a0/4:rw: ": "a",
    "a ": "a",
    "a    12 ": "a",
    "a    12 [003] ": "a",
    "": "",
}


@pytest.mark.parametrize(("head", "execname"), HEADS.items())
def test_any_field_of_a_head_may_lack(head: str, execname: str) -> None:
    record = (
        f"{head}\n\tffffffff81063c36 f ([kernel.kallsyms])\n\t           ee137 main (/bin/a)\n\n"
    )
    parsed = parsed_from(record * 2)
    expected = ";".join(filter(None, (execname, "a`main;-;kernel`f")))
    assert folded(parsed) == {
        expected: 2 * (250_000 if "250000 " in head and "cycles" in head else 1)
    }
    assert parsed.problems == []


def test_frames_may_be_in_column_0() -> None:
    text = "java 19983 cycles:\nffffffff8103d0ca f ([kernel.kallsyms])\n7f1 g (/bin/a)\n\n" * 2
    assert folded(parsed_from(text)) == {"java;a`g;-;kernel`f": 2}


@pytest.mark.parametrize(
    "frame", ["           ee137 main", "ffffffff81063c36", "           ee137 (/bin/a)"]
)
def test_stacks_alone_are_read(frame: str) -> None:
    (stack,) = folded(parsed_from(f"\n\t{frame}\n\t{frame}\n\n" * 3))
    assert folded(parsed_from(f"\n\t{frame}\n\t{frame}\n\n" * 3)) == {stack: 3}
    assert stack.count(";") == 1


def test_frames_that_are_no_stacks_are_samples_each() -> None:
    text = (
        "     7f4d0a31cf38 f (/bin/a)\n     7f4d0a31cf39 f (/bin/a)\n     5616f9c16170 g (/bin/a)\n"
    )
    parsed = parsed_from(text)
    assert folded(parsed) == {"a`f": 2, "a`g": 1}
    assert parsed.problems == []


def test_a_line_of_another_form_than_the_first_ones_is_a_loss() -> None:
    record = "a 1 1.000000: 1 cpu-clock: \n\t1 f (/bin/a)\n\n"
    parsed = parsed_from(record * 2 + "error: no such file\n\n" + record)
    assert folded(parsed) == {"a;a`f": 3}
    assert kinds_of(parsed) == {"bad-line": 1}


@pytest.mark.parametrize(
    "text",
    [
        "abcdef1 fix the build\nfedcba2 add a test\n",
        "error: 1 cycles: no\nwarning: bad\n",
        "main 12 fixes: \nand more\n",
        "0000000000401000 T main\n0000000000401010 t f\n",
    ],
)
def test_another_text_is_not_taken_for_it(text: str, run: RunCommand) -> None:
    done = run("fold", "-", stdin=text.encode())
    assert done.exit_code == 1
    assert "perf" not in done.stderr.partition("layouts:")[0]


# ---- tracepoints, several events -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("skb:kfree_skb", "x=1"),
        ("block:block_rq_issue", "8,0 R 4096 () 12345678 + 8 [kworker/0:1]"),
        ("syscalls:sys_enter_read", "fd: 0x00000003, buf: 0x7ffe, count: 0x00000400"),
        ("9p:9p_client_req", "client 1 request P9_TREAD tag 0"),
        ("probe:tcp_sendmsg", "(ffffffff81234567) size=12"),
        ("kmalloc", "call_site=c01 ptr=0x1"),
        ("sched_process_fork", "parent a:1 child b:2"),
        ("sched:sched_waking", "comm=x pid=2 prio=120 target_cpu=003"),
    ],
)
def test_a_tracepoint_counts_events_and_its_name_is_the_leaf(event: str, arguments: str) -> None:
    text = f"a 1 [000] 1.000000: {event}: {arguments}\n\t1 main (/bin/a)\n\n"
    parsed = parsed_from(text * 2)
    assert folded(parsed) == {f"a;a`main;{event}": 2}
    assert [unit for unit, _ in parsed.profiles] == ["events"]
    assert parsed.problems == []


def test_a_tracepoint_without_stacks_keeps_its_frame() -> None:
    text = "a 1 [0] 1.000000: skb:kfree_skb: x=1 p=c0 ffffffff81063c36 f+0x1 ([kernel.kallsyms])\n"
    assert folded(parsed_from(text)) == {"a;kernel`f;skb:kfree_skb": 1}


def test_each_event_is_a_measurement_of_its_own(run: RunCommand) -> None:
    text = "".join(
        f"a 1 1.000000: {event}: {arguments}\n\t1 main (/bin/a)\n\n"
        for event, arguments in (("cpu-clock:u", ""), ("task-clock", ""), ("skb:kfree_skb", "x=1"))
    )
    parsed = parsed_from(text * 3)
    parts = (parsed, *parsed.further)
    assert [(part.mode, next(iter(part.profiles.values())).total) for part in parts] == [
        *(("cpu-clock:u", 3), ("task-clock", 3), ("skb:kfree_skb", 3)),
    ]
    for event in ("cpu-clock:u", "task-clock", "skb:kfree_skb"):
        done = run("fold", "-", "-q", "--measure", event, stdin=text.encode())
        assert [line.rpartition(" ")[2] for line in done.stdout.splitlines()[-1:]] == ["1"]


# ---- what is no loss, and what is ----------------------------------------------------------------

SAMPLE = "sh 5 [000] 1.000000: 1 cpu-clock: \n\t1 main (/bin/a)\n\n"


@pytest.mark.parametrize(
    "line",
    [
        "sh  5 [000] 1.000000: PERF_RECORD_COMM exec: sh:5/5",
        "sh     5 PERF_RECORD_COMM: sh:5/5",
        "sh  5 [000] 1.000000: PERF_RECORD_FORK(6:6):(5:5)",
        "sh  5 [000] 1.000000: PERF_RECORD_EXIT(6:6):(5:5)",
        "sh  5 [000] 1.000000: PERF_RECORD_MMAP2 5/5: [0x1(0x2) @ 0 08:01 1 2]: r-xp /bin/my sh",
        "sh  5 [000] 1.000000: PERF_RECORD_SWITCH_CPU_WIDE OUT preempt  next pid/tid:     6/6    ",
        "sh  5 [000] 1.000000: PERF_RECORD_NAMESPACES 5/5 - nr_namespaces: 7\n\t\t[0/net: 4/0xf0]",
        "sh  5 [000] 1.000000: PERF_RECORD_KSYMBOL addr ffffffffa0 len 4 type 1 name bpf_prog_1",
        "sh  5 [000] 1.000000: PERF_RECORD_CGROUP cgroup: 1 /",
        "sh  5 [000] 1.000000: \tmetric:      0.61  insn per cycle",
        "Failed to open /tmp/perf-5.map, continuing without symbols",
        "# event : name = cpu-clock",
    ],
)
def test_records_of_other_kinds_are_no_loss(line: str) -> None:
    parsed = parsed_from(SAMPLE + line + "\n" + SAMPLE + line + "\n" + SAMPLE)
    assert folded(parsed) == {"sh;a`main": 3}
    assert parsed.problems == []


@pytest.mark.parametrize(
    ("line", "kind", "count", "severity"),
    [
        ("sh  5 [000] 1.000000: PERF_RECORD_LOST lost 23", "drops", 23, "loss"),
        ("sh  5 [000] 1.000000: PERF_RECORD_LOST_SAMPLES lost 4", "drops", 4, "loss"),
        ("Processed 912 events and lost 7 chunks!", "drops", 7, "loss"),
        ("sh  5 [000] 1.000000: PERF_RECORD_THROTTLE", "throttled", 1, "warning"),
    ],
)
def test_what_perf_lost_is_counted(line: str, kind: str, count: int, severity: str) -> None:
    parsed = parsed_from(SAMPLE + line + "\n\n" + SAMPLE)
    assert folded(parsed) == {"sh;a`main": 2}
    assert [(one.kind, one.count, one.severity) for one in parsed.problems] == [
        (kind, count, severity)
    ]


SWITCH = (
    "{comm} {tid} [000] {time}: {period} sched:sched_switch: prev_comm={comm} prev_pid={tid}"
    " prev_prio=120 prev_state={state} ==> next_comm={to} next_pid={to_tid} next_prio=120\n"
    "\tffffffff821f8b58 __schedule ([kernel.kallsyms])\n"
    "\tffffffff81356d63 do_wait ([kernel.kallsyms])\n"
    "\t           ee137 wait (/bin/a)\n\n"
)


def switch(time: str, tid: int = 5, period: int = 1, to_tid: int = 0, state: str = "S") -> str:
    return SWITCH.format(
        comm="sh", tid=tid, time=time, period=period, to="x", to_tid=to_tid, state=state
    )


def test_switches_of_one_process_alone_say_how_to_record() -> None:
    parsed = parsed_from(switch("1.000000") + switch("2.000000") + switch("3.000000", tid=6))
    (problem,) = [one for one in parsed.problems if one.kind == "one-sided"]
    assert (problem.count, problem.severity) == (3, "loss")
    assert "-a" in problem.text
    assert "one-sided" not in kinds_of(
        parsed_from(switch("1.000000") + switch("2.000000", 6, 1, 5))
    )


def test_switches_that_were_sampled_are_a_loss() -> None:
    parsed = parsed_from(switch("1.000000", period=7) + switch("2.000000", 6, 9, 5))
    assert kinds_of(parsed)["part-of-switches"] == 2


def test_sleeps_that_perf_inject_wrote_are_waits_of_their_period() -> None:
    text = switch("5.432100", period=3_000_123_456) + switch("6.000000", 6, 1_500_000_000, 0, "D")
    parsed = parsed_from(text)
    events = parsed.events
    assert events is not None
    assert parsed.problems == []
    assert sorted(events.wait_ns.tolist()) == [1_500_000_000, 3_000_123_456]
    assert sorted(events.start_ns.tolist()) == [2_431_976_544, 4_500_000_000]
    assert {key.mechanism for key in events.keys} == {"off-cpu", "off-cpu-d"}
    assert set(events.stacks) == {"a`wait;-;kernel`do_wait;kernel`__schedule"}


def test_sleeps_that_perf_inject_wrote_need_no_time() -> None:
    text = switch("5.432100", period=3_000_123_456).replace("5.432100: ", "")
    parsed = parsed_from(text * 2)
    assert parsed.profiles["ns", True].total == 6_000_246_912


def test_switches_without_a_time_are_a_loss_that_says_what_to_print(run: RunCommand) -> None:
    done = run("report", "-", stdin=switch("1.000000").replace("1.000000: ", "").encode() * 2)
    assert done.exit_code == 1
    assert "perf script -F +time" in done.stderr


def test_times_that_are_differences_are_a_loss() -> None:
    times = ["0.000000", "0.000100", "0.000020", "0.000007"] * 5
    parsed = parsed_from(
        "".join(switch(time, 5 + n % 2, 1, 6 - n % 2) for n, time in enumerate(times))
    )
    assert "unordered" in kinds_of(parsed)
    samples = "".join(SAMPLE.replace("1.000000", time) for time in times)
    assert parsed_from(samples).problems == []


@pytest.mark.parametrize(
    ("head", "execname"),
    [
        ("    perf 23885   0 51466.844619: 1 cpu-clock: ", "perf"),
        ("kworker/ 23885  12 51466.844619: 1 cpu-clock: ", "kworker/"),
        ("     a b   385/386      1 51466.844619: 1 cpu-clock: ", "a b"),
        ("Pool 3      385  1466.844619: 1 cpu-clock: ", "Pool 3"),
        ("Thread 1 12     385 51466.844619: 1 cpu-clock: ", "Thread 1 12"),
    ],
)
def test_the_cpu_may_be_without_brackets(head: str, execname: str) -> None:
    text = f"{head}\n\t1 main (/bin/a)\n\n"
    assert folded(parsed_from(text)) == {f"{execname};a`main": 1}
