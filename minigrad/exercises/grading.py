"""Grade what was handed in: points, the reasons for them, and files that other programs read.

Every submission runs in children of its own (`running`); the numbers of the cases are fresh, from a
seed that is kept with the grades. What is graded is written at once, and is not graded again.
"""

import csv
import hashlib
import io
import json
import os
import secrets
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np

import minigrad
from minigrad.exercises.course import Master
from minigrad.exercises.exercise import Exercise
from minigrad.exercises.judging import RIGHT, WRONG, Result, Verdict, judge
from minigrad.exercises.outcomes import STOPPED, plain
from minigrad.exercises.running import Submission, separation
from minigrad.exercises.submissions import Absent, HandedIn, Unreadable, handed_in

HEAD = ("submission", "exercise", "state", "points", "first failure", "known mistake")
NOT_HANDED_IN, UNREADABLE = "not handed in", "not usable"


class GradesError(ValueError):
    """The file for the grades holds something else, or grades that were begun differently."""


def grade(
    folder: Path,
    masters: Mapping[str, Master],
    out: Path,
    seed: int | None = None,
    jobs: int = 0,
    one: bool = False,
) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Grade the submissions in a folder; give each one's name and results, and how many there are.

    `out` is written after every one: of a folder that is one submission, as Gradescope's
    results.json; of a class, all of them by name, with a table beside it (.csv). What stands there
    of the same files, exercises and seed is kept. GradesError if `out` is of another seed.
    """
    handed = handed_in(folder, one)
    alone = handed[0].is_at(folder)
    kept, seed = _begun(out, seed)
    # Drawn once: the same numbers for everyone.
    exercises = [master.exercise(seed) for master in masters.values()]
    told = json.dumps(
        [[exercise.name, exercise.seconds, *exercise.cases] for exercise in exercises], default=vars
    )
    about = {
        "seed": seed,
        "minigrad": minigrad.__version__,
        "numpy": np.__version__,
        "exercises": hashlib.sha256(told.encode()).hexdigest(),
        "not separated": separation(),
    }

    def graded(one: HandedIn) -> dict[str, Any]:
        mine = {**about, "files": one.digest([exercise.file for exercise in exercises])}
        before: dict[str, Any] = kept.get(one.name, {})
        if {**mine, "fault": ""}.items() <= before.get("extra_data", {}).items():
            return before
        return results(one, exercises, mine)

    done: dict[str, dict[str, Any]] = {}
    with ThreadPoolExecutor(jobs or os.cpu_count() or 1) as pool:
        waiting = {pool.submit(graded, one): one for one in handed}
        try:
            for future in as_completed(waiting):
                name = waiting[future].name
                done[name] = future.result()
                ordered = {one.name: done[one.name] for one in handed if one.name in done}
                if alone:
                    _write(out, _json(done[name]))
                else:
                    _write(out, _json({"seed": seed, "submissions": {**kept, **ordered}}))
                    _write(out.with_suffix(".csv"), _table(ordered))
                yield name, done[name], len(handed)
        finally:  # stopped half-way: what waits is left for another time
            for future in waiting:
                future.cancel()


def results(
    one: HandedIn, exercises: Sequence[Exercise], about: Mapping[str, Any]
) -> dict[str, Any]:
    """Grade one submission; its results as Gradescope's results.json has them.

    Nothing that goes wrong gives points: what fails in the grader itself is a fault, and told.
    """
    verdicts, fault = [], ""
    for exercise in exercises:
        try:
            verdict = assess(one.source(exercise.file), exercise, not about["not separated"])
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


def assess(source: str, exercise: Exercise, apart: bool) -> Verdict:
    """The verdict on one source, run in a process of its own; nothing, if it ends that itself."""
    with Submission(source, exercise, apart) as submission:
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


def _begun(out: Path, seed: int | None) -> tuple[dict[str, Any], int]:
    """What was graded before, by name, and the seed that it is graded with."""
    kept: dict[str, Any] = {}
    if out.exists():
        try:
            before = json.loads(out.read_text(encoding="utf-8"))
            kept = before.get("submissions", {})
            begun = before["seed"] if "submissions" in before else before["extra_data"]["seed"]
            rows = [each["extra_data"]["rows"] for each in kept.values()]
            if type(begun) is not int or not all(rows):
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise GradesError(f"{out} is there and holds no grades: name another file") from None
        if "submissions" in before and seed not in (None, begun):
            raise GradesError(
                f"{out} was begun with seed {begun}, asked for is {seed}: name another file, or "
                "leave the seed out to go on"
            )
        seed = begun if seed is None else seed
    if seed == 0:
        raise GradesError("seed 0 gives the numbers that students have: name another")
    return kept, 1 + secrets.randbits(32) if seed is None else seed


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


def _json(told: Any) -> str:
    return json.dumps(told, indent=1) + "\n"


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    beside = path.with_name(f"{path.name}.part")
    beside.write_text(text, encoding="utf-8", newline="\n")
    os.replace(beside, path)
