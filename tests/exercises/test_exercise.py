"""The exercises as students have them: files, look-up, nearest names."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigrad.exercises import calling
from minigrad.exercises.exercise import (
    exercise_names,
    find_exercise,
    pick,
    read_exercise,
)

NAMES = ["01_affinity_forward", "02_affinity_backprop", "08_kraskov", "12_hebb"]


# --- look-up --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        *("2", "02", 2, "affinity_backprop", "02_affinity_backprop", "02_affinity_backprop.py"),
        *("02_affinity_backprop.ipynb", "Affinity_Backprop", "affinity backprop"),
        "affinity-backprop",
    ],
)
def test_a_number_a_name_and_a_file_mean_the_same(asked):
    assert pick(asked, NAMES) == "02_affinity_backprop"


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("kraskof", "08_kraskov"),
        ("hebbs", "12_hebb"),
        ("affin", "01_affinity_forward"),
        ("forward", "01_affinity_forward"),
        ("02_afinity_backprop", "02_affinity_backprop"),
    ],
)
def test_of_an_unknown_name_the_nearest_are_offered(asked, near):
    with pytest.raises(LookupError, match=f"no exercise '{asked}': did you mean .*{near}"):
        pick(asked, NAMES)


@pytest.mark.parametrize("asked", ["zzz", "", "-1", "1.5", "²", "9" * 5000])
def test_where_nothing_is_near_the_list_is_named(asked):
    with pytest.raises(LookupError, match="`minigrad exercises list` shows all"):
        pick(asked, NAMES)


@pytest.mark.parametrize("asked", ["0", "3", 99])
def test_an_unknown_number_is_told_the_numbers(asked):
    with pytest.raises(LookupError, match=f"no exercise {asked}: they are numbered 1 to 12"):
        pick(asked, NAMES)


@given(st.text() | st.integers())
def test_whatever_is_asked_is_found_or_refused_in_words(asked):
    try:
        assert pick(asked, NAMES) in NAMES
    except LookupError as error:
        assert str(error.args[0]).startswith("no exercise")


def test_without_exercises_there_is_still_an_answer():
    with pytest.raises(LookupError, match="no exercise 1"):
        pick(1, [])


# --- files ----------------------------------------------------------------------------------------


def test_what_is_written_is_read_the_same(small, tmp_path):
    small.write(tmp_path)
    again = read_exercise(tmp_path / "07_parts.json")
    again.write(tmp_path)
    assert again == read_exercise(tmp_path / "07_parts.json")
    assert (again.stub, again.hints, again.functions) == (
        small.stub,
        small.hints,
        small.functions,
    )
    for one, other in zip(small.cases, again.cases, strict=True):
        assert (one.name, one.points, one.hidden) == (other.name, other.points, other.hidden)
        for a, b in zip(one.expected.values, other.expected.values, strict=True):
            assert a.dtype == b.dtype and np.array_equal(a, b)
        assert np.array_equal(one.values["x"], other.values["x"]) and other.values["w"] == 3.0
        assert one.mistakes.keys() == other.mistakes.keys()


def test_the_public_part_has_no_hidden_case_but_counts_it(small, tmp_path):
    public = small.public()
    assert [case.name for case in public.cases] == ["one row", "four rows"]
    assert (public.unseen, public.points, small.points) == (1, 5, 10)
    public.write(tmp_path)
    assert '"two"' not in (tmp_path / "07_parts.json").read_text(encoding="utf-8")
    assert read_exercise(tmp_path / "07_parts.json").unseen == 1


def test_the_files_are_utf_8_with_plain_line_ends(small, tmp_path):
    small.write(tmp_path)
    for path in tmp_path.iterdir():
        assert b"\r" not in path.read_bytes()
        path.read_bytes().decode("utf-8")
    json.loads((tmp_path / "07_parts.json").read_bytes())


# --- the published ones ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", exercise_names())
def test_a_published_exercise_has_all_that_a_student_needs(name):
    exercise = find_exercise(name)
    assert exercise.name == name and exercise.number == int(name[:2])
    assert exercise.title and exercise.minutes >= 10 and len(exercise.hints) == 3
    assert exercise.unseen and not any(case.hidden for case in exercise.cases)
    assert "NotImplementedError" in exercise.stub and "# >>>" not in exercise.stub
    compile(exercise.stub, name, "exec")
    for case in exercise.cases:
        assert set(case.arguments) <= set(exercise.functions[case.function].arguments)
        assert case.expected.state == "returned" and case.mistakes.keys() == exercise.says.keys()


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats() | st.text(),
        lambda inner: st.tuples(inner, inner),
        max_leaves=4,
    )
)
def test_plain_values_survive_the_way_through_json(value):
    coded = json.loads(json.dumps(calling.encode(value)))
    assert repr(calling.decode(coded)) == repr(value)
