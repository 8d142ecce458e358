"""Grade what was handed in: points, the reasons for them, and files that other programs read.

Every submission runs in children of its own (`running`); the numbers of the cases are fresh, from a
seed that is kept with the grades. What is graded is written while it goes on, and is not graded
again.
"""

import csv
import hashlib
import io
import json
import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import minigrad
from minigrad.exercises.course import Master
from minigrad.exercises.exercise import Exercise
from minigrad.exercises.files import held, write
from minigrad.exercises.judging import RIGHT, WRONG, Result, Verdict, judge
from minigrad.exercises.outcomes import STOPPED, plain
from minigrad.exercises.running import Submission, separation
from minigrad.exercises.submissions import Absent, HandedIn, Unreadable, handed_in

HEAD = ("submission", "exercise", "state", "points", "first failure", "known mistake")
NOT_HANDED_IN, UNREADABLE = "not handed in", "not usable"


class GradesError(ValueError):
    """What was asked cannot be graded, or its grades cannot be written; the message says why."""


def grade(
    folder: Path,
    masters: Mapping[str, Master],
    out: Path,
    seed: int | None = None,
    jobs: int = 0,
    one: bool = False,
    again: Collection[str] = (),
) -> Generator[tuple[str, dict[str, Any], int], None, None]:
    """Grade the submissions in a folder; give each one's name and results, and how many there are.

    `out` is written about once a second and at the end: of a folder that is one submission, as
    Gradescope's results.json; of a class, all that are in the folder by name, with a table beside
    it (.csv). What stands there of the same files, exercises and seed is kept, but for what was
    stopped, failed in the grader, or is named in `again`. To close this ends the grading.
    """
    try:
        handed = handed_in(folder, one)
    except (OSError, ValueError) as error:
        raise GradesError(str(error)) from error
    unknown = set(again) - {each.name for each in handed}
    if unknown:
        raise GradesError(f"there is no submission {min(unknown)!r} in {folder}")
    if jobs < 0:
        raise GradesError(f"{jobs} jobs at once: expected one or more")
    with ExitStack() as stack:
        with _named(out):
            out.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(held(out))
        grades = _Grades(out, handed, handed[0].is_at(folder), seed)
        # Drawn once: the same numbers for everyone.
        exercises = [master.exercise(grades.seed) for master in masters.values()]
        grades.refuse_to_lose({exercise.name for exercise in exercises})
        grades.write()
        told = [[exercise.name, exercise.seconds, *exercise.cases] for exercise in exercises]
        about = {
            "seed": grades.seed,
            "minigrad": minigrad.__version__,
            "numpy": np.__version__,
            "exercises": hashlib.sha256(json.dumps(told, default=vars).encode()).hexdigest(),
            "not separated": separation(),
        }
        stop = threading.Event()

        def graded(one: HandedIn) -> str:
            mine = {**about, "files": one.digest([exercise.file for exercise in exercises])}
            before = grades.kept.get(one.name)
            if before is None or one.name in again or not _stands(before, mine):
                before = results(one, exercises, mine, stop)
            grades.done[one.name] = before
            return one.name

        pool, due = ThreadPoolExecutor(jobs or _cores()), 0.0
        # At the end, and when it is stopped half-way, from the last to the first:
        stack.callback(grades.write)
        stack.callback(pool.shutdown, cancel_futures=True)
        stack.callback(stop.set)
        for future in as_completed([pool.submit(graded, each) for each in handed]):
            name = future.result()
            began = time.monotonic()
            if began >= due:
                grades.write()
                # Of a large class it takes long: no more than a tenth of the time.
                due = time.monotonic() + max(1.0, 9 * (time.monotonic() - began))
            yield name, grades.done[name], len(handed)


class _Grades:
    """The file of the grades. `kept`: what it had at first, `done`: what is new, by submission."""

    def __init__(self, out: Path, handed: Sequence[HandedIn], alone: bool, seed: int | None):
        self.out, self.names, self.alone = out, [one.name for one in handed], alone
        self.done: dict[str, dict[str, Any]] = {}
        if out.suffix.lower() == ".csv":
            raise GradesError(f"{out} would be written over by the table: name a .json file")
        self.table = out.with_suffix(".csv")
        with _named(out):
            self.kept, begun = self._read() if out.exists() else ({}, None)
        with _named(self.table):
            other = not alone and self.table.exists() and not self._is_table()
        if other:
            raise GradesError(f"{self.table} is there and no table of grades: name another file")
        if not alone and begun is not None and seed not in (None, begun):
            raise GradesError(
                f"{out} was begun with seed {begun}, asked for is {seed}: name another file, or "
                "leave the seed out to go on"
            )
        seed = begun if seed is None else seed
        if seed == 0:
            raise GradesError("seed 0 gives the numbers that students have: name another")
        self.seed = 1 + secrets.randbits(32) if seed is None else seed

    def refuse_to_lose(self, exercises: set[str]) -> None:
        """GradesError, if what is to be graded would take the place of other grades."""
        lost = {exercise for exercise, *_ in _rows(self.kept)} - exercises
        if lost:
            raise GradesError(
                f"{self.out} holds the grades of {min(lost)}, which would be lost: name another "
                "file for these exercises"
            )
        if self.kept and not set(self.names) & set(self.kept):
            raise GradesError(
                f"{self.out} holds the grades of {min(self.kept)!r}, which is not in this folder: "
                "name another file"
            )

    def write(self) -> None:
        """Write what is known of the submissions that are in the folder now."""
        both = {**self.kept, **self.done}
        now = {name: both[name] for name in self.names if name in both}
        told: Any = {"seed": self.seed, "submissions": now}
        if self.alone and now:
            told = now[self.names[0]]
        with _named(self.out):
            write(json.dumps(told, indent=1) + "\n", self.out.resolve())
        if not self.alone:
            with _named(self.table):
                write(_table(now), self.table.resolve())

    def _is_table(self) -> bool:
        return self.table.read_bytes().startswith(",".join(HEAD).encode())

    def _read(self) -> tuple[dict[str, Any], int]:
        """What was graded before, by name, and with which seed."""
        try:
            told = json.loads(self.out.read_text(encoding="utf-8"))
            alone = "submissions" not in told
            seed = told["extra_data"]["seed"] if alone else told["seed"]
            kept = {self.names[0]: told} if alone else told["submissions"]
            _table(kept)
            if type(seed) is not int or not all(one["extra_data"]["rows"] for one in kept.values()):
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise GradesError(
                f"{self.out} is there and holds no grades: name another file"
            ) from None
        if kept and alone != self.alone:
            what = "one submission" if alone else "a class"
            raise GradesError(f"{self.out} holds the grades of {what}: name another file")
        return kept, seed


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """What the system says against a file, as a GradesError that names it."""
    try:
        yield
    except OSError as error:
        raise GradesError(f"{path} cannot be written: {error.strerror or error}") from error


def _stands(before: Mapping[str, Any], about: Mapping[str, Any]) -> bool:
    """Whether results are of the same, and need not be had again: nothing was stopped or failed."""
    told = before["extra_data"]
    stopped = any(state == STOPPED for _, state, *_ in told["rows"])
    return not stopped and {**about, "fault": ""}.items() <= told.items()


def _cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def results(
    one: HandedIn,
    exercises: Sequence[Exercise],
    about: Mapping[str, Any],
    stop: threading.Event | None = None,
) -> dict[str, Any]:
    """Grade one submission; its results as Gradescope's results.json has them.

    Nothing that goes wrong gives points: what fails in the grader itself is a fault, and told.
    KeyboardInterrupt, when `stop` is set.
    """
    verdicts, fault = [], ""
    for exercise in exercises:
        try:
            source = one.source(exercise.file)
            verdict = assess(source, exercise, not about["not separated"], stop)
        except Unreadable as error:
            state = NOT_HANDED_IN if isinstance(error, Absent) else UNREADABLE
            verdict = _nothing(exercise, str(error), state)
        except Exception as error:
            fault = plain(f"{type(error).__name__}: {error}")
            verdict = _nothing(exercise, f"grader error: {fault}", "grader error")
        verdicts.append(verdict)
    output = [
        f"{verdict.exercise.name}: {verdict.points:g} of {verdict.exercise.points:g} points"
        + ("" if verdict.state in (RIGHT, WRONG) else f" ({verdict.state})")
        for verdict in verdicts
    ]
    if about["not separated"]:
        output.append(
            f"The grader could not lock the submission away, since {about['not separated']}: it "
            "could have read the hidden cases, the solutions and every other file of the user who "
            "graded, have changed them, these points too, and have left processes and files "
            "behind. Grade as root, in a container."
        )
    return {
        "score": sum(verdict.points for verdict in verdicts),
        "output": "\n".join(output),
        "output_format": "text",
        "visibility": "visible",
        "tests": [_test(v.exercise, result) for v in verdicts for result in v.results],
        "extra_data": {**about, "fault": fault, "rows": [_row(verdict) for verdict in verdicts]},
    }


def assess(
    source: str, exercise: Exercise, apart: bool, stop: threading.Event | None = None
) -> Verdict:
    """The verdict on one source, run in a process of its own; nothing, if it ends that itself."""
    with Submission(source, exercise, apart, stop=stop) as submission:
        verdict = judge(exercise, submission)
    return _nothing(exercise, submission.void) if submission.void else verdict


def first_failures(graded: Mapping[str, Mapping[str, Any]]) -> Counter[tuple[str, ...]]:
    """How many of a class failed first where: (exercise, case, known mistake)."""
    return Counter(
        (exercise, case, mistake)
        for exercise, state, _, case, mistake in _rows(graded)
        if state in (WRONG, STOPPED)
    )


def unanswered(graded: Mapping[str, Mapping[str, Any]]) -> Counter[tuple[str, ...]]:
    """How many of a class gave nothing that could be judged: (why, exercise)."""
    return Counter(
        (state, exercise)
        for exercise, state, *_ in _rows(graded)
        if state not in (RIGHT, WRONG, STOPPED)
    )


def _rows(graded: Mapping[str, Mapping[str, Any]]) -> Iterator[Sequence[Any]]:
    for each in graded.values():
        yield from each["extra_data"]["rows"]


def _row(verdict: Verdict) -> tuple[str | float, ...]:
    """What the table of a class has of a verdict, after the submission's name: see HEAD."""
    failed = verdict.failed
    where = (failed.case.name, failed.mistake) if failed else ("", "")
    return (verdict.exercise.name, verdict.state, verdict.points, *where)


def _nothing(exercise: Exercise, why: str, state: str = WRONG) -> Verdict:
    return Verdict(exercise, tuple(Result(case, state, why) for case in exercise.cases))


def _test(exercise: Exercise, result: Result) -> dict[str, Any]:
    case = result.case
    return {
        "name": f"{exercise.name}: {'hidden: ' * case.hidden}{case.name}",
        "score": result.points,
        "max_score": case.points,
        "status": "passed" if result.state == RIGHT else "failed",
        "output": "\n".join(filter(None, (result.words, result.says))),
        "output_format": "text",
        "visibility": "after_published" if case.hidden else "visible",
    }


def _table(graded: Mapping[str, Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEAD)
    for name, each in graded.items():
        for exercise, state, points, *where in each["extra_data"]["rows"]:
            writer.writerow([_cell(name), exercise, state, f"{points:g}", *where])
    return text.getvalue()


def _cell(text: str) -> str:
    """A name as a spreadsheet may have it: not as a formula."""
    return f"'{text}" if text[:1] in "=+-@" else text
