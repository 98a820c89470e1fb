"""bpftrace programs as values, and their text.

Owns the layout of the text: header comment, probes, bodies. It knows no tracepoints.
"""

from __future__ import annotations

from dataclasses import dataclass

Lines = tuple[str, ...]
"""A body without indentation; a line that ends in ``{`` opens a block, ``}`` closes it."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Probes, a predicate and a body.

    Attributes:
        names: of the probes.
        body: lines.
        predicate: conditions that must all hold, cheapest first.
        comment: lines above the probes.
    """

    names: tuple[str, ...]
    body: Lines
    predicate: tuple[str, ...] = ()
    comment: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the text."""
        lines = [f"// {line}" for line in self.comment]
        lines.append(",\n".join(self.names))
        if self.predicate:
            lines.append("/" + " && ".join(self.predicate) + "/")
        return "\n".join([*lines, "{", *_indented(self.body), "}"])


@dataclass(frozen=True, slots=True)
class BpftraceProgram:
    """A whole bpftrace program.

    Attributes:
        purpose: one sentence.
        notes: more lines of the header comment.
        probes: in order.
    """

    purpose: str
    notes: Lines
    probes: tuple[Probe, ...]

    def text(self) -> str:
        """Return the program as bpftrace takes it."""
        header = "\n".join(f"// {line}".rstrip() for line in (self.purpose, "", *self.notes))
        return "\n\n".join([header, *(probe.text() for probe in self.probes)]) + "\n"


def block(condition: str, *body: str) -> Lines:
    """Return lines that run if a condition holds."""
    return (f"if ({condition}) {{", *body, "}")


def _indented(lines: Lines) -> list[str]:
    depth = 1
    out: list[str] = []
    for line in lines:
        depth -= line.startswith("}")
        out.append("\t" * depth + line)
        depth += line.endswith("{")
    return out
