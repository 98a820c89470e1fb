"""The syntax of a D program: clauses, probes, statements.

This module and those that import it import as little as they can: they start some hundred times
during the tests, and dataclasses, pathlib and typing would take most of each start.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

_SKIPPED = re.compile(r'"(?:[^"\\\n]|\\.)*"|/\*.*?\*/|^#.*?$', re.S | re.M)
_MADE_ON_DEMAND = re.compile(
    r"(profile|tick)-[1-9]\d*(ns|nsec|us|usec|ms|msec|s|sec|m|min|h|hour|d|day|hz)?"
)
_OPENING = {"{": "}", "(": ")", "[": "]"}
_UNITS_S = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "": 1.0}


class DError(Exception):
    """The compiler rejects the program, with libdtrace's message."""


class Clause:
    def __init__(
        self, line: int, probes: tuple[str, ...], predicate: str, statements: tuple[str, ...]
    ) -> None:
        self.line = line
        self.probes = probes
        self.predicate = predicate
        self.statements = statements

    @property
    def exit_status(self) -> int | None:
        """The argument of exit(), or None if the clause does not end tracing."""
        for statement in self.statements:
            if match := re.fullmatch(r"exit\((\d+)\)", statement):
                return int(match[1])
        return None

    @property
    def tick_s(self) -> float | None:
        match = re.fullmatch(r"(?:profile:::)?tick-(\d+)([a-z]*)", self.probes[0])
        return int(match[1]) * _UNITS_S[match[2]] if match else None


class Program:
    def __init__(self, text: str, clauses: tuple[Clause, ...]) -> None:
        self.text = text
        self.clauses = clauses

    def of(self, probe: str) -> list[Clause]:
        return [clause for clause in self.clauses if probe in clause.probes]

    def option(self, name: str) -> str:
        match = re.search(rf"^#pragma D option {name}=(\S+)$", self.text, re.M)
        return match[1] if match else ""


class Call:
    """printf or printa: format and arguments."""

    def __init__(self, name: str, text: str, arguments: tuple[str, ...]) -> None:
        self.name = name
        self.format = text
        self.arguments = arguments


def compile_program(text: str, probes: list[tuple[str, ...]], arguments: list[str]) -> Program:
    """Compile a program for a kernel that has `probes`, each of four names.

    Raises:
        DError: the program is wrong, or names a probe that is not there.
    """
    bare = _SKIPPED.sub(_blank, text)
    _check_brackets(bare)
    clauses = tuple(_clauses(bare, text))
    if not clauses:
        raise DError("line 1: empty D program translation unit")
    _check_arguments(bare, arguments)
    for clause in clauses:
        for probe in clause.probes:
            if not matching(probe, probes):
                raise DError(
                    f"line {clause.line}: probe description {probe} does not match any probes"
                )
    return Program(text, clauses)


def matching(probe: str, probes: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the probes that a description names."""
    names = probe.split(":")
    names = [""] * (4 - len(names)) + names
    if names[0] in ("profile", "") and _MADE_ON_DEMAND.fullmatch(names[3]):
        return [("profile", "", "", names[3])]
    return [
        found
        for found in probes
        if all(
            not name or fnmatchcase(value, name) for name, value in zip(names, found, strict=True)
        )
    ]


def call_of(statement: str) -> Call | None:
    """Return the printf or printa of a statement, or None."""
    match = re.fullmatch(r'(printf|printa)\("((?:[^"\\]|\\.)*)"(?:, (.*))?\)', statement, re.S)
    if match is None:
        return None
    text = match[2].encode().decode("unicode_escape")
    return Call(match[1], text, tuple(_split(match[3] or "", ",")))


def _blank(match: re.Match[str]) -> str:
    """Return a string or comment, blanked out and of the same length."""
    return re.sub(r"[^\n]", '"' if match[0].startswith('"') else " ", match[0])


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def _check_brackets(bare: str) -> None:
    expected: list[str] = []
    for match in re.finditer(r"[][(){}]", bare):
        if match[0] in _OPENING:
            expected.append(_OPENING[match[0]])
        elif not expected or expected.pop() != match[0]:
            raise DError(f'line {_line(bare, match.start())}: syntax error near "{match[0]}"')
    if expected:
        raise DError(f"line {_line(bare, len(bare))}: syntax error near end of input")


def _clauses(bare: str, text: str) -> list[Clause]:
    found = []
    place = 0
    for match in re.finditer(r"([^{}]*)\{([^{}]*)\}", bare):
        start = place + len(match[1]) - len(match[1].lstrip())
        line = _line(bare, start)
        head = text[start : match.start(2) - 1]
        probes, _, predicate = re.sub(r"/\*.*?\*/", "", head, flags=re.S).partition("/")
        names = tuple(name.strip() for name in probes.split(","))
        if not all(re.fullmatch(r"[\w.*-]*(:[\w.*-]*){0,3}", name) and name for name in names):
            raise DError(f'line {line}: syntax error near "{probes.strip()[:20]}"')
        statements = tuple(_split(text[match.start(2) : match.end(2)], ";"))
        found.append(Clause(line, names, predicate.strip().removesuffix("/"), statements))
        place = match.end()
    return found


def _split(text: str, mark: str) -> list[str]:
    """Split at a character that is neither in a string nor in brackets."""
    parts = [""]
    depth = 0
    for piece in re.findall(r'"(?:[^"\\]|\\.)*"|.', text, re.S):
        depth += (piece in "([") - (piece in ")]") if len(piece) == 1 else 0
        if piece == mark and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    return [part.strip() for part in parts if part.strip()]


def _check_arguments(bare: str, arguments: list[str]) -> None:
    """Check that the macro arguments are those that the program uses."""
    referred: dict[int, int] = {}
    for match in re.finditer(r"\$+(\d+)", bare):
        referred.setdefault(int(match[1]), _line(bare, match.start()))
    for number, line in referred.items():
        if number > len(arguments):
            raise DError(f"line {line}: macro argument ${number} is not defined")
    last = len(arguments)
    if last and last not in referred:
        raise DError(
            f"line {_line(bare, len(bare))}: extraneous argument '{arguments[-1]}'"
            f" (${last} is not referenced)"
        )
