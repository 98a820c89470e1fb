"""dtrace(1), as seen from outside.

``dtrace.json`` in the stand-in's directory controls it; every setting may be missing:

=============  ==================================================================
patched        the kernel has the kernel:profile probes
older_patch    those of an older patch, without the class of the lock
denied         tracing is not allowed, not even for root: a jail
lacking        patterns of probes that it lacks, such as ``sched:::*``
no_member      a name that no structure of it has
no_ctf         the kernel has no CTF data
stderr         lines printed to stderr while tracing
dies           message printed instead of tracing; exit status 1
abort          message printed after tracing has begun; exit status 1
floods         it prints records without end, until the disk is full
misses_exit    it does not notice the end of the workload
begin_s        time until BEGIN, in seconds
end_s          time that END takes, in seconds
=============  ==================================================================
"""

from __future__ import annotations

import errno
import fnmatch
import getopt
import json
import os
import re
import signal
import sys
import time

from target import replay
from target.dprogram import Call, Clause, DError, Program, call_of, compile_program, matching

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

STATE = os.environ["PVPROF_FAKE"]
OPTIONS = "32:6:aAb:Bc:CD:ef:FGhHi:I:lL:m:n:o:p:P:qs:SU:vVwx:X:Z"
UNDERSTOOD = "elnoPqsV"
HEADING = f"{'ID':>5} {'PROVIDER':>10} {'MODULE':>17} {'FUNCTION':>33} NAME"
MAX_BUFFER_MB = 4
_BUFFER_BYTES = 32768  # stdio's, on UFS

Probes = list[tuple[str, ...]]


def content(*names: str) -> str:
    with open(os.path.join(*names), encoding="utf-8") as file:
        return file.read()


def fatal(text: str) -> NoReturn:
    sys.stderr.write(f"dtrace: {text}\n")
    sys.exit(1)


def usage(text: str) -> NoReturn:
    sys.stderr.write(f"{text}\nUsage: dtrace [-32|-64] [-aACeFGhHlqSvVwZ] ...\n")
    sys.exit(2)


def known_probes(settings: dict[str, Any]) -> Probes:
    """Return the probes of a real 13.2 (its ``dtrace -l``), as the settings change them."""
    found: Probes = []
    for line in replay.text_of("dtrace-l.nofbt").splitlines():
        match = re.fullmatch(r" *\d+ +(\S+) (.{17}) (.{33}) (\S+)", line)
        if match:
            found.append(tuple(part.strip() for part in match.groups()))
    if settings.get("patched"):
        found += [
            ("kernel", "profile", function, name)
            for function in ("turnstile", "sleepq")
            for name in ("block", "wakeup")
        ]
    lacking = settings.get("lacking", [])
    return [
        probe
        for probe in found
        if not any(fnmatch.fnmatchcase(f"{probe[0]}:::{probe[3]}", pattern) for pattern in lacking)
    ]


class Output:
    """The stream that -o names: buffered, and like stdio it ignores a full disk."""

    def __init__(self, name: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        try:
            self._file = os.open(name, flags, 0o644) if name else 1
        except OSError as error:
            fatal(f"failed to open output file '{name}': {error.strerror}")
        self._rest = b""

    def write(self, text: str) -> None:
        self._rest += text.encode("utf-8", "surrogateescape")
        if len(self._rest) >= _BUFFER_BYTES:
            try:
                self._push()
            except OSError as error:
                fatal(f"processing aborted: {os.strerror(error.errno or 0)}")

    def flush(self) -> None:
        try:
            self._push()
        except OSError as error:  # dtrace clears the error and continues
            if error.errno not in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
                raise

    def _push(self) -> None:
        while self._rest:
            self._rest = self._rest[os.write(self._file, self._rest) :]


class Tracer:
    """A running program."""

    def __init__(self, program: Program, arguments: list[str], settings: dict[str, Any]) -> None:
        self._program = program
        self._arguments = arguments
        self._settings = settings
        self._wishes = 0
        heading = re.search(r"#pvprof \d+ (\w+) (\w+) ", program.text)
        self._mode, self._variant = heading.groups() if heading else ("", "")

    def run(self, output: Output) -> int:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._interrupted)
        if "dies" in self._settings:
            fatal(self._settings["dies"])
        self._say_lowered()
        time.sleep(self._settings.get("begin_s", 0))
        self._fire(output, "dtrace:::BEGIN", "BEGIN")
        self._happen(output)
        status = self._trace(output)
        if self._wishes:
            output.write("\n")
        time.sleep(self._settings.get("end_s", 0))
        if self._wishes < 2:
            self._fire(output, "dtrace:::END", "END")
        output.write("\n")
        output.flush()
        return status

    def _interrupted(self, *_: object) -> None:
        self._wishes += 1

    def _say_lowered(self) -> None:
        size = self._program.option("bufsize")
        if size and int(size.removesuffix("m")) > MAX_BUFFER_MB:
            sys.stderr.write(f"dtrace: buffer size lowered to {MAX_BUFFER_MB}m\n")

    def _trace(self, output: Output) -> int:
        """Run until something ends it; return the exit status."""
        begun = time.monotonic()
        sys.stderr.write(self._settings.get("stderr", ""))
        while not self._wishes:
            output.flush()
            if self._settings.get("abort"):
                fatal(f"processing aborted: {self._settings['abort']}")
            if self._settings.get("floods"):
                self._happen(output)
            for clause in self._program.clauses:
                status = clause.exit_status
                if status is not None and self._is_met(clause, begun):
                    output.write(printed_at_exit(clause))
                    return status
            time.sleep(0.02)
        return 0

    def _is_met(self, clause: Clause, begun: float) -> bool:
        if clause.tick_s is not None:
            return time.monotonic() - begun >= clause.tick_s
        match = re.fullmatch(r"pid == \$(\d)", clause.predicate)
        assert match, "proc:::exit is understood with one predicate"
        assert clause.probes == ("proc:::exit",)
        pid = self._arguments[int(match[1]) - 1]
        return not self._settings.get("misses_exit") and not is_running(pid)

    def _happen(self, output: Output) -> None:
        """Print the records of events: their clauses fire while tracing."""
        if self._mode not in ("events", "path") and not self._settings.get("floods"):
            return
        for event in replay.events(has_wakers="W %d" in self._program.text):
            for clause in self._program.clauses:
                if self._fits(clause, event.kind):
                    output.write(printed(clause, event))

    def _fits(self, clause: Clause, kind: str) -> bool:
        """Tell whether a clause is for this kind of event."""
        text = " ".join(clause.statements)
        if "printf(" not in text or clause.probes[0].startswith("dtrace:::"):
            return False
        is_run = 'printf("R ' in text
        if kind == "wakeup":
            return 'printf("W ' in text and "runq-new" not in text
        if is_run:  # the patched kernel has a clause for each kind of wait
            return kind == "on-cpu" and "turnstile" not in clause.probes[0]
        # These events are of threads that sleep: none is preempted, suspended or created.
        return f" {kind} " in text and "sched:::off-cpu" not in clause.probes

    def _fire(self, output: Output, probe: str, clock: str) -> None:
        for clause in self._program.of(probe):
            for statement in clause.statements:
                call = call_of(statement)
                if call is not None and call.name == "printa":
                    output.write(self._aggregation(call))
                elif call is not None:
                    ns, wall_ns = (
                        getattr(replay, f"{clock}_NS"),
                        getattr(replay, f"{clock}_WALL_NS"),
                    )
                    values = {"timestamp": ns, "walltimestamp": wall_ns}
                    output.write(formatted(call, values))

    def _aggregation(self, call: Call) -> str:
        """Print the cells of an aggregation in the program's format."""
        mark, event = call.format.split()[:2]
        if mark == "#set-aside":
            return call.format.replace("%s", "sleepq").replace("%@d", "1500", 1).replace("%@d", "1")
        event = event.removesuffix("%@d.").split("%k")[0]
        if mark == "?":
            found = replay.histograms(self._mode)
        else:
            found = replay.records(self._mode, self._variant)
        return "".join(cell(call.format, one) for one in found if event in ("%s", one.event))


def is_running(pid: str) -> bool:
    try:
        stat = content(f"/proc/{pid}/stat")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def cell(text: str, record: replay.Record) -> str:
    """Return one cell as printa prints it."""
    frames = record.frames.splitlines(keepends=True)
    count = text.count("%a")
    inner = iter([frame.strip() for frame in frames[:count]] + ["0x0"] * count)
    if count > 1:  # samples: stack() has the first and lacks the next four, as on 13.2
        del frames[1:5]
    elif count:  # stack() lacks the caller
        del frames[0]
    stacks = iter(["".join(frames), replay.user_frames() if text.count("%k") > 1 else ""])
    values = iter([record.value, record.count])

    def fill(match: re.Match[str]) -> str:
        if match["field"]:
            value = record.fields[match["field"]]
            return f"{match['field']}={len(value.encode())}:{value}"
        if match[0] == "%a %x":
            frame = next(inner)
            return f"{frame} {'0' if frame == '0x0' else 'ffffffff80446640'}"
        if match[0] == "%k":
            return f"\n{next(stacks)}"
        if match[0] == "%s":
            return record.event
        return record.frames if text.startswith("?") else str(next(values))

    return re.sub(r"(?P<field>\w+)=%d:%s|%a %x|%k|%s|%@d", fill, text)


def printed(clause: Clause, event: replay.Event) -> str:
    """Return the output of a clause's statements for an event."""
    parts = []
    caller, _, frames = event.frames.partition("\n")
    values = {**event.values, "caller": caller.strip()}
    for statement in clause.statements:
        call = call_of(statement)
        if statement == "stack()":  # it lacks the caller, as on 13.2
            parts.append(f"\n{frames}")
        elif call is not None:
            parts.append(formatted(call, values))
    return "".join(parts)


def printed_at_exit(clause: Clause) -> str:
    """Return the clocks that a clause prints when it ends tracing, if it prints them."""
    clocks = {"timestamp": replay.BEGIN_NS + 10**9, "walltimestamp": replay.BEGIN_WALL_NS + 10**9}
    calls = (call_of(statement) for statement in clause.statements)
    return "".join(formatted(call, clocks) for call in calls if call is not None)


def formatted(call: Call, values: dict[str, Any]) -> str:
    given = iter([value_of(argument, values) for argument in call.arguments])
    text = re.sub(
        r"%([dxsa])",
        lambda match: converted(next(given), match[1]),
        call.format,
    )
    assert not list(given), f"arguments without a conversion: {call}"
    return text


def converted(value: Any, letter: str) -> str:
    """Return a value as printf prints it; the number of a caller, known by name, is made up."""
    if letter == "x" and isinstance(value, str):
        return "ffffffff80446640"
    return format(value, letter if letter in "xs" else "")


def value_of(expression: str, values: dict[str, Any]) -> Any:
    """Return the value of one of the expressions that pvprof's programs print."""
    if expression in values:
        return values[expression]
    if expression.isdigit():
        return int(expression)
    if match := re.fullmatch(r"strlen\((.*)\)", expression):
        return len(value_of(match[1], values).encode())
    if expression.startswith("this->"):
        return values[expression.removeprefix("this->")]
    if expression.startswith("(uintptr_t)"):
        return values["object"]
    name = {"args[2]": "elapsed", "args[0]->td_tid": "sleeper"}.get(expression, "owner")
    return values[name]


def open_device(settings: dict[str, Any], is_compiling: bool) -> bool:
    """Tell whether there are probes; end the program if dtrace_open() fails."""
    uid = os.environ.get("PVPROF_FAKE_UID") or content(STATE, "uid").strip()
    if uid != "0" or settings.get("denied"):
        reason = "DTrace requires additional privileges"
    elif not os.path.exists(os.path.join(STATE, "loaded")):
        reason = "DTrace device not available on system"
    else:
        return True
    if is_compiling:  # -e does not need the device
        return False
    fatal(f"failed to initialize dtrace: {reason}")


def list_probes(descriptions: list[str], probes: Probes) -> None:
    """Do what -l does; to find nothing is not a failure."""
    sys.stdout.write(f"{HEADING}\n")
    for description in descriptions:
        found = matching(description, probes)
        for number, (provider, module, function, name) in enumerate(found, start=1):
            sys.stdout.write(f"{number:5} {provider:>10} {module:>17} {function:>33} {name}\n")
        if not found:
            wanted = ":".join(([""] * 4 + description.split(":"))[-4:])
            sys.stderr.write(f"dtrace: failed to match {wanted}: No probe matches description\n")


def main() -> int:
    if len(sys.argv) == 1:
        usage("")
    try:
        pairs, arguments = getopt.gnu_getopt(sys.argv[1:], OPTIONS)
    except getopt.GetoptError as error:
        usage(f"dtrace: illegal option -- {error.opt}")
    given = dict(pairs)
    assert set(given) <= {f"-{letter}" for letter in UNDERSTOOD}, f"not understood: {given}"
    if "-V" in given:
        sys.stdout.write("dtrace: Sun D 1.13\n")
        return 0
    settings = json.loads(content(STATE, "dtrace.json"))
    has_device = open_device(settings, is_compiling="-e" in given)
    probes = known_probes(settings) if has_device else []
    descriptions = [
        value + ":::" * (option == "-P") for option, value in pairs if option in ("-n", "-P")
    ]
    if "-l" in given:
        list_probes(descriptions, probes)
        return 0
    for description in descriptions:
        if not matching(description, probes):
            fatal(
                f"invalid probe specifier {description}: probe description {description}"
                " does not match any probes"
            )
    if "-s" not in given:
        fatal("no probes specified")
    program = compiled(given["-s"], probes, arguments, settings)
    output = Output(given.get("-o", ""))
    return 0 if "-e" in given else Tracer(program, arguments, settings).run(output)


def compiled(name: str, probes: Probes, arguments: list[str], settings: dict[str, Any]) -> Program:
    try:
        text = content(name)
    except OSError as error:
        fatal(f"failed to open {name}: {error.strerror}")
    try:
        program = compile_program(text, probes, arguments)
        if settings.get("no_ctf") and "curthread" in text:
            raise DError(
                "line 1: failed to resolve type kernel`struct thread * for identifier curthread:"
                " Module does not contain any CTF data"
            )
        member = settings.get("no_member")
        if settings.get("older_patch") and (wanted := re.search(r"args\[[23]\]\)", text)):
            line = text[: wanted.start()].count("\n") + 1
            index = wanted[0][5]
            raise DError(
                f"line {line}: index {index} is out of range for "
                "kernel:profile:turnstile:wakeup args[ ]"
            )
        if member and member in text:
            line = text[: text.index(member)].count("\n") + 1
            raise DError(f"line {line}: in action list: {member} is not a member of struct thread")
    except DError as error:
        fatal(f"failed to compile script {name}: {error}")
    return program


if __name__ == "__main__":
    sys.exit(main())
