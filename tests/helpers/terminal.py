"""Runs pvprof on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import sys


def on_terminal(*args: object, columns: int, **variables: str) -> bytes:
    """Return the bytes that pvprof prints on a terminal `columns` wide."""
    parent, child = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", **variables}
    environment |= {"COLUMNS": str(columns), "LINES": "50"}
    command = [sys.executable, "-m", "pvprof", *map(str, args)]
    with subprocess.Popen(command, stdout=child, stderr=child, env=environment) as process:
        os.close(child)
        printed = b""
        try:
            while data := os.read(parent, 65536):
                printed += data
        except OSError:  # Linux reports a closed terminal as an error
            pass
        process.wait()
    os.close(parent)
    return printed
