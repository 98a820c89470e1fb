"""Compile the core when pvprof is installed, if there is a compiler.

Without one, or if the environment has ``PVPROF_WITHOUT_CORE``, the package is pure Python: slower,
with the same results.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COMPILED = "pvprof/model/core/stack_sums.abi3.so"


class CoreHook(BuildHookInterface):  # type: ignore[type-arg,unused-ignore]
    """Adds the compiled core to a wheel, or puts it into the tree of an editable installation."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the core before the wheel is built."""
        self._folder = tempfile.mkdtemp()
        if os.environ.get("PVPROF_WITHOUT_CORE"):
            return
        compiled = Path(self._folder) / Path(COMPILED).name
        command = [sys.executable, str(Path(self.root) / "core" / "compile.py"), str(compiled)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not compiled.exists():
            reason = done.stderr.strip() or "the compiler failed"
            self.app.display_warning(f"pvprof without its compiled core: {reason}")
        elif version == "editable":
            # A new file, since the old one may be in use.
            shutil.copy(compiled, f"{self.root}/{COMPILED}.new")
            os.replace(f"{self.root}/{COMPILED}.new", f"{self.root}/{COMPILED}")
        else:
            platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
            build_data["pure_python"] = False
            build_data["tag"] = f"cp311-abi3-{platform}"
            build_data["force_include"][str(compiled)] = COMPILED

    def finalize(self, _version: str, _build_data: dict[str, Any], _artifact_path: str) -> None:
        """Remove what was compiled."""
        shutil.rmtree(self._folder, ignore_errors=True)
