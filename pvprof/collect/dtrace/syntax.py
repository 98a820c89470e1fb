"""How a D program is written down.

Owns the layout of D text: header comment, options, clauses. It knows nothing of probes and modes.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Clause:
    """Probes, a predicate and statements.

    Attributes:
        probes: that it is bound to.
        body: its statements, without semicolons.
        predicate: conditions that must all hold, cheapest first.
        comment: why it is as it is; lines.
    """

    probes: tuple[str, ...]
    body: tuple[str, ...]
    predicate: tuple[str, ...] = ()
    comment: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the clause as D text."""
        lines = _comment(self.comment) if self.comment else []
        lines.append(",\n".join(self.probes))
        if self.predicate:
            lines.append("/" + " && ".join(self.predicate) + "/")
        return "\n".join([*lines, "{", *(f"\t{statement};" for statement in self.body), "}"])


Key = tuple[tuple[str, str], ...]
"""Parts of an aggregation's key: (field name, D string); the field name ``""`` is the event's."""


@dataclass(frozen=True, slots=True)
class Aggregation:
    """A value and a count under one key, and how both are printed.

    Attributes:
        name: distinguishes it from the program's others.
        event: what stands behind ``>``: a word, or ``%s`` where the key begins with a string.
        key: what is told apart, besides the stacks.
        stacks: the stack actions, in order.
    """

    name: str
    event: str
    key: Key
    stacks: tuple[str, ...]

    def update(self, value: str | None) -> list[str]:
        """Return the statements that add one happening; without a value it is only counted."""
        key = ", ".join([*_parts(self.key), *self.stacks])
        if value is None:
            return [f"@{self.name}_n[{key}] = count()"]
        return [f"@{self.name}_ns[{key}] = sum({value})", f"@{self.name}_n[{key}] = count()"]

    def printing(self, has_value: bool) -> str:
        """Return the statement that prints its records in pvprof's grammar."""
        head = _head(">", self.event, self.key)
        frames = "-".join("%k" for _ in self.stacks)
        if has_value:
            text, names = f"{head}{frames}= %@d %@d\\n", f"@{self.name}_ns, @{self.name}_n"
        else:
            text, names = f"{head}{frames}= %@d\\n", f"@{self.name}_n"
        return f'printa("{text}", {names})'

    def update_histogram(self, value: str) -> str:
        """Return the statement that adds a value to the histogram of its name."""
        key = ", ".join(_parts(self._names()))
        return f"@{self.name}_by{f'[{key}]' if key else ''} = quantize({value})"

    def printing_histogram(self) -> str:
        """Return the statement that prints the histograms in pvprof's grammar."""
        return f'printa("{_head("?", self.event, self._names())}%@d.\\n", @{self.name}_by)'

    def _names(self) -> Key:
        """Return the key without the process: a histogram is kept for each lock or message."""
        return tuple((name, value) for name, value in self.key if name != "exec")


def _parts(key: Key) -> list[str]:
    """Return the D expressions of a key.

    A length before each name lets the reader take the name as it is, whatever it holds.
    """
    parts: list[str] = []
    for name, value in key:
        parts += [f"strlen({value})", value] if name else [value]
    return parts


def _head(mark: str, event: str, key: Key) -> str:
    return " ".join([mark, event, *(f"{name}=%d:%s" for name, _ in key if name)])


@dataclass(frozen=True, slots=True)
class Program:
    """A whole D program.

    Attributes:
        mode: of `programs.MODES`.
        purpose: one sentence.
        notes: what a reader must know besides; lines of the header comment.
        pragmas: ``#pragma D option`` lines, as NAME or NAME=VALUE.
        clauses: in order.
    """

    mode: str
    purpose: str
    notes: tuple[str, ...]
    pragmas: tuple[str, ...]
    clauses: tuple[Clause, ...] = field(default=())

    @property
    def probes(self) -> tuple[str, ...]:
        """Return the probes that must exist on the target, each once, in order."""
        return tuple(dict.fromkeys(probe for clause in self.clauses for probe in clause.probes))

    def text(self) -> str:
        """Return the program as D text, fit for ``dtrace -s``."""
        header = "\n".join(_comment((self.purpose, "", *self.notes)))
        pragmas = "\n".join(f"#pragma D option {pragma}" for pragma in self.pragmas)
        return "\n\n".join([header, pragmas, *(clause.text() for clause in self.clauses)]) + "\n"


def _comment(lines: tuple[str, ...]) -> list[str]:
    return ["/*", *(f" * {line}".rstrip() for line in lines), " */"]
