"""Where the recorder runs: this machine, or another one through the system's ssh.

Owns the command line that reaches a shell on the target; ``session`` owns what that shell is sent.
"""

from __future__ import annotations

import signal
import subprocess
from dataclasses import dataclass

from pvprof.errors import TargetError, UsageError

_KEEP_ALIVE = ("ServerAliveInterval=15", "ServerAliveCountMax=4")
"""ssh gives a connection up on which nothing has come for a minute."""

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Target:
    """A machine on which a shell can be started.

    Attributes:
        host: as ssh takes it, ``user@host`` or an alias in the user's configuration; empty: here.
        ssh_options: values of ssh's ``-o``.
        root_command: runs a command as root there (``sudo -n``, ``doas``), or empty.
    """

    host: str = ""
    ssh_options: tuple[str, ...] = ()
    root_command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.host.startswith("-") or any(map(str.isspace, self.host)):
            raise UsageError(f"not a host: {self.host!r}")
        if self.ssh_options and not self.host:
            raise UsageError("--ssh-option needs --host")

    @property
    def name(self) -> str:
        """Return the name of the target in messages."""
        return self.host or "this machine"

    def command(self) -> list[str]:
        """Return the command that starts a shell there, which reads its program from stdin."""
        shell = [*self.root_command, "sh", "-s"]
        if not self.host:
            return shell
        # ssh takes the first value of an option: the user's own come first.
        options = [word for one in (*self.ssh_options, *_KEEP_ALIVE) for word in ("-o", one)]
        return ["ssh", "-T", *options, "--", self.host, *shell]

    def start(self) -> subprocess.Popen[bytes]:
        """Start the shell, with pipes to its stdin, stdout and stderr.

        No signal that ends the recording must reach it: the session sends words on its stdin
        instead. So a shell here gets a process group of its own. ssh stays in ours, or it could not
        ask for a passphrase; it is started with these signals ignored, and keeps that.

        Raises:
            TargetError: the program does not exist.
        """
        command = self.command()
        ignored = _ENDING if self.host else ()
        before = {number: signal.signal(number, signal.SIG_IGN) for number in ignored}
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                process_group=None if self.host else 0,
            )
        except OSError as error:
            raise TargetError(f"cannot start {command[0]}: {error.strerror}") from error
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
