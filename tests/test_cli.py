"""The command minigrad: the list, running a lesson, writing it out; what a wheel packs."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import types
import zipfile
from pathlib import Path

import pytest

import minigrad
from minigrad import cli
from minigrad.exercises.course import masters

ROOT = Path(__file__).parent.parent
LESSON = ROOT / "lessons" / "01_layers.py"

SMALL = """# %% [markdown]
# # Lesson 2: a small one
#
# **The question.** Is it one
# question, *or two*? It is 50 % of each.
#
# More text.

# %%
import sys
from pathlib import Path

from minigrad.lesson import Lesson

lesson = Lesson("02-small")
Path("ran").write_text(repr((lesson.full, lesson.mnist, lesson.figures)))
print("é", end="")
"""


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A folder of two lessons, of which the second is small; the folder one is in is empty."""
    lessons, here = tmp_path / "lessons", tmp_path / "here"
    lessons.mkdir()
    here.mkdir()
    shutil.copy(LESSON, lessons)
    (lessons / "02_small.py").write_text(SMALL, encoding="utf-8")
    (lessons / "11_bare.py").write_text("1 / 0\n")
    (lessons / "exercises").mkdir()
    (lessons / "exercises" / "03_solved.py").touch()
    (lessons / "helper.py").touch()
    monkeypatch.setattr(cli, "__file__", str(tmp_path / "minigrad" / "cli.py"))
    monkeypatch.chdir(here)
    return lessons


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    return capsys.readouterr().err


# --- the list -------------------------------------------------------------------------------------


def test_alone_it_lists_the_lessons_and_their_questions(small, capsys):
    assert cli.main([]) == 0
    listed = capsys.readouterr().out
    assert "  1  " in listed and "  2  a small one\n     Is it one question, *or two*? It" in listed
    assert " 11  11_bare\n" in listed and "minigrad lesson 1" in listed
    assert "solved" not in listed and "helper" not in listed and "More text" not in listed
    assert max(map(len, listed.splitlines())) < 80
    assert listed.index("  2  ") < listed.index(" 11  ")


def test_every_lesson_of_ours_has_a_title_and_a_question():
    found = cli.find_lessons()
    assert list(found.values()) == sorted((ROOT / "lessons").glob("[0-9]*.py"))
    assert list(found) == list(range(1, len(found) + 1))
    for number, script in found.items():
        assert f"# # Lesson {number}: " in script.read_text(encoding="utf-8")
        title, question = cli.heading(script)
        assert title != script.stem and question.rstrip().endswith(("?", ".")) and "?" in question
        assert "**" not in question and "# " not in question


def test_lessons_in_the_package_come_before_a_folder_beside_it(small, tmp_path):
    packed = tmp_path / "minigrad" / "lessons"
    packed.mkdir(parents=True)
    shutil.copy(LESSON, packed)
    assert cli.find_lessons() == {1: packed / "01_layers.py"}


def test_an_installation_without_lessons(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cli, "__file__", str(tmp_path / "minigrad" / "cli.py"))
    assert cli.main([]) == 0
    assert "none" in capsys.readouterr().out


@pytest.mark.parametrize("number", ["3", "0", "-1", "one", "1.5", "", "²"])
def test_an_unknown_lesson_lists_those_there_are(small, capsys, number):
    message = refused(capsys, "lesson", "--", number)
    assert f"no lesson {number}. There are:" in message and "  2  a small one" in message


def test_no_number_lists_them_too(small, capsys):
    message = refused(capsys, "lesson")
    assert "which lesson? There are:" in message and "  2  a small one" in message


def test_the_version(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"minigrad {minigrad.__version__}\n"


# --- running --------------------------------------------------------------------------------------


def test_it_runs_a_lesson_and_hands_on_the_options(small, capfd):
    assert cli.main(["lesson", "2"]) == 0
    assert Path("ran").read_text() == "(False, None, None)"
    assert cli.main(["lesson", "02", "--full", "--mnist", "a b"]) == 0
    assert Path("ran").read_text() == repr((True, Path("a b"), None))
    given = ["--full", "--mnist=a b", "--figures=-f"]  # a name that looks like an option
    assert cli.main(["lesson", "2", *given]) == 0
    assert Path("ran").read_text() == repr((True, Path("a b"), Path("-f")))
    assert capfd.readouterr().err == ""


def test_a_failing_lesson_shows_its_own_traceback_only(small, capfd):
    assert cli.main(["lesson", "11"]) == 1
    message = capfd.readouterr().err
    assert message.count("File ") == 1 and f'"{small / "11_bare.py"}", line 1' in message
    assert message.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is another thing there")
def test_ctrl_c_is_the_lessons_who_may_end_in_its_own_time(small):
    (small / "11_bare.py").write_text(
        "import time\n"
        "try:\n    open('began', 'w').close()\n    time.sleep(20)\n"
        "except KeyboardInterrupt:\n    time.sleep(0.6)\n    print('what was learned is kept')\n"
        "    raise\n"
    )
    code = (
        "import sys; from minigrad import cli; "
        f"cli.__file__ = {cli.__file__!r}; sys.exit(cli.main(['lesson', '11']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ) as process:
        until = time.monotonic() + 20
        while not Path("began").exists() and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the command and the lesson
        out, err = process.communicate(timeout=20)
    assert out == "what was learned is kept\n" and process.returncode == 130
    assert err.count("Traceback") == 1 and err.endswith("KeyboardInterrupt\n")


def test_a_signal_ends_it_as_a_shell_counts(small):
    (small / "11_bare.py").write_text("import os\nos.kill(os.getpid(), 9)\n")
    if os.name != "nt":
        assert cli.main(["lesson", "11"]) == 137


# --- writing --------------------------------------------------------------------------------------


def test_the_script_is_copied_as_it_is(small, capsys):
    assert cli.main(["lesson", "2", "--script", "mine.py"]) == 0
    assert Path("mine.py").read_bytes() == SMALL.encode()
    assert capsys.readouterr().out == "written: mine.py\n" and not Path("ran").exists()


class Jupytext(types.ModuleType):
    """What is used of jupytext: a notebook is read, changed, and written as text."""

    def reads(self, text, fmt):
        assert fmt == "py:percent"
        return types.SimpleNamespace(cells=[{"source": text}], metadata={})

    def writes(self, notebook, fmt):
        assert fmt == "ipynb"
        return json.dumps(vars(notebook))


@pytest.fixture
def jupytext(monkeypatch):
    monkeypatch.setitem(sys.modules, "jupytext", Jupytext("jupytext"))


def test_the_notebook_has_a_kernel_and_comes_out_the_same_each_time(small, jupytext):
    assert cli.main(["lesson", "2", "--ipynb", "a.ipynb"]) == 0
    notebook = json.loads(Path("a.ipynb").read_text(encoding="utf-8"))
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert notebook["cells"] == [{"source": SMALL, "id": "cell-0"}]


def test_the_notebook_with_the_real_jupytext(small):
    pytest.importorskip("jupytext")
    code = (
        f"from minigrad import cli; cli.__file__ = {cli.__file__!r}; "
        "[cli.main(['lesson', '1', '--ipynb', name]) for name in ('a.ipynb', 'b.ipynb')]"
    )  # a process of its own: what jupytext imports warns of itself
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    text = Path("a.ipynb").read_text(encoding="utf-8")
    assert text == Path("b.ipynb").read_text(encoding="utf-8")
    notebook = json.loads(text)
    first = notebook["cells"][0]
    assert first["cell_type"] == "markdown" and "".join(first["source"]).startswith("# Lesson 1")
    cells = re.findall(r"^# %%(.*)", LESSON.read_text(encoding="utf-8"), re.M)
    kinds = ["markdown" if "[markdown]" in cell else "code" for cell in cells]
    assert [cell["cell_type"] for cell in notebook["cells"]] == kinds


def test_without_jupytext_the_extra_is_named(small, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jupytext", None)
    message = refused(capsys, "lesson", "2", "--ipynb", "mine.ipynb")
    assert "pip install jupytext" in message and not Path("mine.ipynb").exists()


@pytest.mark.parametrize("option", ["--script", "--ipynb"])
def test_a_file_that_is_there_is_not_overwritten_unless_forced(small, jupytext, capsys, option):
    Path("mine").write_text("my own notes")
    message = refused(capsys, "lesson", "2", option, "mine")
    assert "mine is there already" in message and "--force" in message
    assert Path("mine").read_text() == "my own notes"
    assert cli.main(["lesson", "2", option, "mine", "--force"]) == 0
    assert "The question" in Path("mine").read_text(encoding="utf-8")


def test_what_cannot_be_written_or_does_not_go_together(small, capsys):
    assert "No such file" in refused(capsys, "lesson", "2", "--script", "nowhere/mine.py")
    Path("folder").mkdir()
    assert "folder" in refused(capsys, "lesson", "2", "--script", "folder", "--force")
    message = refused(capsys, "lesson", "2", "--script", "mine.py", "--full", "--figures", "f")
    assert "--full --figures=f is for running" in message
    assert "--force is for writing" in refused(capsys, "lesson", "2", "--force")
    assert [path.name for path in Path().iterdir()] == ["folder"]


# --- from outside ---------------------------------------------------------------------------------


def test_python_m_minigrad(tmp_path):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "minigrad"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0 and "  1  " in done.stdout and done.stderr == ""
    assert "?" in done.stdout


def test_the_command_loads_nothing_that_a_list_does_not_need():
    code = "import sys, minigrad.cli; print({'numpy', 'jupytext', 'tqdm'} & {*sys.modules})"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """The names in wheel and sdist of a copy with more in lessons/ than lessons; its commands."""
    pytest.importorskip("setuptools", minversion="77")
    clone = tmp_path_factory.mktemp("clone")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, clone)
    shutil.copytree(
        ROOT / "minigrad", clone / "minigrad", ignore=shutil.ignore_patterns("__pycache__")
    )
    lessons = clone / "lessons"
    shutil.copytree(ROOT / "lessons" / "exercises", lessons / "exercises")
    for name in ("01_layers.py", "02_more.py", "helper.py", "exercises/01_layers.py"):
        (lessons / name).touch()
    stale = clone / "build" / "lib" / "minigrad" / "lessons"
    stale.mkdir(parents=True)
    (stale / "09_gone.py").touch()
    code = "from setuptools import build_meta as b; b.build_wheel('w'); b.build_sdist('s')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=clone, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(*(clone / "w").glob("*.whl")) as wheel:
        in_wheel = {name: wheel.read(name) for name in wheel.namelist()}
    with tarfile.open(*(clone / "s").glob("*.tar.gz")) as sdist:
        files = [entry for entry in sdist if entry.isfile()]
        in_sdist = {file.name.partition("/")[2]: sdist.extractfile(file).read() for file in files}
    return in_wheel, in_sdist


def test_a_wheel_holds_the_lessons_but_not_the_folders_among_them(packed):
    in_wheel, in_sdist = packed
    commands = next(in_wheel[name] for name in in_wheel if name.endswith("entry_points.txt"))
    commands = commands.decode()
    scripts = {"01_layers.py", "02_more.py"}
    assert {n for n in in_wheel if "lessons" in n} == {f"minigrad/lessons/{n}" for n in scripts}
    assert {n for n in in_sdist if re.match("lessons/.", n)} == {f"lessons/{n}" for n in scripts}
    assert "setup.py" in in_sdist  # a wheel that is built of the sdist packs them in its turn
    assert "minigrad/cli.py" in in_wheel and "minigrad = minigrad.cli:main" in commands


def test_what_is_packed_has_the_exercises_and_no_answer_to_them(packed):
    course = masters(ROOT / "lessons" / "exercises")
    secret = set()
    for master in course.values():
        shown = master.stub + "".join(master.told["hints"])  # a last hint may show one line
        for text in (master.solution, *master.right.values(), *master.wrong.values()):
            lines = {line.strip() for line in text.splitlines()}
            secret |= {line for line in lines if len(line) > 30 and line not in shown}
    for held in packed:
        published = {name for name in held if "exercises/published/" in name}
        assert {Path(name).name for name in published} == {
            f"{name}.{kind}" for name in course for kind in ("json", "stub")
        }
        assert not [name for name in held if "lessons/exercises" in name]
        text = b"".join(held[name] for name in published).decode()
        assert ">>> yours" not in text and '"hidden": true' not in text
        assert not [line for line in secret if line in text]
