"""A short fixed set of the fuzzer's inputs, and proof that it finds what it looks for."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import click
import pytest
from conftest import assert_golden

from fuzz import copies, trial, workers
from fuzz.campaign import Outcome, Plan, batches_of, run, table_of
from fuzz.checks import CHECKS
from fuzz.copies import COPIES
from fuzz.known import UNSEEN, is_known
from fuzz.mutations import DAMAGES, OF_TEXT, Mutation
from fuzz.outputs import COMMANDS, outputs_of, quickest
from fuzz.shorten import shortened
from fuzz.structures import restructured
from fuzz.targets import Target, targets
from fuzz.trial import Trial, is_written, judge, trial_of
from pvprof.errors import PvprofError
from pvprof.parse.layouts import LAYOUTS
from pvprof.parse.read import ReadOptions
from pvprof.parse.result import ParseResult
from pvprof.recording.layout import MEMBERS, Recording
from pvprof.render.registry import FORMATS, Subject

INPUTS = 4


@pytest.mark.slow
def test_a_fixed_set_of_inputs_of_every_reader(tmp_path: Path) -> None:
    said: list[str] = []
    plan = Plan(tuple(targets()), INPUTS, minutes=0, seed=18, jobs=1, keep=tmp_path / "found")
    outcome = run(plan, said.append)
    assert outcome.kinds == {}, table_of(plan, outcome)
    assert outcome.tried.total() == INPUTS * len(targets())


def test_everything_is_fuzzed() -> None:
    names = set(targets())
    assert set(LAYOUTS) <= names
    not_read = {"script.d", "script.bt", "time.txt", "workload.txt", "raw.out"}
    assert set(MEMBERS) - not_read <= names
    assert set(COMMANDS) == set(Subject)
    assert {one.fmt.name for one in outputs_of(COMMANDS)} == {one.name for one in FORMATS}
    assert set(CHECKS) == {one.name for one in FORMATS}


@pytest.mark.slow
def test_an_input_is_the_same_each_time_and_seldom_its_seed() -> None:
    for name in targets():
        first, again = (
            [(one.data, one.output, one.mutations) for one in map(trial_of_number(name), range(5))]
            for _ in range(2)
        )
        assert first == again
        changed = [one for one in map(trial_of_number(name), range(24)) if one.data != one.seed]
        assert len(changed) > 14, name


def trial_of_number(name: str) -> Callable[[int], Trial]:
    return partial(trial_of, name, 0)


@pytest.mark.parametrize("mutation", OF_TEXT, ids=lambda one: one.__name__)
def test_each_mutation_changes_most_texts(mutation: Mutation) -> None:
    text = b"first 1001\n  second;third 52\nkernel`trap+0x1 7 (x)\n" * 4
    changed = [mutation(Random(n), text) != text for n in range(60)]
    assert sum(changed) > 30
    for data in (b"x", b"\n"):
        mutation(Random(1), data)


def test_documents_stay_documents_or_text() -> None:
    document = b'{"a": [1, {"b": "x"}], "c": null}'
    assert len({restructured(Random(number), document) for number in range(60)}) > 40
    assert restructured(Random(0), b"no document") == b"no document"


def test_an_input_that_fails_is_made_shorter() -> None:
    data = b"x" * 3_000 + b"needle" + b"y" * 2_000
    assert shortened(data, lambda part: b"needle" in part).count(b"x") < 300


# Failures that are planted: a command that does what its input says.


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("words", nargs=-1)
def planted(words: tuple[str, ...]) -> None:
    action = Path(words[-1]).read_bytes()
    if action == b"raise":
        raise KeyError(action)
    if action == b"deaf":
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGPROF])
    if action in (b"loop", b"deaf"):
        while True:
            pass
    if action == b"memory":
        try:
            bytearray(2 << 30)
        except MemoryError:
            click.echo("pvprof: error: not enough memory for this input", err=True)
            sys.exit(1)
    if action == b"die":
        os._exit(7)
    click.echo({b"escape": "\x1b]0;x\x07", b"bidi": "\u202e"}.get(action, "fine"))
    if action == b"noise":
        click.echo("Traceback", err=True)
    sys.exit({b"silent": 1, b"odd": 9}.get(action, 0))


PLANTED = {
    b"good": (),
    b"raise": ("traceback: KeyError in outside pvprof",),
    b"escape": ("terminal: control character 0x1b",),
    b"bidi": ("terminal: control character 0x202e",),
    b"noise": ("a line on stderr that is no message",),
    b"silent": ("exit status 1 without an error", "terminal: output in spite of an error"),
    b"odd": (
        "exit status 9",
        "exit status 9 without an error",
        "terminal: output in spite of an error",
    ),
}


@pytest.fixture
def planted_target(monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.setattr(trial, "cli", planted)
    monkeypatch.setattr(trial, "MAX_CPU_S", 0.3)
    monkeypatch.setattr(trial, "KILLED_AFTER_S", 0.3)
    target = targets()["times"]
    return replace(target, name="planted")


@pytest.mark.parametrize("action", PLANTED)
def test_a_planted_failure_is_found(action: bytes, planted_target: Target, tmp_path: Path) -> None:
    output = outputs_of([Subject.STUDY])[0]
    found = judge(Trial(planted_target, "x", b"", action, output), tmp_path)
    assert found == [f"planted: {kind}" for kind in PLANTED[action]]


def test_a_worker_that_dies_or_needs_too_much_is_a_failure(
    planted_target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    actions = (b"good", b"die", b"memory", b"good", b"raise", b"loop", b"good", b"deaf")
    output = outputs_of([Subject.STUDY])[0]

    def planted_trial(name: str, seed: int, number: int) -> Trial:
        return Trial(planted_target, "x", b"", actions[number], output)

    monkeypatch.setattr(workers, "trial_of", planted_trial)
    batches = iter([workers.Batch("planted", 0, len(actions))])
    tried = list(workers.try_all(batches, 0, jobs=1))
    assert sum(one.count for one in tried) == len(actions)
    found = {(one.number, one.kind) for part in tried for one in part.found}
    assert found >= {
        (1, "planted: the process died: 7"),
        (2, "planted: memory: more than the limit"),
        (4, "planted: traceback: KeyError in outside pvprof"),
        (5, "planted: late: in outside pvprof"),
        (7, "planted: late: in code that looks for no signals"),
    }
    assert {number for number, _ in found} == {1, 2, 4, 5, 7}


def test_a_worker_is_replaced_after_some_batches(
    planted_target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = outputs_of([Subject.STUDY])[0]

    def planted_trial(name: str, seed: int, number: int) -> Trial:
        return Trial(planted_target, "x", b"", b"good", output)

    made: list[workers._Worker] = []

    class Counted(workers._Worker):
        def __init__(self, run_seed: int, write_every: int) -> None:
            super().__init__(run_seed, write_every)
            made.append(self)

    monkeypatch.setattr(workers, "trial_of", planted_trial)
    monkeypatch.setattr(workers, "MAX_BATCHES", 2)
    monkeypatch.setattr(workers, "_Worker", Counted)
    batches = (workers.Batch("planted", number, number + 1) for number in range(5))
    tried = list(workers.try_all(batches, 0, jobs=1))
    assert sum(one.count for one in tried) == 5
    assert len(made) == 3
    assert not any(worker.process.is_alive() for worker in made)


@pytest.mark.parametrize(
    ("name", "subject", "fmt"),
    [
        ("symbols", Subject.TABLES, "csv"),
        ("times", Subject.STUDY, "csv"),
        ("name attributes", Subject.PICTURE, "svg"),
    ],
)
def test_what_needs_a_command_is_mostly_written_in_the_quickest_way(
    name: str, subject: Subject, fmt: str
) -> None:
    output = quickest(outputs_of(targets()[name].subjects))
    assert (output.subject, output.fmt.name) == (subject, fmt)


def test_an_input_that_is_only_read_is_judged(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    errors = {b"raise": KeyError("x"), b"memory": MemoryError(), b"refuse": PvprofError("no")}

    def read(recording: Recording, _options: ReadOptions) -> ParseResult:
        text = Path(recording.path).read_bytes()
        while text == b"loop":
            pass
        raise errors[text]

    monkeypatch.setattr(trial, "read_recording", read)
    monkeypatch.setattr(trial, "MAX_CPU_S", 0.3)
    target = targets()["folded"]
    output = outputs_of([Subject.TABLES])[0]
    found = {
        text: judge(Trial(target, "x", b"", text, output), tmp_path, is_written=False)
        for text in (*errors, b"loop")
    }
    assert found == {
        b"raise": ["folded: traceback: KeyError in outside pvprof"],
        b"memory": ["folded: memory: more than the limit"],
        b"refuse": [],
        b"loop": ["folded: late: in outside pvprof"],
    }


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_with_other_sums_is_found(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    placed = targets()["folded"].place(tmp_path, b"sh;f 7\nsh;g 5\n")
    assert list(copies.check_copies(placed, tmp_path)) == []
    monkeypatch.setattr(copies, "COPIES", {name: (*COPIES[name], "--factor", "2")})
    assert list(copies.check_copies(placed, tmp_path)) == [f"{name}: other sums"]
    (tmp_path / "input.out").write_bytes(b"\xff" * 9)
    assert list(copies.check_copies(placed, tmp_path)) == []


def test_results_are_written_of_one_in_so_many_inputs() -> None:
    written = [number for number in range(2_000) if is_written("folded", number, 20)]
    assert 70 < len(written) < 130
    outputs = outputs_of(targets()["folded"].subjects)
    positions = {number % len(outputs) for number in written}
    assert len(positions) > len(outputs) / 2
    assert all(is_written("folded", number, 1) for number in range(9))


def test_a_loss_that_nothing_tells_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole = b"sh;f 7\nsh;g 5\n"
    target = replace(targets()["folded"], seeds=lambda: (whole,))
    monkeypatch.setattr(trial, "targets", lambda: {"folded": target})
    output = outputs_of([Subject.TABLES])[0]
    damages = {b"sh;f 7\n": True, b"sh;f 7\nsh;g 5\n": False, b"sh;f 7\nsh;\0 5\n": False}
    assert judge(Trial(target, "cut", b"\xff" * 9, b"sh;f 7\n", output), tmp_path) == []
    for data, is_lost in damages.items():
        found = judge(Trial(target, "drop_line", whole, data, output), tmp_path)
        assert found == ["folded: silence: drop_line"] * is_lost
    assert is_known("folded: silence: drop_line")
    assert not is_known("folded: silence: nul")
    assert not is_known("pvprof: silence: drop_line")


def test_the_same_inputs_are_tried_whatever_the_order() -> None:
    plan = Plan(("folded", "rows"), 120, minutes=0, seed=0, jobs=1, keep=Path("x"))
    batches = list(batches_of(plan))
    numbers = {(one.target, n) for one in batches for n in range(one.begin, one.end)}
    assert numbers == {(name, n) for name in plan.targets for n in range(120)}
    rest = list(batches_of(replace(plan, first=120, inputs=30)))
    assert [(one.target, one.begin, one.end) for one in rest] == [
        ("folded", 120, 150),
        ("rows", 120, 150),
    ]
    assert list(batches_of(replace(plan, minutes=1e-9))) == []
    assert table_of(plan, Outcome()).count("\n") == 5


DESCRIBED = {
    "cut": "its end is missing",
    "drop_line": "a line is missing",
    "flip": "one bit is another",
    "join_lines": "a newline is missing",
}


def test_the_page_on_reliability_lists_the_damage_that_no_reader_can_see() -> None:
    page = Path(__file__).parent.parent.parent / "docs" / "reliability.md"
    rows = [
        f"| {target} | {DESCRIBED[mutation]} | {why.replace('|', chr(92) + '|')} |"
        for target, reasons in UNSEEN.items()
        for mutation, why in reasons.items()
    ]
    table = "\n".join(["| layout | damage | why |", "|---|---|---|", *rows])
    before, begin, rest = page.read_text().partition("<!-- unseen -->\n")
    _, end, after = rest.partition("<!-- /unseen -->")
    assert begin
    assert end
    assert_golden(f"{before}{begin}{table}\n{end}{after}", page)


def test_a_reason_is_given_only_for_readers_and_damage_that_exist() -> None:
    assert set(UNSEEN) <= set(targets())
    known = {mutation.__name__ for mutation in DAMAGES}
    assert {mutation for reasons in UNSEEN.values() for mutation in reasons} <= known & set(
        DESCRIBED
    )
