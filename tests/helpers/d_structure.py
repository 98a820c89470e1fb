"""A small structural check of D programs: no FreeBSD kernel is here to compile them.

It knows probes (pvprof's own table), clauses, variables and formats; not C types. What it finds is
a list of sentences, empty for a sound program.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from helpers.programs import d_arguments

OPTIONS = {
    "quiet", "strsize", "stackframes", "ustackframes", "switchrate", "bufsize", "aggsize",
    "dynvarsize",
}  # fmt: skip
BUILT_IN = {
    "timestamp", "walltimestamp", "curthread", "pid", "tid", "cpu", "execname", "probename",
    "probefunc", "arg0", "arg1", "args", "NULL", "stack", "ustack", "stringof", "strlen",
    "progenyof", "exit", "printf", "printa", "sum", "count", "quantize", "int64_t", "uintptr_t",
    "char", "struct", "lock_object", "caller", "sizeof",
}  # fmt: skip
_CLAUSE = re.compile(
    r"(?P<probes>[\w:,\n-]+)\n(?:/(?P<predicate>.*)/\n)?\{\n(?P<body>(?:\t.*;\n)+)\}\n"
)
_VARIABLE = re.compile(r"(self->\w+|this->\w+|\b[a-z]\w*\[)")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_FORMAT = re.compile(r"%(?:@?[dxska]|%)")


@dataclass
class Clause:
    probes: list[str]
    predicate: str
    body: list[str]


@dataclass
class _Check:
    faults: list[str] = field(default_factory=list)
    set_in: dict[str, int] = field(default_factory=dict)
    aggregations: dict[str, int] = field(default_factory=dict)


def clauses_of(text: str) -> list[Clause]:
    bare = re.sub(r"/\*.*?\*/\n", "", text, flags=re.S)
    bare = re.sub(r"#pragma.*\n", "", bare)
    found = []
    path = 0
    for match in _CLAUSE.finditer(bare):
        between = bare[path : match.start()]
        assert not between.strip(), f"not a clause: {between!r}"
        path = match.end()
        found.append(
            Clause(
                [probe.strip() for probe in match["probes"].strip().split(",")],
                match["predicate"] or "",
                [line.strip().removesuffix(";") for line in match["body"].splitlines()],
            )
        )
    assert not bare[path:].strip(), f"not a clause: {bare[path:]!r}"
    return found


def faults_of(text: str) -> list[str]:
    check = _Check()
    for pragma in re.findall(r"#pragma (.*)", text):
        match = re.fullmatch(r"D option (\w+)(?:=\d+(?:m|hz)?)?", pragma)
        if match is None or match[1] not in OPTIONS:
            check.faults.append(f"unknown pragma: {pragma}")
    clauses = clauses_of(text)
    for number, clause in enumerate(clauses):
        _check_clause(check, clause, number)
    _check_variables(check, clauses)
    _check_aggregations(check, clauses)
    return check.faults


def _check_clause(check: _Check, clause: Clause, number: int) -> None:
    for probe in clause.probes:
        if d_arguments(probe) is None:
            check.faults.append(f"unknown probe: {probe}")
    for text in [clause.predicate, *clause.body]:
        bare = _STRING.sub("", text)
        for opening, closing in ("()", "[]", "{}"):
            if bare.count(opening) != bare.count(closing):
                check.faults.append(f"unbalanced {opening}{closing}: {text}")
        names = re.sub(r"(?:->|\.|`|@)\w+", "", bare)
        for name in re.findall(r"\b[A-Za-z_]\w*\b", names):
            if name not in BUILT_IN | {"self", "this"} and f"{name}[" not in text:
                check.faults.append(f"unknown name {name}: {text}")
        _check_arguments(check, clause, text)
    for statement in clause.body:
        match = re.fullmatch(r"(self->\w+|this->\w+|\w+\[.*?\]) = (.*)", statement)
        if match and match[2] != "0":
            check.set_in.setdefault(_key(match[1]), number)


def _check_arguments(check: _Check, clause: Clause, text: str) -> None:
    for index in map(int, re.findall(r"\bargs\[(\d)\]", text)):
        for probe in clause.probes:
            if index >= (d_arguments(probe) or 0):
                check.faults.append(f"{probe} has no args[{index}]")
    if text.startswith("printf"):
        form = _STRING.search(text)
        assert form is not None
        wanted = len([one for one in _FORMAT.findall(form[0]) if one != "%%"])
        if wanted != _count_arguments(text) - 1:
            check.faults.append(f"printf wants {wanted} values: {text}")
        if not form[0].endswith('\\n"'):
            check.faults.append(f"no end of line: {text}")


def _count_arguments(call: str) -> int:
    inner = _STRING.sub("S", call[call.index("(") + 1 : -1])
    depth = commas = 0
    for letter in inner:
        depth += (letter in "([") - (letter in ")]")
        commas += letter == "," and not depth
    return commas + 1


def _key(variable: str) -> str:
    return variable.partition("[")[0]


def _check_variables(check: _Check, clauses: list[Clause]) -> None:
    """Check that variables are set before use, and that those of threads are reset, not freed."""
    reset, tested = set(), set()
    for number, clause in enumerate(clauses):
        for text in [clause.predicate, *clause.body]:
            bare = re.sub(r"(?:@\w+|args|lock_classes)\[", "(", _STRING.sub("", text))
            for name in map(_key, _VARIABLE.findall(bare)):
                if check.set_in.get(name, number + 1) > number:
                    check.faults.append(f"{name} is used before it is set: {text}")
            if "self->" in text:
                check.faults.append(f"a variable by thread id, of which there are many: {text}")
            if re.fullmatch(r"\w+\[.*\] = 0", text):
                check.faults.append(f"the next use has to allocate the variable again: {text}")
            if re.fullmatch(r"\w+\[.*\] = 1", text):
                reset.add(_key(text))
        tested |= set(re.findall(r"(\w+)\[[^]]*(?:\[0\])?\] > 1", clause.predicate))
    check.faults += [f"{name} is never reset" for name in sorted(tested - reset)]


def _check_aggregations(check: _Check, clauses: list[Clause]) -> None:
    """Check that every aggregation is printed by a format that fits its key."""
    keys: dict[str, str] = {}
    for clause in clauses:
        for text in clause.body:
            match = re.fullmatch(r"@(\w+)(?:\[(.*)\])? = (?:sum|count|quantize)\(.*\)", text)
            if match and keys.setdefault(match[1], match[2] or "") != (match[2] or ""):
                check.faults.append(f"@{match[1]} has two different keys")
    printed: set[str] = set()
    for text in clauses[-1].body:
        if not text.startswith("printa("):
            continue
        names = re.findall(r"@(\w+)[,)]", text)
        printed |= set(names)
        form = _STRING.search(text)
        assert form is not None
        places = [one for one in _FORMAT.findall(form[0]) if one != "%%" and "@" not in one]
        values = [one for one in _FORMAT.findall(form[0]) if "@" in one]
        if len(values) != len(names):
            check.faults.append(f"{len(values)} places for {len(names)} aggregations: {text}")
        for name in names:
            if name not in keys:
                check.faults.append(f"@{name} is printed and never filled")
                continue
            wanted = _count_arguments(f"({keys[name]})") if keys[name] else 0
            if len(places) != wanted:
                check.faults.append(f"{len(places)} places for {wanted} keys: {text}")
    check.faults += [f"@{name} is never printed" for name in sorted(set(keys) - printed)]
