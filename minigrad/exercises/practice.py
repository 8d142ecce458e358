"""The check that a student runs: of a file, or of a function in a notebook; told in words."""

import contextlib
import io
import linecache
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from minigrad.exercises import calling
from minigrad.exercises.exercise import Case, Exercise, find_exercise
from minigrad.exercises.judging import RIGHT, WRONG, Call, Result, Verdict, judge
from minigrad.exercises.outcomes import NOT_STARTED, STOPPED, Outcome, plain, read
from minigrad.exercises.progress import NONE, STARTED, Progress
from minigrad.exercises.running import GraderFault, Submission
from minigrad.exercises.submissions import Unreadable, read_source

WIDTH = 79
UNGIVEN = "was not given to check"
TOLD = 2  # failures that are told in full: a third is seldom read
STATES = {RIGHT: "right", WRONG: "wrong", STOPPED: "stopped", NOT_STARTED: "not yet"}


@dataclass(frozen=True)
class Practice:
    """A check of one answer.

    `verdict` is None if there was nothing to run; then, and where the file cannot even be loaded,
    `problem` says why. `printed`: what the answer printed meanwhile.
    """

    exercise: Exercise
    verdict: Verdict | None
    problem: str = ""
    printed: str = ""
    source: str = ""

    @property
    def state(self) -> str:
        """right, wrong, not started or stopped."""
        return self.verdict.state if self.verdict else WRONG

    def record(self, progress: Progress) -> None:
        """Keep how it went; an answer that is not started counts as a stub that is there."""
        if self.verdict:
            state = STARTED if self.state == NOT_STARTED else self.state
            points, of = self.verdict.points, self.exercise.points
            progress.checked(self.exercise.name, state, points, of, self.source)

    @property
    def count(self) -> str:
        """How many checks pass, and how many there will be."""
        results = self.verdict.results if self.verdict else ()
        passed, of = sum(r.state == RIGHT for r in results), len(self.exercise.cases)
        more = f"; {self.exercise.unseen} more run when graded" * bool(self.exercise.unseen)
        return f"{passed} of {of} public checks {'passes' if passed == 1 else 'pass'}{more}."

    def told(self, see: str = "") -> str:
        """The report; `see` says how to see a right answer at work."""
        if self.verdict is None:
            return wrapped(self.problem)
        parts = []
        if self.state == NOT_STARTED:
            parts.append(self._not_started())
        elif self.problem:
            parts += [wrapped(self.problem, "  "), self.count]
        else:
            results = self.verdict.results
            width = max(map(len, STATES.values()))
            parts.append("\n".join(f"  {STATES[r.state]:{width}}  {r.case.name}" for r in results))
            parts += [*self._failures(results), self.count]
        if self.printed.strip():
            printed = plain(self.printed.strip("\n"))
            parts.append("What it printed:\n" + textwrap.indent(printed, "  | ", lambda _: True))
        if self.state == RIGHT and see:
            parts.append(see)
        return "\n\n".join(parts)

    def _not_started(self) -> str:
        return wrapped(
            f"Not started yet: {' and '.join(self.exercise.functions)}. Put your own code in the "
            "place of the line that raises NotImplementedError, and check again."
        )

    def _failures(self, results: Sequence[Result]) -> list[str]:
        """The first failures in full; one that is told already is not told again."""
        told: dict[str, str] = {}
        for result in results:
            if result.state == RIGHT:
                continue
            words = result.words.removeprefix(f"{result.call}: ")
            if result.state == NOT_STARTED and not words.endswith(UNGIVEN):
                words = "not written yet: the line that raises NotImplementedError is still there"
            if words.startswith("timed out"):
                words += "\nIs there a loop that does not end?"
            text = f"{result.case.name}:\n" + wrapped(f"{result.call}\n{words}", "  ")
            if result.says:
                text += "\n\n" + wrapped(result.says, "  ")
            told.setdefault(result.says or words.partition(":")[0], text)
        more = len(told) - TOLD
        rest = ["(what else is wrong is told when this is mended)"] if more > 0 else []
        return [*list(told.values())[:TOLD], *rest]


def check_file(path: Path, exercise: Exercise) -> Practice:
    """Check a script or a notebook, in a process of its own."""
    try:
        source = read_source(path)
    except Unreadable as error:
        return Practice(exercise, None, f"{error}.")
    try:
        with Submission(source, exercise) as submission:
            verdict = judge(exercise, submission)
        refused = submission.refused
    except OSError as error:
        raise GraderFault(f"no process can be started here ({error})") from error
    problem = ""
    if refused is not None:
        problem = f"{path.name} cannot be loaded:\n{read(refused, source=source).problem}"
    elif "imported" in submission.over + submission.void:
        problem = f"{path.name} cannot be loaded:\n{submission.over or submission.void}"
    return Practice(exercise, verdict, problem, submission.printed, source)


def check(asked: str | int, *functions: Callable[..., Any]) -> None:
    """Check functions of a notebook against an exercise, and print how it went.

    `check("02", affinity_backprop)`: the same cases and words as `minigrad exercises check 02`, run
    right here. A practice check, not a grade.
    """
    try:
        exercise = find_exercise(asked)
    except LookupError as error:
        print(wrapped(f"There is {error.args[0]}."))
        return
    names = ", ".join(exercise.functions)
    usage = f'check("{exercise.name[:2]}", {names})'
    print(heading(exercise, names))
    problem = "" if functions else f"Give the function too: {usage}"
    for function in functions:
        problem = problem or _not_yours(function, exercise)
    if problem:
        print(wrapped(problem))
        return
    printed = _First()
    with contextlib.redirect_stdout(printed):
        verdict = judge(exercise, _in_process(exercise, functions))
    done = Practice(exercise, verdict, printed=printed.kept)
    print(done.told("To see it at work, run the cells below."))
    progress = Progress()
    if progress[exercise.name].state != NONE:  # in the folder where it was started
        done.record(progress)


def require(asked: str | int, name: str, *functions: Callable[..., Any]) -> None:
    """AssertionError, with the words of `check`, if the functions are wrong in the case `name`.

    For graders that run in the student's process (`exporting`).
    """
    exercise = find_exercise(asked)
    case = next(case for case in exercise.cases if case.name == name)
    alone = replace(exercise, cases=(case,))
    result = judge(alone, _in_process(alone, functions)).results[0]
    if result.state != RIGHT:
        raise AssertionError(wrapped("\n".join(filter(None, (result.words, result.says)))))


def heading(exercise: Exercise, what: str) -> str:
    """What is checked, and that it is for practice."""
    title = f"Exercise {exercise.number}: {exercise.title}"
    return f"{title}\nPractice check of {what}, not a grade.\n"


def wrapped(text: str, indent: str = "") -> str:
    """A text in lines that fit a terminal; its own line breaks stay."""
    lines = []
    for line in text.splitlines():
        own = indent + line[: len(line) - len(line.lstrip())]
        lines.append(textwrap.fill(line.strip(), WIDTH, initial_indent=own, subsequent_indent=own))
    return "\n".join(lines)


def _not_yours(function: Any, exercise: Exercise) -> str:
    """Why a function cannot be the answer; nothing, if it can."""
    name = getattr(function, "__name__", None)
    if callable(function) and name is None:
        return f"Give {' and '.join(exercise.functions)} as you defined it, with def."
    if not callable(function):
        kind = type(function).__name__
        return f"Give the function itself, without calling it: this is of type {kind}."
    if str(getattr(function, "__module__", "")).split(".")[0] == "minigrad":
        return f"This {name} is minigrad's own. Define yours in a cell above, run it, and check."
    if not hasattr(function, "__code__"):
        return f"{name} is not a function that is defined in this notebook, with def."
    if name not in exercise.functions:
        names = " and ".join(exercise.functions)
        return f"Exercise {exercise.number} asks for {names}; this function is called {name}."
    return ""


def _in_process(exercise: Exercise, functions: Sequence[Callable[..., Any]]) -> Call:
    names = {function.__name__: function for function in functions}
    given = calling.load(exercise.given, "given")

    def call(case: Case) -> Outcome:
        function = names.get(case.function)
        if function is None:
            return Outcome(NOT_STARTED, problem=f"{case.function} {UNGIVEN}")
        file = function.__code__.co_filename
        reply = calling.call(names, case.function, dict(case.arguments), given, file)
        source = "".join(linecache.getlines(file))
        return read(reply, exercise.functions[case.function].signature, source)

    return call


class _First(io.TextIOBase):
    """Keeps the first of what is printed, however much there is."""

    kept = ""

    def write(self, text: str) -> int:
        self.kept += text[: 10_000 - len(self.kept)]
        return len(text)
