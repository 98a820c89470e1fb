"""Where the recorder runs: this machine, or another one through the system's ssh.

Owns the command line that reaches a shell on the target, and nothing of what is said to that shell
(``tracer`` does that).
"""

from __future__ import annotations

import signal
import subprocess
from dataclasses import dataclass

from pvprof.errors import TargetError, UsageError


@dataclass(frozen=True, slots=True)
class Target:
    """A machine on which a shell can be started.

    Attributes:
        host: as ssh takes it, ``user@host`` or an alias of the user's configuration; empty: here.
        ssh_options: each goes to ssh's ``-o``.
        root_command: what makes a command run as root there (``sudo -n``, ``doas``), or nothing.
    """

    host: str = ""
    ssh_options: tuple[str, ...] = ()
    root_command: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.host.startswith("-") or any(map(str.isspace, self.host)):
            raise UsageError(f"not a host: {self.host!r}")
        if self.ssh_options and not self.host:
            raise UsageError("--ssh-option says how to reach a host, and there is no --host")

    @property
    def name(self) -> str:
        """Return what messages call it."""
        return self.host or "this machine"

    def command(self) -> list[str]:
        """Return the words that start a shell there, which takes its program from stdin."""
        shell = [*self.root_command, "sh", "-s"]
        if not self.host:
            return shell
        options = [word for option in self.ssh_options for word in ("-o", option)]
        return ["ssh", "-T", *options, "--", self.host, *shell]

    def start(self) -> subprocess.Popen[bytes]:
        """Start the shell, with pipes to its stdin, stdout and stderr.

        Ctrl-C does not reach it: what it means is said on its stdin. A shell here gets a process
        group of its own. ssh stays in ours, or it could not ask for a passphrase; it leaves SIGINT
        ignored when it was started so.

        Raises:
            TargetError: there is no such program.
        """
        command = self.command()
        before = signal.signal(signal.SIGINT, signal.SIG_IGN) if self.host else None
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
            if before is not None:
                signal.signal(signal.SIGINT, before)
