"""Notes on addresses without a name: the kernel's need symbols, a program's have none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pvprof.parse.read import ReadOptions, read_recording
from pvprof.recording.open import open_recording

# Root of a user stack whose frame pointers led nowhere, as recorded on Linux 6.18.
GARBAGE = ["0xffffffffffffffff", "0xfffff0fffff6ff37"]
OF_KERNEL = "0xffffffffc0123456"


def notes_on(text: str, tmp_path: Path) -> dict[str, int]:
    path = tmp_path / "raw.out"
    path.write_text(text)
    parsed = read_recording(open_recording(str(path)), ReadOptions(jobs=1))
    return {one.kind: one.count for one in parsed.problems if one.kind.startswith("hex-")}


def frames(*names: str) -> str:
    return "".join(f"\n    {name}" for name in names) + "\n"


def of_bpftrace(mode: str, parts: str, key: str) -> str:
    printed = ["#pvprof 2 offcpu linux ns 0.1.0 frames=32\n", f"#map {mode} {parts}\n"]
    printed += ["#begin 1000 5000\n", "#end 9000 5000\n"]
    records: list[object] = [{"type": "printf", "data": data} for data in printed]
    sums = {key: {"count": 1, "average": 5, "total": 5}}
    records.insert(3, {"type": "stats", "data": {f"@{mode}": sums}})
    return "".join(json.dumps(record) + "\n" for record in records)


USER = frames("read+4", *GARBAGE)
KERNEL = frames(OF_KERNEL, "__schedule+9")
PERF = f"""\
sh  7/7  [000] 10.000000000:  1 cpu-clock:ppp:
    ffffffff81000002 __schedule+0x23 ([kernel.kallsyms])
    {GARBAGE[0][2:]} [unknown] ([unknown])

"""
CASES = {
    "bpftrace": (of_bpftrace("off_cpu", "stack user_stack", f"{KERNEL},{USER}"), (1, 2)),
    "only programs": (of_bpftrace("on_cpu", "stack user_stack", f",{USER}"), (0, 2)),
    "no programs": (of_bpftrace("off_cpu", "stack", KERNEL), (1, 0)),
    "in both": (of_bpftrace("off_cpu", "stack user_stack", f"{KERNEL},{KERNEL}"), (1, 0)),
    "maps": (f"@ns[{KERNEL}, {USER}, sh]: 5\n", (1, 2)),
    "perf": (PERF, (0, 1)),
    "folded": (f"read;{GARBAGE[0]};-;kernel`__schedule 5\n", (0, 0)),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES)
def test_what_only_user_stacks_have_is_no_kernel_address(
    text: str, expected: tuple[int, int], tmp_path: Path
) -> None:
    kernel, user = expected
    notes = {"hex-frames": kernel, "hex-user-frames": user}
    assert notes_on(text, tmp_path) == {kind: count for kind, count in notes.items() if count}
