"""``^FRAME`` lines before a stack: innermost frames, which dtrace may leave out of the stack."""

from __future__ import annotations

import pytest
from conftest import read_recording_bytes
from hypothesis import given
from hypothesis import strategies as st

from pvprof.model.stacks import NO_STACK, Stack, stack_of
from pvprof.parse.read import ReadOptions, read

NAMES = st.sampled_from(["__rw_wlock_hard", "pmap_enter", "vm_fault", "trap"])
FRAMES = st.lists(NAMES, min_size=1, max_size=5, unique=True)
HEADER = "#pvprof 2 {mode} sdt ns 0.1.0\n#begin 1000 2000\n"
END = "#end 9000 10000\n"
# Neither a message nor a blank line may change the stack: they send the reader another way.
NOISE = st.sampled_from(["", "dtrace: 1 drops on CPU 0\n", "\n"])


def lines(frames: list[str], indent: str) -> str:
    return "".join(f"{indent}kernel`{name}+0x1f\n" for name in frames)


def printed(frames: list[str], lost: int, indent: str) -> str:
    """Return the caller and the stack as dtrace prints them; the stack lacks `lost` frames."""
    caller = f"^kernel`{frames[0]}+0x1f ffffffff80446640\n"
    return f"{caller}{indent and chr(10)}{lines(frames[lost:], indent)}"


def expected(frames: list[str]) -> Stack:
    return stack_of(f"kernel`{name}" for name in reversed(frames))


@given(frames=FRAMES, lost=st.sampled_from([0, 1]), noise=NOISE)
def test_a_sum_has_the_caller_once(frames: list[str], lost: int, noise: str) -> None:
    record = f"> turnstile name=2:vm class=2:rw\n{printed(frames, lost, '')}= 50 2\n"
    text = HEADER.format(mode="offcpu") + noise + record + END
    parsed = read(text.encode(), "x", ReadOptions())
    assert [stack for _, stack, _ in parsed.profiles["ns", True]] == [expected(frames)]


@given(frames=FRAMES, lost=st.sampled_from([0, 1]), noise=NOISE)
def test_a_single_wait_and_its_wake_up_have_the_caller_once(
    frames: list[str], lost: int, noise: str
) -> None:
    stack = printed(frames, lost, " " * 14)
    text = (
        HEADER.format(mode="events")
        + f"S 2000 1 1 0 turnstile ff 0 name=2:vm class=2:rw exec=1:x\n{stack}{noise}\n.\n"
        + f"W 2500 1 2 0 exec=1:y\n{stack}\n.\n"
        + "R 3000 1 0\n"
        + END
    )
    parsed = read(text.encode(), "x", ReadOptions())
    assert parsed.events is not None
    assert parsed.wakeups is not None
    assert [stack for _, stack, _ in parsed.events.profile()] == [expected(frames)]
    assert list(parsed.wakeups.stacks) == [expected(frames)]


@pytest.mark.parametrize("caller", ["^0x0\n", ""])
def test_without_a_caller_the_stack_is_what_was_printed(caller: str) -> None:
    record = f"> turnstile name=2:vm class=2:rw\n{caller}{lines(['pmap_enter'], '')}= 50 2\n"
    parsed = read((HEADER.format(mode="offcpu") + record + END).encode(), "x", ReadOptions())
    assert [stack for _, stack, _ in parsed.profiles["ns", True]] == [expected(["pmap_enter"])]


def test_a_caller_alone_is_a_stack_and_no_address_is_none() -> None:
    for caller, stack in (("kernel`f+0x1", Stack("kernel`f")), ("0x0", NO_STACK)):
        text = f"{HEADER.format(mode='offcpu')}> sleepq name=1:x class=0:\n^{caller}\n= 5 1\n{END}"
        parsed = read(text.encode(), "x", ReadOptions())
        assert [found for _, found, _ in parsed.profiles["ns", True]] == [stack]


CHAINS = st.lists(
    st.sampled_from([f"f{number}" for number in range(12)]), min_size=1, max_size=10, unique=True
)


@given(chain=CHAINS, known=st.integers(1, 7), lost=st.integers(0, 4), limit=st.integers(1, 12))
def test_a_sample_has_each_frame_once_however_many_the_provider_skipped(
    chain: list[str], known: int, lost: int, limit: int
) -> None:
    lost = min(lost, known - 1, len(chain) - 1)
    inner = [f"^kernel`{name}+0x1f ffffffff80446640" for name in chain[:known]]
    inner += ["^0x0 0"] * (known - len(inner))
    printed_frames = [chain[0], *chain[1 + lost :]][:limit]
    reached = max(known, lost + limit) if limit > 1 else known
    stack = lines(printed_frames, "")
    record = "\n".join(["> on-cpu exec=1:x", *inner]) + f"\n{stack}= 7\n"
    text = f"#pvprof 2 oncpu amd64 samples 0.1.0\n#begin 1000 2000\n{record}{END}"
    parsed = read(text.encode(), "x", ReadOptions())
    whole = expected(chain[:reached])
    assert [found for _, found, _ in parsed.profiles["samples", False]] == [whole]


def test_an_address_cut_off_without_its_number_is_the_one_of_the_stack_or_unknown() -> None:
    cut, whole = "kernel`0xffffffff80", "kernel`0xffffffff8070b968"
    inner = f"> on-cpu exec=1:x\n^kernel`f+0x1\n^{cut}\n"
    for stack, frame in ((f"kernel`f+0x1\n{whole}\n", whole), ("", "kernel`[unknown]")):
        text = f"#pvprof 2 oncpu amd64 samples 0.1.0\n#begin 1 2\n{inner}{stack}= 7\n{END}"
        parsed = read(text.encode(), "x", ReadOptions())
        found = [stack for _, stack, _ in parsed.profiles["samples", False]]
        assert found == [Stack(f"{frame};kernel`f")]


def test_an_address_without_a_name_is_whole_by_the_number_behind_it() -> None:
    inner = "> on-cpu exec=1:x\n^kernel`f+0x1 ffffffff80446640\n"
    inner += "^kernel`0xffffffff80 ffffffff8070b968\n^0x0 0\n"
    whole = "kernel`0xffffffff8070b968"
    for stack in ("", "kernel`f+0x1\n", f"{whole}\n", f"kernel`f+0x1\n{whole}\n"):
        text = f"#pvprof 2 oncpu amd64 samples 0.1.0\n#begin 1 2\n{inner}{stack}= 7\n{END}"
        parsed = read(text.encode(), "x", ReadOptions())
        found = [stack for _, stack, _ in parsed.profiles["samples", False]]
        assert found == [Stack(f"{whole};kernel`f")]


@pytest.mark.parametrize(
    ("options", "frames"),
    [
        (ReadOptions(), {"[unknown];sh`main"}),
        (ReadOptions(keep_offsets=True), {"0x201ad0;sh`main+0x1", "0x201ad4;sh`main+0x1"}),
    ],
)
def test_addresses_of_programs_without_a_name_are_one_frame(
    options: ReadOptions, frames: set[str]
) -> None:
    stacks = [f"sh`main+0x1\n{address}\n" for address in ("0x201ad0", "0x201ad4")]
    records = "".join(f"> user exec=1:x\n{stack}= 7\n" for stack in stacks)
    text = f"#pvprof 2 oncpu amd64 samples 0.1.0\n#begin 1 2\n{records}{END}"
    parsed = read(text.encode(), "x", options)
    assert {stack for _, stack, _ in parsed.profiles["samples", False]} == frames
    assert parsed.profiles["samples", False].total == 14
    assert parsed.hex_frames == {"0x201ad0", "0x201ad4"}  # a note counts them in any case


@pytest.mark.slow
def test_a_program_that_had_ended_is_one_stack_and_not_one_for_each_process() -> None:
    # Addresses of a program differ in each of its processes, by address space layout randomisation.
    parsed = read(read_recording_bytes("build-oncpu.out.gz"), "x", ReadOptions())
    exact = read(read_recording_bytes("build-oncpu.out.gz"), "x", ReadOptions(keep_offsets=True))
    merged, whole = (one.profiles["samples", False] for one in (parsed, exact))
    assert merged.total == whole.total
    of_tr = {str(stack) for key, stack, _ in merged if key.execname == "tr"}
    assert any(stack.startswith("[unknown]") for stack in of_tr)
    assert not [stack for stack in of_tr if stack.startswith("0x")]
    assert 4 * sum(1 for _ in merged) < sum(1 for _ in whole)
