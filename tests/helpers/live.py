"""Recordings of the running kernel: whether they can be made, and how tests make them."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from typing import Any


def reason_against() -> str:
    """Return the reason why this machine cannot record, or an empty text."""
    if platform.system() != "Linux":
        return f"this is {platform.system()}"
    if os.getuid() != 0:
        return "not root"
    if shutil.which("bpftrace") is None:
        return "bpftrace is not installed: scripts/setup dev"
    tried = subprocess.run(
        ["bpftrace", "-q", "-e", "BEGIN { exit(); }"], capture_output=True, text=True, check=False
    )
    return "" if tried.returncode == 0 else f"this kernel allows no tracing: {tried.stderr[-200:]}"


def pvprof(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run pvprof in a process of its own; `more` goes to `subprocess.run`."""
    command = [sys.executable, "-m", "pvprof", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)
