"""Fixtures for all tests; the table of layers and the list of backends stand in cases.py."""

import os

import cases
import numpy as np
import pytest

from minigrad import backend


def pytest_configure(config):
    try:
        cases.backends_to_test(os.environ.get("MINIGRAD_TEST_BACKENDS", ""), cases.is_installed)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_generate_tests(metafunc):
    """A test that asks for `spec` runs on every backend."""
    if "spec" in metafunc.fixturenames:
        names = cases.backends_to_test("", cases.is_installed)
        metafunc.parametrize("spec", [cases.as_parameter(name) for name in names])


@pytest.fixture(autouse=True)
def as_in_a_fresh_process(monkeypatch):
    """No test sees the warnings said, or the birthplace chosen, by another."""
    monkeypatch.delenv("MINIGRAD_BACKEND", raising=False)
    monkeypatch.setattr(backend, "_said", set())
    monkeypatch.setattr(backend, "_birth", {"place": None, "dtype": "float64"})


@pytest.fixture
def rng():
    return np.random.default_rng(20)


@pytest.fixture
def place(spec):
    """The place of a backend under test, for tests that ask for `spec` or `place`."""
    return backend.place(spec)
