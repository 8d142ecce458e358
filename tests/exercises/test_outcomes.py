"""What came back of a call: nothing of it is trusted, and every word can be printed."""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.exercises import calling
from minigrad.exercises.calling import Given
from minigrad.exercises.outcomes import FAILED, NOT_STARTED, RETURNED, plain, read, shown

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
KEYS = st.sampled_from(
    [
        *("value", "changed", "absent", "signature", "unfit", "raised", "message", "lines"),
        *("array", "shape", "dtype", "values", "given", "with"),
    ]
)


def test_an_honest_reply_is_read():
    f = calling.load("def f(x):\n    x[0] = 9\n    return x * 2, 3\n", "f")
    reply = calling.call(f, "f", {"x": calling.encode(np.arange(3.0))}, {})
    outcome = read(reply)
    assert outcome.state == RETURNED and not outcome.problem
    assert outcome.values[0].tolist() == [18, 2, 4] and outcome.values[1] == 3
    assert outcome.changed["x"].tolist() == [9, 1, 2]


@given(JSON | st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON)))
def test_a_forged_reply_is_never_more_than_an_outcome(reply):
    outcome = read(reply, "(x)", "a\nb\n")
    assert outcome.state in (RETURNED, FAILED, NOT_STARTED, "stopped")
    assert outcome.state == RETURNED or (not outcome.values and not outcome.changed)
    assert len(outcome.problem) < 20_000


@pytest.mark.parametrize(
    "forged",
    [
        "not a reply",
        None,
        {},
        {"verdict": "right", "points": 100},
        {"value": {"given": "field", "with": {}}, "changed": {}},
        {"value": {"values": [{"given": "field", "with": {}}]}, "changed": {}},
        {"value": {"array": [1], "shape": [1], "dtype": "object"}, "changed": {}},
        {"value": {"array": [1], "shape": [2], "dtype": "float64"}, "changed": {}},
        {"value": 1.0},
        {"value": 1.0, "changed": 3},
        {"value": 10**400, "changed": {}},
        {"raised": 3, "message": "", "lines": []},
        {"raised": "E", "message": "", "lines": ["1"]},
    ],
)
def test_what_is_not_a_reply_fails(forged):
    outcome = read(forged, source="a\n")
    assert outcome.state == FAILED and "is not a reply" in outcome.problem and not outcome.values


def test_why_there_is_no_value_is_told():
    def problem(source, **arguments):
        f = calling.load(source, "f.py")
        return read(calling.call(f, "f", arguments, {}, "f.py"), "(x)", source).problem

    assert problem("") == "the file has no function of this name"
    assert problem("f = 3") == "it is a int, not a function"
    assert problem("def f(y): pass", x=1) == "it takes (y), expected (x)"
    assert problem("def f(x):\n    y = 1 / x", x=0) == (
        "it raised ZeroDivisionError: division by zero\n  line 2: y = 1 / x"
    )
    assert problem("def f(): raise MemoryError") == (
        "it ran out of memory\n  line 1: def f(): raise MemoryError"
    )
    assert "it returned a set; expected numbers" in problem("def f(): return {1}")
    assert "dtype complex128" in problem("import numpy\ndef f(): return numpy.array(1j)")
    assert 'if __name__ == "__main__":' in problem("def f(): import nowhere_at_all")


def test_what_helps_is_added():
    source = "def fourth(x):\n    return 1\n\ndef other(x):\n    return 2\n"
    absent = read({"absent": None}, "(x)", source).problem
    assert absent == "the file has no function of this name (it has fourth, other)"
    message = "matmul: Input operand 1 has a mismatch in its core dimension 0"
    said = read({"raised": "ValueError", "message": message, "lines": []}).problem
    assert said.endswith("the last axis of A and the last but one of B must be equally long.")


def test_a_stub_is_not_started():
    f = calling.load("def f(): raise NotImplementedError('yours')", "f")
    outcome = read(calling.call(f, "f", {}, {}))
    assert (outcome.state, outcome.problem) == (NOT_STARTED, "yours")


def test_the_kind_of_a_failure_has_no_word_of_the_submission():
    secret = "3.14159"
    for reply in (
        {"raised": secret, "message": secret, "lines": []},
        {"raised": "NotImplementedError", "message": secret, "lines": []},
        {"absent": secret},
        {"signature": secret},
        {"unfit": secret},
    ):
        outcome = read(reply)
        assert secret in outcome.problem and secret not in outcome.kind and outcome.kind
    assert read({"raised": "ValueError", "message": "", "lines": []}).kind == "it raised ValueError"


# --- texts ----------------------------------------------------------------------------------------


@given(st.text(st.characters(codec=None), max_size=300))
def test_no_control_character_comes_through(text):
    kept = plain(text)
    assert all(c == "\n" or unicodedata.category(c)[0] != "C" for c in kept)
    assert len(kept.splitlines()) <= 13
    kept.encode("utf-8")


def test_terminal_escapes_and_reversed_text_are_taken_out():
    assert plain("\x1b[2Jgone \u202eback\x00") == "?[2Jgone ?back?"
    assert plain("a\r\nb\tc\r\n") == "a\nb   c"


def test_endless_texts_and_lines_are_cut():
    assert plain("x" * 10**6) == "x" * 200 + "\n(and more)"
    lines = plain("line\n" * 1000).splitlines()
    assert lines == ["line"] * 12 + ["(and more)"]
    assert plain("a\nb\nc", lines=2) == "a\nb\n(and more)"
    with pytest.raises(TypeError):
        plain(3)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1 / 3, "0.333333"),
        (3, "3"),
        (None, "None"),
        ("two", "'two'"),
        (np.array([1.0, 0.25]), "[1, 0.25]"),
        (np.array(2.5), "2.5"),
        (np.arange(7), "of shape (7,)"),
        (np.zeros((2, 3)), "of shape (2, 3)"),
        (Given("field", A=1), "field"),
        ((np.zeros(9), 1), "2 values"),
    ],
)
def test_a_value_is_shown_in_a_few_characters(value, text):
    assert shown(value) == text
