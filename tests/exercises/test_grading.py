"""Grades: points and their reasons, the files that hold them, and what is not graded twice."""

import csv
import json
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from minigrad.exercises import grading
from minigrad.exercises.exercise import read_exercise
from minigrad.exercises.grading import GradesError, assess, first_failures, grade, unanswered
from minigrad.exercises.judging import RIGHT
from minigrad.exercises.running import GraderFault, separation

FILE, OTHER = "02_affinity_backprop.py", "01_affinity_forward.py"
HEAD = "def affinity_backprop(M, b, x, dy):\n"
RIGHT_SOURCE = f"{HEAD}    return dy @ M, dy.T @ x, dy.sum(axis=0)\n"
MEAN = f"{HEAD}    return dy @ M, dy.T @ x, dy.mean(axis=0)\n"
SEED = 7


@pytest.fixture(autouse=True)
def as_the_same_user(monkeypatch):
    """What is tested here is the same in a jail; test_hostile is for that."""
    monkeypatch.setattr(grading, "separation", lambda: "it is a test")


@pytest.fixture
def masters(backprop, hurried):
    return {"02_affinity_backprop": hurried(backprop, 5)}


@pytest.fixture
def a_class(tmp_path):
    """Three submissions: right, half right, none."""
    for name, source in (("ada", RIGHT_SOURCE), ("bob", MEAN), ("=eve", None)):
        (tmp_path / "class" / name).mkdir(parents=True)
        if source:
            (tmp_path / "class" / name / FILE).write_text(source, encoding="utf-8")
    return tmp_path / "class"


@pytest.fixture
def counted(monkeypatch):
    """The sources that are run, in order."""
    run, real = [], grading.assess
    monkeypatch.setattr(
        grading, "assess", lambda source, *told: run.append(source) or real(source, *told)
    )
    return run


def graded(folder, masters, out, seed=SEED):
    """The results by name, as JSON has them."""
    each = {name: results for name, results, _ in grade(folder, masters, out, seed, jobs=1)}
    return json.loads(json.dumps(each))


def test_every_case_has_its_own_points(a_class, masters, tmp_path):
    each = graded(a_class, masters, tmp_path / "out.json")
    assert {name: one["score"] for name, one in each.items()} == {"ada": 10, "bob": 2, "=eve": 0}
    points = {t["name"].split(": ", 1)[1]: t["score"] for t in each["bob"]["tests"]}
    assert points == {
        "one sample": 2,  # of one sample, the mean is the sum
        "a batch of five": 0,
        "more outputs than inputs": 0,
        "hidden: one output": 0,
        "hidden: a large batch": 0,
    }
    assert all(t["max_score"] for t in each["bob"]["tests"])


def test_hidden_cases_show_the_category_and_the_sentence_and_no_number(a_class, masters, tmp_path):
    tests = graded(a_class, masters, tmp_path / "out.json")["bob"]["tests"]
    public, hidden = tests[1], tests[4]
    assert public["output"].startswith(
        "affinity_backprop(M (3, 4), b (3,), x (5, 4), dy (5, 3)): "
        "db is off by a constant factor: 0.2 (1/5) times what it should be\nYour db is the mean"
    )
    words, says = hidden["output"].split("\n")
    assert words == "affinity_backprop(M, b, x, dy): db is off by a constant factor"
    assert says.startswith("Your db is the mean") and not any(c.isdigit() for c in words)


def test_the_results_are_as_gradescope_has_them(a_class, masters, tmp_path):
    out = tmp_path / "results.json"
    each = graded(a_class / "bob", masters, out)["bob"]
    told = json.loads(out.read_text(encoding="utf-8"))
    assert told == each
    assert set(told) == {
        *("score", "output", "output_format", "visibility", "tests", "extra_data"),
    }
    for test in told["tests"]:
        assert set(test) == {
            *("name", "score", "max_score", "status", "output", "output_format", "visibility"),
        }
        assert test["status"] == ("passed" if test["score"] else "failed")
        hidden = "hidden: " in test["name"]
        assert test["visibility"] == ("after_published" if hidden else "visible")
    assert told["score"] == sum(test["score"] for test in told["tests"]) == 2
    assert told["output"].startswith("02_affinity_backprop: 2 of 10 points\nThe grader could not")
    about = told["extra_data"]
    assert about["seed"] == SEED and about["not separated"] == "it is a test" and not about["fault"]
    assert about["rows"] == [
        ["02_affinity_backprop", "wrong", 2, "a batch of five", "mean over the batch"]
    ]
    assert not out.with_suffix(".csv").exists()


def test_of_a_class_there_is_one_file_and_a_table(a_class, masters, tmp_path):
    out = tmp_path / "out.json"
    graded(a_class, masters, out)
    told = json.loads(out.read_text(encoding="utf-8"))
    assert told["seed"] == SEED and list(told["submissions"]) == ["=eve", "ada", "bob"]
    with open(out.with_suffix(".csv"), encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    exercise = "02_affinity_backprop"
    assert head == list(grading.HEAD) and head[:4] == ["submission", "exercise", "state", "points"]
    assert [(*row[:3], float(row[3]), *row[4:]) for row in rows] == [
        ("'=eve", exercise, "not handed in", 0, "one sample", ""),  # no formula in a sheet
        ("ada", exercise, "right", 10, "", ""),
        ("bob", exercise, "wrong", 2, "a batch of five", "mean over the batch"),
    ]
    assert first_failures(told["submissions"]) == {
        (exercise, "a batch of five", "mean over the batch"): 1
    }
    assert unanswered(told["submissions"]) == {("not handed in", exercise): 1}


def test_the_seed_is_kept_and_gives_the_same_grades_again(a_class, masters, tmp_path, counted):
    first = graded(a_class, masters, tmp_path / "a.json", seed=None)
    seed = first["bob"]["extra_data"]["seed"]
    assert seed > 0 and {each["extra_data"]["seed"] for each in first.values()} == {seed}
    again = graded(a_class, masters, tmp_path / "b.json", seed=seed)
    assert again == first and len(counted) == 4
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    other = graded(a_class, masters, tmp_path / "c.json", seed=None)
    assert other["bob"]["extra_data"]["seed"] != seed


def test_the_numbers_are_those_of_the_seed_and_not_those_that_students_have(masters, backprop):
    numbers = {str(backprop.exercise(seed).cases[0].arguments) for seed in (0, 1, 2)}
    assert len(numbers) == 3
    assert backprop.exercise(1).cases[0].arguments == backprop.exercise(1).cases[0].arguments


def test_the_seed_of_the_published_cases_is_refused(a_class, masters, tmp_path):
    with pytest.raises(GradesError, match="seed 0 gives the numbers that students have"):
        graded(a_class, masters, tmp_path / "out.json", seed=0)


def test_what_is_graded_is_not_run_again(a_class, masters, tmp_path, counted):
    out = tmp_path / "out.json"
    first = graded(a_class, masters, out)
    content = out.read_bytes()
    assert counted == [RIGHT_SOURCE, MEAN]
    assert graded(a_class, masters, out) == first and len(counted) == 2
    assert out.read_bytes() == content


def test_a_changed_file_is_graded_again_and_only_that(a_class, masters, tmp_path, counted):
    out = tmp_path / "out.json"
    graded(a_class, masters, out)
    (a_class / "bob" / FILE).write_text(RIGHT_SOURCE + "#\n", encoding="utf-8")
    (a_class / "ada" / "notes.txt").write_text("does not count")
    again = graded(a_class, masters, out, seed=None)
    assert counted[2:] == [RIGHT_SOURCE + "#\n"] and again["bob"]["score"] == 10


def test_other_exercises_are_graded_again(a_class, masters, hurried, backprop, tmp_path, counted):
    out = tmp_path / "out.json"
    graded(a_class, masters, out)
    graded(a_class, {"02": hurried(backprop, 6)}, out)
    assert len(counted) == 4


def test_a_grading_that_was_interrupted_goes_on(a_class, masters, tmp_path, counted):
    out = tmp_path / "out.json"
    grading_all = grade(a_class, masters, out, None, jobs=1)
    while next(grading_all)[0] != "ada":
        pass
    grading_all.close()
    told = json.loads(out.read_text(encoding="utf-8"))
    assert "ada" in told["submissions"] and counted[0] == RIGHT_SOURCE
    before = len(counted)
    rest = graded(a_class, masters, out, seed=None)
    assert counted[before:] == [MEAN] * ("bob" not in told["submissions"])
    assert counted.count(RIGHT_SOURCE) == 1
    assert {each["extra_data"]["seed"] for each in rest.values()} == {told["seed"]}
    assert {name: each["score"] for name, each in rest.items()} == {"=eve": 0, "ada": 10, "bob": 2}


def test_one_that_waits_is_not_begun_when_the_grading_is_stopped(
    a_class, masters, tmp_path, monkeypatch
):
    for number in range(5):
        (a_class / f"c{number}").mkdir()
    begun, gate = [], threading.Event()

    def results(one, *told):
        begun.append(one.name)
        gate.wait(5) if len(begun) > 1 else None
        return {"extra_data": {"rows": [("exercise", "wrong", 0, "", "")]}}

    monkeypatch.setattr(grading, "results", results)
    grading_all = grade(a_class, masters, tmp_path / "out.json", SEED, jobs=1)
    next(grading_all)
    threading.Timer(0.2, gate.set).start()
    grading_all.close()
    assert len(begun) == 2


def test_another_seed_for_the_same_file_is_refused(a_class, masters, tmp_path):
    out = tmp_path / "out.json"
    graded(a_class, masters, out)
    content = out.read_bytes()
    with pytest.raises(GradesError, match=f"was begun with seed {SEED}, asked for is 8"):
        graded(a_class, masters, out, seed=8)
    assert out.read_bytes() == content


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", "3", "null", '"submissions"', "{}", '{"seed": 1}', "[" * 100_000),
        *('{"submissions": {}}', '{"submissions": [], "seed": 1}', '{"submissions": 3, "seed": 1}'),
        *('{"submissions": {"ada": 5}, "seed": 1}', '{"submissions": {"ada": {}}, "seed": 1}'),
        *('{"submissions": {}, "seed": "1"}', '{"submissions": {}, "seed": null}'),
        '{"submissions": {"ada": {"extra_data": 5}}, "seed": 1}',
        *('{"extra_data": {}}', '{"extra_data": {"seed": []}}', "\xff"),
    ],
)
def test_a_damaged_file_is_refused_and_left_as_it_is(a_class, masters, tmp_path, counted, content):
    out = tmp_path / "out.json"
    out.write_text(content, encoding="latin-1")
    with pytest.raises(GradesError, match="is there and holds no grades: name another file"):
        graded(a_class, masters, out, seed=None)
    assert out.read_text(encoding="latin-1") == content and not counted
    assert sorted(path.name for path in tmp_path.iterdir()) == ["class", "out.json"]


def test_the_grader_s_own_fault_gives_nothing_and_is_told(a_class, masters, tmp_path, monkeypatch):
    def fails(source, exercise, *told):
        raise GraderFault("no process \x1b[2J can be started")

    out = tmp_path / "out.json"
    with monkeypatch.context() as patch:
        patch.setattr(grading, "assess", fails)
        each = graded(a_class, masters, out)
    assert each["ada"]["score"] == 0
    assert each["ada"]["extra_data"]["fault"] == "GraderFault: no process ?[2J can be started"
    assert each["ada"]["output"].startswith("02_affinity_backprop: 0 of 10 points (grader error)")
    assert each["ada"]["tests"][0]["output"].startswith("grader error: GraderFault: no process ?")
    assert each["=eve"]["extra_data"]["fault"] == ""
    assert graded(a_class, masters, out)["ada"]["score"] == 10  # a fault is graded again


def test_a_fault_in_one_exercise_leaves_the_others(
    a_class, masters, forward, tmp_path, monkeypatch
):
    real = grading.assess

    def fails(source, exercise, *told):
        if exercise.name.startswith("01"):
            raise MemoryError
        return real(source, exercise, *told)

    monkeypatch.setattr(grading, "assess", fails)
    (a_class / "ada" / OTHER).write_text(forward.solution, encoding="utf-8")
    each = graded(a_class, {"01": forward, **masters}, tmp_path / "out.json")["ada"]
    assert each["score"] == 10 and each["extra_data"]["fault"] == "MemoryError: "


def test_a_file_is_written_whole_or_not_at_all(a_class, masters, tmp_path, monkeypatch):
    out = tmp_path / "out.json"
    graded(a_class, masters, out)
    content = out.read_bytes()
    (a_class / "bob" / FILE).write_text(RIGHT_SOURCE, encoding="utf-8")

    def full(source, target, replace=os.replace):
        assert out.read_bytes() == content  # what is written lies beside it
        if target == out and Path(source).read_bytes() != content:
            raise OSError(28, "No space left")
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(GradesError, match=r"out\.json cannot be written: No space left"):
            graded(a_class, masters, out)
    assert out.read_bytes() == content
    assert sorted(path.name for path in tmp_path.iterdir()) == ["class", "out.csv", "out.json"]


@pytest.mark.parametrize("name", ["ada/out.json", "taken", "class/ada"])
def test_a_file_that_cannot_be_written_is_found_before_anything_is_graded(
    a_class, masters, tmp_path, counted, name
):
    (tmp_path / "ada").touch()
    (tmp_path / "taken").mkdir()
    with pytest.raises(GradesError, match=f"{name} cannot be written: "):
        graded(a_class, masters, tmp_path / name)
    assert not counted and sorted(p.name for p in tmp_path.iterdir()) == ["ada", "class", "taken"]


def test_a_full_disk_is_found_before_anything_is_graded(
    a_class, masters, tmp_path, counted, monkeypatch
):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(GradesError, match=r"out\.json cannot be written: No space left on device"):
        graded(a_class, masters, tmp_path / "out.json")
    assert not counted and [path.name for path in tmp_path.iterdir()] == ["class"]


def test_a_folder_for_the_grades_is_made(a_class, masters, tmp_path):
    graded(a_class, masters, tmp_path / "new" / "folder" / "out.json")
    names = sorted(path.name for path in (tmp_path / "new" / "folder").iterdir())
    assert names == ["out.csv", "out.json"]


@pytest.mark.parametrize("name", ["out.csv", "out.CSV"])
def test_the_table_is_no_place_for_the_grades(a_class, masters, tmp_path, counted, name):
    with pytest.raises(GradesError, match="would be written over by the table"):
        graded(a_class, masters, tmp_path / name)
    assert not counted and [path.name for path in tmp_path.iterdir()] == ["class"]


def test_a_table_of_something_else_is_not_written_over(a_class, masters, tmp_path, counted):
    (tmp_path / "out.csv").write_text("name,remark\nada,ill\n")
    with pytest.raises(GradesError, match=r"out\.csv is there and no table of grades"):
        graded(a_class, masters, tmp_path / "out.json")
    assert not counted and (tmp_path / "out.csv").read_text() == "name,remark\nada,ill\n"
    graded(a_class / "ada", masters, tmp_path / "out.json")  # of one there is no table


def test_grades_of_other_exercises_are_not_lost(a_class, masters, forward, tmp_path):
    out = tmp_path / "out.json"
    graded(a_class, masters, out)
    content = out.read_bytes()
    for folder in (a_class, a_class / "ada"):
        with pytest.raises(GradesError, match="holds the grades of "):
            graded(folder, {"01": forward}, out)
    assert out.read_bytes() == content
    more = graded(a_class, {"01": forward, **masters}, out)
    assert [row[0][:2] for row in more["ada"]["extra_data"]["rows"]] == ["01", "02"]


def test_grades_of_others_are_not_lost(a_class, masters, tmp_path):
    out, one = tmp_path / "out.json", tmp_path / "one.json"
    graded(a_class, masters, out)
    graded(a_class / "ada", masters, one)
    contents = out.read_bytes(), one.read_bytes()
    (tmp_path / "another" / "eva").mkdir(parents=True)
    (tmp_path / "another" / "ida").mkdir()
    for folder, file, why in (
        (tmp_path / "another", out, "the grades of '=eve', which is not in this folder"),
        (a_class / "ada", out, "the grades of a class"),
        (a_class, one, "the grades of one submission"),
    ):
        with pytest.raises(GradesError, match=why):
            graded(folder, masters, file)
    assert contents == (out.read_bytes(), one.read_bytes())


def in_both(out):
    """The submissions in the file and in the table; they must be the same."""
    with open(out.with_suffix(".csv"), encoding="utf-8", newline="") as file:
        rows = {row[0].removeprefix("'"): float(row[3]) for row in list(csv.reader(file))[1:]}
    told = json.loads(out.read_text(encoding="utf-8"))["submissions"]
    assert rows == {name: each["score"] for name, each in told.items()}
    return rows


def test_the_file_and_the_table_hold_the_submissions_that_are_there(a_class, masters, tmp_path):
    out = tmp_path / "out.json"
    graded(a_class, masters, out)
    assert in_both(out) == {"=eve": 0, "ada": 10, "bob": 2}
    (a_class / "=eve").rmdir()  # who withdraws
    (a_class / "zoe").mkdir()
    (a_class / "ada" / FILE).write_text(MEAN, encoding="utf-8")
    sleeps = f"import time\n{HEAD}    time.sleep(60)\n"
    (a_class / "bob" / FILE).write_text(sleeps, encoding="utf-8")
    grading_all = grade(a_class, masters, out, None, jobs=1)
    assert next(grading_all)[0] == "ada"
    grading_all.close()
    assert in_both(out) == {"ada": 2, "bob": 2}  # of one not yet graded anew, what there was
    (a_class / "bob" / FILE).write_text(MEAN, encoding="utf-8")
    graded(a_class, masters, out)
    assert in_both(out) == {"ada": 2, "bob": 2, "zoe": 0}


def test_two_do_not_write_one_file(a_class, masters, tmp_path, counted):
    out = tmp_path / "out.json"
    first = grade(a_class, masters, out, SEED, jobs=1)
    next(first)
    with pytest.raises(GradesError, match="another process is writing"):
        next(grade(a_class, masters, out, SEED))
    assert len(list(first)) == 2
    graded(a_class, masters, out)
    assert len(counted) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["class", "out.csv", "out.json"]


def test_what_was_stopped_is_graded_again_and_the_rest_is_not(a_class, masters, tmp_path, counted):
    out = tmp_path / "out.json"
    slow = RIGHT_SOURCE.replace(HEAD, f"import os\n{HEAD}    len(x) == 50 and os.abort()\n")
    (a_class / "bob" / FILE).write_text(slow, encoding="utf-8")
    assert graded(a_class, masters, out)["bob"]["score"] == 9
    graded(a_class, masters, out)
    assert sorted(counted) == sorted([RIGHT_SOURCE, slow, slow])


def test_one_is_graded_anew_when_that_is_asked(a_class, masters, tmp_path, counted):
    out = tmp_path / "out.json"
    graded(a_class, masters, out)
    assert len(list(grade(a_class, masters, out, again=["bob"]))) == 3
    assert counted == [RIGHT_SOURCE, MEAN, MEAN]
    with pytest.raises(GradesError, match="there is no submission 'rob' in"):
        next(grade(a_class, masters, out, again=["bob", "rob"]))


def test_a_large_class_is_not_written_anew_for_each(a_class, masters, tmp_path, monkeypatch):
    for number in range(40):
        (a_class / f"c{number}").mkdir()
    written, real = [], grading.write
    monkeypatch.setattr(
        grading, "write", lambda text, path: written.append(path) or real(text, path)
    )
    start = time.monotonic()
    assert len(graded(a_class, masters, tmp_path / "out.json")) == 43
    assert len(written) <= 2 * (3 + time.monotonic() - start)
    assert len(in_both(tmp_path / "out.json")) == 43


def test_when_grading_is_stopped_what_runs_is_ended(a_class, masters, hurried, backprop, tmp_path):
    for name in ("bob", "=eve"):
        source = f"import time\n{HEAD}    time.sleep(60)\n"
        (a_class / name / FILE).write_text(source, encoding="utf-8")
    grading_all = grade(a_class, {"02": hurried(backprop, 60)}, tmp_path / "out.json", jobs=3)
    assert next(grading_all)[0] == "ada"
    start = time.monotonic()
    grading_all.close()
    assert time.monotonic() - start < 2 and in_both(tmp_path / "out.json") == {"ada": 10}


def test_what_is_asked_amiss_is_told(a_class, masters, tmp_path):
    out = tmp_path / "out.json"
    with pytest.raises(GradesError, match="there is no folder"):
        graded(tmp_path / "nowhere", masters, out)
    with pytest.raises(GradesError, match="-1 jobs at once: expected one or more"):
        next(grade(a_class, masters, out, jobs=-1))
    (a_class / FILE).write_text(RIGHT_SOURCE)
    with pytest.raises(GradesError, match=f"{FILE} lies beside folders or archives.*say --one"):
        graded(a_class, masters, out)
    assert not out.exists()


def test_as_many_at_once_as_there_are_cores_for_it(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {1, 4, 5}, raising=False)
    assert grading._cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert grading._cores() == 1


def test_what_was_not_handed_in_is_said_for_every_case(a_class, masters, tmp_path):
    (a_class / "=eve" / "2_backprop.py").write_text(RIGHT_SOURCE)
    each = graded(a_class, masters, tmp_path / "out.json")["=eve"]
    said = f"{FILE} was not handed in; is it '2_backprop.py'? then rename it"
    assert [test["output"] for test in each["tests"]] == [said] * 5
    assert each["output"].startswith("02_affinity_backprop: 0 of 10 points (not usable)")


def test_a_submission_that_ends_its_process_keeps_no_point(exercise):
    source = RIGHT_SOURCE.replace(HEAD, f"import os\n{HEAD}    len(x) == 50 and os._exit(0)\n")
    verdict = assess(source, exercise, apart=False)
    assert verdict.points == 0
    assert {result.words.split(":")[0] for result in verdict.results} == {
        "the file ends its own process in affinity_backprop"
    }


def test_a_crash_in_one_case_costs_only_that(exercise):
    source = RIGHT_SOURCE.replace(HEAD, f"import os\n{HEAD}    len(x) == 50 and os.abort()\n")
    verdict = assess(source, exercise, apart=False)
    assert verdict.points == 9 and verdict.state == "stopped"
    assert verdict.results[-1].words == "affinity_backprop(M, b, x, dy): it crashed"


def test_a_hundred_submissions_are_graded_in_three_minutes_on_two_cores(exercise):
    start = time.monotonic()
    for _ in range(3):
        assert assess(RIGHT_SOURCE, exercise, not separation()).state == RIGHT
    assert time.monotonic() - start < 3 * 3.6


def test_the_published_exercise_is_graded_as_well(backprop, tmp_path):
    backprop.exercise().public().write(tmp_path)
    exercise = read_exercise(tmp_path / "02_affinity_backprop.json")
    verdict = assess(RIGHT_SOURCE, replace(exercise, seconds=5), apart=False)
    assert verdict.state == RIGHT and verdict.points == 7
