"""What other people's programs print on this kernel: bpftrace of each release at hand, and bcc.

``PVPROF_BPFTRACES`` may name a folder with more releases (``test_live_releases``). bcc's tools in
Python need the headers of the kernel; ``BCC_KERNEL_SOURCE`` may name a folder with them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import require
from helpers.live import reason_against
from peers import program

from pvprof.parse.read import ReadOptions, read

RELEASES = {
    "installed": shutil.which("bpftrace") or "bpftrace",
    **{
        path.parent.name: str(path)
        for path in Path(os.environ.get("PVPROF_BPFTRACES", "/nowhere")).glob("*/bpftrace")
    },
}
# Every map counts the same samples. `@total` is their number, added up by bpftrace.
PROBE = """profile:hz:99 {
  @stacks[kstack(3), comm] = count();
  @both[kstack, ustack(2), comm] = count();
  @first[comm, pid, kstack(perf, 3)] = count();
  @stats[kstack(2), comm] = stats(1);
  @names[comm, cpu] = count();
  @length_us[comm] = hist(cpu);
  @last[cpu] = comm;
  @total = count();
%s}
interval:ms:500 { exit(); }
"""
MAPS = ("stacks", "both", "first", "stats", "names")
NEWER_MAPS = {
    "nested": "  @nested[(kstack(2), comm), (1, pid)] = count();\n",
    "raw": "  @raw[kstack(raw, 3), ustack(raw, 2)] = count();\n",
}


@pytest.fixture(scope="module", autouse=True)
def _traceable() -> None:
    reason = reason_against()
    require(not reason, reason)


def output_of(*command: str) -> str:
    # To look up the functions of programs takes longer than all else.
    environment = {**os.environ, "BPFTRACE_NO_USER_SYMBOLS": "1"}
    done = subprocess.run(command, capture_output=True, env=environment, check=False)
    return done.stdout.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("is_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("release", RELEASES)
def test_each_map_of_a_program_has_all_samples(release: str, is_json: bool) -> None:
    command = [RELEASES[release], *(["-f", "json"] if is_json else []), "-e"]
    text, more = "", NEWER_MAPS
    for more in (NEWER_MAPS, {}):  # releases before 0.22 know neither tuples in keys nor raw
        text = text or output_of(*command, PROBE % "".join(more.values()))
    names = [*MAPS, *(more if "@nested" in text else ())]
    total = re.search(r'"?@total"?: (\d+)', text)
    assert total is not None, text[:500]
    samples = int(total[1])
    assert samples > 20
    for name in names:
        options = ReadOptions(profile=re.compile(f"^@{name}$"), jobs=1)
        parsed = read(text.encode("utf-8", "surrogateescape"), release, options)
        (profile,) = parsed.profiles.values()
        assert profile.total == samples, name
        assert {one.kind for one in parsed.problems if one.severity == "loss"} == set()
        assert sum(histogram.count for histogram in parsed.histograms) == samples
        frames = {frame for _, stack, _ in profile for frame in stack.split(";")}
        assert not [frame for frame in frames if re.search(r"\+\d+$|^[0-9a-f]{8,16} ", frame)]


BCC = {
    ("profile-bpfcc", "-d", "-F", "99", "1"): "samples",
    ("stackcount-bpfcc", "-P", "-D", "1", "t:sched:sched_switch"): "events",
    (program("offcputime"), "-v", "-k", "1"): "ns",  # kernel threads: fast to name
    (program("wakeuptime"), "1"): "ns",
}


@pytest.mark.parametrize("command", BCC, ids=" ".join)
def test_each_value_of_bcc_is_read(command: tuple[str, ...]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    text = output_of(*command)
    values = [int(value) for value in re.findall(r"(?m)^\s+(\d+)$", text)]
    if not values:
        pytest.skip(f"{command[0]} cannot trace here: it needs the headers of this kernel")
    unit = BCC[command]
    options = ReadOptions(unit=unit, unit_size=1000 if unit == "ns" else 1, jobs=1)
    parsed = read(text.encode("utf-8", "surrogateescape"), command[0], options)
    assert parsed.layout == "bcc"
    assert parsed.profiles[unit, False].total == sum(values) * options.unit_size
    assert parsed.records == len(values)
    lost = {one.kind for one in parsed.problems if one.severity == "loss"}
    assert lost <= {"lost-stacks", "negative-value"}
