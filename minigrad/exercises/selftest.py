"""What must hold of an exercise before anyone is marked by it."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

import numpy as np

from minigrad.exercises import calling
from minigrad.exercises.course import Master
from minigrad.exercises.exercise import Case, Exercise
from minigrad.exercises.judging import RIGHT, Call, Verdict, judge
from minigrad.exercises.outcomes import NOT_STARTED, Outcome, read
from minigrad.exercises.running import Submission, separation

POINTS = 10
Caller = Callable[[str, Exercise], AbstractContextManager[Call]]  # of a submission's source


@contextmanager
def in_process(source: str, exercise: Exercise) -> Iterator[Call]:
    """Calls of a source that is trusted, in this process: the fast way, for whoever writes one."""
    names = calling.load(source, exercise.file)
    given = calling.load(exercise.given, "given")

    def call(case: Case) -> Outcome:
        function = exercise.functions[case.function]
        with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
            reply = calling.call(names, case.function, dict(case.arguments), given, exercise.file)
        return read(reply, function.signature, source)

    yield call


def in_child(source: str, exercise: Exercise) -> Submission:
    """Calls as they are when a submission is graded, with time for many seeds."""
    return Submission(source, exercise, not separation(), seconds=20 * exercise.seconds)


def selftest(
    master: Master, seeds: Sequence[int] = (1, 2, 3), caller: Caller = in_process
) -> list[str]:
    """What is wrong with an exercise, a line each; nothing, if it may be used.

    The stub reads "not started" and scores 0; the solution and every other right answer score full;
    every wrong answer fails first at the case that it names, with its own sentence; every case
    catches a wrong answer, and is not passed by zeros.
    """
    exercises = [master.exercise(seed) for seed in seeds]
    first = exercises[0]
    bad: list[str] = []

    def verdicts(source: str) -> list[Verdict]:
        with caller(source, first) as call:
            return [judge(exercise, call) for exercise in exercises]

    if first.points != POINTS:
        bad.append(f"its cases have {first.points:g} points, expected {POINTS}")
    if len(first.hints) != 3:
        bad.append(f"it has {len(first.hints)} hints, expected 3")
    if len(master.wrong) < 5:
        bad.append(f"it has {len(master.wrong)} wrong answers, expected five or more")
    if len(master.right) < 3:
        bad.append(f"it has {len(master.right)} other right answers, expected three")
    if not any(case.hidden for case in first.cases):
        bad.append("it has no hidden case")
    for verdict in verdicts(master.stub):
        if verdict.state != NOT_STARTED or verdict.points:
            bad.append(f"the stub reads {verdict.state!r}, with {verdict.points:g} points")
    for name, source in {"the solution": master.solution, **master.right}.items():
        for seed, verdict in zip(seeds, verdicts(source), strict=True):
            if verdict.failed:
                bad.append(f"right answer {name!r}, seed {seed}: {_told(verdict)}")
    caught = set()
    for told in master.told["wrong"]:
        name = told["name"]
        for seed, verdict in zip(seeds, verdicts(master.wrong[name]), strict=True):
            failed = verdict.failed
            caught |= {result.case.name for result in verdict.results if result.state != RIGHT}
            if failed is None:
                bad.append(f"wrong answer {name!r}, seed {seed}: not caught")
            elif failed.case.name != told["caught"]:
                bad.append(
                    f"wrong answer {name!r}, seed {seed}: caught in {failed.case.name!r}, "
                    f"expected {told['caught']!r}"
                )
            elif failed.mistake != name:
                bad.append(
                    f"wrong answer {name!r}, seed {seed}: taken for {failed.mistake!r}: "
                    f"{_told(verdict)}"
                )
    for case in first.cases:
        if case.name not in caught:
            bad.append(f"case {case.name!r} catches no wrong answer")
    for zeros in (0.0, 1.0):
        verdict = judge(first, lambda case: _constant(case, zeros))  # noqa: B023
        if verdict.points:
            bad.append(f"{verdict.points:g} points for nothing but {zeros:g}")
    return bad


def _constant(case: Case, number: float) -> Outcome:
    """What a submission would give that returns this number everywhere, in the right shape."""
    wanted = case.expected.values
    return Outcome(values=tuple(v * 0 + number if hasattr(v, "shape") else number for v in wanted))


def _told(verdict: Verdict) -> str:
    failed = verdict.failed
    return f"{failed.case.name!r}: {failed.words}" if failed else "all right"
