"""The screen of ``pvprof top``: it draws each interval, and obeys keys."""

from __future__ import annotations

import select
from collections.abc import Callable
from dataclasses import dataclass, replace

from rich.console import Console, Group
from rich.live import Live

from pvprof.analysis.live.interval import Interval
from pvprof.cli.live.feed import Costs, Feed
from pvprof.cli.live.keyboard import Keyboard
from pvprof.collect.live.watch import LiveRun
from pvprof.errors import PvprofError
from pvprof.render.text.console import styled
from pvprof.render.text.live_screen import Around, screen_lines
from pvprof.units import format_ns
from pvprof.views.live import SORTS, LiveOptions, LiveView, build

_WAIT_S = 0.5
_PAGE = 10
_KEYS = "q quit  p pause  s sort  / filter  m mode  enter stacks  i idle  a all  w write"
_FILTER_KEYS = "enter: take it  escape: no filter"


@dataclass(slots=True)
class _Choices:
    """What the keys have changed."""

    live: LiveOptions
    is_paused: bool = False
    is_expanded: bool = False
    is_of_all: bool = False
    is_typing: bool = False
    scroll: int = 0
    message: str = ""


class Viewer:
    """A live view on this terminal.

    Attributes:
        next_mode: whether the user wants to see the next mode.
    """

    def __init__(
        self,
        feed: Feed,
        costs: Costs,
        save: Callable[[Feed], str],
        every_ns: int,
        is_kept: bool,
    ) -> None:
        self._feed = feed
        self._costs = costs
        self._save = save
        self._every_ns = every_ns
        self._is_kept = is_kept
        self._choices = _Choices(LiveOptions())
        self._shown: Interval | None = None
        self._view: LiveView | None = None
        self._drawn: object = None
        self._console = Console(highlight=False, emoji=False, markup=False)
        self._run: LiveRun | None = None
        self._is_done = False
        self.next_mode = False
        self._actions: dict[str, Callable[[], None]] = {
            "q": self._quit,
            " ": self._pause,
            "p": self._pause,
            "s": self._sort,
            "/": self._filter,
            "m": self._switch,
            "i": self._toggle_kinds,
            "enter": self._expand,
            "a": self._toggle_all,
            "w": self._write,
            "up": lambda: self._move(-1),
            "k": lambda: self._move(-1),
            "down": lambda: self._move(1),
            "j": lambda: self._move(1),
            "page up": lambda: self._move(-_PAGE),
            "page down": lambda: self._move(_PAGE),
            "home": lambda: self._move(-(1 << 30)),
            "escape": self._back,
        }

    def show(self, run: LiveRun) -> None:
        """Show a run until it is over, or until the user leaves.

        Raises:
            InputError: the target sends what no recorder sends.
        """
        self._run = run
        console = self._console
        with (
            Keyboard() as keyboard,
            Live(console=console, screen=True, auto_refresh=False, redirect_stderr=False) as live,
        ):
            self._draw(live)
            while not run.is_over and not self._is_done:
                ready, _, _ = select.select([run.wake_fd, keyboard.fd], [], [], _WAIT_S)
                for piece in run.take():
                    self._add(piece)
                if keyboard.fd in ready:
                    try:
                        keys = keyboard.read()
                    except EOFError:  # the terminal is gone
                        break
                    for key in keys:
                        self.press(key)
                if run.is_stopping and not self._is_kept:
                    break
                self._draw(live)

    def _add(self, piece: bytes) -> None:
        for interval in self._feed.add(piece):
            if not self._choices.is_paused:
                self._shown = interval
                self._renew()

    def press(self, key: str) -> None:
        """Do what a key asks for."""
        choices = self._choices
        choices.message = ""
        if choices.is_typing:
            self._type(key)
        elif key in self._actions:
            self._actions[key]()
        self._renew()

    def _type(self, key: str) -> None:
        choices = self._choices
        wanted = choices.live.wanted
        if key == "escape":
            wanted = ""
        elif key == "backspace":
            wanted = wanted[:-1]
        elif len(key) == 1 and key.isprintable():
            wanted += key
        choices.is_typing = key not in ("enter", "escape")
        choices.live = replace(choices.live, wanted=wanted)

    def _quit(self) -> None:
        assert self._run is not None
        if self._is_kept:
            self._run.stop()
        else:
            self._is_done = True

    def _pause(self) -> None:
        self._choices.is_paused = not self._choices.is_paused
        if not self._choices.is_paused:
            self._shown = self._feed.history.last

    def _sort(self) -> None:
        names = list(SORTS)
        following = names[(names.index(self._choices.live.sort) + 1) % len(names)]
        self._choices.live = replace(self._choices.live, sort=following)

    def _filter(self) -> None:
        self._choices.is_typing = True

    def _switch(self) -> None:
        if self._is_kept:
            self._choices.message = "the mode stays: a recording is being made (-o, or a workload)"
            return
        self.next_mode = self._is_done = True

    def _expand(self) -> None:
        self._choices.is_expanded = not self._choices.is_expanded
        self._choices.scroll = 0

    def _back(self) -> None:
        self._choices.is_expanded = False
        self._choices.live = replace(self._choices.live, wanted="")

    def _toggle_all(self) -> None:
        self._choices.is_of_all = not self._choices.is_of_all

    def _toggle_kinds(self) -> None:
        self._feed.toggle_kinds()
        if self._shown is not None:
            self._shown = self._feed.renewed(self._shown)

    def _write(self) -> None:
        try:
            self._choices.message = self._save(self._feed)
        except PvprofError as error:
            self._choices.message = error.message

    def _move(self, steps: int) -> None:
        choices, view = self._choices, self._view
        if choices.is_expanded:
            choices.scroll = max(choices.scroll + steps, 0)
        elif view is not None and view.rows:
            index = min(max(view.selected + steps, 0), len(view.rows) - 1)
            choices.live = replace(choices.live, selected=view.rows[index].id)

    def _renew(self) -> None:
        history = self._feed.history
        shown = self._shown
        if shown is not None and self._choices.is_of_all:
            shown = history.whole(self._feed.options.rules, self._feed.filters) or shown
        self._view = None if shown is None else build(history, shown, self._choices.live)

    def _draw(self, live: Live) -> None:
        """Draw the screen, if anything on it is new: a slow connection has little to carry."""
        size = self._console.size
        lines = screen_lines(self._view, self._around(), size.width, size.height)
        if (size, lines) == self._drawn:
            return
        self._drawn = (size, lines)
        live.update(Group(*(styled(line.text, line.style) for line in lines)), refresh=True)

    def _around(self) -> Around:
        choices, costs, options = self._choices, self._costs, self._feed.options
        words = [f"every {format_ns(self._every_ns, 2)}", f"by {choices.live.sort}"]
        words += ["all so far"] if choices.is_of_all else []
        words += ["PAUSED"] if choices.is_paused else []
        words += [f"filter: {choices.live.wanted}"] if choices.live.wanted else []
        status = choices.message or self._status()
        keys = f"/{choices.live.wanted}_  {_FILTER_KEYS}" if choices.is_typing else _KEYS
        return Around(
            title=f"pvprof top  {options.name}  {options.mode}  {', '.join(words)}",
            status=status,
            keys=keys,
            is_expanded=choices.is_expanded,
            scroll=choices.scroll,
            has_alarm=not choices.message and costs.drops > 0,
        )

    def _status(self) -> str:
        costs, history = self._costs, self._feed.history
        if history.last is None:
            return " ".join([costs.state, *costs.notes[-1:]])
        lost = [f"{loss.kind} {loss.count:,}" for loss in history.losses]
        return "  ".join(
            [
                f"{costs.seconds} s",
                *([] if costs.state.startswith("recording") else [costs.state]),
                f"drops {costs.drops:,}",
                *lost,
                f"CPU: tracer {100 * costs.tracer_share():.1f}%",
                f"pvprof {100 * costs.own_share():.1f}%",
            ]
        )
