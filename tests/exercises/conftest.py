"""Fixtures for the tests of exercises. The hostile submissions are data: nothing imports them."""

from dataclasses import replace
from pathlib import Path

import pytest
from small_exercise import published, small, sources  # noqa: F401

from minigrad.exercises.course import Master

COURSE = Path(__file__).parents[2] / "lessons" / "exercises"
collect_ignore = ["hostile"]


class Hurried:
    """A master whose submissions have only `seconds`."""

    def __init__(self, master, seconds):
        self.master, self.seconds = master, seconds

    def exercise(self, seed=0):
        return replace(self.master.exercise(seed), seconds=self.seconds)


@pytest.fixture(scope="session")
def hurried():
    return Hurried


@pytest.fixture(scope="session")
def forward():
    """The master of exercise 1."""
    return Master(COURSE / "01_affinity_forward")


@pytest.fixture(scope="session")
def backprop():
    """The master of exercise 2, which the hostile submissions are for."""
    return Master(COURSE / "02_affinity_backprop")


@pytest.fixture(scope="session")
def exercise(backprop):
    return backprop.exercise(5)
