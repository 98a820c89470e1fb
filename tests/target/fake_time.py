"""FreeBSD's time(1): ``time -l -o FILE CMD...``, as ``usr.bin/time/time.c`` has it."""

from __future__ import annotations

import getopt
import os
import resource
import signal
import sys
import time

from target.replay import text_of


def main() -> None:
    try:
        pairs, words = getopt.getopt(sys.argv[1:], "alho:p")
    except getopt.GetoptError as error:
        sys.stderr.write(f"time: illegal option -- {error.opt}\nusage: time [-al] ...\n")
        sys.exit(1)
    given = dict(pairs)
    assert set(given) == {"-l", "-o"}, "the only use that is understood"
    with open(given["-o"], "w", encoding="ascii") as out:
        before = time.monotonic()
        child = os.fork()
        if child == 0:
            become(words)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGQUIT, signal.SIG_IGN)
        _, status, used = os.wait4(child, 0)
        real_s = time.monotonic() - before
        if not os.WIFEXITED(status):
            sys.stderr.write("time: command terminated abnormally\n")
        out.write(f"{real_s:12.2f} real {used.ru_utime:12.2f} user {used.ru_stime:12.2f} sys\n")
        out.write(text_of("stock-offcpu.time").partition("\n")[2])  # what -l adds
    if os.WIFSIGNALED(status):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if os.WTERMSIG(status) != signal.SIGKILL:
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        out.close()
        os.kill(os.getpid(), os.WTERMSIG(status))
    sys.exit(os.WEXITSTATUS(status))


def become(words: list[str]) -> None:
    # Python ignores SIGPIPE and SIGXFSZ; what it starts must not, nor inherit our PYTHONPATH.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    del os.environ["PYTHONPATH"]
    try:
        os.execvp(words[0], words)
    except OSError as error:
        sys.stderr.write(f"time: {words[0]}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


if __name__ == "__main__":
    main()
