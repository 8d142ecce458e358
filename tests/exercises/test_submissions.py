"""What was handed in: folders, archives, notebooks, and all that they can be in place of that."""

import json
import os
import stat
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from minigrad.exercises.exercise import find_exercise
from minigrad.exercises.submissions import (
    ARCHIVE,
    DEPTH,
    FILES,
    LARGEST,
    FolderError,
    HandedIn,
    Unreadable,
    handed_in,
    ignored,
    read_source,
)

FILE = "02_affinity_backprop.py"
SOURCE = "def affinity_backprop(M, b, x, dy):\n    return 1\n"


def packed(path, files, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return HandedIn(path)


def folder(path, files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(content, encoding="utf-8")
    return HandedIn(path)


def why(handed, file=FILE):
    with pytest.raises(Unreadable) as error:
        handed.source(file)
    return str(error.value)


def notebook(*cells):
    told = [{"cell_type": kind, "source": source} for kind, source in cells]
    return json.dumps({"cells": told, "nbformat": 4})


def test_a_script_is_found_wherever_it_lies_in_a_folder_or_an_archive(tmp_path):
    assert folder(tmp_path / "a", {FILE: SOURCE}).source(FILE) == SOURCE
    assert folder(tmp_path / "b", {f"one/two/{FILE}": SOURCE}).source(FILE) == SOURCE
    assert packed(tmp_path / "c.zip", {FILE: SOURCE}).source(FILE) == SOURCE
    assert packed(tmp_path / "d.zip", {f"one/two/{FILE}": SOURCE}).source(FILE) == SOURCE


def test_what_the_system_leaves_beside_it_is_not_looked_at(tmp_path):
    files = {
        FILE: SOURCE,
        f"__MACOSX/._{FILE}": "x",
        f".git/{FILE}": "y",
        f"a/.b/{FILE}": "",
        f"__pycache__/{FILE}": "",
    }
    assert folder(tmp_path / "a", files).source(FILE) == SOURCE
    assert packed(tmp_path / "a.zip", files).source(FILE) == SOURCE


def test_an_archive_s_name_may_point_anywhere_and_nothing_is_unpacked(tmp_path):
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / "a.zip"
    for name in (f"/etc/{FILE}", f"./{FILE}", f"./a/./{FILE}"):
        assert packed(path, {name: SOURCE}).source(FILE) == SOURCE
    for name in (f"../../{FILE}", f"a/../../{FILE}", "..", "/"):
        assert "was not handed in" in why(packed(path, {name: SOURCE}))
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "a.zip"]


def test_links_are_not_followed(tmp_path):
    secret = tmp_path / "secret"
    folder(secret, {FILE: SOURCE, "other.py": SOURCE})
    one = tmp_path / "one"
    one.mkdir()
    (one / FILE).symlink_to(secret / FILE)
    assert why(HandedIn(one)) == f"{FILE} is a link or a device, not a file"
    two = tmp_path / "two"
    two.mkdir()
    (two / "inner").symlink_to(secret)
    assert "was not handed in" in why(HandedIn(two))
    (tmp_path / "three").symlink_to(secret)
    assert why(HandedIn(tmp_path / "three")) == "three is a link, not a folder"
    packed(secret / "real.zip", {FILE: SOURCE})
    (tmp_path / "four.zip").symlink_to(secret / "real.zip")
    assert "four.zip is a link" in why(HandedIn(tmp_path / "four.zip"))


def test_a_link_in_an_archive_is_not_a_source(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        link = zipfile.ZipInfo(FILE)
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "../../solutions/exercise.py")
    assert "it is a link" in why(HandedIn(tmp_path / "a.zip"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with a name here")
def test_a_pipe_is_not_waited_for(tmp_path):
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "a" / FILE)
    assert why(HandedIn(tmp_path / "a")) == f"{FILE} is a link or a device, not a file"


@pytest.mark.parametrize("name", [FILE, FILE[:-3] + ".ipynb"])
def test_a_bomb_is_read_no_further_than_a_source_can_be(tmp_path, name):
    bomb = packed(tmp_path / "a.zip", {name: b"\n#" * 25_000_000})
    assert (tmp_path / "a.zip").stat().st_size < 200_000
    tracemalloc.start()
    assert why(bomb) == f"{name} is larger than 1000 kB: no exercise needs that"
    assert tracemalloc.get_traced_memory()[1] < 20 * LARGEST
    tracemalloc.stop()


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_bomb_that_must_be_unpacked_at_once_is_not(tmp_path, method):
    bomb = packed(tmp_path / "a.zip", {FILE: b"#" * 50_000_000}, method)
    tracemalloc.start()
    assert "it is not packed as a .zip usually is" in why(bomb)
    assert tracemalloc.get_traced_memory()[1] < LARGEST
    tracemalloc.stop()


def test_too_many_files_or_too_large_an_archive_is_said(tmp_path):
    many = packed(tmp_path / "a.zip", {f"{i}": "" for i in range(FILES + 1)})
    assert why(many) == f"more than {FILES} files were handed in"
    with open(tmp_path / "b.zip", "wb") as file:
        file.truncate(ARCHIVE + 1)
    assert why(HandedIn(tmp_path / "b.zip")) == "b.zip is larger than 50 MB"


def test_folders_in_folders_without_end_are_not_walked(tmp_path):
    deep = "a/" * DEPTH
    assert folder(tmp_path / "one", {f"{deep}{FILE}": SOURCE}).source(FILE) == SOURCE
    assert "was not handed in" in why(folder(tmp_path / "two", {f"{deep}a/{FILE}": SOURCE}))


def test_an_archive_damaged_anywhere_is_said_or_read(tmp_path):
    packed(tmp_path / "whole.zip", {FILE: SOURCE * 20, "more.txt": "x" * 50})
    whole = (tmp_path / "whole.zip").read_bytes()
    path, said = tmp_path / "a.zip", 0
    for place in range(len(whole)):
        for byte in (0x00, 0x63, 0xFF):
            path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
            try:
                assert HandedIn(path).source(FILE) == SOURCE * 20
            except Unreadable as error:
                said += 1
                assert str(error).isprintable()
        path.write_bytes(whole[:place])
        assert "the archive cannot be read" in why(HandedIn(path))
    assert said > 100


def test_an_archive_that_is_locked_is_said(tmp_path):
    packed(tmp_path / "a.zip", {FILE: SOURCE})
    content = bytearray((tmp_path / "a.zip").read_bytes())
    for place in (6, content.index(b"PK\x01\x02") + 8):
        struct.pack_into("<H", content, place, 1)
    (tmp_path / "a.zip").write_bytes(content)
    assert "password required" in why(HandedIn(tmp_path / "a.zip"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n\t\n", "is empty"),
        (b"x = 1\ny = '\xff'\n", "is not text in UTF-8 (line 2): save it as UTF-8"),
        (SOURCE.encode("utf-16"), "is not text in UTF-8 (line 1): save it as UTF-8"),
        (b"x = 1\n\0\n", "is not text: it has a null character in it"),
        (b"#" * 50_000_000, "is larger than 1000 kB: no exercise needs that"),
    ],
    ids=["empty", "blank", "latin-1", "utf-16", "null", "50 MB"],
)
def test_what_is_no_source_is_said(tmp_path, content, said):
    (tmp_path / FILE).write_bytes(content)
    assert why(HandedIn(tmp_path)) == f"{FILE} {said}"
    with pytest.raises(Unreadable, match="affinity"):
        read_source(tmp_path / FILE)


def test_a_byte_order_mark_and_other_line_ends_do_no_harm(tmp_path):
    (tmp_path / FILE).write_bytes(b"\xef\xbb\xbf" + SOURCE.replace("\n", "\r\n").encode())
    compile(HandedIn(tmp_path).source(FILE), FILE, "exec")


def test_a_missing_file_names_what_may_be_meant(tmp_path):
    def said(name):
        handed = folder(tmp_path / name.replace(".", "_"), {name: SOURCE})
        return why(handed).removeprefix(f"{FILE} was not handed in")

    assert said("2_backprop.py") == "; is it '2_backprop.py'? then rename it"
    assert said("02_affinity_backprop (1).py").startswith("; is it '02_affinity_backprop (1).py'")
    assert said("affinity_backprop.py") == "; is it 'affinity_backprop.py'? then rename it"
    assert said("02_affinity_backprop.txt") == said("01_affinity_forward.txt") == ""
    assert said("12_hebb.py") == said("22_x.py") == ""


def test_a_name_can_not_write_to_the_terminal(tmp_path):
    name = "02_\x1b[2J\n.py"
    assert why(packed(tmp_path / "a.zip", {name: SOURCE})).isprintable()
    twice = {f"\x1b[2J\n{i}/{FILE}": SOURCE for i in range(2)}
    said = why(packed(tmp_path / "b.zip", twice))
    assert said.startswith(f"{FILE} was handed in 2 times: ") and "\x1b" not in said
    (tmp_path / "\x1b[31m").mkdir()
    assert HandedIn(tmp_path / "\x1b[31m").name == "?[31m"


def test_of_two_files_none_is_chosen_unless_the_other_was_never_begun(tmp_path):
    cells = notebook(("code", SOURCE))
    handed = folder(tmp_path / "two", {FILE: SOURCE, FILE.replace(".py", ".ipynb"): cells})
    assert why(handed) == (
        f"{FILE} was handed in 2 times: 02_affinity_backprop.ipynb, 02_affinity_backprop.py"
    )
    stub = find_exercise(2).stub
    handed = folder(tmp_path / "one", {FILE: stub, FILE.replace(".py", ".ipynb"): cells})
    assert handed.source(FILE) == SOURCE


def test_of_a_notebook_counts_what_lasts_and_trying_out_may_fail(tmp_path):
    cells = notebook(
        ("markdown", "# def affinity_backprop"),
        ("code", ["%matplotlib inline\n", "import numpy as np\n", "import matplotlib\n"]),
        ("code", "half = 1 / 2\nnet = Network()\nprint(half)\nfor x in range(9): pass"),
        ("code", "np.clip?"),
        ("code", "import scipy.special\nimport absent as gone\nf = lambda a: a.T"),
        ("code", "@classmethod\n" + SOURCE + "affinity_backprop(1, 2, 3, 4)\n!rm -rf x"),
        ("code", "def other(): return half, scipy, f\n"),
        ("code", "from minigrad.exercises import check\ncheck(2, affinity_backprop)"),
    )
    source = folder(tmp_path, {FILE.replace(".py", ".ipynb"): cells}).source(FILE)
    assert "print" not in source and "range(9)" not in source and "check(2" not in source
    assert "@classmethod\n" + SOURCE in source
    with pytest.raises(ModuleNotFoundError, match=r"none_such"):  # a function uses it
        exec(source.replace("scipy.special", "scipy.none_such"), {})
    names = {}
    exec(source, names)
    assert names["half"] == 0.5 and "net" not in names and names["np"] is np
    assert "gone" not in names and names["other"]()[2] is names["f"]


def test_a_notebook_under_the_name_of_a_script_is_read(tmp_path):
    handed = folder(tmp_path, {FILE: notebook(("code", SOURCE), ("code", "1 / 0"))})
    assert handed.source(FILE) == SOURCE


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("def f(): pass", "is not a notebook that can be read"),
        ('{"cells": 3}', "is not a notebook that can be read"),
        ('{"cells": [{"cell_type": "code"}]}', "is not a notebook that can be read"),
        ("[" * 100_000, "is not a notebook that can be read"),
        (notebook(("code", "print(1)")), "is a notebook without a function in it"),
        (notebook(), "is a notebook without a function in it"),
    ],
)
def test_a_notebook_that_cannot_be_one_is_said(tmp_path, content, said):
    name = FILE.replace(".py", ".ipynb")
    assert why(folder(tmp_path, {name: content})) == f"{name} {said}"


def test_a_cell_that_does_not_compile_is_kept_so_that_its_error_is_told(tmp_path):
    handed = folder(tmp_path, {FILE.replace(".py", ".ipynb"): notebook(("code", "def f(:\n"))})
    assert handed.source(FILE) == "def f(:\n"


def test_a_folder_is_one_submission_if_exercises_lie_in_it_else_a_class(tmp_path):
    one = tmp_path / "one"
    folder(one, {FILE: SOURCE})
    assert [each.path for each in handed_in(one)] == [one] and handed_in(one)[0].is_at(one)
    folder(tmp_path / "two", {"src/a.py": SOURCE})
    packed(tmp_path / "three.ZIP", {FILE: SOURCE})
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "four.tar.gz").write_text("x")
    assert ignored(tmp_path) == ["four.tar.gz", "notes.txt"] and ignored(one) == []
    assert [each.name for each in handed_in(tmp_path)] == ["one", "three", "two"]
    (alone,) = handed_in(tmp_path, one=True)
    assert alone.is_at(tmp_path)
    with pytest.raises(FolderError, match="there is no folder"):
        handed_in(tmp_path / "none")
    (tmp_path / FILE).write_text(SOURCE)
    with pytest.raises(FolderError, match=f"{FILE} lies beside folders or archives"):
        handed_in(tmp_path)


def test_two_submissions_of_one_name_are_not_mixed(tmp_path):
    folder(tmp_path / "ada", {FILE: SOURCE})
    packed(tmp_path / "ada.zip", {FILE: SOURCE})
    with pytest.raises(ValueError, match="two submissions of the name ada"):
        handed_in(tmp_path)


def test_the_digest_changes_with_the_sources_alone(tmp_path):
    first = folder(tmp_path / "a", {FILE: SOURCE, "notes.py": "1"}).digest([FILE])
    assert folder(tmp_path / "b", {f"x/{FILE}": SOURCE, "notes.py": "2"}).digest([FILE]) == first
    assert folder(tmp_path / "c", {FILE: SOURCE + "#"}).digest([FILE]) != first
    assert folder(tmp_path / "d", {}).path.exists() is False
    missing = folder(tmp_path / "a", {}).digest([FILE, "01_affinity_forward.py"])
    assert missing != first
