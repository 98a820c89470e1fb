"""``pvprof record --host`` and ``doctor --host`` through a real sshd on loopback.

sshd runs as the user of the tests, with keys and configuration of its own. A login finds the
stand-in for a FreeBSD target.
"""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.ssh_server import Server, free_port, ssh_server
from target.harness import SHELLS, Outcome, Running, StandIn, wait_until

from pvprof.recording.open import open_recording

pytestmark = pytest.mark.ssh

ROOT = Path(__file__).parent.parent.parent
ODD_WORDS = ("", " two  words ", "it's", '"', "$HOME`id`!", "a\nb", "-o", "--", "☃", "\udcff", "*")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with ssh_server(tmp_path_factory.mktemp("sshd")) as started:
        yield started


class Client:
    """pvprof on one side, the stand-in on the other side of the sshd."""

    def __init__(self, target: StandIn, server: Server) -> None:
        self.target = target
        self.server = server
        self.options = server.options
        self.target.env["PYTHONPATH"] = str(ROOT)
        self.log_in_with('exec sh -c "$SSH_ORIGINAL_COMMAND"')

    def log_in_with(self, text: str) -> None:
        """Set the sh commands of a login, run after the machine looks like the target."""
        env = {name: value for name, value in self.target.env.items() if name != "PYTHONPATH"}
        lines = [f"export {name}={shlex.quote(value)}" for name, value in env.items()]
        lines += [f"cd {shlex.quote(str(self.target.home))}", text]
        self.server.log_in_with("\n".join(lines) + "\n")

    def start(self, command: str, *words: str) -> Running:
        options = [
            word
            for name, value in self.options.items()
            for word in ("--ssh-option", f"{name}={value}")
        ]
        host = f"{getpass.getuser()}@127.0.0.1"
        line = [sys.executable, "-m", "pvprof", command, "--host", host, *options, *words]
        return Running(self.target, line, has_stdin=False)

    def run(self, command: str, *words: str) -> Outcome:
        return self.start(command, *words).wait()

    def recording(self, *words: str) -> Running:
        """Start a recording of a long workload, and wait until it runs."""
        script = "touch started; sleep 60"
        words = ("-o", "out", "--no-symbols", *words, "--", "sh", "-c", script)
        running = self.start("record", *words)
        wait_until((self.target.home / "started").exists, "the workload")
        return running

    @property
    def out(self) -> Path:
        return self.target.home / "out"


@pytest.fixture
def client(tmp_path: Path, server: Server, request: pytest.FixtureRequest) -> Iterator[Client]:
    """With an indirect parameter: one of SHELLS is the target's sh."""
    with StandIn(tmp_path, getattr(request, "param", "dash")) as target:
        target.dtrace(patched=True)
        yield Client(target, server)


# --- successful runs -----------------------------------------------------------------------------


@pytest.mark.parametrize("client", SHELLS, indirect=True)
def test_another_host_is_recorded(client: Client) -> None:
    script = 'for word do printf "%s\\0" "$word"; done >got'
    done = client.run("record", "-o", "out", "--", "sh", "-c", script, "sh", *ODD_WORDS)
    assert (done.status, done.left) == (0, [])
    assert done.said.startswith("pvprof: wrote out: 12.9 s traced")
    recording = open_recording(str(client.out))
    assert recording.problems == ()
    assert recording.manifest.raw["host"] == "target"
    assert recording.manifest.raw["complete"] is True
    assert len(recording.symbols) > 100_000
    got = (client.target.home / "got").read_bytes().split(b"\0")[:-1]
    assert [os.fsdecode(word) for word in got] == list(ODD_WORDS)
    assert recording.manifest.raw["workload"][4:] == list(ODD_WORDS)


def test_a_run_set_is_recorded_on_another_host(client: Client) -> None:
    words = ("-n", "2", "--warmup", "1", "-o", "out", "--no-symbols", "--", "true")
    done = client.run("record", *words)
    assert (done.status, done.left) == (0, [])
    names = sorted(place.name for place in client.out.iterdir())
    assert names == ["offcpu-1.pvprof", "offcpu-2.pvprof", "set.json", "warmup-1.pvprof"]


def test_doctor_checks_another_host(client: Client) -> None:
    done = client.run("doctor")
    assert (done.status, done.said, done.left) == (0, "", [])
    assert "FreeBSD 13.2-RELEASE amd64, PVLOCKPROF" in done.archive.read_text()


@pytest.mark.parametrize("shell", ["bash", "tcsh", "busybox sh"])
def test_the_login_shell_of_the_target_does_not_matter(client: Client, shell: str) -> None:
    """The shell of root was csh until FreeBSD 14."""
    if shutil.which(shell.split(maxsplit=1)[0]) is None:
        pytest.skip(f"no {shell} here")
    client.log_in_with(f'exec {shell} -c "$SSH_ORIGINAL_COMMAND"')
    words = ("-o", "out", "--no-symbols", "--root-command", "sudo -n", "--", "sh", "-c", "echo !x")
    client.target.set(uid="1001\n")
    done = client.run("record", *words)
    assert (done.status, done.left) == (0, [])
    assert open_recording(str(client.out)).manifest.raw["complete"] is True


def test_a_login_may_print_on_stderr(client: Client) -> None:
    client.log_in_with('echo "Welcome to FreeBSD!" >&2; exec sh -c "$SSH_ORIGINAL_COMMAND"')
    done = client.run("record", "-o", "out", "--no-symbols", "--", "true")
    assert (done.status, done.left) == (0, [])
    assert "pvprof: Welcome to FreeBSD!" in done.said.splitlines()


def test_a_login_that_prints_on_stdout_is_an_error(client: Client) -> None:
    client.log_in_with('echo "Welcome to FreeBSD!"; exec sh -c "$SSH_ORIGINAL_COMMAND"')
    done = client.run("record", "-o", "out", "--no-symbols", "--", "true")
    assert done.status == 3
    assert "Traceback" not in done.said
    assert "sent no recording" in done.said
    assert not client.out.exists()
    assert done.left == []


def test_tmpdir_names_the_directory_on_the_target(client: Client) -> None:
    place = client.target.top / "large"
    place.mkdir()
    words = ("--tmpdir", str(place), "-o", "out", "--no-symbols", "--")
    done = client.run("record", *words, "sh", "-c", f"ls {place} >seen")
    assert (done.status, done.left) == (0, [])
    assert (client.target.home / "seen").read_text().startswith("pvprof.")
    assert list(place.iterdir()) == []


# --- the target cannot ---------------------------------------------------------------------------


def test_not_root_on_the_other_host_is_an_error(client: Client) -> None:
    client.target.set(uid="1001\n")
    done = client.run("record", "-o", "out", "--", "true")
    assert done.status == 3
    assert done.said.splitlines() == [
        "pvprof: error: not root on target: tracing needs it",
        "  log in as root, or give --root-command",
    ]
    assert done.left == []


def test_a_host_of_another_system_is_an_error(client: Client) -> None:
    client.target.set(system="SunOS\n")
    done = client.run("record", "-o", "out", "--", "true")
    assert (done.status, done.said) == (
        3,
        "pvprof: error: target runs SunOS; pvprof records on FreeBSD, Linux",
    )


# --- ssh cannot ----------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("record", "-o", "out", "--", "true"), ("doctor",)])
def test_a_refused_connection_shows_the_message_of_ssh(
    client: Client, command: tuple[str, ...]
) -> None:
    client.options["Port"] = str(free_port())
    done = client.run(*command)
    assert done.status == 3
    assert "Connection refused" in done.said
    assert done.said.splitlines()[-1].startswith("pvprof: error: lost ")
    assert not client.out.exists()
    assert done.left == []


def test_an_unknown_host_key_is_an_error(client: Client) -> None:
    client.options["UserKnownHostsFile"] = "/dev/null"
    done = client.run("record", "-o", "out", "--", "touch", "ran")
    assert done.status == 3
    assert "Host key verification failed." in done.said.splitlines()[-1]
    assert not (client.target.home / "ran").exists()
    assert done.left == []


def test_a_key_that_the_host_does_not_know_is_an_error(client: Client) -> None:
    client.options["IdentityFile"] = str(client.server.config / "stranger")
    done = client.run("record", "-o", "out", "--", "touch", "ran")
    assert done.status == 3
    assert "Permission denied" in done.said.splitlines()[-1]
    assert not (client.target.home / "ran").exists()


def test_an_unknown_ssh_option_is_an_error(client: Client) -> None:
    client.options["NoSuchOption"] = "1"
    done = client.run("record", "-o", "out", "--", "true")
    assert done.status == 3
    assert "nosuchoption" in done.said.lower()


def test_a_missing_ssh_is_an_error(client: Client) -> None:
    client.target.env["PATH"] = str(client.target.top)
    done = client.run("record", "-o", "out", "--", "true")
    assert done.status == 3
    assert done.said.startswith("pvprof: error: cannot start ssh: No such file or directory")


def test_a_killed_ssh_leaves_nothing_on_either_side(client: Client) -> None:
    running = client.recording()
    os.kill(client.target.pid_of("ssh -T"), signal.SIGKILL)
    done = running.wait()
    assert done.status == 3
    assert done.said.splitlines()[-1].startswith("pvprof: error: ")
    assert "Traceback" not in done.said
    assert not client.out.exists()
    assert done.left == []


def test_a_killed_ssh_server_process_leaves_nothing(client: Client) -> None:
    running = client.recording()
    os.kill(session_of(client.target), signal.SIGKILL)
    done = running.wait()
    assert done.status == 3
    assert done.said.splitlines()[-1].startswith("pvprof: error: lost ")
    assert not client.out.exists()
    assert done.left == []


def test_a_connection_on_which_nothing_comes_is_given_up(client: Client) -> None:
    """A network that swallows all, without an end of the connection."""
    client.options |= {"ServerAliveInterval": "1", "ServerAliveCountMax": "2"}
    running = client.recording()
    frozen = session_of(client.target)
    os.kill(frozen, signal.SIGSTOP)
    assert running.process.wait(60) == 3
    assert running.said.splitlines()[-1].startswith("pvprof: error: lost ")
    assert "not responding" in running.said
    os.kill(frozen, signal.SIGCONT)
    assert running.wait().left == []
    assert not client.out.exists()


def test_a_killed_recorder_leaves_nothing_and_is_noticed(client: Client) -> None:
    running = client.recording()
    os.kill(int((client.target.lock / "pid").read_text()), signal.SIGKILL)
    done = running.wait()
    assert done.status == 3
    assert "lost " in done.said
    assert not client.out.exists()
    assert done.left == []


def session_of(target: StandIn) -> int:
    """Return the sshd process that serves the connection."""
    pid = target.pid_of("fake_dtrace.py")
    while b"sshd" not in Path(f"/proc/{pid}/cmdline").read_bytes():
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return pid


def test_a_connection_cut_while_sending_keeps_what_arrived(client: Client) -> None:
    """The kernel's symbols are sent last: they are cut, and the recording opens."""
    (client.target.state / "symbols").write_bytes(os.urandom(2_000_000))
    client.log_in_with('sh -c "$SSH_ORIGINAL_COMMAND" | head -c 500000')
    done = client.run("record", "-o", "out", "--", "true")
    assert done.status == 1
    recording = open_recording(str(client.out))
    assert recording.manifest.raw["complete"] is False
    assert "lost on the way" in recording.manifest.raw["incomplete_reason"]
    assert [problem.kind for problem in recording.problems] == ["incomplete"]
    assert b"#end" in bytes(recording.data)
    assert done.left == []


def test_a_recording_with_cut_data_opens(client: Client) -> None:
    client.log_in_with('sh -c "$SSH_ORIGINAL_COMMAND" | head -c 5000')
    done = client.run("record", "events", "-o", "out", "--no-symbols", "--", "true")
    assert done.status == 1
    recording = open_recording(str(client.out))
    assert recording.manifest.raw["complete"] is False
    assert recording.manifest.raw["mode"] == "events"
    assert bytes(recording.data).startswith(b"#pvprof 2 events ")
    assert b"#end" not in bytes(recording.data)
    assert done.left == []


# --- interrupts ----------------------------------------------------------------------------------


def test_ctrl_c_keeps_the_recording(client: Client) -> None:
    running = client.recording()
    running.process.send_signal(signal.SIGINT)
    done = running.wait()
    assert done.status == 1
    assert done.said.splitlines()[-1] == "pvprof: error: incomplete: stopped before its end"
    manifest = open_recording(str(client.out)).manifest
    assert manifest.raw["incomplete_reason"] == "stopped before its end"
    assert manifest.raw["end_marker"] is True
    assert done.left == []


def test_ctrl_c_on_a_terminal_keeps_the_recording(client: Client) -> None:
    running = client.recording()
    os.killpg(running.process.pid, signal.SIGINT)
    done = running.wait()
    assert done.said.splitlines()[-1] == "pvprof: error: incomplete: stopped before its end"
    assert client.out.is_dir()
    assert done.left == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_process_group_keeps_the_recording(
    client: Client, number: signal.Signals
) -> None:
    """ssh is in the group: a closed terminal and timeout(1) signal it as well."""
    running = client.recording()
    os.killpg(running.process.pid, number)
    done = running.wait()
    assert done.status == 1
    assert done.said.splitlines()[-1] == "pvprof: error: incomplete: stopped before its end"
    assert open_recording(str(client.out)).manifest.raw["end_marker"] is True
    assert done.left == []


def test_ctrl_c_twice_drops_the_recording(client: Client) -> None:
    client.target.dtrace(patched=True, end_s=60)
    running = client.recording()
    running.process.send_signal(signal.SIGINT)
    wait_until(lambda: any(client.target.tmp.glob("*/asked")), "the first wish to stop")
    running.process.send_signal(signal.SIGINT)
    done = running.wait()
    assert done.status == 130
    assert done.said.splitlines()[-1] == "pvprof: error: dropped: nothing was kept"
    assert not client.out.exists()
    assert done.left == []


def test_pvprof_killed_leaves_nothing_on_the_target(client: Client) -> None:
    running = client.recording()
    running.process.kill()
    done = running.wait()
    assert done.left == []
