"""Start pvprof, as ``pvprof`` or ``python -m pvprof``."""

from __future__ import annotations

import gc


def main() -> None:
    """Run the command line."""
    # A run makes millions of objects, hardly any of them in cycles, and ends: looking for cycles
    # took a third of the time of reading 200 MB.
    gc.disable()
    from pvprof.cli import cli  # noqa: PLC0415 (after the line above, which is for all that follows)

    cli()


if __name__ == "__main__":
    main()
