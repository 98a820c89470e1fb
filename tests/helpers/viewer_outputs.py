"""Files for viewers, made from a dataset or from profiles in memory."""

from __future__ import annotations

from collections.abc import Sequence

from pvprof.classify.classified import Classified
from pvprof.render.rendered import Rendered
from pvprof.render.viewers import chrome_trace as chrome_trace_writer
from pvprof.render.viewers import speedscope as speedscope_writer
from pvprof.views.folded import StackOptions
from pvprof.views.viewers import chrome_trace, speedscope
from pvprof.views.viewers.speedscope import SpeedscopeProfile, SpeedscopeView


def speedscope_of(classified: Classified, options: StackOptions | None = None) -> Rendered:
    """Return a dataset as a speedscope file."""
    return speedscope_writer.render(speedscope.build(classified, options or StackOptions()))


def speedscope_with(name: str, profiles: Sequence[SpeedscopeProfile]) -> Rendered:
    """Return profiles as a speedscope file."""
    return speedscope_writer.render(SpeedscopeView(name, tuple(profiles)))


def chrome_trace_of(classified: Classified) -> Rendered:
    """Return a dataset as a Chrome trace."""
    return chrome_trace_writer.render(chrome_trace.build(classified, StackOptions()))
