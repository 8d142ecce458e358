"""The check that a student runs: of a file and of a notebook's function, in the same words."""

import functools
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import minigrad
from minigrad.exercises import check, practice
from minigrad.exercises import exercise as catalogue
from minigrad.exercises.exercise import find_exercise
from minigrad.exercises.judging import judge
from minigrad.exercises.outcomes import Outcome
from minigrad.exercises.practice import check_file
from minigrad.exercises.progress import Progress
from minigrad.exercises.running import GraderFault

RIGHT = "def parts(x, w):\n    return x.sum(axis=0), x * w\n"
MEAN = "def parts(x, w):\n    return x.mean(axis=0), x * w\n"


@pytest.fixture
def done(published):
    """Check a source in a file; the practice, and what is told of it."""

    def run(source, seconds=10.0):
        Path("07_parts.py").write_text(source, encoding="utf-8")
        exercise = replace(find_exercise(7), seconds=seconds)
        checked = check_file(Path("07_parts.py"), exercise)
        return checked, checked.told("See it.")

    return run


def defined(source, **names):
    """The function of a source, as a notebook has it."""
    names["__name__"] = "__main__"
    exec(compile(source, "<cell>", "exec"), names)
    return names["parts"]


# --- a file ---------------------------------------------------------------------------------------


def test_a_right_answer_is_told_what_is_still_to_come_and_how_to_see_it(done):
    checked, told = done(RIGHT)
    assert checked.state == "right"
    assert told == (
        "  right    one row\n  right    four rows\n\n"
        "2 of 2 public checks pass; 1 more run when graded.\n\nSee it."
    )
    assert "all tests" not in told.lower()


def test_a_wrong_answer_is_told_call_difference_and_sentence(done):
    checked, told = done(MEAN)
    assert checked.state == "wrong"
    assert told == (
        "  right    one row\n  wrong    four rows\n\n"
        "four rows:\n  parts(x (4, 3), w=3)\n"
        "  total is off by a constant factor: 0.25 (1/4) times what it should be\n\n"
        "  Your total is the mean.\n\n"
        "1 of 2 public checks passes; 1 more run when graded."
    )


def test_the_same_failure_is_told_once(done):
    _, told = done("def parts(x, w):\n    return x.sum(axis=0), -x * w\n")
    assert told.count("opposite sign") == 2 and told.count("parts(x (") == 1


def test_the_stub_is_not_started(done):
    checked, told = done(find_exercise(7).stub)
    assert checked.state == "not started"
    assert told.startswith("Not started yet: parts.") and "public checks" not in told


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (
            "def parts(x, w):\n    total = x.sum(axis=0)\n",
            "nothing comes back: is a return missing?",
        ),
        ("def parts(x, w):\n    return x\n", "the number of values returned: 1, not 2 (total, s"),
        ("def parts(x):\n    return x\n", "it takes (x), expected (x, w)"),
        ("parts = 3\n", "it is a int, not a function"),
        ("def other(x, w):\n    return x\n", "the file has no function of this name"),
        ("def parts(x, w):\n    return y\n", "name 'y' is not defined\n    line 2: return y"),
    ],
)
def test_each_kind_of_mistake_has_its_words(done, source, words):
    checked, told = done(source)
    assert checked.state == "wrong" and words in told and "0 of 2 public checks pass" in told


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def parts(x, w):\n    return (x\n", "SyntaxError: '(' was never closed\n    line 2: ret"),
        ("def parts(x, w):\nreturn x\n", "IndentationError: "),
        ("import minigrad\n" + RIGHT, "No module named 'minigrad'\n    line 1: import minigrad"),
        ("1 / 0\n" + RIGHT, "ZeroDivisionError: division by zero\n    line 1: 1 / 0"),
    ],
)
def test_a_file_that_cannot_be_loaded_says_why_once_and_blames_no_call(done, source, words):
    checked, told = done(source)
    assert checked.state == "wrong" and words in told
    assert "07_parts.py cannot be loaded:" in told and "parts(x" not in told


def test_what_else_is_imported_belongs_under_the_guard(done):
    assert '__name__ == "__main__":' in done("from minigrad import Affinity\n" + RIGHT)[1]
    assert done(RIGHT + 'if __name__ == "__main__":\n    import minigrad\n')[0].state == "right"


def test_an_endless_loop_is_stopped_and_asked_about(done):
    checked, told = done("def parts(x, w):\n    while True:\n        pass\n", seconds=0.5)
    assert checked.state == "stopped" and told.count("timed out in parts") == 1
    assert "Is there a loop that does not end?" in told


def test_an_endless_loop_at_import_is_not_one_of_a_call(done):
    checked, told = done("while True:\n    pass\n", seconds=0.5)
    assert checked.state == "stopped" and "cannot be loaded" in told and "parts(x" not in told


def test_of_a_flood_of_prints_the_first_lines_are_shown(done):
    checked, told = done("for i in range(100_000):\n    print('line', i)\n" + RIGHT)
    assert checked.state == "right"
    assert "What it printed:\n  | line 0\n  | line 1\n" in told and "line 12" not in told
    assert "(and more)" in told and len(told.splitlines()) < 30


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"# \xe9\n", "UTF-8"), (b"#" * 2_000_000, "larger than")],
)
def test_a_file_that_cannot_be_read_has_words(published, content, words):
    Path("07_parts.py").write_bytes(content)
    checked = check_file(Path("07_parts.py"), find_exercise(7))
    assert checked.state == "wrong" and checked.verdict is None and words in checked.told()


def test_a_notebook_is_checked_without_its_other_cells(published):
    sources = ["1 / 0", RIGHT, "from minigrad.exercises import check\ncheck(7, parts)"]
    cells = [{"cell_type": "code", "source": [source]} for source in sources]
    Path("07_parts.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert check_file(Path("07_parts.ipynb"), find_exercise(7)).state == "right"


def test_where_no_process_can_be_started_it_is_not_the_students_fault(done, monkeypatch):
    def refuses(*_, **__):
        raise OSError("emscripten does not support processes.")

    monkeypatch.setattr(practice, "Submission", refuses)
    with pytest.raises(GraderFault, match="does not support processes"):
        done(RIGHT)


def test_many_different_failures_are_not_told_all_at_once(small):
    whys = iter(["it raised A: 1", "it raised B: 2", "it raised C: 3"])
    verdict = judge(small, lambda case: Outcome("failed", problem=next(whys)))
    told = practice.Practice(small, verdict).told()
    assert "raised A" in told and "raised B" in told and "raised C" not in told
    assert "what else is wrong is told when this is mended" in told


# --- a notebook -----------------------------------------------------------------------------------


@pytest.mark.parametrize("source", [RIGHT, MEAN, RIGHT.replace("w):", "w):\n    print(w, w)")])
def test_a_notebook_hears_the_words_of_the_file(done, capsys, source):
    told = done(source)[0].told()
    check("07", defined(source))
    head, _, body = capsys.readouterr().out.partition("\n\n")
    assert head == "Exercise 7: The parts of it\nPractice check of parts, not a grade."
    assert body.replace("\n\nTo see it at work, run the cells below.", "") == told + "\n"


def test_it_needs_no_process(published, monkeypatch, capsys):
    monkeypatch.setattr(subprocess, "Popen", None)
    check(7, defined(RIGHT))
    assert "2 of 2 public checks pass; 1 more run when graded." in capsys.readouterr().out


def test_an_error_shows_the_line_of_the_cell(published, tmp_path, capsys):
    path = tmp_path / "cell.py"
    path.write_text("def parts(x, w):\n    return x @ nothing\n")
    names = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    check(7, names["parts"])
    assert "line 2: return x @ nothing" in capsys.readouterr().out


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_passes_through(published, error):
    def parts(x, w):
        raise error

    with pytest.raises(error):
        check(7, parts)
    print("stdout is as it was")
    assert not isinstance(sys.stdout, practice._First)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((), 'Give the function too: check("07", parts)'),
        ((minigrad.gradient_check,), "This gradient_check is minigrad's own. Define yours"),
        ((minigrad.Affinity,), "This Affinity is minigrad's own."),
        ((np.dot,), "dot is not a function that is defined in this notebook"),
        ((lambda x, w: x,), "asks for parts; this function is called <lambda>"),
        ((3.0,), "without calling it: this is of type float"),
        ((functools.partial(print),), "Give parts as you defined it, with def."),
    ],
)
def test_what_cannot_be_the_answer_has_words(published, capsys, given, words):
    check(7, *given)
    said = " ".join(capsys.readouterr().out.split())
    assert words in said and "public checks" not in said


def test_an_unknown_exercise_has_words_and_the_nearest(published, capsys):
    check("partz", len)
    assert "There is no exercise 'partz': did you mean 07_parts" in capsys.readouterr().out


def test_of_several_functions_one_may_be_given_alone(small, published, capsys):
    again = replace(
        small,
        functions={**small.functions, "more": catalogue.Function("more", ("x", "w"), ("y",))},
        cases=(small.cases[0], replace(small.cases[1], function="more")),
    )
    again.public().write(catalogue.PUBLISHED)
    check(7, defined(RIGHT))
    told = capsys.readouterr().out
    assert "  right    one row\n  not yet  four rows\n" in told
    assert "more was not given to check" in told and "1 of 2 public checks passes" in told


def test_where_it_was_started_the_progress_is_kept(published, capsys):
    check(7, defined(RIGHT))
    assert not Path("progress.txt").exists()
    Progress().record("07_parts", state="started", hints=1)
    check(7, defined(MEAN))
    check(7, defined(RIGHT))
    entry = Progress()["07_parts"]
    assert (entry.state, entry.best, entry.of, entry.hints, entry.file) == ("right", 5, 5, 1, "-")


def test_the_package_is_imported_without_the_check():
    code = (
        "import sys, minigrad.exercises; print('minigrad.exercises.practice' in sys.modules, "
        "callable(minigrad.exercises.check), {'scipy', 'matplotlib', 'tqdm'} & {*sys.modules})"
    )
    root = str(Path(minigrad.__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False True set()"
    with pytest.raises(AttributeError, match="no attribute 'chek'"):
        _ = minigrad.exercises.chek
