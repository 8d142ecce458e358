"""The verdict: points, the first difference, the sentence; what hidden cases keep secret."""

from dataclasses import replace

import numpy as np
import pytest

from minigrad.exercises import calling
from minigrad.exercises.judging import RIGHT, WRONG, judge
from minigrad.exercises.outcomes import NOT_STARTED, STOPPED, Outcome, read


def called(source):
    """Calls of a source in this process, as its child would answer them."""
    names = calling.load(source, "f.py")

    def call(case):
        reply = calling.call(names, case.function, dict(case.arguments), {}, "f.py")
        return read(reply, "(x, w)", source)

    return call


def test_a_right_answer_scores_full_and_is_never_scolded(small, sources):
    verdict = judge(small, called(sources["right"]))
    assert (verdict.state, verdict.points, verdict.failed) == (RIGHT, 10, None)
    assert all(not (r.words or r.says or r.mistake) for r in verdict.results)


def test_a_right_answer_in_other_types_is_right(small):
    source = "def parts(x, w): return list(x.sum(axis=0)), (x * w).tolist()"
    assert judge(small, called(source)).state == RIGHT


@pytest.mark.parametrize("name", ["mean", "sign", "half"])
def test_a_known_wrong_answer_gets_its_sentence(small, sources, name):
    verdict = judge(small, called(sources[name]))
    assert verdict.state == WRONG and verdict.failed.mistake == name
    assert verdict.failed.says == small.says[name]


def test_a_case_that_a_mistake_passes_still_counts(small, sources):
    verdict = judge(small, called(sources["mean"]))  # one row is its own mean
    assert [result.state for result in verdict.results] == [RIGHT, WRONG, WRONG]
    assert verdict.points == 2 and verdict.failed.case.name == "four rows"


def test_of_two_mistakes_at_once_the_first_output_names_the_sentence(small):
    source = "def parts(x, w): return x.mean(axis=0), -x * w"
    first, second, _ = judge(small, called(source)).results
    assert first.mistake == "sign"  # one row is its own mean: there the total is right
    assert second.mistake == "mean" and "total is off by a constant factor" in second.words


def test_a_mistake_that_agrees_in_one_case_alone_gets_no_sentence(small):
    source = "def parts(x, w): return x.sum(axis=0), x * (w if len(x) > 1 else -w)"
    assert judge(small, called(source)).failed.mistake == ""  # "sign" changes four rows as well


def test_a_list_of_numbers_is_as_good_as_a_tuple_of_them(small):
    case = small.cases[0]
    wanted = {"value": {"values": [1.0, 2]}, "changed": {}}
    asked = replace(small, cases=(replace(case, wanted=wanted, wrong={}),))
    listed = Outcome(values=(np.array([1.0, 2.0]),))
    assert judge(asked, lambda _: listed).state == RIGHT


def test_rows_in_a_tuple_are_as_good_as_one_array(small):
    case, rows = small.cases[0], np.arange(6.0).reshape(3, 2)
    wanted = {"value": calling.encode(rows), "changed": {}}
    one = {"parts": replace(small.functions["parts"], returns=("rows",))}
    asked = replace(small, functions=one, cases=(replace(case, wanted=wanted, wrong={}),))
    assert judge(asked, lambda _: Outcome(values=tuple(rows))).state == RIGHT
    assert judge(asked, lambda _: Outcome(values=tuple(rows[:2]))).state == WRONG
    assert judge(asked, lambda _: Outcome(values=tuple(rows.T))).state == WRONG


@pytest.mark.parametrize(
    "values", [("a", "b"), (None, None), (((1.0, 2.0), (3.0,)),), ((1.0,), (2.0, 3.0)), (1.0, None)]
)
def test_what_is_no_array_is_wrong_and_no_fault_of_the_judge(small, values):
    case = small.cases[0]
    for wanted in (calling.encode(np.ones(2)), calling.encode((1.0, 2.0))):
        names = ("total", "scaled")[: 1 if "array" in wanted else 2]
        one = {"parts": replace(small.functions["parts"], returns=names)}
        told = replace(case, wanted={"value": wanted, "changed": {}}, wrong={})
        asked = replace(small, functions=one, cases=(told,))
        assert judge(asked, lambda _: Outcome(values=values)).state == WRONG


def test_an_unknown_mistake_gets_no_sentence(small):
    verdict = judge(small, called("def parts(x, w): return x.sum(axis=0) + x[0], x * w"))
    assert verdict.state == WRONG and not verdict.failed.mistake and not verdict.failed.says


def test_a_wrong_answer_that_raises_is_no_diagnosis_of_another_error(small, sources):
    verdict = judge(small, called(sources["raises"]))
    assert verdict.state == WRONG and not verdict.failed.mistake
    assert "it raised ValueError" in verdict.failed.words


# --- words ----------------------------------------------------------------------------------------


def test_a_public_failure_tells_call_shapes_and_numbers(small, sources):
    result = judge(small, called(sources["mean"])).failed
    assert result.call == "parts(x (4, 3), w=3)"
    assert result.words == (
        "parts(x (4, 3), w=3): total is off by a constant factor: 0.25 (1/4) times what it should "
        "be"
    )


def test_a_call_of_few_numbers_shows_them(small, sources):
    arguments = {"x": calling.encode(np.array([1.5, 2.0])), "w": 3.0}
    case = replace(small.cases[0], arguments=arguments)
    verdict = judge(replace(small, cases=(case,)), called(sources["mean"]))
    assert verdict.failed.call == "parts(x=[1.5, 2], w=3)"


@pytest.mark.parametrize(
    "source",
    [
        "def parts(x, w): return x.mean(axis=0), x * w",
        "def parts(x, w): return x[0, 0], x * w",
        "def parts(x, w): return str(x[0, 0])",
        "def parts(x, w): raise ValueError(x[0, 0])",
        "def parts(x, w): raise NotImplementedError(x[0, 0])",
        "def parts(x, w): raise type(str(x[0, 0]), (Exception,), {})()",
        "def parts(x, w): return type(str(x[0, 0]), (), {})()",
        "def parts(x, w): x[...] = 0; return x.sum(axis=0), x * w",
        "def parts(x): pass",
        "",
    ],
)
def test_a_hidden_case_shows_no_number_of_its_own(small, source):
    hidden = judge(small, called(source)).results[-1]
    words = hidden.words.removeprefix("parts(x, w): ")
    assert hidden.case.hidden and words != hidden.words and words
    assert not any(c.isdigit() for c in words)


def test_a_forged_name_of_a_changed_argument_carries_nothing_out(small):
    def forged(case):
        return read({**case.wanted, "changed": {"3.14": 1.0}})

    verdict = judge(small, forged)
    assert verdict.points == 0 and "3.14" not in verdict.results[-1].words


# --- states ---------------------------------------------------------------------------------------


def test_the_stub_reads_not_started(small):
    verdict = judge(small, called(small.stub))
    assert (verdict.state, verdict.points) == (NOT_STARTED, 0)


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ((NOT_STARTED, "returned", NOT_STARTED), WRONG),
        ((NOT_STARTED, STOPPED, "returned"), STOPPED),
        ((STOPPED, STOPPED, STOPPED), STOPPED),
        (("failed", NOT_STARTED, "returned"), WRONG),
    ],
)
def test_the_state_of_many_cases(small, states, state):
    outcomes = dict(zip([case.name for case in small.cases], states, strict=True))
    wanted = {case.name: case.expected for case in small.cases}

    def call(case):
        came = outcomes[case.name]
        return wanted[case.name] if came == "returned" else Outcome(came, problem="why")

    verdict = judge(small, call)
    assert verdict.state == state
    assert verdict.points == sum(
        case.points for case in small.cases if outcomes[case.name] == "returned"
    )


def test_without_cases_nothing_is_right(small):
    verdict = judge(replace(small, cases=()), called(""))
    assert verdict.state == WRONG and verdict.points == 0
