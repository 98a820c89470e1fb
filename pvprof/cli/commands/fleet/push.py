"""``pvprof push``: recordings to a server of Pyroscope."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote_plus

import click

from pvprof.classify.classified import Classified
from pvprof.classify.filters import ALL_KINDS, Filters
from pvprof.classify.matcher import Matcher
from pvprof.classify.rules_file import load_rules
from pvprof.cli.guidance.headings import HelpHeading, PvprofCommand
from pvprof.cli.guidance.values import FileName
from pvprof.cli.input_options import ReadingGroup
from pvprof.cli.messages import say
from pvprof.cli.option_groups import argument, group, option, option_group, takes
from pvprof.cli.terminal import print_line, tell
from pvprof.dataset.load import load_dataset
from pvprof.errors import OutputError, PvprofError
from pvprof.fleet.delivery import Attempts, Server, ServerError, deliver
from pvprof.fleet.ingest import (
    IngestRequest,
    Labels,
    RecordedTime,
    check_app,
    ingest_request,
    labels_from,
    labels_of,
)
from pvprof.parse.source import ReadOptions
from pvprof.recording.directory import expand
from pvprof.recording.manifest import Manifest
from pvprof.render.viewers.pprof import render
from pvprof.units import NS_PER_S
from pvprof.views.folded import StackOptions
from pvprof.views.viewers.pprof import build


@option_group
class PushOptions:
    """The options of ``pvprof push``."""

    heading: ClassVar[HelpHeading] = HelpHeading.MAIN

    url: str = argument(metavar="URL")
    recordings: tuple[str, ...] = argument(
        metavar="REC...", nargs=-1, required=True, type=FileName()
    )
    app: str = option(
        "--app",
        default="pvprof",
        show_default=True,
        metavar="NAME",
        help="Name of the application that the server shows the profiles under.",
    )
    labels: tuple[str, ...] = option(
        "--label",
        metavar="NAME=VALUE",
        multiple=True,
        help="Add a label, or replace one of the recording's: region=eu-1 (repeatable).",
    )
    tenant: str = option(
        "--tenant", default="", metavar="ID", help="Whose profiles they are, on a shared server."
    )
    retries: int = option(
        "--retries",
        default=4,
        show_default=True,
        type=click.IntRange(0, 100),
        help="Try again this often if the server is away or busy, after pauses that grow.",
    )
    timeout_s: float = option(
        "--timeout",
        default=20.0,
        show_default=True,
        metavar="SECONDS",
        type=click.FloatRange(0.1, 3600),
        help="Seconds to wait for an answer.",
    )
    dry_run: bool = option(
        "--dry-run", is_flag=True, help="Print what would be sent; send nothing."
    )
    rules_file: Path | None = option(
        "--rules",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Classify by the lock classes and wait kinds of this TOML file (docs/rules.md).",
        heading=HelpHeading.INPUT,
    )
    reading: ReadingGroup = group(ReadingGroup)


@click.command(
    "push",
    cls=PvprofCommand,
    epilog="""\b
Examples:
  pvprof push http://127.0.0.1:4040 build.pvprof --label region=eu-1
  PVPROF_PUSH_TOKEN=$(cat token) pvprof push https://pyroscope.example night/""",
)
@takes(PushOptions, "wanted")
def command(wanted: PushOptions) -> None:
    """Send recordings to a server of Pyroscope, or one with the same interface, as profiles.

    Each recording is one profile, with all kinds of wait; host, kernel, mode, label and workload
    are labels of it. The kind of a wait, its lock class, lock and process are labels of samples.
    A secret comes from the environment: PVPROF_PUSH_TOKEN, or PVPROF_PUSH_USER and
    PVPROF_PUSH_PASSWORD.
    """
    paths = expand(wanted.recordings)
    sender = _Sender(
        server=Server.named(wanted.url, os.environ, wanted.tenant),
        attempts=Attempts(wanted.retries, wanted.timeout_s),
        app=check_app(wanted.app),
        labels=labels_from(wanted.labels),
        options=wanted.reading.read_options(),
        rules=load_rules(wanted.rules_file),
        is_quiet=wanted.reading.quiet,
        is_dry_run=wanted.dry_run,
    )
    failed = 0
    for number, path in enumerate(paths, 1):
        try:
            sender.send(path)
        except PvprofError as error:
            if len(paths) == 1:
                raise
            failed += 1
            tell(f"error: {error.message}")
            if isinstance(error, ServerError) and error.is_final and number < len(paths):
                left = f"{len(paths) - number:,} further recordings were not tried"
                raise OutputError(left, error.hint) from error
    if failed:
        raise OutputError(f"{failed:,} of {len(paths):,} recordings were not sent")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sender:
    """Sends recordings to a server, as the user's options say."""

    server: Server
    attempts: Attempts
    app: str
    labels: Labels
    options: ReadOptions
    rules: Matcher
    is_quiet: bool
    is_dry_run: bool

    def send(self, path: str) -> None:
        """Send one recording.

        Raises:
            PvprofError: the recording cannot be read, or the server does not take it.
        """
        request = self._request(path)
        if request is None:
            return
        size = f"{len(request.body):,} bytes"
        if self.is_dry_run:
            print_line(f"POST {self.server.name}{unquote_plus(request.query)} ({size})")
            return
        deliver(self.server, request, self.attempts, tell)
        if not self.is_quiet:
            tell(f"sent {path}: {size}")

    def _request(self, path: str) -> IngestRequest | None:
        """Return the request that sends a recording; None if it has no stacks.

        Raises:
            PvprofError: the recording cannot be read.
        """
        dataset = load_dataset([path], self.options)
        classified = Classified.of(dataset, self.rules, Filters((ALL_KINDS,)))
        say(dataset.problems, self.is_quiet)
        view = build(classified, StackOptions())
        if view.is_empty:
            tell(f"note: {path}: nothing was recorded; not sent")
            return None
        known: dict[str, str] = {}
        for manifest in dataset.manifests:
            known |= labels_of(manifest)
        profile = render(view).binary
        assert profile is not None
        types = [(one.name, one.unit) for one in view.types]
        recorded = _time_of(dataset.manifests, path)
        return ingest_request(self.app, {**known, **self.labels}, recorded, types, profile)


def _time_of(manifests: tuple[Manifest, ...], path: str) -> RecordedTime:
    """Return the time of a recording, or the present time for one without."""
    begun = [one for one in manifests if one.begin_wall_ns and one.begin_wall_ns > 0]
    if begun:
        ends = (max(one.duration_ns, 0) + (one.begin_wall_ns or 0) for one in begun)
        return RecordedTime(min(one.begin_wall_ns or 0 for one in begun), max(ends))
    tell(f"note: {path}: it does not say when it was recorded; sent as of now")
    now_ns = time.time_ns()
    return RecordedTime(now_ns - NS_PER_S, now_ns)
