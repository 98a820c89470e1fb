"""What a user adds to frames of a picture: a link and a title, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pvprof.model.problems import Problem
from pvprof.model.stacks import Frame, names_of


@dataclass(frozen=True, slots=True)
class FrameAttributes:
    """The attributes of one name.

    Attributes:
        link: a relative URL, or one of http or https; empty for none.
        title: a text for people; empty for none.
    """

    link: str = ""
    title: str = ""


NO_ATTRIBUTES = FrameAttributes()


@dataclass(frozen=True, slots=True)
class AttributesByName:
    """The attributes of frames.

    Attributes:
        by_name: a name needs no module, no annotation and no offset.
        problems: what could not be used of them.
    """

    by_name: Mapping[str, FrameAttributes] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    def of(self, frame: Frame) -> FrameAttributes:
        """Return the attributes of a frame: those of its whole name, if there are any."""
        if not self.by_name:
            return NO_ATTRIBUTES
        known = (self.by_name.get(name) for name in names_of(frame))
        return next((one for one in known if one is not None), NO_ATTRIBUTES)
