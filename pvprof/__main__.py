"""Start pvprof, as ``pvprof`` or ``python -m pvprof``."""

from __future__ import annotations

import gc
import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and leave the process."""
    # A run makes millions of objects, hardly any of them in cycles, and ends: looking for cycles
    # took a third of the time of reading 200 MB.
    gc.disable()
    from pvprof.cli import cli  # noqa: PLC0415 (after the line above, which is for all that follows)

    code: object = 1
    try:
        cli()
    except SystemExit as end:
        code = end.code
    # Taking every object apart took another second; the system takes back all memory at once.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    main()
