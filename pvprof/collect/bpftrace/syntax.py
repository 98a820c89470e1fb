"""How a bpftrace program is written down.

Owns the layout of its text: header comment, probes, bodies. It knows nothing of tracepoints.
"""

from __future__ import annotations

from dataclasses import dataclass

Lines = tuple[str, ...]
"""Of a body, without its indentation; a line that ends in ``{`` opens a block, ``}`` closes it."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Probes, a predicate and a body.

    Attributes:
        names: that it is bound to.
        body: lines.
        predicate: conditions that must all hold, cheapest first.
        comment: why it is as it is; lines.
    """

    names: tuple[str, ...]
    body: Lines
    predicate: tuple[str, ...] = ()
    comment: tuple[str, ...] = ()

    def text(self) -> str:
        """Return it as text."""
        lines = [f"// {line}" for line in self.comment]
        lines.append(",\n".join(self.names))
        if self.predicate:
            lines.append("/" + " && ".join(self.predicate) + "/")
        return "\n".join([*lines, "{", *_indented(self.body), "}"])


@dataclass(frozen=True, slots=True)
class Program:
    """A whole bpftrace program.

    Attributes:
        mode: of `programs.MODES`.
        purpose: one sentence.
        notes: what a reader must know besides; lines of the header comment.
        probes: in order.
    """

    mode: str
    purpose: str
    notes: Lines
    probes: tuple[Probe, ...]

    def text(self) -> str:
        """Return the program as bpftrace takes it."""
        header = "\n".join(f"// {line}".rstrip() for line in (self.purpose, "", *self.notes))
        return "\n\n".join([header, *(probe.text() for probe in self.probes)]) + "\n"


def block(condition: str, *body: str) -> Lines:
    """Return lines that run where a condition holds."""
    return (f"if ({condition}) {{", *body, "}")


def _indented(lines: Lines) -> list[str]:
    depth = 1
    out: list[str] = []
    for line in lines:
        depth -= line.startswith("}")
        out.append("\t" * depth + line)
        depth += line.endswith("{")
    return out
