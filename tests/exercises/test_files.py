"""Files that are whole or as they were, and never written by two at once."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from minigrad.exercises.files import held, set_aside, write

HOLD = """
import sys, time
from pathlib import Path
from minigrad.exercises.files import held
with held(Path("out.json")):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_set_aside_never_writes_over_anything():
    for number in range(4):
        Path("a.py").write_text(str(number))
        set_aside(Path("a.py"))
    names = ["a.py.bak", "a.py.bak.1", "a.py.bak.2", "a.py.bak.3"]
    assert [Path(name).read_text() for name in names] == ["0", "1", "2", "3"]
    assert not Path("a.py").exists()


@pytest.mark.skipif(os.name == "nt", reason="there are no such rights there")
def test_a_written_file_has_the_usual_rights():
    write("é\n", Path("mine.txt"))
    Path("usual.txt").touch()
    assert Path("mine.txt").stat().st_mode == Path("usual.txt").stat().st_mode
    assert Path("mine.txt").read_bytes() == "é\n".encode()


def test_a_file_that_cannot_be_written_stays_and_leaves_none_beside_it(monkeypatch):
    write("old", Path("mine.txt"))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        write("new", Path("mine.txt"))
    assert [path.name for path in Path().iterdir()] == ["mine.txt"]
    assert Path("mine.txt").read_text() == "old"


def test_a_file_is_held_by_one_and_let_go_at_the_end():
    with held(Path("out.json")):
        with pytest.raises(BlockingIOError, match=r"another process is writing out\.json"):
            held(Path("out.json")).__enter__()
        with held(Path("other.json")):
            pass
    with held(Path("out.json")):
        pass
    assert os.name == "nt" or list(Path().iterdir()) == []


def test_one_that_was_killed_holds_nothing():
    with subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline().strip() == b"held"
        with pytest.raises(BlockingIOError):
            held(Path("out.json")).__enter__()
        process.kill()
    assert Path("out.json.lock").exists()
    for _ in range(50):  # Windows takes a moment
        try:
            with held(Path("out.json")):
                return
        except BlockingIOError:
            time.sleep(0.1)
    pytest.fail("it is held by nobody")
