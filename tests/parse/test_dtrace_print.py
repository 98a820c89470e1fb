"""What dtrace really prints, for all keys, values and actions that a program may have."""

from __future__ import annotations

import re

import pytest
from conftest import FIXTURES
from helpers.foreign.folding import folded, read_text

from pvprof.errors import InputError
from pvprof.parse.result import ParseResult

PRINTS = FIXTURES / "freebsd-13.2-dtrace"


def text_of(name: str) -> bytes:
    return (PRINTS / f"{name}.out").read_bytes()


def parsed_from(name: str) -> ParseResult:
    return read_text(text_of(name))


def stacks_of(name: str) -> dict[str, int]:
    """Return all stacks of a real output, which has one unit."""
    (stacks,) = folded(parsed_from(name)).values()
    return stacks


def sum_at_line_ends(text: bytes) -> int:
    """Return the sum of the numbers that lines end in, without histograms."""
    lines = [line for line in text.split(b"\n") if b"|" not in line]
    return sum(int(match[1]) for line in lines if (match := re.search(rb"(?:^| )(\d+) *$", line)))


# ---- aggregations -------------------------------------------------------------------------------

SUMS = (
    "function", "module", "key-function", "umod-usym", "function-printa", "integer-keys",
    "address-key", "long-key", "plain", "key-stack", "stack-key", "pid-key-stack", "stack-pid",
    "stack-text", "stack-address", "both", "stack-printa", "key-stack-printa", "padded-printa",
    "both-printa", "two-values-key", "plain-five", "sortkey", "stackindent", "trunc",
    "printf-before",
)  # fmt: skip


@pytest.mark.parametrize("name", SUMS)
def test_every_value_is_counted(name: str) -> None:
    parsed = parsed_from(name)
    (stacks,) = folded(parsed).values()
    assert sum(stacks.values()) == sum_at_line_ends(text_of(name))
    assert {problem.kind for problem in parsed.problems} <= {"printed"}


@pytest.mark.parametrize(
    ("name", "stack", "value"),
    [
        ("function", "kernel`devfs_find", 1),
        ("function-printa", "kernel`virtqueue_notify", 1),
        ("module", "kernel;[no stack]", 237),
        ("key-function", "ls;kernel`_fdrop", 1),
        ("umod-usym", "ld-elf.so.1;ld-elf.so.1`0x46e03d401610", None),
        ("integer-keys", "0;[no stack]", 106),
        ("address-key", "-2140166090|idle;[no stack]", 8),
        ("stack-pid", "3;kernel`virtqueue_poll", 1),
        ("stack-pid", "1598;[no stack]", 2),
        ("stack-address", "0;kernel`kern_openat;kernel`namei", None),
        ("stack-text", "a b|c;kernel`ithread_loop;kernel`spinlock_exit", 1),
        ("padded-printa", "dd;kernel`fget_unlocked", 1),
        ("both-printa", "ls;[unknown];[unknown];[unknown];-;kernel`vm_fault", None),
        ("trunc", "[no stack]", 120),
        ("printf-before", "kernel`devfs_ioctl_f;kernel`vn_ioctl;kernel`spinlock_exit", 6),
        ("agghist", "idle;[no stack]", 157),
        ("agghist", "pagedaemon;[no stack]", 5),
    ],
)
def test_keys_and_frames_are_told_apart(name: str, stack: str, value: int | None) -> None:
    stacks = stacks_of(name)
    if value is not None:
        assert stacks[stack] == value
    assert not [one for one in stacks if re.search(r"\s\d+$|Distribution|\||Tracing", one)
                and name not in ("address-key", "integer-keys", "stack-text", "pid-key-stack")
               ]  # fmt: skip


@pytest.mark.parametrize("name", ["two-values", "two-values-printa"])
def test_two_values_of_a_stack_are_a_time_and_a_count(name: str) -> None:
    pairs = re.findall(rb"(?m)^ *(\d+) +(\d+)$", text_of(name))
    assert sum(stacks_of(name).values()) == sum(int(first) for first, _ in pairs)
    ((_, profile),) = parsed_from(name).profiles.items()
    assert sum(weight.count for _, _, weight in profile) == sum(int(count) for _, count in pairs)


def test_three_values_of_a_stack_are_refused() -> None:
    with pytest.raises(InputError, match="more than a value and a count: '1 2 7'"):
        parsed_from("three-values")


@pytest.mark.parametrize("name", ["printf-between", "printf-between-q"])
def test_printed_lines_between_prints_are_no_keys(name: str) -> None:
    parsed = parsed_from(name)
    (stacks,) = folded(parsed).values()
    text = re.sub(rb".*after \d s\n", b"", text_of(name))
    assert sum(stacks.values()) == sum_at_line_ends(text)
    assert not [stack for stack in stacks if "after" in stack]
    assert "printed" in [problem.kind for problem in parsed.problems]


@pytest.mark.parametrize(("name", "count"), [("lquantize-stack", 5), ("llquantize", 1)])
def test_histograms_are_read_below_keys_and_stacks(name: str, count: int) -> None:
    parsed = parsed_from(name)
    assert sum(one.count for one in parsed.histograms) == count
    if name == "lquantize-stack":
        assert folded(parsed) == {"events": {"ls;kernel`0xffffffff8070bddb": count}}


def test_counts_by_key_with_bars_are_weights() -> None:
    rows = re.findall(rb"\|@* +(\d+)", text_of("agghist"))
    assert sum(stacks_of("agghist").values()) == sum(map(int, rows)) == 515


def test_packed_histograms_are_refused() -> None:
    with pytest.raises(InputError, match="histograms of -x aggpack: record without it"):
        parsed_from("aggpack")


# ---- rows of functions, as people paste them ----------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "  kernel`lock_delay            17\n  kernel`cpu_idle          4711\n",
            {"kernel`lock_delay": 17, "kernel`cpu_idle": 4711},
        ),
        (
            "kernel`lock_delay+0x32 17\nkernel`lock_delay+0x40 3\n0xffffffff80c1d2a4 5\n",
            {"kernel`lock_delay": 20, "0xffffffff80c1d2a4": 5},
        ),
        (
            "  sh      kernel`vm_fault        4\n  ls      kernel`vm_fault       40\n",
            {"sh;kernel`vm_fault": 4, "ls;kernel`vm_fault": 40},
        ),
        (
            "  kernel                    vm_fault                  12\n"
            "  zfs.ko                    arc_read                   3\n",
            {"kernel|vm_fault;[no stack]": 12, "zfs.ko|arc_read;[no stack]": 3},
        ),
        (
            "  libc.so.7`a b(int)       17\n  prog`operator new(unsigned long)    3\n",
            {"libc.so.7`a b": 17, "prog`operator new": 3},
        ),
    ],
)
def test_rows_of_functions_are_stacks_of_one_frame(text: str, expected: dict[str, int]) -> None:
    (stacks,) = folded(read_text(text.encode())).values()
    assert stacks == expected
    header = "CPU     ID                    FUNCTION:NAME\n  0  29891       :tick-3s \n\n"
    if text.startswith("  "):
        (below_header,) = folded(read_text((header + text).encode())).values()
        assert below_header == expected


def test_numbers_of_any_length_are_no_traceback() -> None:
    for digits in ("9" * 5000, "-" + "9" * 5000):
        texts = (
            f"  sh     {digits}\n  ls     2\n",
            f"\n\n   kernel`f\n   {digits}\n\n",
            f"sh {digits}\nls 2\ncat 3\n",
            f"\n   kernel`f\n  {digits}    {digits}\n\n",
        )
        for text in texts:
            try:
                parsed = read_text(text.encode())
            except InputError:
                continue
            assert [one for one in parsed.problems if one.severity == "loss"]


# ---- stack() as an action -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "events"),
    [
        ("single-stacks", 5),
        ("single-ustacks", 6),
        ("single-stacks-printf", 5),
        ("single-stacks-number", 2),
        ("single-stacks-number-after", 6),
        ("single-stacks-trace", 6),
    ],
)
def test_each_single_stack_counts_once(name: str, events: int) -> None:
    parsed = parsed_from(name)
    assert parsed.layout == "single-stacks"
    found = folded(parsed)
    assert list(found) == ["events"]
    assert sum(found["events"].values()) == events
    assert [problem.severity for problem in parsed.problems] == ["note"] * len(parsed.problems)
    rows = [
        line for line in text_of(name).split(b"\n") if re.search(rb"(?:malloc|read):entry", line)
    ]
    assert len(rows) == events


def test_the_stacks_of_both_sides_of_one_event_are_one_stack() -> None:
    assert stacks_of("single-stacks-number") == {
        "[unknown];[unknown];-;kernel`0xffffffff8070bddb": 2
    }


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("single-stacks-q", "stacks without values"),
        ("single-stacks-number-q", "numbers before the stacks, and none after the last"),
        ("value-first", "numbers before the stacks, and none after the last"),
    ],
)
def test_stacks_whose_values_cannot_be_told_are_refused(name: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as error:
        parsed_from(name)
    assert "@[stack()] = count()" in error.value.hint


@pytest.mark.parametrize("name", ["trace", "probe-list"])
def test_other_output_of_dtrace_is_an_error(name: str) -> None:
    with pytest.raises(InputError):
        parsed_from(name)


def test_sums_among_single_stacks_are_a_loss() -> None:
    sums = b"  0  29891                         :END \n\n              kernel`f+0x1\n        7\n\n"
    parsed = read_text(text_of("single-stacks") + sums + sums[40:] + sums[40:])
    assert parsed.layout == "single-stacks"
    assert "sums" in [problem.kind for problem in parsed.problems]


def test_a_single_stack_that_was_cut_off_is_left_out() -> None:
    lines = text_of("single-stacks").splitlines(keepends=True)
    parsed = read_text(b"".join(lines[:-4]))
    assert sum(folded(parsed)["events"].values()) == 4
    assert "cut-off" in [problem.kind for problem in parsed.problems]
