"""The outputs that are written by turns: every format of the registry, of every subject."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pvprof.render.registry import FORMATS, Format, Subject

COMMANDS: dict[Subject, tuple[str, ...]] = {
    Subject.TABLES: ("report", "-v", "-k", "all"),
    Subject.PAGE: ("report", "-k", "all"),
    Subject.STACKS: ("fold", "-k", "all"),
    Subject.VIEWER: ("flamegraph", "-k", "all"),
    Subject.PICTURE: ("flamegraph", "-k", "all"),
    Subject.TREE: ("flamegraph", "--tree", "-k", "all"),
    Subject.HEAT_MAP: ("heatmap", "-k", "all"),
    Subject.DIFFERENCE: ("flamegraph", "--diff", "-k", "all"),
    Subject.COMPARISON: ("compare", "-v", "-k", "all"),
    Subject.STUDY: ("stats",),
    Subject.PATH: ("path",),
}
"""The command that writes each subject."""

DRAWN = (
    *(Subject.PICTURE, Subject.DIFFERENCE, Subject.HEAT_MAP),
    *(Subject.TREE, Subject.VIEWER, Subject.PAGE),
)
"""Subjects whose output says that there is nothing to draw, beside the error."""

OF_RECORDINGS = tuple(subject for subject in COMMANDS if subject != Subject.STUDY)


@dataclass(frozen=True, slots=True)
class Output:
    """One way to write a result: a command, and a format."""

    subject: Subject
    fmt: Format

    def words(self, options: tuple[str, ...], file: str, other: str) -> list[str]:
        """Return the words of the command line.

        Args:
            options: of the input.
            file: the input.
            other: a recording to compare with.
        """
        words = [*COMMANDS[self.subject], *options]
        if self.subject != Subject.TREE:
            words += ["--format", self.fmt.name, "-o", "-"]
        if self.subject == Subject.COMPARISON:
            return [*words, other, "--vs", file]
        return [*words, other, file] if self.subject == Subject.DIFFERENCE else [*words, file]


def quickest(outputs: Sequence[Output]) -> Output:
    """Return the output that takes the least time: rows of a table, if there are any."""
    rows = {one.subject: one for one in outputs if one.fmt.name == "csv"}
    return rows.get(Subject.TABLES) or rows.get(Subject.STUDY) or outputs[0]


def outputs_of(subjects: Collection[Subject]) -> tuple[Output, ...]:
    """Return all outputs of some subjects."""
    return tuple(
        Output(subject, fmt) for subject in subjects for fmt in FORMATS if subject in fmt.outputs
    )
