"""From outcomes to a verdict: points for each case, the first difference, the tutor's sentence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from minigrad.exercises.differences import alike, difference, is_numbers, same
from minigrad.exercises.exercise import Case, Exercise, Function
from minigrad.exercises.outcomes import NOT_STARTED, RETURNED, STOPPED, Outcome, read, shown

RIGHT, WRONG = "right", "wrong"
Call = Callable[[Case], Outcome]


@dataclass(frozen=True)
class Result:
    """How one case went: its state (right, wrong, not started, stopped), and why in words."""

    case: Case
    state: str
    words: str = ""
    mistake: str = ""  # the name of the known wrong answer that gives these numbers
    says: str = ""  # and what to say of it
    call: str = ""  # the call, with which the words begin

    @property
    def points(self) -> float:
        """The case's points if it is right, else none."""
        return self.case.points if self.state == RIGHT else 0.0


@dataclass(frozen=True)
class Verdict:
    """The results of all cases of one submission, in order."""

    exercise: Exercise
    results: tuple[Result, ...]

    @property
    def state(self) -> str:
        """That of all cases, if they have one; stopped, if one of them was; else wrong."""
        states = {result.state for result in self.results}
        if len(states) == 1:
            return states.pop()
        return STOPPED if STOPPED in states else WRONG

    @property
    def points(self) -> float:
        """The points of all cases that are right."""
        return sum(result.points for result in self.results)

    @property
    def failed(self) -> Result | None:
        """The first case that is not right."""
        return next((result for result in self.results if result.state != RIGHT), None)


def judge(exercise: Exercise, call: Call) -> Verdict:
    """Call a submission in every case and judge what came.

    In the hidden cases last: what is told of a public one cannot tell the numbers of a hidden one.
    """
    order = sorted(range(len(exercise.cases)), key=lambda i: exercise.cases[i].hidden)
    came = {i: _unpacked(call(exercise.cases[i]), exercise.cases[i]) for i in order}
    outcomes = [came[i] for i in range(len(order))]
    return Verdict(
        exercise,
        tuple(
            _judged(exercise, case, outcome, outcomes)
            for case, outcome in zip(exercise.cases, outcomes, strict=True)
        ),
    )


def _judged(
    exercise: Exercise, case: Case, outcome: Outcome, outcomes: Sequence[Outcome]
) -> Result:
    function = exercise.functions[case.function]
    called = _called(function, case)
    if not set(outcome.changed) <= set(case.arguments):
        outcome = read({})
    if outcome.state != RETURNED:
        state = outcome.state if outcome.state in (NOT_STARTED, STOPPED) else WRONG
        problem = outcome.problem
        if case.hidden:  # a message of the submission's could tell the numbers that it was given
            problem = outcome.kind or problem
        return Result(case, state, f"{called}: {problem}", call=called)
    found = difference(outcome, case.expected, function.returns, case.tolerance)
    if found is None:
        return Result(case, RIGHT)
    words = f"{called}: {found.kind}"
    if found.detail and not case.hidden:
        words += f": {found.detail}"
    mistake = _recognised(exercise, case, outcome, outcomes, found.where)
    return Result(case, WRONG, words, mistake, exercise.says.get(mistake, ""), called)


def _recognised(
    exercise: Exercise, case: Case, outcome: Outcome, outcomes: Sequence[Outcome], where: int
) -> str:
    """The known wrong answer that gives what was returned, or at least the output at `where`.

    It must do so in every case of the function: once, numbers may be the same by chance. Of
    several, the one that agrees with the submission in most cases altogether.
    """
    pairs = [
        (each, came)
        for each, came in zip(exercise.cases, outcomes, strict=True)
        if each.function == case.function and came.state == RETURNED
    ]

    def agrees(name: str) -> bool:
        wrong = case.mistakes[name]
        if wrong.state != RETURNED or _same_at(wrong, case.expected, where, case.tolerance):
            return False
        return all(
            _same_at(each.mistakes[name], came, where, each.tolerance) for each, came in pairs
        )

    def agreement(name: str) -> int:
        return sum(alike(each.mistakes[name], came, each.tolerance) for each, came in pairs)

    return max(filter(agrees, case.mistakes), key=agreement, default="")


def _unpacked(outcome: Outcome, case: Case) -> Outcome:
    """The outcome with k numbers in a list as k values, or k values as one array: as is wanted."""
    wanted, came = case.expected.values, outcome.values
    if not all(map(is_numbers, came)):
        return outcome
    if len(wanted) > 1 and len(came) == 1 and np.shape(came[0]) == (len(wanted),):
        return replace(outcome, values=tuple(came[0]))
    if len(wanted) == 1 and len(came) > 1 and is_numbers(wanted[0]):
        shape = np.shape(wanted[0])
        if shape and all(np.shape(v) == shape[1:] for v in came):
            return replace(outcome, values=(np.array(came),))
    return outcome


def _same_at(a: Outcome, b: Outcome, where: int, tolerance: float) -> bool:
    if where < 0 or len(a.values) != len(b.values):
        return alike(a, b, tolerance)
    return same(a.values[where], b.values[where], tolerance)


def _called(function: Function, case: Case) -> str:
    """The call: with its numbers, if they are few and may be seen, else with the shapes."""
    if case.hidden:
        return f"{function.name}{function.signature}"
    texts = {name: shown(value) for name, value in case.values.items()}
    few = not any(text.startswith("of shape ") for text in texts.values())
    told = []
    for name, value in case.values.items():
        shape = getattr(value, "shape", ())
        told.append(f"{name} {shape}" if shape and not few else f"{name}={texts[name]}")
    return f"{function.name}({', '.join(told)})"
