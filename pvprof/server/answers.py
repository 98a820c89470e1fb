"""Run a pvprof command for a page, with limits on its time, its memory and the size of its answer.

A command of its own for each page: it writes the same bytes as at a terminal, a large question
cannot harm the server, and one that takes too long is killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass

MAX_ANSWER_S = 60.0
MAX_ANSWER_BYTES = 256 << 20
MAX_MEMORY_BYTES = 8 << 30
"""Of addresses, most of which are never touched."""

_MAX_MESSAGE_BYTES = 10_000
_USAGE = 2


class NoAnswerError(Exception):
    """A command gave no answer.

    Attributes:
        status: of HTTP.
        message: for the reader of the page.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True, slots=True)
class Commands:
    """Runs commands, a few at a time.

    Attributes:
        turns: limits how many run at once; the others wait.
        max_answer_s: the longest that one may take, waiting for its turn included.
    """

    turns: asyncio.Semaphore
    max_answer_s: float = MAX_ANSWER_S

    async def answer(self, words: Sequence[str]) -> bytes:
        """Return the output of ``pvprof WORD...``.

        Raises:
            NoAnswerError: it failed, or took too long.
        """
        try:
            async with asyncio.timeout(self.max_answer_s), self.turns:
                return await _run(words)
        except TimeoutError as error:
            text = f"no answer within {self.max_answer_s:g} s: ask for fewer recordings"
            raise NoAnswerError(503, text) from error


async def _run(words: Sequence[str]) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "pvprof", *words),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd="/",
        start_new_session=True,
        preexec_fn=_limit_memory,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        content, messages = await asyncio.gather(
            _at_most(process.stdout, MAX_ANSWER_BYTES),
            _at_most(process.stderr, _MAX_MESSAGE_BYTES),
        )
        status = await process.wait()
    finally:  # also if the reader has gone, or the time is over
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    if status:
        raise NoAnswerError(400 if status == _USAGE else 500, _error_in(messages))
    if len(content) > MAX_ANSWER_BYTES:
        raise NoAnswerError(500, "the answer is too large: ask for fewer recordings")
    return content


async def _at_most(stream: asyncio.StreamReader, size: int) -> bytes:
    """Read a stream to its end; return its first bytes, at most `size` and one more."""
    kept = bytearray()
    while part := await stream.read(1 << 16):
        kept += part[: size + 1 - len(kept)]
    return bytes(kept)


def _error_in(messages: bytes) -> str:
    """Return the error that a command printed, and its hint."""
    lines = messages.decode("utf-8", "replace").splitlines()
    error = next((n for n, line in enumerate(lines) if line.startswith("pvprof: error: ")), None)
    if error is None:
        return "the command failed"
    return "\n".join([lines[error].removeprefix("pvprof: error: "), *lines[error + 1 :]])


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
