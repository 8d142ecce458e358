"""Every lesson runs, keeps what it claims, and draws the figures that it names."""

import subprocess
import sys
from pathlib import Path

import pytest

LESSONS = sorted((Path(__file__).parent.parent / "lessons").glob("[0-9]*.py"))


def test_there_are_lessons():
    assert [path.name for path in LESSONS][:1] == ["01_layers.py"]


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_and_its_claims_hold(path, tmp_path):
    ran = subprocess.run(
        [sys.executable, "-W", "error", path, "--figures", tmp_path],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    figures = {line.split(": ", 1)[1] for line in ran.stdout.splitlines() if line[:7] == "figure:"}
    assert figures and figures == {str(path) for path in tmp_path.iterdir()}
    claims = ran.stdout.rpartition("claim ")[2].splitlines()[2:]
    assert len(claims) >= 5 and all(line.endswith(("yes", "no")) for line in claims)


def test_the_first_lesson_holds_for_other_starts(monkeypatch):
    from minigrad import Adam, Affinity, Map, Network, data

    train, test = data.digits()
    for seed in (11, 12):
        net = Network(
            Affinity(784, 32, init="he", rng=seed), Map("relu"), Affinity(32, 10, rng=seed)
        )
        net.fit(train.x, train.labels, 20, 128, "softmax_cross_entropy", Adam(3e-3), rng=seed)
        assert net.accuracy(test.x, test.labels) > 0.91


def test_full_without_a_folder_is_refused(capsys):
    from minigrad.lesson import Lesson

    with pytest.raises(SystemExit):
        Lesson("x", argv=["--full"])
    assert "--mnist FOLDER" in capsys.readouterr().err
