"""Masters: what is cut out of them and made of wrong answers, and what a self-test demands."""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from minigrad.exercises import calling, grading, teaching
from minigrad.exercises.course import Master, masters, publish
from minigrad.exercises.exercise import read_exercise
from minigrad.exercises.selftest import in_child, in_process, selftest

EXERCISE = '''# %% [markdown]
# # Exercise 7: a weighted sum

# %%
import numpy as np

# >>> given
def power(n):
    """x -> x^n."""
    return lambda x: x**n
# <<<


def weigh(x, w, f):
    """The sum of w f(x)."""
    # >>> yours
    y = f(x)
    total = (w * y).sum()
    return total
    # <<<


# %%
if __name__ == "__main__":
    print(weigh(np.ones(3), np.ones(3), power(2)))
'''
TOLD = """title = "A weighted sum"
lesson = 1
minutes = 10
hints = ["Look at w.", "The sum of the products.", "(w * ...).sum()"]

[returns]
weigh = ["total"]
"""
WRONG = (
    ("mean", "total = (w * y).sum()", "total = (w * y).mean()", "a few"),
    ("no weights", "total = (w * y).sum()", "total = y.sum()", "a few"),
    ("sign", "total = (w * y).sum()", "total = -(w * y).sum()", "a few"),
    ("of absolute values", "y = f(x)", "y = f(np.abs(x))", "odd"),
    ("two lines", 'y = f(x)\\ntotal = (w * y).sum()"', 'y = x\\ntotal = w[0]"', "a few"),
)
CASES = """from minigrad.exercises.calling import Given
from minigrad.exercises.course import case


@case("a few", points=6)
def few(rng):
    return dict(x=rng.normal(size=4), w=rng.normal(size=4), f=Given("power", n=2))


@case("odd", points=4, hidden=True)
def odd(rng):
    return dict(x=-rng.uniform(1, 2, 3), w=rng.normal(size=3), f=Given("power", n=3))
"""
ODD = "x=-rng.uniform(1, 2, 3), w=rng.normal(size=3)"
RIGHT = """import numpy as np

# %% with a loop
def weigh(x, w, f):
    total = 0
    for a, b in zip(w, f(x)):
        total += a * b
    return total

# %% with a product
def weigh(x, w, f):
    return w @ f(x)

# %% with einsum
def weigh(x, w, f):
    return np.einsum("i,i", w, f(x))
"""


def told(wrong=WRONG, **changes):
    text = TOLD
    for old, new in changes.items():
        text = text.replace(old, new)
    for name, line, becomes, caught in wrong:
        line, becomes = line.removesuffix('"'), becomes.removesuffix('"')
        text += f'\n[[wrong]]\nname = "{name}"\nline = "{line}"\nbecomes = "{becomes}"\n'
        text += f'caught = "{caught}"\nsays = "It is the {name}."\n'
    return text


@pytest.fixture
def course(tmp_path):
    folder = tmp_path / "course" / "07_weigh"
    folder.mkdir(parents=True)
    (folder / "exercise.py").write_text(EXERCISE)
    (folder / "exercise.toml").write_text(told())
    (folder / "cases.py").write_text(CASES)
    (folder / "right.py").write_text(RIGHT)
    return tmp_path / "course"


@pytest.fixture
def folder(course):
    return course / "07_weigh"


def test_the_stub_is_the_solution_without_what_is_the_students(folder):
    stub = Master(folder).stub
    assert 'raise NotImplementedError("exercise 7: weigh is yours to write")' in stub
    assert "w * y" not in stub and ">>>" not in stub and "<<<" not in stub
    assert "def power(n):" in stub and 'if __name__ == "__main__":' in stub
    names = calling.load(stub, "stub")
    with pytest.raises(NotImplementedError, match="exercise 7"):
        names["weigh"](1, 2, 3)


def test_a_wrong_answer_is_the_solution_with_one_place_changed(folder):
    wrong = Master(folder).wrong
    x, w = np.array([1.0, -2.0]), np.array([3.0, 5.0])
    values = {
        name: calling.load(source, name)["weigh"](x, w, lambda x: x**3)
        for name, source in wrong.items()
    }
    assert values["mean"] == (3 - 40) / 2 and values["sign"] == 37 and values["no weights"] == -7
    assert values["of absolute values"] == 43 and values["two lines"] == 3


@pytest.mark.parametrize("line, times", [("total", 2), ("nowhere", 0), ("import numpy as np", 0)])
def test_a_wrong_answer_has_one_place(folder, line, times):
    (folder / "exercise.toml").write_text(told([("it", line, "x", "a few")]))
    with pytest.raises(ValueError, match=f"'it': its line stands {times} times"):
        _ = Master(folder).wrong


def test_the_numbers_are_those_of_the_seed(folder):
    master = Master(folder)
    a, b, c = (master.exercise(seed).cases[0].arguments for seed in (1, 1, 2))
    assert a == b != c
    assert a["f"] == {"given": "power", "with": {"n": 2}}


def test_what_is_published_comes_back_without_what_is_hidden(course, tmp_path):
    publish(course, tmp_path)
    have, made = read_exercise(tmp_path / "07_weigh.json"), Master(course / "07_weigh").exercise()
    assert [case.name for case in have.cases] == ["a few"] and have.unseen == 1
    assert json.loads(json.dumps(dict(made.cases[0].arguments))) == have.cases[0].arguments
    assert have.says["mean"] == "It is the mean." and have.stub == Master(course / "07_weigh").stub
    text = (tmp_path / "07_weigh.json").read_text()
    assert "odd" not in text and "(w * y)" not in text.replace(have.hints[2], "")


@pytest.mark.parametrize("caller", [in_process, in_child])
def test_a_sound_exercise_passes_the_self_test(folder, caller):
    assert selftest(Master(folder), (1, 2), caller) == []


@pytest.mark.parametrize(
    "file, old, new, complaint",
    [
        ("cases.py", "points=6", "points=5", "its cases have 9 points, expected 10"),
        ("exercise.toml", '"Look at w.", ', "", "it has 2 hints, expected 3"),
        ("cases.py", ", hidden=True", "", "it has no hidden case"),
        ("right.py", "# %% with a loop", "#", "it has 2 other right answers, expected three"),
        ("right.py", "w @ f(x)", "2 * w @ f(x)", "right answer 'with a product', seed 1: 'a few'"),
        ("exercise.toml", 'caught = "odd"', 'caught = "a few"', "caught in 'odd', expected"),
        ("exercise.toml", ".mean()", ".sum() + 0", "wrong answer 'mean', seed 1: not caught"),
        (
            "exercise.toml",
            ".mean()",
            ".sum() * -1",
            "wrong answer 'sign', seed 1: taken for 'mean'",
        ),
        ("cases.py", ODD, "x=0 * rng.normal(size=3), w=0 * rng.normal(size=3)", "'odd' catches no"),
        ("exercise.py", "return total", "return 0 * total", "10 points for nothing but 0"),
        ("exercise.py", "    # >>> yours\n    y", "    y", "has no region"),
    ],
)
def test_the_self_test_says_what_is_missing(folder, file, old, new, complaint):
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))
    try:
        complaints = selftest(Master(folder), (1, 2))
    except ValueError as error:
        complaints = [str(error)]
    assert any(complaint in line for line in complaints), complaints


def test_fewer_than_five_wrong_answers_are_too_few(folder):
    (folder / "exercise.toml").write_text(told(WRONG[:4]))
    assert selftest(Master(folder), (1,)) == ["it has 4 wrong answers, expected five or more"]


def test_a_stub_that_does_something_is_told(folder):
    text = EXERCISE.replace("def weigh(x, w, f):", "def weigh(x, w, f):\n    return w @ f(x)", 1)
    (folder / "exercise.py").write_text(text)
    assert "the stub reads 'right', with 10 points" in selftest(Master(folder), (1,))


def test_a_solution_that_fails_is_told(folder):
    (folder / "exercise.py").write_text(EXERCISE.replace("return total", "return nothing"))
    with pytest.raises(ValueError, match=r"07_weigh: the solution fails in 'a few'.*NameError"):
        Master(folder).exercise()


def test_a_folder_without_exercises_is_told(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no exercises: expected folders such as"):
        masters(tmp_path)


# --- the teacher's commands -----------------------------------------------------------------------


def run(*arguments):
    parser = argparse.ArgumentParser()
    teaching.add(parser.add_subparsers())
    options = parser.parse_args(list(map(str, arguments)))
    return options.run(options)


def test_the_command_selftest_tells_and_returns(course, capsys):
    assert run("selftest", "--private", course, "--quick") == 0
    assert capsys.readouterr().out == "07_weigh: ok\n"
    (course / "07_weigh" / "cases.py").write_text(CASES.replace("points=6", "points=5"))
    assert run("selftest", "--private", course, "--quick", "--only", "weigh") == 1
    assert "  its cases have 9 points" in capsys.readouterr().out
    assert run("selftest", "--private", course, "--only", "wiegh") == 2
    assert "did you mean 07_weigh?" in capsys.readouterr().err


def test_the_command_grade_writes_grades_and_tells_of_the_class(course, tmp_path, capsys):
    master = Master(course / "07_weigh")
    for name, source in {"ann": master.solution, "bob": master.wrong["mean"]}.items():
        (tmp_path / "class" / name).mkdir(parents=True)
        (tmp_path / "class" / name / "07_weigh.py").write_text(source)
    out = tmp_path / "results.json"
    arguments = ("grade", tmp_path / "class", "--private", course, "--out", out)
    assert run(*arguments, "--seed", 5) == 0
    said = capsys.readouterr().out
    assert "2 graded: 0 to 10 of 10 points, seed 5" in said
    assert re.search(r"07_weigh  a few  mean +1\n", said)
    grades = json.loads(out.read_text())["submissions"]
    assert {name: each["score"] for name, each in grades.items()} == {"ann": 10, "bob": 0}
    assert "It is the mean." in grades["bob"]["tests"][0]["output"]
    before = out.read_bytes()
    assert run(*arguments, "--seed", 6) == 2
    assert "was begun with seed 5" in capsys.readouterr().err and out.read_bytes() == before


def test_the_command_grade_takes_a_folder_as_one_submission(course, tmp_path, capsys):
    (tmp_path / "submission" / "mine").mkdir(parents=True)
    source = Master(course / "07_weigh").solution
    (tmp_path / "submission" / "mine" / "07_weigh.py").write_text(source)
    out = tmp_path / "results.json"
    arguments = ("grade", tmp_path / "submission", "--private", course, "--out", out)
    assert run(*arguments, "--one") == 0
    assert json.loads(out.read_text())["score"] == 10


def test_the_command_grade_says_what_is_no_submission(course, tmp_path, capsys):
    (tmp_path / "class" / "ann").mkdir(parents=True)
    (tmp_path / "class" / "list.txt").touch()
    arguments = ("grade", tmp_path / "class", "--private", course, "--out", tmp_path / "out.json")
    assert run(*arguments) == 0
    assert capsys.readouterr().out.startswith("not a submission: list.txt\n")
    (tmp_path / "class" / "07_weigh.py").touch()
    assert run(*arguments) == 2
    assert "say --one" in capsys.readouterr().err
    assert run(*arguments[:-1], tmp_path / "one.json", "--one") == 0
    assert "not a submission" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "asked, told",
    [
        (("--only", "wiegh"), "did you mean 07_weigh?"),
        (("--again", "bob"), "there is no submission 'bob'"),
        (("--private", "nowhere"), "nowhere holds no exercises"),
        (("--out", "x.csv"), "x.csv would be written over"),
    ],
)
def test_the_command_grade_tells_misuse(course, tmp_path, capsys, asked, told):
    (tmp_path / "class" / "ann").mkdir(parents=True)
    out = tmp_path / "out.json"
    assert run("grade", tmp_path / "class", "--private", course, "--out", out, *asked) == 2
    assert told in capsys.readouterr().err and not out.exists()


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("x"), OSError("x"), LookupError("x")])
def test_a_fault_of_the_grader_is_no_misuse(course, tmp_path, capsys, monkeypatch, error):
    def fails(*told):
        raise error

    (tmp_path / "class" / "ann").mkdir(parents=True)
    monkeypatch.setattr(grading, "results", fails)
    arguments = ("grade", tmp_path / "class", "--private", course, "--out", tmp_path / "out.json")
    assert run(*arguments) == 4
    assert f"grader error: {type(error).__name__}: {error}" in capsys.readouterr().err


def test_an_exercise_of_the_course_that_fails_is_no_misuse(course, tmp_path, capsys):
    (tmp_path / "class" / "ann").mkdir(parents=True)
    (course / "07_weigh" / "cases.py").write_text("def broken(:\n")
    out = tmp_path / "out.json"
    assert run("grade", tmp_path / "class", "--private", course, "--out", out) == 4
    assert "grader error: SyntaxError" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals there")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_the_command_grade_and_what_is_graded_stays(course, tmp_path, name):
    sleeps = EXERCISE.replace("y = f(x)", "import time; time.sleep(60); y = f(x)")
    for who, source in {"ann": EXERCISE, "bob": sleeps, "eve": sleeps}.items():
        (tmp_path / "class" / who).mkdir(parents=True)
        (tmp_path / "class" / who / "07_weigh.py").write_text(source)
    (tmp_path / "tmp").mkdir()
    out = tmp_path / "out.json"
    command = ("exercises", "grade", tmp_path / "class", "--private", course, "--out", out)
    program = [sys.executable, "-m", "minigrad", *map(str, command), "--jobs", "3"]
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True, env=environment) as process:
        for _ in range(200):
            time.sleep(0.05)
            if out.exists() and "ann" in json.loads(out.read_text())["submissions"]:
                break
        start = time.monotonic()
        process.send_signal(getattr(signal, name))
        said = process.stdout.read()
    assert time.monotonic() - start < 3 and process.returncode == 130
    assert "Stopped. What is graded stands in" in said
    grades = json.loads(out.read_text())["submissions"]
    assert {who: each["score"] for who, each in grades.items()} == {"ann": 10}
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_command_publish_writes_where_it_is_told(course, tmp_path, capsys):
    assert run("publish", "--private", course, "--to", tmp_path / "new" / "folder") == 0
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == ["07_weigh.json", "07_weigh.stub"]
    assert run("publish", "--private", tmp_path, "--to", tmp_path) == 2
    assert "holds no exercises" in capsys.readouterr().err
