"""Call a function in another process, and get its result."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable
from typing import Generic, TypeVar

from pvprof.errors import OutputError, PvprofError

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")


class ForkedCall(Generic[_Argument, _Result]):
    """A call that runs in a copy of this process from now on.

    Make it before anything has started threads: a copy has only the one that made it.
    """

    def __init__(self, function: Callable[[_Argument], _Result], argument: _Argument) -> None:
        context = multiprocessing.get_context("fork")
        self._receiver, sender = context.Pipe(duplex=False)

        def run() -> None:
            try:
                sender.send(function(argument))
            except PvprofError as error:
                sender.send(error)
            except KeyboardInterrupt:  # the first process reports it
                pass

        self._process = context.Process(target=run, daemon=True)
        self._process.start()
        sender.close()

    def result(self) -> _Result:
        """Return the result, when it is there.

        Raises:
            PvprofError: the function raised it.
            OutputError: the process was killed.
        """
        with contextlib.suppress(EOFError):
            result = self._receiver.recv()
            if isinstance(result, PvprofError):
                raise result
            return result  # type: ignore[no-any-return]  # what `function` returned
        self._process.join()
        code = self._process.exitcode
        raise OutputError(f"a process of pvprof ended early ({code})", "what it added is whole")

    def stop(self) -> None:
        """End the process if it runs, and forget it."""
        if self._process.is_alive():
            self._process.terminate()
        self._process.join()
        self._process.close()
        self._receiver.close()
