"""The progress file: readable, merged by hand, never lost."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.exercises import files
from minigrad.exercises.progress import Entry, Progress, digest

ENTRIES = st.builds(
    Entry,
    name=st.from_regex(r"[0-9]{2}_[a-z_]{1,40}", fullmatch=True),
    state=st.sampled_from(["-", "started", "wrong", "stopped", "right"]),
    best=st.integers(0, 20) | st.just(2.5),
    of=st.integers(0, 20),
    hints=st.integers(0, 3),
    date=st.dates().map(lambda date: date.isoformat()) | st.just("-"),
    file=st.text("0123456789abcdef", min_size=12, max_size=12) | st.just("-"),
)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_a_file_nothing_is_done_and_none_is_written():
    progress = Progress()
    assert progress["07_parts"] == Entry("07_parts") and not progress.notes
    assert list(Path().iterdir()) == []


def test_what_is_recorded_is_read_again():
    Progress().checked("07_parts", "wrong", 2, 5, "the source")
    Progress().record("07_parts", hints=2)
    entry = Progress()["07_parts"]
    assert (entry.state, entry.best, entry.of, entry.hints) == ("wrong", 2, 5, 2)
    assert entry.file == digest("the source") and entry.date.count("-") == 2
    assert [path.name for path in Path().iterdir()] == ["progress.txt"]


def test_the_state_is_that_of_the_last_check_and_the_points_are_the_best():
    for state, points in (("wrong", 2), ("right", 5), ("stopped", 0)):
        Progress().checked("07_parts", state, points, 5, "")
    assert (Progress()["07_parts"].state, Progress()["07_parts"].best) == ("stopped", 5)


def test_it_can_be_read_by_a_person():
    Progress().checked("07_parts", "right", 2.5, 5, "the source")
    *head, line = Path("progress.txt").read_text(encoding="utf-8").splitlines()
    assert all(each.startswith("#") for each in head) and "no grade" in head[1]
    name, state, points, hints, _, file = line.split()
    assert (name, state, points, hints) == ("07_parts", "right", "2.5/5", "0")
    assert file == digest("the source")


@given(st.lists(ENTRIES, max_size=6, unique_by=lambda entry: entry.name))
def test_every_entry_survives_the_file(tmp_path_factory, entries):
    folder = tmp_path_factory.mktemp("progress")
    progress = Progress(folder)
    for entry in entries:
        progress.entries[entry.name] = entry
    progress.record("99_last")
    again = Progress(folder)
    assert not again.notes and again.entries == progress.entries


def test_two_files_one_after_the_other_make_one():
    early = Entry("07_parts", "right", 5, 5, 1, "2026-01-02", "a" * 12)
    late = Entry("07_parts", "wrong", 2, 5, 3, "2026-02-01", "b" * 12)
    other = Entry("08_more", "started", 0, 4, 0)
    for lines in ([early, late, other], [other, late, early]):
        Path("progress.txt").write_text("".join(f"{line}\n" for line in lines))
        progress = Progress()
        assert progress["07_parts"] == Entry("07_parts", "wrong", 5, 5, 3, "2026-02-01", "b" * 12)
        assert progress["08_more"] == other and not progress.notes


def test_remarks_of_a_student_stay():
    Progress().record("07_parts", state="started")
    with open("progress.txt", "a", encoding="utf-8") as file:
        file.write("# ask about the trace - é\n\n")
    Progress().record("07_parts", hints=1)
    text = Path("progress.txt").read_text(encoding="utf-8")
    assert text.count("# ask about the trace - é\n") == 1 and text.count("no grade") == 1


def test_a_damaged_line_costs_nothing_else():
    good = str(Entry("07_parts", "right", 5, 5, 1, "2026-01-02", "a" * 12))
    damaged = f"<<<<<<< mine\n{good}\n=======\n08_more right 5 of 5\n"
    Path("progress.txt").write_text(damaged)
    progress = Progress()
    assert progress["07_parts"].best == 5
    assert progress.notes == [
        "progress.txt was damaged: what can be read goes on, and the old file is kept as "
        "progress.txt.bak"
    ]
    assert Path("progress.txt.bak").read_text() == damaged
    assert not Progress().notes and Progress()["07_parts"].hints == 1


@pytest.mark.parametrize("content", [b"\x89PNG\x00\xff\xfe", b"[toml]\nx = 1\n", b"x" * 10**6])
def test_what_is_no_progress_file_is_set_aside_and_a_new_one_begun(content):
    Path("progress.txt").write_bytes(content)
    Path("progress.txt.bak").write_text("an older one")
    progress = Progress()
    assert "a new one is begun" in progress.notes[0] and "progress.txt.bak.1" in progress.notes[0]
    assert Path("progress.txt.bak.1").read_bytes() == content
    assert Path("progress.txt.bak").read_text() == "an older one"
    progress.record("07_parts", state="started")
    assert Progress()["07_parts"].state == "started"


@given(st.binary(max_size=60))
def test_no_content_stops_it_or_is_lost(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("progress")
    (folder / "progress.txt").write_bytes(content)
    noted = bool(Progress(folder).notes)
    assert noted == (folder / "progress.txt.bak").exists()
    assert not Progress(folder).notes


def test_a_folder_in_its_place_is_told_and_left_alone():
    Path("progress.txt").mkdir()
    progress = Progress()
    progress.record("07_parts", state="started")
    assert "cannot be read" in progress.notes[0] and "cannot be written" in progress.notes[1]
    assert [path.name for path in Path().iterdir()] == ["progress.txt"]


def test_a_write_that_fails_leaves_the_file_as_it_was(monkeypatch):
    Progress().record("07_parts", state="started")
    before = Path("progress.txt").read_bytes()

    def fails(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", fails)
    progress = Progress()
    progress.record("07_parts", state="right")
    assert "No space left" in progress.notes[0]
    assert Path("progress.txt").read_bytes() == before
    assert [path.name for path in Path().iterdir()] == ["progress.txt"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_to_a_shared_file_stays_a_link(here):
    (here / "shared").mkdir()
    Path("progress.txt").symlink_to(here / "shared" / "mine.txt")
    Progress().record("07_parts", state="started")
    assert Path("progress.txt").is_symlink() and "07_parts" in Path("shared/mine.txt").read_text()
