"""Runs whose recorder is lost, sends garbage, or cannot be reached."""

from __future__ import annotations

import io
import json
import random
import shlex
import tarfile
from pathlib import Path

import pytest

from pvprof.collect.session import Finding, Listener, examine, record
from pvprof.collect.target import Target
from pvprof.errors import TargetError, UsageError
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
    words = "ssh -T -o Port=2222 -o User=x -- root@build13 doas sh -s"
    assert target.command() == words.split()
    with pytest.raises(UsageError, match="--ssh-option needs --host"):
        Target(ssh_options=("Port=2222",))
