"""From the bytes of a live recorder to a history of intervals; and what the recorder says."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from pvprof.analysis.live.history import History
from pvprof.analysis.live.interval import Interval, interval_of
from pvprof.classify.classified import Classified
from pvprof.classify.filters import ALL_KINDS, Filters
from pvprof.classify.matcher import Matcher
from pvprof.collect.session import Listener
from pvprof.dataset.dataset import Dataset
from pvprof.dataset.intervals import interval_dataset
from pvprof.model.clocks import Clocks
from pvprof.parse.intervals.divide import Divider
from pvprof.parse.read import ReadOptions
from pvprof.units import Unit


@dataclass(frozen=True, slots=True)
class FeedOptions:
    """How intervals are read.

    Attributes:
        name: of the target.
        host: of the target as ssh takes it; empty: this machine.
        mode: what is recorded.
        unit: of its values.
        rules, filters: what the intervals are sorted by.
        read: how texts are read.
    """

    name: str
    host: str
    mode: str
    unit: Unit
    rules: Matcher
    filters: Filters
    read: ReadOptions


class Feed:
    """The intervals of one run.

    Attributes:
        options: how they are read.
        history: what came.
        filters: what the next intervals are sorted by.
    """

    def __init__(self, options: FeedOptions) -> None:
        self.options = options
        self.history = History()
        self.filters = options.filters
        self._divider = Divider()

    def toggle_kinds(self) -> None:
        """From now on keep all kinds of wait, or again those that the user asked for."""
        every = replace(self.options.filters, kinds=(ALL_KINDS,))
        self.filters = self.options.filters if self.filters == every else every

    def renewed(self, interval: Interval) -> Interval:
        """Return an interval, filtered as the next ones will be."""
        return self._classified(interval.classified.dataset, interval.begin, interval.end)

    def add(self, piece: bytes) -> list[Interval]:
        """Return the intervals that a piece of output completes; they are in the history.

        Raises:
            InputError: the target sends what no recorder sends.
        """
        options = self.options
        intervals = []
        for text in self._divider.feed(piece):
            dataset = interval_dataset(text, options.name, options.read)
            interval = self._classified(dataset, text.begin, text.end)
            self.history.add(interval)
            intervals.append(interval)
        return intervals

    def _classified(self, dataset: Dataset, begin: Clocks, end: Clocks) -> Interval:
        """Return the interval between two moments, classified and filtered."""
        classified = Classified.of(dataset, self.options.rules, self.filters)
        return interval_of(classified, begin, end, self.options.unit)


@dataclass(slots=True)
class Costs:
    """What is known of the recorder beside its output; other threads write it.

    Attributes:
        state: what the recorder does.
        drops: records dropped so far.
        seconds: since tracing began.
        tracer_ms: CPU time of the tracer so far, since `tracer_first_ms`.
        notes: messages that are not shown yet.
    """

    state: str = "starting"
    drops: int = 0
    seconds: int = 0
    tracer_ms: int = 0
    tracer_first_ms: int | None = None
    first_s: float = 0.0
    notes: list[str] = field(default_factory=list)
    _own_begin: tuple[float, float] = field(
        default_factory=lambda: (time.monotonic(), time.process_time())
    )

    def listener(self, told: Callable[[str], None] | None = None) -> Listener:
        """Return a listener that keeps what it hears.

        Args:
            told: called with each message; None keeps them.
        """
        return Listener(
            state=self._set_state,
            progress=self._set_progress,
            message=told or self.notes.append,
            cost=self._set_cost,
        )

    def _set_state(self, text: str) -> None:
        self.state = text

    def _set_progress(self, seconds: int, _size: int, drops: int) -> None:
        self.seconds, self.drops = seconds, drops

    def _set_cost(self, cpu_ms: int) -> None:
        if self.tracer_first_ms is None:  # compiling the program came before
            self.tracer_first_ms, self.first_s = cpu_ms, time.monotonic()
        self.tracer_ms = cpu_ms - self.tracer_first_ms

    def tracer_share(self) -> float:
        """Return the share of one CPU that the tracer has taken, 0 to the number of CPUs."""
        passed_s = time.monotonic() - self.first_s
        if self.tracer_first_ms is None or passed_s < 1:
            return 0.0
        return self.tracer_ms / 1000 / passed_s

    def own_share(self) -> float:
        """Return the share of one CPU that this process has taken since the beginning."""
        began_s, used_s = self._own_begin
        return (time.process_time() - used_s) / max(time.monotonic() - began_s, 0.001)
