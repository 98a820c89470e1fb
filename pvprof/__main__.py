"""Start pvprof, as ``pvprof`` or ``python -m pvprof``."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and leave the process."""
    # A run makes millions of objects, hardly any of them in cycles, and ends: looking for cycles
    # took a third of the time of reading 200 MB.
    gc.disable()
    code = _run()
    # Taking every object apart took another second; the system takes back all memory at once.
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except OSError as error:
        code = code or _fail(str(error.strerror))
    os._exit(code)


def _fail(reason: str) -> int:
    """Say on stderr why there is no result, past Python's own streams; return the exit code."""
    with contextlib.suppress(OSError):
        os.write(2, f"pvprof: error: {reason}\n".encode())
    return 1


def _run() -> int:
    """Run the command line; return its exit code."""
    if sys.stdout is None:  # the shell closed it: >&-
        return _fail("stdout is closed")
    try:
        from pvprof.cli import cli  # noqa: PLC0415 (an interrupt during the import is caught, too)
        from pvprof.cli.option_groups import OWN_PROCESS  # noqa: PLC0415

        # A thread for each core of the libraries below numpy takes memory, and has nothing to do.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        cli(prog_name="pvprof", obj=OWN_PROCESS)  # also for python -m pvprof
    except KeyboardInterrupt:
        return 130
    except OSError as error:  # click's own writing: --help onto a full disk
        return _fail(str(error.strerror))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:
        return _admit()
    return 0


def _admit() -> int:
    """Show where pvprof itself went wrong; return the exit code.

    A traceback repeats texts of the input: it must not command the terminal.
    """
    import traceback  # noqa: PLC0415 (for a fault of pvprof only)

    from pvprof.cli.terminal import visible_text  # noqa: PLC0415 (as little as possible at the top)

    _fail("a fault of pvprof itself; please report it, if you can with the input")
    with contextlib.suppress(OSError):
        os.write(2, visible_text(traceback.format_exc()).encode("utf-8", "backslashreplace"))
    return 1


if __name__ == "__main__":
    main()
