"""An sshd on loopback, with keys and configuration of its own, for tests of ``--host``."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from target.harness import wait_until


@dataclass
class Server:
    """An sshd.

    Attributes:
        port: on 127.0.0.1.
        config: where its keys are.
    """

    port: int
    config: Path

    @property
    def options(self) -> dict[str, str]:
        """Return the ssh options that reach it."""
        return {
            "Port": str(self.port),
            "IdentityFile": str(self.config / "user"),
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": str(self.config / "known_hosts"),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "ControlPath": "none",
        }

    def log_in_with(self, text: str) -> None:
        """Set the sh commands of a login."""
        (self.config / "session").write_text(text)


@contextmanager
def ssh_server(config: Path) -> Iterator[Server]:
    """Start an sshd that runs as the user of the tests; `config` is an empty directory."""
    sshd = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    assert sshd, "sshd is missing: scripts/setup dev"
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # sshd changes its root to this directory
    for name in ("host", "user", "stranger"):
        keygen = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(config / name)]
        subprocess.run(keygen, check=True)
    shutil.copy(config / "user.pub", config / "authorized_keys")
    login = config / "login"
    login.write_text(f'#!/bin/sh\n. "{config}/session"\n')
    login.chmod(0o755)
    for _ in range(5):
        port = free_port()
        (config / "sshd_config").write_text(
            f"ListenAddress 127.0.0.1\nHostKey {config}/host\nPidFile none\nStrictModes no\n"
            f"AuthorizedKeysFile {config}/authorized_keys\nUsePAM no\nLogLevel ERROR\n"
            f"PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            f"PermitRootLogin prohibit-password\nForceCommand {login}\n"
        )
        key = (config / "host.pub").read_text()
        (config / "known_hosts").write_text(f"[127.0.0.1]:{port} {key}")
        command = [sshd, "-D", "-e", "-f", str(config / "sshd_config"), "-p", str(port)]
        with (config / "log").open("wb") as log:
            process = subprocess.Popen(command, stderr=log, start_new_session=True)
        wait_until(lambda: process.poll() is not None or is_open(port), "sshd")  # noqa: B023
        if process.poll() is None:
            break
    else:
        pytest.fail(f"sshd does not start: {(config / 'log').read_text()}")
    try:
        yield Server(port, config)
    finally:
        process.terminate()
        process.wait()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def is_open(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0
