"""Exercises for otter and nbgrader: the files hold the public cases, which pass or tell why."""

import json
import sys
import types
from pathlib import Path

import pytest

from minigrad import cli
from minigrad.exercises import calling, teaching
from minigrad.exercises.course import Master
from minigrad.exercises.exporting import as_nbgrader_notebook, as_otter_test
from minigrad.exercises.practice import require

COURSE = Path(__file__).parents[2] / "lessons" / "exercises"
MASTER = Master(COURSE / "02_affinity_backprop")
PUBLIC = {"one sample": 2, "a batch of five": 3, "more outputs than inputs": 2}


def in_cells(script):
    """A notebook of a script, as jupytext makes it, without it."""
    texts = [text for text in script.split("# %%") if text.strip()]
    kinds = ["markdown" if text.startswith(" [markdown]") else "code" for text in texts]
    cells = [
        {"cell_type": kind, "source": text.splitlines(keepends=True), "metadata": {}}
        for kind, text in zip(kinds, texts, strict=True)
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


def test_require_is_silent_when_right_and_tells_what_is_wrong():
    right = calling.load(MASTER.solution, "right")["affinity_backprop"]
    mean = calling.load(MASTER.wrong["mean over the batch"], "mean")["affinity_backprop"]
    for name in PUBLIC:
        require("02", name, right)
    require("02", "one sample", mean)  # there it makes no difference
    with pytest.raises(AssertionError, match=r"1/5(.|\n)*Your db is the mean over the batch"):
        require("02", "a batch of five", mean)


def test_a_test_of_otter_asks_for_every_public_case(monkeypatch):
    asked = []

    def test_case(name, points):
        return lambda test: asked.append((name, points, test))

    otter = types.SimpleNamespace(test_case=test_case)
    monkeypatch.setitem(sys.modules, "otter", types.ModuleType("otter"))
    monkeypatch.setitem(sys.modules, "otter.test_files", otter)
    names = {}
    exec(as_otter_test(MASTER), names)
    assert names["OK_FORMAT"] is False and names["name"] == "q02" and names["points"] == 7
    assert {name: points for name, points, _ in asked} == PUBLIC
    sign = calling.load(MASTER.wrong["sign"], "sign")["affinity_backprop"]
    for _, _, test in asked:
        test(affinity_backprop=calling.load(MASTER.solution, "right")["affinity_backprop"])
        with pytest.raises(AssertionError, match="opposite sign"):
            test(affinity_backprop=sign)


def test_a_notebook_for_nbgrader_has_the_solution_marked_and_locked_tests(monkeypatch):
    monkeypatch.setattr(cli, "as_notebook", in_cells)
    cells = json.loads(as_nbgrader_notebook(MASTER))["cells"]
    marked = {"".join(cell["source"]): cell["metadata"].get("nbgrader") for cell in cells}
    answers = [text for text, told in marked.items() if told and told["solution"]]
    assert len(answers) == 1 and "    ### BEGIN SOLUTION\n    dx = dy @ M\n" in answers[0]
    assert "dx, dM, db\n    ### END SOLUTION\n" in answers[0] and ">>>" not in answers[0]
    tests = {text: told for text, told in marked.items() if told and told["grade"]}
    assert [told["points"] for told in tests.values()] == list(PUBLIC.values())
    assert all(told["locked"] and told["schema_version"] == 3 for told in tests.values())
    assert len({told["grade_id"] for told in marked.values() if told}) == 4
    names = calling.load(MASTER.solution, "right")
    for text in tests:
        exec(text.partition("\n")[2], names)


def test_the_command_writes_what_is_asked_for(tmp_path, capsys):
    parser = teaching.argparse.ArgumentParser()
    teaching.add(parser.add_subparsers())
    folder = tmp_path / "new" / "tests"
    arguments = ["export", "--otter", folder, "--private", COURSE, "--only", 2, 12]
    options = parser.parse_args(list(map(str, arguments)))
    assert options.run(options) == 0
    assert sorted(path.name for path in folder.iterdir()) == ["q02.py", "q12.py"]
    assert (folder / "q02.py").read_text() == as_otter_test(MASTER)
