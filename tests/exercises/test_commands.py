"""`minigrad exercises`: what a student types, what is answered, and with which status."""

import json
import os
import re
import signal
import subprocess
import sys
import types
from pathlib import Path

import pytest

from minigrad import cli
from minigrad.exercises import commands, watching
from minigrad.exercises.exercise import find_exercise
from minigrad.exercises.progress import Progress
from minigrad.exercises.running import GraderFault

ROOT = Path(__file__).parent.parent.parent
RIGHT = "def parts(x, w):\n    return x.sum(axis=0), x * w\n"
CATALOGUE = """import sys; from pathlib import Path; from minigrad import cli
from minigrad.exercises import exercise; exercise.PUBLISHED = Path("../published")
sys.exit(cli.main(["exercises", *sys.argv[1:]]))"""
MEAN = "def parts(x, w):\n    return x.mean(axis=0), x * w\n"


@pytest.fixture
def typed(published, capsys):
    """Type `minigrad exercises ...`; the status, and what was answered."""

    def run(*arguments):
        status = cli.main(["exercises", *arguments])
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


def write(source, name="07_parts.py"):
    Path(name).write_text(source, encoding="utf-8")


def files():
    return sorted(path.name for path in Path().iterdir())


# --- list, start, progress ------------------------------------------------------------------------


def test_alone_it_lists_all_and_says_what_to_type_first(typed):
    status, said = typed()
    assert status == 0 and (status, said) == typed("list")
    assert said.splitlines() == [
        "Lesson 1",
        f"   7  {'The parts of it':48}  20 min",
        f"   8  {'The parts of it':48}  20 min",
        "Lesson 2",
        f"  12  {'The parts of it':48}  20 min",
        "",
        "Begin:  minigrad exercises start 7",
        "More:  minigrad exercises --help",
    ]
    assert files() == []


def test_start_writes_the_stub_and_says_what_to_do(typed):
    status, said = typed("start", "7")
    assert status == 0 and Path("07_parts.py").read_text() == find_exercise(7).stub
    for word in ("Written: 07_parts.py", "20 minutes", "check 7", "watch 7", "hint 7"):
        assert word in said
    assert typed()[1].splitlines()[1].endswith("20 min  started")
    assert "Go on:  minigrad exercises check 7" in typed()[1]


def test_start_writes_over_nothing(typed):
    write("my own work")
    status, said = typed("start", "parts")
    assert status == 2 and "stays as it is" in said and "reset 7" in said
    assert Path("07_parts.py").read_text() == "my own work" and files() == ["07_parts.py"]


def test_an_unknown_exercise_offers_the_nearest(typed):
    for command in ("start", "check", "hint", "reset", "watch"):
        status, said = typed(command, "recal")
        assert status == 2 and said.startswith("minigrad exercises: no exercise 'recal': did you")
        assert "12_recall" in said
    assert files() == []


def test_the_list_knows_how_far_one_is(typed):
    write(RIGHT)
    typed("check", "7")
    assert typed()[1].splitlines()[1].endswith("right")
    write(MEAN)
    assert typed()[1].splitlines()[1].endswith("right, changed since")
    typed("check", "7")
    assert typed()[1].splitlines()[1].endswith("right before, not now")
    status, said = typed("progress")
    assert status == 0 and "07_parts.py" in said and "5 of 5 points" in said
    assert "0 of 3 exercises right, 5 of 15 public points." in said and "no grade" in said


# --- check ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "status", "words"),
    [
        (RIGHT, 0, "See it at work:  python 07_parts.py\nNext:  minigrad exercises start 8"),
        (MEAN, 1, "Your total is the mean."),
        ("", 1, "07_parts.py is empty."),
        ("def parts(x, w):\n    raise NotImplementedError\n", 2, "Not started yet"),
        ("import os\ndef parts(x, w):\n    os.kill(os.getpid(), 9)\n", 3, "it crashed in parts"),
    ],
)
def test_the_status_tells_how_it_went(typed, source, status, words):
    write(source)
    got, said = typed("check", "7")
    assert got == status and words in said and "Practice check of 07_parts.py, not a grade." in said
    assert ("hint 7" in said) == (status in (1, 3))


def test_a_fault_of_the_checker_is_not_the_students(typed, monkeypatch):
    def faulty(*_):
        raise GraderFault("no processes here")

    monkeypatch.setattr(commands, "check_file", faulty)
    write(RIGHT)
    status, said = typed("check", "7")
    assert status == 4 and "it is not you: no processes here" in said


def test_what_is_not_here_is_told_how_to_begin(typed):
    status, said = typed("check", "7")
    assert status == 2 and "07_parts.py is not in this folder" in said and "start 7" in said
    status, said = typed("check")
    assert status == 2 and "No exercise lies in this folder. Begin:" in said
    assert files() == []


def test_one_that_lies_elsewhere_is_named_by_its_path(typed):
    Path("there").mkdir()
    write(RIGHT, "there/07_parts.py")
    assert typed("check", "there/07_parts.py")[0] == 0
    assert Progress(Path("there"))["07_parts"].state == "right" and files() == ["there"]


def test_check_alone_checks_all_and_tells_of_the_first_that_is_wrong(typed):
    write(RIGHT)
    write(MEAN, "08_parts_again.py")
    write(find_exercise(12).stub, "12_recall.py")
    status, said = typed("check")
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert status == 1 and lines[2:5] == [
        "07_parts.py right 2 of 2 public checks pass",
        "08_parts_again.py not right yet 1 of 2 public checks passes",
        "12_recall.py not started 0 of 2 public checks pass",
    ]
    assert said.count("Your total is the mean.") == 1
    states = [Progress()[name].state for name in ("07_parts", "08_parts_again", "12_recall")]
    assert states == ["right", "wrong", "started"]
    write(RIGHT, "08_parts_again.py")
    status, said = typed("check")
    assert status == 2 and said.endswith("Go on:  minigrad exercises check 12\n")


def test_of_a_script_and_a_notebook_the_later_is_checked(typed):
    write(MEAN)
    cells = [{"cell_type": "code", "source": RIGHT}]
    write(json.dumps({"cells": cells}), "07_parts.ipynb")
    os.utime("07_parts.py", (1, 1))
    status, said = typed("check", "7")
    assert status == 0 and "07_parts.ipynb" in said and "run its cells" in said
    os.utime("07_parts.ipynb", (0, 0))
    assert typed("check", "7")[0] == 1
    assert typed("check", "07_parts.ipynb")[0] == 0  # unless it is named


def test_a_damaged_progress_file_stops_nothing(typed):
    write(RIGHT)
    Path("progress.txt").write_bytes(b"\xff\x00 damaged")
    status, said = typed("check", "7")
    assert status == 0 and "Note: progress.txt was damaged" in said
    assert "kept as progress.txt.bak" in said and Progress()["07_parts"].state == "right"


def test_ctrl_c_ends_a_check_without_a_traceback(typed, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "check_file", interrupted)
    write(RIGHT)
    assert typed("check", "7") == (
        130,
        commands.heading(find_exercise(7), "07_parts.py") + "\n\nStopped.\n",
    )


# --- hints, reset ---------------------------------------------------------------------------------


def test_hints_open_one_at_a_time_and_stay_open(typed):
    said = [typed("hint", "7")[1] for _ in range(4)]
    assert [text.count("Hint ") for text in said] == [1, 2, 3, 3]
    assert "  Look." in said[0] and "Sum, and scale." not in said[0]
    assert "2 more: minigrad exercises hint 7" in said[0] and "1 more:" in said[1]
    assert said[3] == said[2] and "all the hints" in said[3] and "more:" not in said[3]
    assert Progress()["07_parts"].hints == 3 and Progress()["07_parts"].state == "-"


def test_reset_keeps_what_was_written(typed):
    typed("start", "7")
    assert "nothing to reset" in typed("reset", "7")[1] and len(files()) == 2
    for number, source in enumerate((RIGHT, MEAN)):
        write(source)
        status, said = typed("reset", "7")
        kept = "07_parts.py.bak" + f".{number}" * bool(number)
        assert status == 0 and said.endswith(f"{kept}\n") and Path(kept).read_text() == source
        assert Path("07_parts.py").read_text() == find_exercise(7).stub
    assert Progress()["07_parts"].state == "started"
    assert typed("reset", "8")[0] == 2


# --- notebooks ------------------------------------------------------------------------------------


class Jupytext(types.ModuleType):
    """What is used of jupytext: a script is read, and written as a notebook."""

    def reads(self, text, fmt):
        cells = re.split(r"^# %%.*\n", text, flags=re.M)
        return types.SimpleNamespace(
            cells=[{"cell_type": "code", "source": cell} for cell in cells], metadata={}
        )

    def writes(self, notebook, fmt):
        return json.dumps(vars(notebook))


def test_a_notebook_has_a_cell_that_checks_after_the_function(typed, monkeypatch):
    monkeypatch.setitem(sys.modules, "jupytext", Jupytext("jupytext"))
    status, said = typed("start", "7", "--ipynb")
    assert status == 0 and "Written: 07_parts.ipynb" in said and "run its check cell" in said
    cells = [c["source"] for c in json.loads(Path("07_parts.ipynb").read_text())["cells"]]
    place = next(i for i, cell in enumerate(cells) if 'check("07", parts)' in cell)
    assert "def parts" in cells[place - 1] and "Use it" in cells[place + 1]
    assert typed("check", "7")[0] == 2 and files() == ["07_parts.ipynb", "progress.txt"]
    assert "nothing to reset" in typed("reset", "7")[1]


def test_without_jupytext_the_extra_is_named_and_nothing_is_written(typed, monkeypatch):
    monkeypatch.setitem(sys.modules, "jupytext", None)
    status, said = typed("start", "7", "--ipynb")
    assert status == 2 and "pip install jupytext" in said and files() == []


# --- watch ----------------------------------------------------------------------------------------


def watched(*moments, keys=None):
    """What `changes` asks to check at each tick, when files hold this at each moment."""
    moment = {"now": -1}

    def look():
        moment["now"] += 1
        return {Path(name): held for name, held in moments[moment["now"]].items()}

    pressed = iter(keys or [""] * 99)
    found = watching.changes(look, lambda: next(pressed), moments[1:])
    return [[path.name for path in paths] for paths in found]


def test_what_is_saved_is_checked_once_it_stays():
    assert watched({"a": "1"}, {"a": "1"}, {"a": "1"}) == []
    assert watched({"a": "1"}, {"a": "2"}, {"a": "2"}, {"a": "2"}) == [["a"]]
    assert watched({"a": "1"}, {"a": ""}, {"a": "2"}, {"a": "3"}, {"a": "3"}) == [["a"]]
    assert watched({"a": "1"}, {"a": "2"}, {"a": "1"}, {"a": "1"}) == []  # and back again


def test_new_files_are_watched_and_lost_ones_do_no_harm():
    assert watched({}, {"a": "1"}, {"a": "1"}, {}, {}, {"a": "1"}, {"a": "1"}) == [["a"]]
    both = watched({"a": "1", "b": "1"}, {"a": "2", "b": "2"}, {"a": "2", "b": "2"})
    assert both == [["a", "b"]]


def test_r_checks_again_and_q_ends():
    same = {"a": "1", "b": "1"}
    assert watched(same, same, same, keys=["r", ""]) == [["a", "b"]]
    changed = {"a": "2", "b": "1"}
    moments = (same, changed, changed, changed, changed)
    assert watched(*moments, keys=["", "", "r", ""]) == [["a"], ["a"]]
    assert watched(*moments, keys=["q", "", "", ""]) == []
    assert watched({}, {}, {}, keys=["r", "x"]) == []


def test_watch_checks_at_once_and_at_each_save(typed, monkeypatch):
    write(MEAN)

    def ticks():
        write(RIGHT)
        yield from range(3)

    monkeypatch.setattr(commands, "ticks", ticks)
    monkeypatch.setattr(commands, "typed_keys", lambda: lambda: "")
    status, said = typed("watch", "7")
    assert status == 0 and said.count("Practice check of 07_parts.py") == 2
    assert said.index("Your total is the mean.") < said.index("See it at work")


def test_ctrl_c_ends_watch_kindly(typed, monkeypatch):
    def ticks():
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(commands, "ticks", ticks)
    monkeypatch.setattr(commands, "typed_keys", lambda: lambda: "")
    status, said = typed("watch")
    assert status == 0 and "No exercise lies in this folder" in said


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is another thing there")
def test_watch_from_outside_hears_its_keys_and_ctrl_c(tmp_path):
    def watching():
        return subprocess.Popen(
            [sys.executable, "-m", "minigrad", "exercises", "watch"],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    with watching() as process:
        said, _ = process.communicate("x\nq\n", timeout=60)
    assert process.returncode == 0 and "Watching" in said and "Traceback" not in said
    with watching() as process:
        assert "Watching" in process.stdout.readline()
        process.stdout.readline()
        assert "No exercise" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and "Traceback" not in said


# --- from outside ---------------------------------------------------------------------------------


def test_misuse_of_the_command_line_is_argparses(typed, capsys):
    for arguments in (["start"], ["chek"], ["check", "7", "8"]):
        with pytest.raises(SystemExit) as stopped:
            typed(*arguments)
        assert stopped.value.code == 2 and "usage: minigrad exercises" in capsys.readouterr().err


def test_help_names_every_command(typed, capsys):
    for arguments in (["exercises", "--help"], ["--help"]):
        with pytest.raises(SystemExit) as stopped:
            cli.main(arguments)
        assert stopped.value.code == 0
        said = capsys.readouterr().out
        assert "exercises" in said
        if arguments[0] == "exercises":
            for name in ("list", "start", "check", "hint", "watch", "reset", "progress", "grade"):
                assert re.search(rf"^    {name} ", said, re.M)


def test_a_terminal_without_our_letters_is_no_obstacle(published):
    write("print('\u00e9\u2192')\n" + RIGHT)
    done = subprocess.run(
        [sys.executable, "-c", CATALOGUE, "check", "7"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "  | ??" in done.stdout and "2 of 2 public checks pass" in done.stdout


def test_without_exercises_it_says_so(published, typed):
    for path in (published.parent / "published").iterdir():
        path.unlink()
    status, said = typed("list")
    assert status == 2 and "this installation has lost them" in said
    assert typed("start", "7")[0] == 2


def test_a_hint_needs_no_name_where_one_exercise_is_begun(published, typed):
    status, said = typed("hint")
    assert status == 2 and "which exercise? Name one" in said
    typed("start", "7")
    assert "Hint 1 of 3" in typed("hint")[1]
    typed("start", "8")
    assert typed("hint")[0] == 2


def test_a_command_without_the_word_exercises_is_understood(capsys):
    assert cli.main(["check", "1"]) == 2
    assert capsys.readouterr().err == "did you mean: minigrad exercises check 1\n"
