"""Runs whose recorder is lost, sends garbage, or cannot be reached."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import shlex
import signal
import tarfile
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from pvprof.collect import arrival
from pvprof.collect.session import Finding, Listener, examine, record
from pvprof.collect.target import Target
from pvprof.errors import DroppedError, TargetError, UsageError
from pvprof.recording.limits import Limits
from pvprof.recording.open import open_recording

RAW = "".join(
    f"{random.Random(number).random()}\n" for number in range(20_000)
)  # does not compress well


def _archive(members: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, text in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return stream.getvalue()


def _target(tmp_path: Path, data: bytes, script: str) -> Target:
    """Return a target whose shell runs a script of the test instead of the recorder."""
    (tmp_path / "data").write_bytes(data)
    text = f"cat >/dev/null & cd {shlex.quote(str(tmp_path))}; {script}"
    return Target(root_command=("sh", "-c", text))


MANIFEST = json.dumps({"schema": 1, "mode": "offcpu", "complete": True})
WHOLE = _archive({"x.pvprof/manifest.json": MANIFEST, "x.pvprof/raw.out": RAW})


def test_a_whole_archive_becomes_a_directory(tmp_path: Path) -> None:
    target = _target(tmp_path, WHOLE, "cat data")
    manifest = record(target, "", tmp_path / "out", Listener())
    assert manifest.raw["complete"] is True
    assert (tmp_path / "out/raw.out").read_text() == RAW


@pytest.mark.parametrize("share", [0.4, 0.9])
def test_an_archive_cut_on_the_way_is_kept_and_marked_incomplete(
    tmp_path: Path, share: float
) -> None:
    cut = int(len(WHOLE) * share)
    target = _target(tmp_path, WHOLE, f"head -c {cut} data; exit 255")
    told: list[str] = []
    manifest = record(target, "", tmp_path / "out", Listener(message=told.append))
    assert manifest.raw["complete"] is False
    assert manifest.raw["mode"] == "offcpu"
    assert "lost on the way from this machine" in manifest.raw["incomplete_reason"]
    assert told == [f"incomplete: {manifest.raw['incomplete_reason']}"]
    kept = open_recording(str(tmp_path / "out"))
    assert RAW.startswith(bytes(kept.data).decode())
    assert [problem.kind for problem in kept.problems] == ["incomplete"]


def test_a_target_that_sends_nothing_is_an_error_with_its_last_words(tmp_path: Path) -> None:
    target = _target(tmp_path, b"", "echo 'ssh: no route to host' >&2; exit 255")
    with pytest.raises(TargetError, match="lost this machine: ssh: no route to host"):
        record(target, "", tmp_path / "out", Listener())
    assert sorted(place.name for place in tmp_path.iterdir()) == ["data"]


def test_what_the_recorder_calls_an_error_is_the_error(tmp_path: Path) -> None:
    script = "echo 'pvprof: error: not root' >&2; echo 'pvprof: hint: be root' >&2; exit 3"
    with pytest.raises(TargetError, match=r"^not root$") as caught:
        record(_target(tmp_path, b"", script), "", tmp_path / "out", Listener())
    assert caught.value.hint == "be root"
    assert caught.value.exit_code == 3


def test_members_outside_a_recording_are_not_written(tmp_path: Path) -> None:
    data = _archive(
        {"x/manifest.json": MANIFEST, "../../evil": "1", "/etc/evil": "2", "x/raw.out": "#"}
    )
    record(_target(tmp_path, data, "cat data"), "", tmp_path / "out", Listener())
    assert sorted(place.name for place in (tmp_path / "out").iterdir()) == [
        "manifest.json",
        "raw.out",
    ]
    assert not list(tmp_path.parent.rglob("evil"))


DEEP = "[" * 5000 + "]" * 5000


@pytest.mark.parametrize(
    "manifest",
    [
        "{",
        "",
        "[]",
        "null",
        "7",
        DEEP,
        '{"schema": 2}',
        '{"schema": [1]}',
        f'{{"schema": 1, "run": {"9" * 5000}}}',
        '{"schema": 1, "host": "\\ud800"',
        "x" * ((16 << 20) + 1),
    ],
    ids=lambda text: text[:24] or "empty",
)
def test_a_recording_with_a_damaged_manifest_is_kept_and_marked_incomplete(
    tmp_path: Path, manifest: str
) -> None:
    data = _archive({"x/manifest.json": manifest, "x/raw.out": RAW})
    told: list[str] = []
    listener = Listener(message=told.append)
    known = record(_target(tmp_path, data, "cat data"), "", tmp_path / "out", listener)
    assert (known.is_complete, (tmp_path / "out/raw.out").read_text()) == (False, RAW)
    assert told == [f"incomplete: {known.incomplete_reason}"]
    opened = open_recording(str(tmp_path / "out"))
    assert opened.manifest == known
    assert [problem.kind for problem in opened.problems] == ["incomplete"]


@pytest.mark.parametrize(
    "fact",
    [
        '"drops": "x"',
        '"duration_ns": "x"',
        '"duration_ns": 1' + "0" * 400,
        '"layout": []',
        '"kernel": [[]]',
        '"real_s": 1e999',
        '"host": "\\ud800\\u0000"',
    ],
)
def test_a_fact_of_another_type_counts_as_missing(tmp_path: Path, fact: str) -> None:
    manifest = f'{{"schema": 1, "complete": true, {fact}}}'
    data = _archive({"x/manifest.json": manifest, "x/raw.out": RAW})
    known = record(_target(tmp_path, data, "cat data"), "", tmp_path / "out", Listener())
    assert (known.is_complete, known.drops, known.duration_ns) == (True, 0, 0)
    assert open_recording(str(tmp_path / "out")).manifest == known


def test_a_recording_without_a_manifest_is_kept_and_marked_incomplete(tmp_path: Path) -> None:
    data = _archive({"x/raw.out": RAW})
    known = record(_target(tmp_path, data, "cat data"), "", tmp_path / "out", Listener())
    assert known.incomplete_reason == "no manifest came"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("cat data; head -c 2000000 /dev/zero | tr '\\0' x", "ends early"),
        ("cat data; yes garbage", "ends early"),
        ("cat zeros.gz", "the archive unpacks to too much"),
    ],
)
def test_a_target_that_sends_without_end_is_left(
    tmp_path: Path, script: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrival, "USUAL", Limits(unpacked_bytes=1 << 20))
    header = tarfile.TarInfo("x/raw.out")
    header.size = 10 << 30
    packer = zlib.compressobj(9, wbits=31)
    zeros = [packer.compress(header.tobuf())]
    zeros += [packer.compress(bytes(1 << 20)) for _ in range(4)]
    (tmp_path / "zeros.gz").write_bytes(b"".join(zeros) + packer.flush())
    told: list[str] = []
    listener = Listener(message=told.append)
    target = _target(tmp_path, WHOLE[:-60], script)
    known = record(target, "", tmp_path / "out", listener)
    assert known.is_complete is False
    assert reason in told[-1]


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_huge_header_from_a_target_is_not_read(tmp_path: Path, kind: bytes) -> None:
    header = tarfile.TarInfo("x/raw.out")
    header.type, header.size = kind, 1 << 40
    data = gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    with pytest.raises(TargetError, match="a header of more than 1 MiB"):
        record(_target(tmp_path, data, "cat data"), "", tmp_path / "out", Listener())


def test_lines_without_an_end_are_heard_in_pieces(tmp_path: Path) -> None:
    heard: list[str] = []
    script = "head -c 300000 /dev/zero | tr '\\0' x >&2; cat data"
    listener = Listener(message=heard.append)
    record(_target(tmp_path, WHOLE, script), "", tmp_path / "out", listener)
    assert sum(map(len, heard)) == 300_000
    assert max(map(len, heard)) < 100_000


def test_progress_of_huge_numbers_is_a_message(tmp_path: Path) -> None:
    script = f"echo 'pvprof: progress: {'9' * 5000} 1 1' >&2; cat data"
    told: list[object] = []
    listener = Listener(progress=lambda *numbers: told.append(numbers))
    record(_target(tmp_path, WHOLE, script), "", tmp_path / "out", listener)
    assert told == []


def test_an_archive_without_output_is_no_recording(tmp_path: Path) -> None:
    data = _archive({"x/manifest.json": MANIFEST})
    with pytest.raises(TargetError, match="sent no recording"):
        record(_target(tmp_path, data, "cat data"), "", tmp_path / "out", Listener())
    assert not (tmp_path / "out").exists()


def test_a_directory_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        record(_target(tmp_path, WHOLE, "cat data"), "", tmp_path / "no/out", Listener())


def test_listeners_hear_states_progress_and_messages(tmp_path: Path) -> None:
    script = (
        "echo 'pvprof: state: recording' >&2; echo 'pvprof: progress: 3 4096 12' >&2;"
        "echo 'pvprof: note: a note' >&2; echo 'Warning: added a key' >&2; cat data"
    )
    told: list[object] = []
    listener = Listener(
        state=told.append,
        progress=lambda seconds, size, drops: told.append((seconds, size, drops)),
        message=told.append,
    )
    record(_target(tmp_path, WHOLE, script), "", tmp_path / "out", listener)
    assert told == ["recording", (3, 4096, 12), "a note", "Warning: added a key"]


def test_findings_of_a_doctor_have_four_parts(tmp_path: Path) -> None:
    data = b"ok\troot\tuid 0\t\nbad\tdtrace\tnone\tload it\nnoise\n"
    assert examine(_target(tmp_path, data, "cat data"), "") == [
        Finding("ok", "root", "uid 0", ""),
        Finding("bad", "dtrace", "none", "load it"),
    ]


def test_a_missing_program_is_an_error() -> None:
    with pytest.raises(TargetError, match="cannot start no-such-program"):
        examine(Target(root_command=("no-such-program",)), "")


@pytest.mark.parametrize("host", ["-oProxyCommand=evil", "a b", "a\nb"])
def test_a_host_that_ssh_would_take_for_something_else_is_refused(host: str) -> None:
    with pytest.raises(UsageError, match="not a host"):
        Target(host=host)


def test_ssh_gets_its_options_and_starts_a_shell_that_reads_stdin() -> None:
    target = Target("root@build13", ("Port=2222", "User=x"), ("doas",))
    alive = "-o ServerAliveInterval=15 -o ServerAliveCountMax=4"
    words = f"ssh -T -o Port=2222 -o User=x {alive} -- root@build13 doas sh -s"
    assert target.command() == words.split()
    with pytest.raises(UsageError, match="--ssh-option needs --host"):
        Target(ssh_options=("Port=2222",))


# --- a recorder that is killed, is slow to listen, or falls silent -------------------------------


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[str]:
    """Return a script that starts a process with the shell's pipes, which outlives the shell."""
    yield "sleep 60 & echo $! >other"
    os.kill(int((tmp_path / "other").read_text()), signal.SIGKILL)


def test_the_end_of_the_shell_is_noticed_though_another_process_has_its_pipes(
    tmp_path: Path, holder: str
) -> None:
    target = _target(tmp_path, b"", f"{holder}; kill -9 $$")
    with pytest.raises(TargetError, match=r"sent no recording|killed by signal 9"):
        record(target, "", tmp_path / "out", Listener())
    assert not (tmp_path / "out").exists()


def test_what_came_from_a_shell_that_was_killed_is_kept_though_its_pipes_are_held(
    tmp_path: Path, holder: str
) -> None:
    target = _target(tmp_path, WHOLE, f"{holder}; head -c 5000 data; kill -9 $$")
    manifest = record(target, "", tmp_path / "out", Listener())
    assert manifest.is_complete is False
    assert "lost on the way from this machine" in (manifest.incomplete_reason or "")


def _interrupt_after(seconds: float) -> None:
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()


@pytest.mark.parametrize("size", [100, 1_000_000], ids=["short", "longer than a pipe"])
def test_ctrl_c_ends_a_shell_that_has_not_said_anything(tmp_path: Path, size: int) -> None:
    """It may be ssh that asks for a passphrase, and does not read its stdin yet."""
    target = Target(root_command=("sh", "-c", "exec sleep 60"))
    _interrupt_after(0.3)
    begun_s = time.monotonic()
    with pytest.raises(DroppedError):
        record(target, "x" * size, tmp_path / "out", Listener())
    assert time.monotonic() - begun_s < 30
    assert list(tmp_path.iterdir()) == []


def test_words_are_sent_after_the_first_words_of_the_recorder(tmp_path: Path) -> None:
    script = "echo 'pvprof: state: preparing' >&2; read -r word; echo $word >got; cat data"
    target = Target(root_command=("sh", "-c", f"cd {shlex.quote(str(tmp_path))}; {script}"))
    (tmp_path / "data").write_bytes(WHOLE)
    heard: list[str] = []

    def hear(state: str) -> None:
        heard.append(state)
        if state == "preparing":
            _interrupt_after(0.1)

    record(target, "", tmp_path / "out", Listener(state=hear))
    assert (tmp_path / "got").read_text() == "stop\n"
    assert heard == ["preparing", "stopping; Ctrl-C again drops the recording"]


def test_silence_while_tracing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pvprof.collect.session._SILENCE_S", 1)
    script = "echo 'pvprof: progress: 1 1 0' >&2; sleep 3; cat data"
    told: list[str] = []
    states: list[str] = []
    listener = Listener(message=told.append, state=states.append)
    record(_target(tmp_path, WHOLE, script), "", tmp_path / "out", listener)
    assert told == ["nothing heard from this machine for 1 s"]
    assert states[0] == "nothing heard for 1 s"


def test_silence_before_tracing_is_usual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pvprof.collect.session._SILENCE_S", 1)
    told: list[str] = []
    script = "echo 'pvprof: state: preparing' >&2; sleep 2; cat data"
    listener = Listener(message=told.append)
    record(_target(tmp_path, WHOLE, script), "", tmp_path / "out", listener)
    assert told == []
