"""The rules that classify locks and wait messages: the packaged ones and a user's file."""

from __future__ import annotations

import gzip
import itertools
import re
import subprocess
import sys
from collections import Counter
from dataclasses import FrozenInstanceError, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from unittest.mock import patch

import pytest
from helpers.work import lines_run
from hypothesis import given
from hypothesis import strategies as st

from pvprof.classify.matcher import Matcher
from pvprof.classify.rule_plans import RulesByName
from pvprof.classify.rules import (
    OTHER,
    UNCLASSIFIED,
    ClassFamily,
    Classification,
    Rule,
    WaitKind,
)
from pvprof.classify.rules_file import RulesError, load_rules
from pvprof.errors import PvprofError
from pvprof.model.mechanisms import MECHANISMS
from pvprof.model.profile import Key
from pvprof.model.stacks import DELIMITER, NO_STACK, Stack, frames_of, stack_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TESTS = Path(__file__).parent.parent
RECORDINGS = TESTS / "fixtures" / "freebsd-13.2"
DOCUMENT = TESTS.parent / "docs" / "rules.md"

DEFAULT = load_rules()


FOLDER = "tests/fixtures/rules"
"""Where the cases are, for messages."""


class Case(NamedTuple):
    """A wait, and what the rules must say of it.

    Attributes:
        place: FILE:LINE of the case.
        mechanism, name, stack, recorded: the wait; `recorded` is the class that the kernel names.
        verdict: what the rules must say.
    """

    place: str
    mechanism: str
    name: str
    stack: Stack
    verdict: Classification
    recorded: str = ""

    @property
    def key(self) -> Key:
        return Key(self.mechanism, self.name, "sh", lock_class=self.recorded)

    @property
    def label(self) -> str:
        return f"{self.mechanism}|{self.name}"


def fields_of(file: str, names: str) -> Iterator[tuple[str, list[str]]]:
    """Yield FILE:LINE and the fields of each case of a file; `names` are those of the fields."""
    for number, line in enumerate((TESTS / "fixtures/rules" / file).read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        place = f"{FOLDER}/{file}:{number}"
        fields = [part.strip() for part in line.split("|")]
        wanted = names.count("|") + 1
        if len(fields) != wanted:
            pytest.fail(f"{place}: {len(fields)} fields, not {wanted}: {names}", pytrace=False)
        yield place, fields


def case_of(place: str, waited: str, name: str, frames: str, verdict: tuple[str, str]) -> Case:
    mechanism, _, recorded = waited.partition(" + ")
    stack = stack_of(f"kernel`{function}" for function in frames.split())
    return Case(place, mechanism, name, stack, Classification(*verdict), recorded)


def _cases() -> Iterator[Case]:
    for place, fields in fields_of("cases.txt", "mechanism | name | frames | kind | class"):
        waited, name, frames, kind, lock_class = fields
        yield case_of(place, waited, name, frames, (kind, lock_class))


def _linux_cases() -> Iterator[tuple[Case, str]]:
    """Yield each case with the name that the rules must give it."""
    for place, fields in fields_of("cases-linux.txt", "mechanism | frames | name | kind | class"):
        waited, frames, name, kind, lock_class = fields
        yield case_of(place, waited, name, frames, (kind, lock_class)), name


LINUX = list(_linux_cases())
CASES = [*_cases(), *(case for case, _ in LINUX)]
CASES_OF = {"freebsd.toml": f"{FOLDER}/cases.txt", "linux.toml": f"{FOLDER}/cases-linux.txt"}


@pytest.fixture(name="write")
def _write(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return path

    return write


# ------------------------------------------------------------------------------ packaged rules


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_each_case_gets_its_kind_and_class(case: Case) -> None:
    found = DEFAULT.classify(case.key, case.stack)
    kind, lock_class = (
        rule.label if rule else "no rule" for rule in DEFAULT.explain(case.key, case.stack)
    )
    assert found == case.verdict, (
        f"{case.place}: kind {found.kind} by {kind}; class {found.lock_class} by {lock_class}"
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.label)
def test_each_case_has_a_mechanism_of_the_table(case: Case) -> None:
    assert case.mechanism in MECHANISMS, f"{case.place}: no mechanism is called {case.mechanism!r}"


@pytest.mark.parametrize(("case", "name"), LINUX, ids=lambda one: str(one)[:60])
def test_a_wait_without_a_name_is_named_by_its_stack(case: Case, name: str) -> None:
    assert DEFAULT.name_of(case.key._replace(name=""), case.stack) == name


@pytest.mark.parametrize(("case", "name"), LINUX, ids=lambda one: str(one)[:60])
def test_the_rule_that_names_a_wait_decides_its_kind_and_class(case: Case, name: str) -> None:
    """A wait in userfaultfd is not in the class of the pipe that the thread was reading."""
    for rule in DEFAULT.explain(case.key, case.stack):
        if rule is not None and not rule.first:  # else nothing decides it, or the mechanism alone
            pattern = re.escape(rule.name or "").replace(re.escape("{caller}"), ".+")
            assert re.fullmatch(pattern, name), f"{case.place}: {rule.label}"


def test_a_packaged_rule_that_names_waits_gives_their_class_and_kind() -> None:
    fallback = [rule for rule in DEFAULT.rules if rule.name and not rule.lock_class]
    assert [(rule.name, rule.kind) for rule in fallback] == [("{caller}", None)]
    of_contention = {name for name in MECHANISMS if name.endswith(("-spin", "-block"))}
    for rule in DEFAULT.rules:
        if rule.name and rule not in fallback:
            assert rule.kind or rule.mechanisms <= of_contention, rule.label


@pytest.mark.parametrize("suffix", [".isra.0", ".constprop.0", ".part.0", ".cold", ".isra.0.cold"])
def test_a_compilers_suffix_changes_neither_name_nor_kind(suffix: str) -> None:
    for case, name in LINUX:
        functions = [f"{frame}{suffix}" for frame in frames_of(case.stack)]
        assert DEFAULT.name_of(case.key._replace(name=""), stack_of(functions)) == name
        assert DEFAULT.classify(case.key, stack_of(functions)) == case.verdict


def test_a_recorded_name_is_kept() -> None:
    for case, name in LINUX:
        assert DEFAULT.name_of(case.key._replace(name="mine"), case.stack) == "mine"
        assert DEFAULT.may_name(case.key._replace(name="")) == bool(name)


def test_every_name_that_a_rule_gives_has_a_case() -> None:
    given = {name for _, name in LINUX}
    for rule in DEFAULT.rules:
        pattern = re.escape(rule.name or "").replace(re.escape("{caller}"), ".+")
        assert rule.name is None or any(re.fullmatch(pattern, name) for name in given), rule.label


@pytest.mark.parametrize("rule", DEFAULT.rules, ids=lambda rule: rule.label)
def test_every_rule_decides_at_least_one_case(rule: Rule) -> None:
    kinds, classes = deciders()
    if rule.kind is not None and rule not in kinds:
        pytest.fail(needs_case(rule, f"the kind ({rule.kind})"), pytrace=False)
    if rule.lock_class is not None and rule not in classes:
        pytest.fail(needs_case(rule, f"the class ({rule.lock_class})"), pytrace=False)


@cache
def deciders() -> tuple[list[Rule | None], list[Rule | None]]:
    """Return the rules that decide the kind of a case, and those that decide the class of one."""
    both = [DEFAULT.explain(case.key, case.stack) for case in CASES]
    return [kind for kind, _ in both], [lock_class for _, lock_class in both]


def needs_case(rule: Rule, decided: str) -> str:
    file = CASES_OF[rule.label.partition(":")[0]]
    return f"{rule.label} decides {decided} of no case: add one to {file}"


def test_every_listed_name_is_decided_by_the_rule_that_lists_it() -> None:
    for rule in DEFAULT.rules:
        if rule.frames or rule.callers:
            continue
        mechanism = min(rule.mechanisms, default="")
        for name in rule.names:
            recorded = min(rule.recorded_classes, default="")
            deciders = DEFAULT.explain(Key(mechanism, name, lock_class=recorded), NO_STACK)
            labels = [decider.label for decider in deciders if decider]
            assert rule in deciders, f"{rule.label} lists {name!r}, which {labels} decide first"


def test_no_name_is_listed_twice_under_the_same_conditions() -> None:
    listed = Counter(
        (name, rule.mechanisms, bool(rule.frames)) for rule in DEFAULT.rules for name in rule.names
    )
    assert [name for name, times in listed.items() if times > 1] == []


def test_kinds_that_are_kept_come_before_those_set_aside() -> None:
    kept = [kind.id for kind in DEFAULT.kinds if not kind.set_aside]
    aside = [kind.id for kind in DEFAULT.kinds if kind.set_aside]
    assert kept == ["kernel", "oncpu", "runq", "wakeup", "unclassified"]
    assert aside == ["io", "child", "timer", "ipc", "user", "idle"]
    assert [kind.id for kind in DEFAULT.kinds] == kept + aside


@pytest.mark.parametrize(
    "mechanism",
    [
        *("turnstile", "adaptive-spin", "adaptive-block", "spin-spin", "thread-spin"),
        *("rw-spin", "rw-block", "sx-spin", "sx-block", "lockmgr-block"),
    ],
)
@pytest.mark.parametrize(
    "name", ["", "-", "biord", "nanslp", "select", "uwait", "wait", "never seen"]
)
def test_a_wait_for_a_lock_is_of_kind_kernel_with_any_name(mechanism: str, name: str) -> None:
    assert DEFAULT.classify(Key(mechanism, name), NO_STACK).kind == "kernel"


def test_trailing_blanks_of_a_name_do_not_count() -> None:
    assert DEFAULT.classify(Key("turnstile", "vm inactive pagequeue "), NO_STACK) == Classification(
        "kernel", "vm page queues"
    )


def test_leading_blanks_and_case_of_a_name_count() -> None:
    assert DEFAULT.classify(Key("sleepq", " biord"), NO_STACK).kind == UNCLASSIFIED
    assert DEFAULT.classify(Key("sleepq", "BIORD"), NO_STACK).kind == UNCLASSIFIED


@pytest.mark.parametrize(
    "frame",
    ["kernel`obm_lock_slow", "kernel`obm_lock_slow+0x1f", "obm_lock_slow", "obm.ko`_obm_lock"],
)
def test_a_frame_counts_without_module_and_offset(frame: str) -> None:
    verdict = DEFAULT.classify(
        Key("turnstile", "pmap pv list"), stack_of(["kernel`vm_fault", frame])
    )
    assert verdict.lock_class == "pv list (OBM)"


def test_a_module_named_like_a_function_does_not_count() -> None:
    verdict = DEFAULT.classify(Key("turnstile", "pmap pv list"), Stack("obm_test.ko`attach"))
    assert verdict.lock_class == "pv list"


def test_user_frames_do_not_count_if_there_are_kernel_frames() -> None:
    key = Key("sleepq", "unknown")
    user = ["prog`main", "prog`biowait", DELIMITER]
    assert DEFAULT.classify(key, stack_of([*user, "kernel`_sleep"])).kind == UNCLASSIFIED
    assert DEFAULT.classify(key, stack_of([*user, "kernel`biowait"])).kind == "io"
    assert DEFAULT.classify(key, stack_of(user)).kind == UNCLASSIFIED


def test_no_frame_decides_for_a_key_whose_name_is_enough() -> None:
    rules = load_rules()
    rules.classify(Key("turnstile", "vm object"), Stack("kernel`a;kernel`b"))
    rules.classify(Key("sleepq", "biord"), Stack("kernel`a;kernel`b"))
    assert not rules._frame_bits


# ------------------------------------------------------------------------- names in recordings

_KEY_LINE = re.compile(r"@?([a-z]+(?:-[a-z]+)?)\|(.+)")
_EVENT_LINE = re.compile(r"E \d+ \d+ \d+ \d+ \d+ .+ ([ts]) [0-9a-f]+ \d+ (.*)")
_PROFILED = re.compile(r"\((sleep mutex|spin mutex|rw|rm|sx|lockmgr):(.*)\)$", re.MULTILINE)
_LIVE = re.compile(r"^T ([a-z ]+)\|(.*) \d+$", re.MULTILINE)
_QUEUES = {"t": "turnstile", "s": "sleepq"}


def _text(name: str) -> str:
    path = RECORDINGS / name
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return raw.decode()


def _keyed_by_a_line() -> Iterator[tuple[str, str]]:
    for name in (
        *("stock-offcpu.out", "sdt-offcpu.out"),
        *("lockstat-provider.out", "build-lockstat-provider.out"),
    ):
        for line in _text(name).splitlines():
            if match := _KEY_LINE.fullmatch(line):
                yield match[1], match[2]


def _keyed_by_an_event() -> Iterator[tuple[str, str]]:
    for name in ("events.out.gz", "build-events.out.gz"):
        for match in re.finditer(_EVENT_LINE, _text(name)):
            yield _QUEUES[match[1]], match[2]


def _of_lock_classes() -> Iterator[tuple[str, str]]:
    yield from _PROFILED.findall(_text("lock-profiling.sysctl.out"))
    yield from _LIVE.findall(_text("lock-classes-live.out"))


def _without_a_mechanism() -> Iterator[tuple[str, str]]:
    for record in _text("seed-offcpu.out").split("\n\n"):
        lines = record.strip("\n").split("\n")
        if len(lines) == 2 and lines[1].isdigit() and "`" not in record:
            yield "", lines[0]
    for name in re.findall(r"^  ([a-z].*?) *$", _text("histogram.out"), re.MULTILINE):
        yield "", name


def _of_lockstat() -> Iterator[tuple[str, str]]:
    for name in re.findall(
        r"^ *\d+ +\d+% +\d+% \d\.\d\d +\d+ (.{23})", _text("lockstat-1.out"), re.MULTILINE
    ):
        yield "adaptive-spin", name


@pytest.mark.parametrize(
    ("names", "at_least"),
    [
        (_keyed_by_a_line, 25),
        (_keyed_by_an_event, 22),
        (_of_lock_classes, 100),
        (_without_a_mechanism, 15),
        (_of_lockstat, 25),
    ],
)
def test_every_name_of_the_recordings_has_a_kind(
    names: Callable[[], Iterator[tuple[str, str]]], at_least: int
) -> None:
    keys = set(names())
    assert len(keys) >= at_least
    unknown = {key for key in keys if DEFAULT.classify(Key(*key), NO_STACK).kind == UNCLASSIFIED}
    assert not unknown


# Locks of single drivers and subsystems: no class has room for several of them.
UNCLASSED = {"nanslp"}


def test_every_name_of_the_recordings_has_a_class() -> None:
    keys = {
        *_keyed_by_a_line(),
        *_keyed_by_an_event(),
        *_of_lock_classes(),
        *_without_a_mechanism(),
        *_of_lockstat(),
    }
    other = {key[1] for key in keys if DEFAULT.classify(Key(*key), NO_STACK).lock_class == OTHER}
    assert other == UNCLASSED


# ------------------------------------------------------------------------------- a user's file


def test_a_users_rule_is_tried_before_the_packaged_ones(write: Callable[[str], Path]) -> None:
    rules = load_rules(
        write('[[rule]]\nclass = "my disks"\nkind = "kernel"\nnames = ["biord", "mydrv"]\n')
    )
    assert rules.classify(Key("sleepq", "biord"), NO_STACK) == Classification("kernel", "my disks")
    assert rules.classify(Key("sleepq", "mydrv"), NO_STACK) == Classification("kernel", "my disks")
    assert rules.classify(Key("sleepq", "biowr"), NO_STACK) == Classification("io", "buffer cache")


def test_a_users_rule_may_give_only_a_class_or_only_a_kind(write: Callable[[str], Path]) -> None:
    rules = load_rules(
        write(
            '[[rule]]\nclass = "mine"\nnames = ["biord"]\n'
            '[[rule]]\nkind = "ipc"\nnames = ["biowr"]\n'
        )
    )
    assert rules.classify(Key("sleepq", "biord"), NO_STACK) == Classification("io", "mine")
    assert rules.classify(Key("sleepq", "biowr"), NO_STACK) == Classification("ipc", "buffer cache")


def test_a_users_rule_by_name_leaves_lock_waits_and_running_alone(
    write: Callable[[str], Path],
) -> None:
    rules = load_rules(write("[[rule]]\nkind = \"ipc\"\nname_patterns = ['.*']\n"))
    assert rules.classify(Key("turnstile", "vm object"), NO_STACK).kind == "kernel"
    assert rules.classify(Key("rw-spin", "vm object"), NO_STACK).kind == "kernel"
    assert rules.classify(Key("on-cpu"), NO_STACK).kind == "oncpu"
    assert rules.classify(Key("sleepq", "vmpfw"), NO_STACK).kind == "ipc"


def test_a_users_first_rule_is_tried_before_everything(write: Callable[[str], Path]) -> None:
    rules = load_rules(write('[[rule]]\nfirst = true\nkind = "idle"\nevents = ["turnstile"]\n'))
    assert rules.classify(Key("turnstile", "vm object"), NO_STACK).kind == "idle"


def kind_of(name: str) -> WaitKind:
    """Return a packaged kind."""
    return next(kind for kind in DEFAULT.kinds if kind.id == name)


def test_a_user_may_change_a_kind_and_add_one(write: Callable[[str], Path]) -> None:
    rules = load_rules(
        write(
            '[[kind]]\nid = "io"\nset_aside = false\n'
            '[[kind]]\nid = "child"\ntitle = "Kids"\n'
            '[[kind]]\nid = "gpu"\ntitle = "Waiting for the GPU"\n'
        )
    )
    kinds = {kind.id: kind for kind in rules.kinds}
    assert kinds["io"] == replace(kind_of("io"), set_aside=False)
    assert kinds["child"] == replace(kind_of("child"), title="Kids")
    assert rules.kinds[-1] == WaitKind("gpu", "Waiting for the GPU", False)
    assert [kind.id for kind in rules.kinds[:-1]] == [kind.id for kind in DEFAULT.kinds]


def test_a_replacing_file_leaves_nothing_of_the_packaged_rules(
    write: Callable[[str], Path],
) -> None:
    rules = load_rules(
        write(
            'replace = true\n[[kind]]\nid = "locks"\ntitle = "Locks"\n'
            '[[rule]]\nkind = "locks"\nevents = ["turnstile"]\n'
        )
    )
    assert [kind.id for kind in rules.kinds] == ["locks", UNCLASSIFIED]
    assert rules.classify(Key("turnstile", "vm object"), NO_STACK) == Classification("locks", OTHER)
    assert rules.classify(Key("sleepq", "biord"), NO_STACK) == Classification(UNCLASSIFIED, OTHER)


@pytest.mark.parametrize("text", ["", "# nothing\n", "replace = false\n"])
def test_an_empty_file_changes_nothing(write: Callable[[str], Path], text: str) -> None:
    rules = load_rules(write(text))
    assert (rules.kinds, rules.rules) == (DEFAULT.kinds, DEFAULT.rules)
    assert rules.machinery == DEFAULT.machinery


def test_a_byte_order_mark_and_dos_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "dos.toml"
    path.write_bytes(b'\xef\xbb\xbf[[rule]]\r\nclass = "mine"\r\nnames = ["x"]\r\n')
    assert load_rules(path).classify(Key("", "x"), NO_STACK).lock_class == "mine"


def test_an_empty_name_in_a_rule_means_that_there_is_no_name(write: Callable[[str], Path]) -> None:
    rules = load_rules(write('[[rule]]\nclass = "nameless"\nnames = [""]\n'))
    assert rules.classify(Key("sleepq", ""), NO_STACK).lock_class == "nameless"
    assert rules.classify(Key("sleepq", "x"), NO_STACK).lock_class == OTHER


_RULE = '[[rule]]\nclass = "mine"\n'
BAD = {
    "syntax": ("[[rule]\n", "not valid TOML"),
    "deep nesting": ("x = " + "[" * 100_000, "not valid TOML"),
    "huge number": ("x = " + "1" * 5000, "not valid TOML"),
    "unknown top key": ("rules = 1\n", "'rules' is not a known key"),
    "replace is no boolean": ('replace = "yes"\n', "'replace' must be true or false"),
    "kind is no table": ('kind = ["io"]\n', "'kind' must be written as [[kind]]"),
    "kind is one table": ('[kind]\nid = "x"\n', "'kind' must be written as [[kind]]"),
    "rule is one table": ('[rule]\nclass = "x"\n', "'rule' must be written as [[rule]]"),
    "kind has an unknown key": ('[[kind]]\nid = "x"\nhue = 1\n', "kind 1: 'hue' is not"),
    "colour is a text": (_RULE + 'colour = "red"\nnames = ["x"]\n', "'colour' must be a whole"),
    "colour is too large": (
        _RULE + 'colour = 1000\nnames = ["x"]\n',
        "'colour' must be from 0 to 999",
    ),
    "family without a class": (
        '[[rule]]\nkind = "io"\nfamily = "f"\nnames = ["x"]\n',
        "rule 1 (io): gives a 'family' without a 'class'",
    ),
    "primitive without a family": (
        _RULE + 'primitive = "rwlock"\nnames = ["x"]\n',
        "gives a 'primitive' without a 'family'",
    ),
    "colour without a class": (
        '[[rule]]\nkind = "io"\ncolour = 1\nnames = ["x"]\n',
        "rule 1 (io): gives a 'colour' without a 'class'",
    ),
    "old and new name of a key": (
        _RULE + 'events = ["x"]\nmechanisms = ["x"]\n',
        "gives 'mechanisms' and its old name 'events'",
    ),
    "kind without id": ('[[kind]]\ntitle = "x"\n', "kind 1: needs an 'id'"),
    "kind with a bad id": (
        '[[kind]]\nid = "My kind"\ntitle = "x"\n',
        "needs an 'id' of lower-case",
    ),
    "kind with an id of no text": (
        '[[kind]]\nid = 3\ntitle = "x"\n',
        "kind 1: 'id' must be a text",
    ),
    "kind without title": ('[[kind]]\nid = "x"\n', "kind 1 (x): needs a 'title'"),
    "kind with an empty title": (
        '[[kind]]\nid = "x"\ntitle = " "\n',
        "'title' must be one printable",
    ),
    "kind twice": (
        '[[kind]]\nid = "x"\ntitle = "a"\n[[kind]]\nid = "x"\ntitle = "b"\n',
        "kind 2 (x): the same id",
    ),
    "kind set_aside no boolean": (
        '[[kind]]\nid = "x"\ntitle = "x"\nset_aside = 1\n',
        "kind 1 (x): 'set_aside' must be true or false",
    ),
    "rule has an unknown key": (_RULE + 'title = "x"\n', "rule 1 (mine): 'title' is not a known"),
    "rule gives nothing": ('[[rule]]\nnames = ["x"]\n', "rule 1: gives neither"),
    "rule without a condition": (_RULE, "rule 1 (mine): needs at least one condition"),
    "rule with an unknown kind": (
        '[[rule]]\nkind = "oi"\nnames = ["x"]\n',
        "rule 1 (oi): there is no kind 'oi' (there are kernel,",
    ),
    "class is no text": ('[[rule]]\nclass = 1\nnames = ["x"]\n', "rule 1: 'class' must be a text"),
    "class is empty": ('[[rule]]\nclass = ""\nnames = ["x"]\n', "'class' must be one printable"),
    "class breaks frames": ('[[rule]]\nclass = "a;b"\nnames = ["x"]\n', "without ';'"),
    "class has a line end": (
        '[[rule]]\nclass = "a\\nb"\nnames = ["x"]\n',
        "'class' must be one print",
    ),
    "first is no boolean": (_RULE + 'first = 1\nnames = ["x"]\n', "'first' must be true or false"),
    "names is a text": (_RULE + 'names = "x"\n', "'names' must be a list of texts"),
    "names is empty": (_RULE + "names = []\n", "'names' must be a list of one or more"),
    "names holds a number": (_RULE + 'names = ["x", 1]\n', "'names' must be a list of one or more"),
    "events is a text": (_RULE + 'events = "rw-spin"\n', "'events' must be a list of texts"),
    "bad name pattern": (_RULE + 'name_patterns = ["a("]\n', "'name_patterns' has a bad regular"),
    "bad event pattern": (_RULE + 'event_patterns = ["*"]\n', "'event_patterns' has a bad regular"),
    "bad frame pattern": (_RULE + 'frames = ["["]\n', "'frames' has a bad regular expression '['"),
    "doubtful pattern": (_RULE + 'frames = ["[[a]"]\n', "Possible nested set"),
    "huge repeat": (_RULE + 'frames = ["a{99999999999999999999}"]\n', "bad regular expression"),
    "deep pattern": (_RULE + f'frames = ["{"(" * 9999}{")" * 9999}"]\n', "bad regular expression"),
    "replaced kinds": ('replace = true\n[[rule]]\nkind = "io"\nnames = ["x"]\n', "no kind 'io'"),
}


@pytest.mark.slow
@pytest.mark.parametrize("bad", BAD)
def test_a_mistake_in_a_users_file_is_one_line_that_names_the_file(
    write: Callable[[str], Path], bad: str
) -> None:
    text, expected = BAD[bad]
    path = write(text)
    with pytest.raises(RulesError) as caught:
        load_rules(path)
    assert expected in caught.value.message
    assert caught.value.message.startswith(str(path))
    assert caught.value.hint
    assert isinstance(caught.value, PvprofError)
    assert caught.value.exit_code == 1


def test_the_second_of_two_rules_is_named_as_the_second(write: Callable[[str], Path]) -> None:
    path = write(_RULE + 'names = ["a"]\n[[rule]]\nclass = "yours"\nnames = [1]\n')
    with pytest.raises(RulesError, match=r"rule 2 \(yours\)"):
        load_rules(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"absent\.toml: cannot be read: No such file"):
        load_rules(tmp_path / "absent.toml")


def test_a_directory_is_not_a_rules_file(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match="cannot be read: Is a directory"):
        load_rules(tmp_path)


def test_an_unreadable_file_is_named(
    write: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("")

    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "read_bytes", refuse)
    monkeypatch.setattr("importlib.resources.files", lambda _: _Packaged())
    with pytest.raises(RulesError, match=r"mine\.toml: cannot be read: Permission denied"):
        load_rules(path)


class _Packaged:
    """Replaces the package of rules files; reading a file fails."""

    def joinpath(self, _: str) -> _Packaged:
        return self

    def read_bytes(self) -> bytes:
        return b""


def test_an_impossible_file_name_is_an_error() -> None:
    with pytest.raises(RulesError, match="cannot be read"):
        load_rules(Path("a\0b"))


def test_a_file_that_is_not_utf_8_is_named_with_the_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(b"# fine\n# caf\xe9\n")
    with pytest.raises(RulesError, match=r"latin\.toml: line 2 is not UTF-8"):
        load_rules(path)


# ------------------------------------------------------------------------------------ the laws

_MECHANISM = st.sampled_from(["", "turnstile", "sleepq", "on-cpu", "wakeup", "runq", "rw-spin"])
_NAME = st.sampled_from(sorted({case.name for case in CASES})) | st.text()
_FRAME = (
    st.sampled_from(sorted({frame for case in CASES for frame in frames_of(case.stack)}))
    | st.text()
)
_STACK = st.lists(_FRAME, max_size=8).map(stack_of)


@pytest.mark.slow
@given(mechanism=_MECHANISM | st.text(), name=_NAME, stack=_STACK)
def test_any_key_and_stack_get_a_declared_kind_and_a_class(
    mechanism: str, name: str, stack: Stack
) -> None:
    verdict = DEFAULT.classify(Key(mechanism, name), stack)
    assert verdict.kind in {kind.id for kind in DEFAULT.kinds}
    assert verdict.lock_class


@pytest.mark.slow
@given(
    mechanism=_MECHANISM,
    name=_NAME,
    stacks=st.lists(_STACK, min_size=1, max_size=5),
)
def test_earlier_questions_do_not_change_an_answer(
    mechanism: str, name: str, stacks: list[Stack]
) -> None:
    fresh = [
        Matcher(DEFAULT.kinds, DEFAULT.rules).classify(Key(mechanism, name), stack)
        for stack in stacks
    ]
    assert [DEFAULT.classify(Key(mechanism, name), stack) for stack in stacks] == fresh


@pytest.mark.slow
@given(text=st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_text_is_a_file_of_rules_or_a_rules_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    message = ""
    try:
        load_rules(path)
    except RulesError as error:
        message = error.message
    assert not message or message.startswith(str(path))


def test_rules_and_classifications_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        DEFAULT.rules[0].first = True  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        DEFAULT.classify(Key(), NO_STACK).kind = "x"  # type: ignore[misc]


@pytest.mark.slow
@pytest.mark.parametrize(
    "pattern",
    ["^a", "^a|b", "^(a|b)", "^(a|b)|c", r"^\(a|b", "^[(]a|b", "^(?:a|c)$", "a|^b", "^a(b|c)d|^e"],
)
def test_a_pattern_that_is_matched_at_the_beginning_is_found_as_by_a_search(
    write: Callable[[str], Path], pattern: str
) -> None:
    rules = load_rules(write(f"[[rule]]\nclass = 'mine'\nframes = ['{pattern}']\n"))
    for function in ("a", "b", "xa", "xb", "c", "xc", "(a", "x(a", "abd", "xabd", "e", "xe", ""):
        found = rules.classify(Key("sleepq"), stack_of([f"kernel`{function}"])).lock_class == "mine"
        assert found == bool(re.search(pattern, function)), function


def test_inner_looks_only_at_machinery_inside_the_function_that_waited(
    write: Callable[[str], Path],
) -> None:
    text = 'machinery = ["schedule", "spin"]\n[[rule]]\nclass = "mine"\ninner = ["^schedule$"]\n'
    rules = load_rules(write(text))
    for frames, expected in (
        ("read schedule spin", "mine"),
        ("schedule spin", "mine"),
        ("read schedule interrupt spin", OTHER),
        ("read spin", OTHER),
        ("schedule - read spin", OTHER),
    ):
        assert rules.classify(Key("x"), stack_of(frames.split())).lock_class == expected, frames


def test_known_frames_are_not_matched_again() -> None:
    frames = [f"kernel`function_{number}" for number in range(300)]
    stacks = [stack_of(frames[start : start + 12]) for start in range(250)]
    keys = [Key("turnstile", "pmap pv list"), Key("sleepq", "unheard of"), Key("on-cpu")]
    rules = load_rules()

    def classify_all() -> None:
        for key, stack in itertools.product(keys, stacks):
            rules.classify(key, stack)

    first = lines_run(classify_all)
    again = lines_run(classify_all)
    assert again < len(keys) * len(stacks) * 25
    assert again < first / 2


def test_importing_the_rules_loads_nothing_heavy() -> None:
    program = (
        "import sys, pvprof.classify.rules\n"
        "heavy = {'numpy', 'pandas', 'rich', 'click'} & set(sys.modules)\n"
        "sys.exit(f'loaded {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# ------------------------------------------------------------------------------- the document


def _example() -> str:
    blocks = re.findall(r"^```toml\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    return str(blocks[0])


def test_the_example_in_the_document_works(write: Callable[[str], Path]) -> None:
    rules = load_rules(write(_example()))
    kinds = {kind.id: kind for kind in rules.kinds}
    assert not kinds["io"].set_aside
    assert kinds["firmware"].set_aside
    worker = Stack("kernel`fork_exit;mydrv.ko`mydrv_worker;kernel`_sleep")
    expected = {
        ("sleepq", "mydrv softc"): Classification("kernel", "mydrv"),
        ("turnstile", "mydrv queue 12"): Classification("kernel", "mydrv"),
        ("sleepq", "mydrvfw"): Classification("firmware", "mydrv"),
        ("sleepq", "-"): Classification("idle", OTHER),
        ("sleepq", "biord"): Classification("io", "buffer cache"),
    }
    assert {key: rules.classify(Key(*key), worker) for key in expected} == expected


def test_a_class_has_one_colour_and_no_two_classes_share_one() -> None:
    given = [rule for rule in DEFAULT.rules if rule.colour is not None]
    assert len({rule.lock_class for rule in given}) == len(given)
    colours = list(DEFAULT.colours.values())
    assert len(set(colours)) == len(colours) > 70


def test_a_user_gives_a_class_a_colour(write: Callable[[str], Path]) -> None:
    rules = load_rules(write('[[rule]]\nclass = "mine"\ncolour = 7\nnames = ["x"]\n'))
    assert rules.colours["mine"] == 7


def test_the_document_lists_every_kind_with_its_title_and_default() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (shown|set aside) \|", DOCUMENT.read_text(), re.M)
    documented = [(name, title, state == "set aside") for name, title, state in rows]
    assert documented == [(kind.id, kind.title, kind.set_aside) for kind in DEFAULT.kinds]


def test_the_document_lists_every_key_of_a_rules_condition() -> None:
    text = DOCUMENT.read_text()
    keys = ("names", "name_patterns", "mechanisms", "mechanism_patterns", "frames", "callers")
    for key in (*keys, "inner", "recorded_classes"):
        assert f"| `{key}` |" in text


def test_every_class_that_the_document_names_exists() -> None:
    section = DOCUMENT.read_text().partition("## Lock classes")[2].partition("## Your own")[0]
    named = {
        name
        for line in section.splitlines()
        if line.startswith("- ")
        for name in re.findall(r"`([^`]+)`", line.partition(":")[0])
    }
    assert named <= {rule.lock_class for rule in DEFAULT.rules}
    assert "pv list (OBM)" in named


def test_the_classes_of_a_family_differ_by_their_primitive() -> None:
    assert DEFAULT.family_of("pv list (rwlock)") == ClassFamily("pv list", "rwlock")
    assert DEFAULT.family_of("pv list (OBM)") == ClassFamily("pv list", "OBM")
    assert DEFAULT.family_of("pv list") == ClassFamily("pv list")
    assert DEFAULT.family_of("vm object") == ClassFamily("vm object")


def test_rules_that_give_a_class_a_family_agree() -> None:
    families: dict[str | None, set[ClassFamily]] = {}
    for rule in DEFAULT.rules:
        if rule.family:
            families.setdefault(rule.lock_class, set()).add(rule.family)
    assert {len(some) for some in families.values()} == {1}


def test_a_user_gives_a_class_a_family(write: Callable[[str], Path]) -> None:
    text = '[[rule]]\nclass = "mine (sx)"\nfamily = "mine"\nprimitive = "sx"\nnames = ["x"]\n'
    assert load_rules(write(text)).family_of("mine (sx)") == ClassFamily("mine", "sx")


def test_patterns_see_the_beginning_of_a_name(write: Callable[[str], Path]) -> None:
    patterns = "['x*end']"
    rule = f'[[rule]]\nfirst = true\nkind = "ipc"\nframes = {patterns}\n'
    by_frame = load_rules(write(rule))
    by_name = load_rules(write(rule.replace("frames", "name_patterns")))
    for name, is_seen in (("x" * 509 + "end", True), ("x" * 510 + "end", False)):
        key = Key("turnstile")
        stack = Stack(f"kernel`trap;kernel`{name}")
        assert (by_frame.classify(key, stack).kind == "ipc") is is_seen
        key = Key("turnstile", name=name)
        assert (by_name.classify(key, NO_STACK).kind == "ipc") is is_seen


def test_a_name_of_any_length_is_classified_at_once() -> None:
    name = "_" * 1_000_000  # minutes for patterns that take time with the square of the length
    for mechanism in ("turnstile", "off-cpu"):
        key = Key(mechanism, name=name if mechanism == "turnstile" else "")
        verdict = DEFAULT.classify(key, Stack(f"kernel`trap;kernel`{name}"))
        assert verdict == DEFAULT.classify(key, Stack(f"kernel`trap;kernel`{name}_"))


def test_names_that_the_same_rules_fit_share_what_was_worked_out() -> None:
    made = []
    plan = RulesByName._plan

    def counted(rules: RulesByName, fitting: frozenset[int], *, has_name: bool) -> object:
        made.append(fitting)
        return plan(rules, fitting, has_name=has_name)

    rules = Matcher(DEFAULT.kinds, DEFAULT.rules)
    names = [f"lock {number}" for number in range(300)] + ["pmap pv list 1", "pmap pv list 2"]
    with patch.object(RulesByName, "_plan", counted):
        verdicts = [rules.classify(Key("turnstile", name), Stack("trap")) for name in names]
    assert len(made) == 2
    assert len({*verdicts}) == 2
    assert verdicts[-1].lock_class == "pv list"


def test_stacks_of_one_verdict_are_not_copied() -> None:
    stacks = {Stack("trap;vm_fault"): 1, Stack("trap;vm_map"): 2}
    ((_, alike),) = DEFAULT.partition(Key("turnstile", "lock 1"), stacks).items()
    assert alike is stacks
