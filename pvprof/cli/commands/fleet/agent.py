"""``pvprof agent``: records short windows of this machine, and delivers them."""

from __future__ import annotations

import os
import platform
import shlex
import signal
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import click

from pvprof.cli.guidance.headings import HelpHeading, PvprofCommand
from pvprof.cli.guidance.values import KnownWord
from pvprof.cli.option_groups import option, option_group, takes
from pvprof.cli.recording_options import Duration, check_modes
from pvprof.cli.terminal import print_line, tell
from pvprof.collect.modes import names
from pvprof.errors import UsageError, first_line
from pvprof.fleet.agent import Agent, CostLimits, Windows
from pvprof.fleet.children import Signals, pvprof_command, run_child
from pvprof.fleet.receivers import CommandReceiver, FolderReceiver, Receiver
from pvprof.fleet.spool import Spool
from pvprof.recording.limits import limits_of
from pvprof.units import NS_PER_S, format_ns, format_value

_SPOOLS = {"FreeBSD": "/var/db/pvprof/spool"}
_OTHER_SPOOL = "/var/lib/pvprof/spool"
_MAX_CONFIG_BYTES = 1 << 20
_CHECK = "--check"


class Size(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.2
    """A size such as ``500M`` or ``2G``, as bytes."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the bytes."""
        if isinstance(value, int):
            return value
        try:
            return limits_of(value).trusted_bytes
        except UsageError:
            self.fail(f"{value!r} is no size (500M, 2G)", param, ctx)


def _configure(ctx: click.Context, _param: click.Parameter, value: str) -> str:
    """Take the values in a file of options as defaults: the command line has the last word."""
    if not value:
        return value
    names_of = {
        flag.removeprefix("--"): (param.name or "", param.multiple)
        for param in ctx.command.params
        if isinstance(param, click.Option)
        for flag in param.opts
        if flag.startswith("--") and flag != "--config"
    }
    try:
        with Path(value).open("rb") as file:
            document = tomllib.loads(file.read(_MAX_CONFIG_BYTES).decode())
    except OSError as error:
        raise UsageError(f"{value}: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{value}: {first_line(error)}") from error
    defaults: dict[str, Any] = {}
    for key, one in document.items():
        if key not in names_of:
            raise UsageError(f"{value}: no such option: {key}", f"options: {', '.join(names_of)}")
        name, is_multiple = names_of[key]
        defaults[name] = [one] if is_multiple and not isinstance(one, list) else one
    ctx.default_map = defaults
    return value


@option_group
class AgentOptions:
    """The options of ``pvprof agent``."""

    heading: ClassVar[HelpHeading] = HelpHeading.MAIN

    every_ns: int = option(
        "--every",
        type=Duration(min_ns=NS_PER_S),
        default=600 * NS_PER_S,
        help="Record one window in each TIME, at a random moment of it.  [default: 10m]",
    )
    length_ns: int = option(
        "--for",
        type=Duration(min_ns=1),
        default=20 * NS_PER_S,
        help="Record for TIME.  [default: 20s]",
    )
    modes: tuple[str, ...] = option(
        "--mode",
        metavar="MODE",
        multiple=True,
        default=("offcpu",),
        type=KnownWord(names),
        help="Record this mode; several (repeatable) take turns.  [default: offcpu]",
    )
    record_options: str = option(
        "--record-options",
        default="",
        metavar="WORDS",
        help="Give these options to pvprof record: '--by-process --min-wait 10us'.",
    )
    store: str = option(
        "--store", default="", metavar="STORE", help="Deliver to this store (pvprof store add)."
    )
    folder: str = option(
        "--folder",
        default="",
        metavar="DIR",
        help="Deliver to this folder, as HOST/DAY/NAME.pvprof.tar.gz.",
    )
    push: str = option(
        "--push", default="", metavar="URL", help="Deliver to this server (pvprof push)."
    )
    spool: str = option(
        "--spool",
        default=_SPOOLS.get(platform.system(), _OTHER_SPOOL),
        show_default=True,
        metavar="DIR",
        help="Keep recordings here until they are delivered.",
    )
    max_spool: int = option(
        "--max-spool",
        type=Size(),
        default=1 << 30,
        help="Keep at most SIZE of them: the oldest go first.  [default: 1G]",
    )
    max_cpu: float = option(
        "--max-cpu",
        type=click.FloatRange(0, min_open=True),
        default=5.0,
        show_default=True,
        metavar="PERCENT",
        help="End if three windows in a row took more of one CPU, over the whole of --every.",
    )
    max_drops: int = option(
        "--max-drops",
        type=click.IntRange(0),
        default=1000,
        show_default=True,
        help="End if the tracer dropped more than N records in three windows in a row.",
    )
    count: int = option(
        "--windows",
        type=click.IntRange(0),
        default=0,
        help="End after N windows.  [default: no end]",
    )
    config: str = option(
        "--config",
        default="",
        metavar="FILE",
        is_eager=True,
        callback=_configure,
        help='Read options from this TOML file: every = "10m".',
    )
    check: bool = option(_CHECK, is_flag=True, help="Check the options; record nothing.")
    quiet: bool = option(
        "-q",
        "--quiet",
        is_flag=True,
        heading=HelpHeading.OUTPUT,
        help="Print no line for each window; what goes wrong is always printed.",
    )

    def windows(self) -> Windows:
        """Return the windows to record.

        Raises:
            UsageError: the options do not fit.
        """
        check_modes(self.modes)
        if self.length_ns >= self.every_ns:
            raise UsageError("--for must be shorter than --every")
        try:
            words = tuple(shlex.split(self.record_options))
        except ValueError as error:
            raise UsageError(f"--record-options: {error}") from error
        return Windows(self.every_ns, self.length_ns, self.modes, words, self.count)

    def receiver(self) -> Receiver:
        """Return the place that recordings go to.

        Raises:
            UsageError: not exactly one place was named.
        """
        makers: dict[str, tuple[str, Callable[[str], Receiver]]] = {
            "--store": (self.store, lambda text: CommandReceiver(("store", "add", "-q", text))),
            "--folder": (self.folder, lambda text: FolderReceiver(Path(text))),
            "--push": (self.push, lambda text: CommandReceiver(("push", text, "-q"))),
        }
        given = [(text, make) for text, make in makers.values() if text]
        if len(given) != 1:
            raise UsageError("name one place to deliver to", f"one of {', '.join(makers)}")
        ((text, make),) = given
        return make(text)


@click.command(
    "agent",
    cls=PvprofCommand,
    epilog="""\b
Examples:
  pvprof agent --store /net/pvprof --every 10m --for 20s --mode offcpu
  pvprof agent --push http://pyroscope:4040 --mode offcpu --mode oncpu
  pvprof agent --config /usr/local/etc/pvprof-agent.toml --check""",
)
@takes(AgentOptions, "wanted")
def command(wanted: AgentOptions) -> None:
    """Record short windows of this machine again and again, and deliver them.

    Recordings wait in the spool while they cannot be delivered. SIGTERM and Ctrl-C end the agent: a
    window that is being recorded is kept. SIGHUP starts it anew between two windows, with what is
    then in the file of --config. It ends by itself, with 1, if it costs more than --max-cpu or
    --max-drops allow. docs/agent.md has a script for rc(8) and a unit of systemd.
    """
    windows, receiver = wanted.windows(), wanted.receiver()
    limits = CostLimits(wanted.max_cpu, wanted.max_drops)
    spool = Spool(Path(wanted.spool), wanted.max_spool)
    every, length = format_ns(windows.every_ns), format_ns(windows.length_ns)
    plan = f"{', '.join(windows.modes)}: {length} of each {every}, at random moments"
    if wanted.check:
        print_line(f"{plan}; spool {spool.path}, {format_value(spool.max_bytes, 'bytes')}")
        return
    signals = Signals()
    try:
        with spool.held():
            note = _quiet if wanted.quiet else tell
            note(f"{plan}; process {os.getpid()}")
            _run(Agent(windows, limits, spool, receiver, tell, note), signals)
            is_reloading = signals.is_reloading and not signals.is_ending
    finally:
        signals.close()
    if is_reloading:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until the new program heeds it
        os.execv(sys.executable, pvprof_command(*sys.argv[1:]))


def _run(agent: Agent, signals: Signals) -> None:
    """Run the agent until it is to end, or to be started anew with options that are right."""
    while True:
        agent.run(signals)
        if signals.is_ending or not signals.is_reloading:
            return
        checked = run_child(pvprof_command(*sys.argv[1:], _CHECK), signals)
        if checked.status == 0:
            agent.note("starting anew")
            return
        agent.tell(f"SIGHUP: nothing is changed: {checked.said}")
        signals.is_reloading = False


def _quiet(_text: str) -> None:
    """Print nothing."""
