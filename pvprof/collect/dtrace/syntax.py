"""D programs as values, and their text.

Owns the layout of D text: header comment, options, clauses. It knows no probes and no modes.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Clause:
    """Probes, a predicate and statements.

    Attributes:
        probes: names.
        body: statements, without semicolons.
        predicate: conditions that must all hold, cheapest first.
        comment: lines above the clause.
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


INNER_FRAME = r"\n^%a %x"
"""How a frame is printed that the stack may lack, before the stack; it takes the address twice.

``%a`` cuts an address without a name off, so the number follows it.
"""


def inner_values(frames: tuple[str, ...]) -> list[str]:
    """Return the values that `INNER_FRAME` takes for each of these D expressions."""
    return [value for frame in frames for value in (frame, frame)]


KeyParts = tuple[tuple[str, str], ...]
"""Parts of an aggregation's key: (field name, D string); the name ``""`` is the mechanism's."""


@dataclass(frozen=True, slots=True)
class Aggregation:
    """A sum and a count per key, and the statements that print them.

    Attributes:
        name: unique in the program.
        mechanism: the word after ``>``, or ``%s`` if the key begins with it.
        key: what separate sums are kept for, besides the stacks.
        stacks: the stack actions, in order.
        inner_frames: D expressions of the innermost frames, leaf first, which the kernel's stack
            may lack.
    """

    name: str
    mechanism: str
    key: KeyParts
    stacks: tuple[str, ...]
    inner_frames: tuple[str, ...] = ()

    def update(self, value: str | None) -> list[str]:
        """Return the statements that add an event; without a value it is only counted."""
        inner = inner_values(self.inner_frames)
        key = ", ".join([*_parts(self.key), *inner, *self.stacks])
        if value is None:
            return [f"@{self.name}_n[{key}] = count()"]
        return [f"@{self.name}_ns[{key}] = sum({value})", f"@{self.name}_n[{key}] = count()"]

    def printing(self, has_value: bool) -> str:
        """Return the statement that prints its records in pvprof's grammar."""
        head = _head(">", self.mechanism, self.key)
        frames = INNER_FRAME * len(self.inner_frames) + "-".join("%k" for _ in self.stacks)
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
        return f'printa("{_head("?", self.mechanism, self._names())}%@d.\\n", @{self.name}_by)'

    def _names(self) -> KeyParts:
        """Return the key without the process: a histogram is kept per lock or wait message."""
        return tuple((name, value) for name, value in self.key if name != "exec")


def _parts(key: KeyParts) -> list[str]:
    """Return the D expressions of a key.

    A length comes before each name, so that the reader can take a name of any characters.
    """
    parts: list[str] = []
    for name, value in key:
        parts += [f"strlen({value})", value] if name else [value]
    return parts


def _head(mark: str, mechanism: str, key: KeyParts) -> str:
    return " ".join([mark, mechanism, *(f"{name}=%d:%s" for name, _ in key if name)])


@dataclass(frozen=True, slots=True)
class DProgram:
    """A whole D program.

    Attributes:
        purpose: one sentence.
        notes: more lines of the header comment.
        pragmas: ``#pragma D option`` lines, as NAME or NAME=VALUE.
        clauses: in order.
    """

    purpose: str
    notes: tuple[str, ...]
    pragmas: tuple[str, ...]
    clauses: tuple[Clause, ...] = field(default=())

    @property
    def probes(self) -> tuple[str, ...]:
        """Return the probes that the target must have, each once, in order."""
        return tuple(dict.fromkeys(probe for clause in self.clauses for probe in clause.probes))

    def text(self) -> str:
        """Return the program as ``dtrace -s`` takes it."""
        header = "\n".join(_comment((self.purpose, "", *self.notes)))
        pragmas = "\n".join(f"#pragma D option {pragma}" for pragma in self.pragmas)
        return "\n\n".join([header, pragmas, *(clause.text() for clause in self.clauses)]) + "\n"


def _comment(lines: tuple[str, ...]) -> list[str]:
    return ["/*", *(f" * {line}".rstrip() for line in lines), " */"]
