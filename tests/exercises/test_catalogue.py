"""The exercises themselves: each may be used, what students have of it is current, and it works."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from minigrad.exercises.calling import Given
from minigrad.exercises.course import masters
from minigrad.exercises.differences import alike, close
from minigrad.exercises.exercise import exercise_names, find_exercise
from minigrad.exercises.selftest import in_child, selftest

COURSE = Path(__file__).parents[2] / "lessons" / "exercises"
MASTERS = masters(COURSE)
each = pytest.mark.parametrize("name", MASTERS)


def equal(a, b):
    """Whether two arguments of a case are the same, to rounding on another machine."""
    if isinstance(a, Given):
        return a.name == b.name and all(equal(v, b.numbers[k]) for k, v in a.numbers.items())
    return close(a, b, 1e-12)


def test_there_are_three_or_more_for_every_lesson():
    lessons = [master.told["lesson"] for master in MASTERS.values()]
    assert len(lessons) >= 15 and min(map(lessons.count, range(1, 6))) >= 3
    assert lessons == sorted(lessons)
    assert [int(name[:2]) for name in MASTERS] == list(range(1, len(MASTERS) + 1))
    assert all(10 <= master.told["minutes"] <= 60 for master in MASTERS.values())


@each
def test_an_exercise_may_be_used(name):
    assert selftest(MASTERS[name], (1, 2, 3), in_child) == []


@each
def test_what_students_have_is_made_of_the_master(name):
    made, have = MASTERS[name].exercise().public(), find_exercise(name)
    assert replace(made, cases=()) == replace(have, cases=()), "minigrad exercises publish"
    for case, other in zip(made.cases, have.cases, strict=True):
        assert (case.name, case.points, case.hidden) == (other.name, other.points, False)
        assert case.values.keys() == other.values.keys()
        assert all(equal(v, other.values[k]) for k, v in case.values.items())
        assert alike(case.expected, other.expected, 1e-9)
        assert case.mistakes.keys() == other.mistakes.keys()
        for mistake, outcome in case.mistakes.items():
            # What overflows or nearly vanishes may differ between machines by more.
            assert alike(outcome, other.mistakes[mistake], case.tolerance), mistake


@each
def test_no_line_of_a_solution_is_in_what_students_have(name):
    have, master = find_exercise(name), MASTERS[name]
    told = "\n".join([have.stub, have.given, *have.says.values()])  # a last hint may show one line
    yours = {
        line.strip()
        for text in [master.solution, *master.right.values(), *master.wrong.values()]
        for line in text.splitlines()
        if len(line.strip()) > 12 and not line.strip().startswith(("#", "def ", '"""'))
    }
    secret = {line for line in yours if line not in master.stub}
    assert secret and not [line for line in secret if line in told]


@each
def test_a_solved_exercise_makes_something_work(name, tmp_path):
    script = tmp_path / f"{name}.py"
    script.write_text(MASTERS[name].solution, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert f"figure: {name}.png" in done.stdout
    assert len(done.stdout.splitlines()) > 1
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_is_published_that_has_no_master():
    assert exercise_names() == list(MASTERS)
