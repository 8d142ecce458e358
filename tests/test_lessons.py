"""Every lesson runs, keeps what it claims, and draws the figures that it names."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

LESSONS = sorted((Path(__file__).parent.parent / "lessons").glob("[0-9]*.py"))


def test_there_are_lessons():
    assert [path.name for path in LESSONS][:1] == ["01_layers.py"]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_a_lesson_runs_and_its_claims_hold(path, library, tmp_path):
    pytest.importorskip(library)  # without an edit: what is new is born in that library
    ran = subprocess.run(
        [sys.executable, "-W", "error", path, "--figures", tmp_path],
        env={**os.environ, "MINIGRAD_BACKEND": library},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    figures = {line.split(": ", 1)[1] for line in ran.stdout.splitlines() if line[:7] == "figure:"}
    assert figures and figures == {str(path) for path in tmp_path.iterdir()}
    before, table = ran.stdout.split("  verdict\n")  # it ends with the notebook's claims judged
    assert before.splitlines()[-1].startswith("what the notebook says")
    assert len(table.splitlines()) >= 6
    assert all(len(line.split("  ")) > 2 for line in table.splitlines()[1:])


def test_the_first_lesson_holds_for_other_starts(monkeypatch):
    from minigrad import Adam, Affinity, Map, Network, data

    train, test = data.digits()
    for seed in (11, 12):
        net = Network(
            Affinity(784, 32, init="he", rng=seed), Map("relu"), Affinity(32, 10, rng=seed)
        )
        net.fit(train.x, train.labels, 20, 128, "softmax_cross_entropy", Adam(3e-3), rng=seed)
        assert net.accuracy(test.x, test.labels) > 0.91


def test_full_takes_a_folder_or_the_download(tmp_path):
    from minigrad.lesson import Lesson

    downloaded = Lesson("x", argv=["--full"])
    assert downloaded.full and downloaded.mnist is None  # None is the download, for data.mnist
    assert Lesson("x", argv=["--full", "--mnist", str(tmp_path)]).mnist == tmp_path
    assert not Lesson("x", argv=[]).full


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_hands_its_folder_to_mnist_whether_given_or_not(path):
    """What --full does with it cannot be run here: it downloads, and learns for minutes."""
    source = path.read_text(encoding="utf-8")
    assert "data.mnist" not in source or "data.mnist(lesson.mnist)" in source
