"""One run of a live view: the recorder at one end, a screen or lines at the other."""

from __future__ import annotations

import contextlib
import select
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pvprof.analysis.live.interval import Interval
from pvprof.classify.filters import Filters
from pvprof.classify.rules_file import load_rules
from pvprof.cli.commands.record import name_code
from pvprof.cli.job_messages import JobMessages
from pvprof.cli.live.feed import Costs, Feed, FeedOptions
from pvprof.cli.live.save import save
from pvprof.cli.terminal import print_text, tell
from pvprof.collect.job import FinishedRun, Job, PlannedRun, run_job
from pvprof.collect.live.watch import LiveRun, watch
from pvprof.collect.modes import MODES
from pvprof.collect.recorder import Plan, recorder
from pvprof.collect.session import Listener
from pvprof.collect.target import Target
from pvprof.errors import PvprofError
from pvprof.parse.read import ReadOptions
from pvprof.recording.manifest import Manifest
from pvprof.render.data.interval import interval_line
from pvprof.render.text.console import columns_asked_for
from pvprof.render.text.live_screen import plain_lines
from pvprof.views.live import LiveOptions, build

_WAIT_S = 0.5

_Show = Callable[[LiveRun], None]


@dataclass(frozen=True, slots=True)
class LiveJob:
    """What is shown, and how.

    Attributes:
        target: the machine.
        plan: what is recorded there.
        kinds: of wait that are shown; empty for those that the rules do not set aside.
        output: where the recording is kept; empty to keep none.
        is_overwriting: whether an output that exists is replaced.
        is_once: one interval is enough.
        is_json: print lines of JSON.
        is_screen: draw a screen and obey keys.
    """

    target: Target
    plan: Plan
    kinds: tuple[str, ...]
    output: str
    is_overwriting: bool
    is_once: bool
    is_json: bool
    is_screen: bool


class Printer:
    """Prints each interval: a table, or a line of JSON."""

    def __init__(self, feed: Feed, job: LiveJob) -> None:
        self._feed = feed
        self._job = job

    def show(self, run: LiveRun) -> None:
        """Print a run until it is over, or once.

        Raises:
            InputError: the target sends what no recorder sends.
        """
        while not run.is_over:
            select.select([run.wake_fd], [], [], _WAIT_S)
            for piece in run.take():
                for interval in self._feed.add(piece):
                    print_interval(self._feed, interval, self._job.is_json)
                    if self._job.is_once:
                        return


def print_interval(feed: Feed, interval: Interval, is_json: bool) -> None:
    """Print an interval on stdout."""
    options = feed.options
    if is_json:
        print_text(interval_line(interval, options.host, options.mode))
    else:
        width = columns_asked_for()
        if sys.stdout.isatty():
            from rich.console import Console  # noqa: PLC0415 (only on a terminal)

            width = Console().width
        view = build(feed.history, interval, LiveOptions())
        title = f"pvprof top: {options.name}, {options.mode}"
        print_text("".join(f"{line}\n" for line in plain_lines(view, title, width)))
    sys.stdout.flush()


def run_live(job: LiveJob) -> bool:
    """Run it; return whether the user wants to see the next mode.

    Raises:
        TargetError: the target cannot record, or was lost.
        DroppedError: the user dropped the recording that was to be kept.
        PvprofError: the recording is incomplete, or the workload failed.
    """
    mode = MODES[job.plan.mode]
    name = job.target.host or socket.gethostname()
    filters = Filters(kinds=job.kinds)
    read = ReadOptions(jobs=1)
    feed = Feed(
        FeedOptions(name, job.target.host, mode.name, mode.unit, load_rules(None), filters, read)
    )
    costs = Costs()
    text = recorder(job.plan)
    if not job.is_screen:
        _watch(job, text, Printer(feed, job).show, costs.listener(tell))
        return False
    from pvprof.cli.live.viewer import Viewer  # noqa: PLC0415 (only on a terminal)

    is_kept = bool(job.output or job.plan.workload)
    viewer = Viewer(feed, costs, save, job.plan.options.every_ns, is_kept)
    try:
        _watch(job, text, viewer.show, costs.listener())
    finally:
        for note in costs.notes:
            tell(note)
    if not viewer.next_mode and feed.history.last is not None:
        print_interval(feed, feed.history.last, is_json=False)
    return viewer.next_mode


def _watch(job: LiveJob, text: str, show: _Show, listener: Listener) -> None:
    """Run the recorder; keep a recording if one is wanted."""
    if not job.output:
        watch(job.target, text, None, listener, show)
        return

    def make(target: Target, program: str, directory: Path, _silent: Listener) -> Manifest:
        manifest = watch(target, program, directory, listener, show)
        assert manifest is not None
        return manifest

    plan = job.plan
    complete = partial(name_code, is_local=not job.target.host)
    run = PlannedRun(plan.mode, plan.mode, plan, text)
    kept = Job(job.target, (run,), job.output, job.is_overwriting, complete, make)
    kept.check_output(is_terminal=sys.stdout.isatty())
    messages = JobMessages(is_set=False, is_quiet=False)
    runs = run_job(kept, _Delivery(messages), sys.stdout.buffer)  # noqa: TID251 (-o is a file)
    failure = messages.failure(runs[-1])
    if failure:
        raise PvprofError(failure)


@dataclass(frozen=True, slots=True)
class _Delivery:
    """Hears of a job, and says only what was written: the screen shows how it goes."""

    messages: JobMessages

    @contextlib.contextmanager
    def watch(self, _title: str) -> Iterator[Listener]:
        yield Listener()

    def run_ended(self, run: FinishedRun) -> None:
        self.messages.run_ended(run)

    def delivered(self, output: str, runs: Sequence[FinishedRun]) -> None:
        self.messages.delivered(output, runs)
