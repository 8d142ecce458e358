"""A small exercise of our own: what is tested with it does not depend on the catalogue."""

import json
from dataclasses import replace

import numpy as np
import pytest

from minigrad.exercises import calling
from minigrad.exercises import exercise as catalogue
from minigrad.exercises.exercise import Case, Exercise, Function

SOLUTION = """import numpy as np


def parts(x, w):
    total = x.sum(axis=0)
    scaled = x * w
    return total, scaled
"""
WRONG = {
    "mean": ("x.sum(axis=0)", "x.mean(axis=0)", "Your total is the mean."),
    "sign": ("x * w", "-x * w", "Your scaled has the opposite sign."),
    "half": ("x * w", "x * w / 2", "Your scaled is half of it."),
    "raises": ("x * w", "x @ np.ones(99)", "Never said."),
}
CASES = (("one row", (1, 3), 2, False), ("four rows", (4, 3), 3, False), ("two", (2, 5), 5, True))
USE = '\n\n# %% [markdown]\n# ## Use it\n\n# %%\nif __name__ == "__main__":\n    1\n'


@pytest.fixture(scope="session")
def sources():
    """The source of the right answer, and of each wrong one."""
    wrong = {name: SOLUTION.replace(*change) for name, (*change, _) in WRONG.items()}
    return {"right": SOLUTION, **wrong}


@pytest.fixture(scope="session")
def small(sources):
    """parts(x, w) -> total, scaled: two public cases, one hidden; 5 public points of 10."""
    rng, cases = np.random.default_rng(0), []
    for name, shape, points, hidden in CASES:
        arguments = {"x": calling.encode(rng.normal(size=shape)), "w": 3.0}
        called = {
            which: calling.call(calling.load(source, "f"), "parts", arguments, {})
            for which, source in sources.items()
        }
        replies = json.loads(json.dumps(called))
        wanted = replies.pop("right")
        cases.append(Case(name, "parts", arguments, wanted, replies, points, hidden))
    stub = SOLUTION.partition("    total")[0] + '    raise NotImplementedError("parts is yours")\n'
    return Exercise(
        name="07_parts",
        title="The parts of it",
        lesson=1,
        minutes=20,
        hints=("Look.", "Sum, and scale.", "x.sum(axis=...), x * ..."),
        functions={"parts": Function("parts", ("x", "w"), ("total", "scaled"))},
        given="",
        says={name: says for name, (*_, says) in WRONG.items()},
        seconds=10.0,
        cases=tuple(cases),
        stub=stub + USE,
    )


@pytest.fixture
def published(small, tmp_path, monkeypatch):
    """A catalogue of three exercises; the folder one is in, which is empty."""
    folder, here = tmp_path / "published", tmp_path / "here"
    folder.mkdir()
    here.mkdir()
    for name, lesson in (("07_parts", 1), ("08_parts_again", 1), ("12_recall", 2)):
        replace(small, name=name, lesson=lesson).public().write(folder)
    monkeypatch.setattr(catalogue, "PUBLISHED", folder)
    monkeypatch.chdir(here)
    return here
