"""The teacher's commands of `minigrad exercises`: grade, selftest, publish, export."""

import argparse
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from minigrad.exercises.course import Master, masters, publish
from minigrad.exercises.exercise import PUBLISHED, UnknownExercise, pick
from minigrad.exercises.grading import GradesError, first_failures, grade, unanswered
from minigrad.exercises.running import separation
from minigrad.exercises.selftest import in_child, in_process, selftest
from minigrad.exercises.statuses import Exit
from minigrad.exercises.submissions import ignored
from minigrad.text import table


def add(parsers: Any) -> None:
    """Add the teacher's commands to the sub-parsers of `minigrad exercises`."""
    grading = parsers.add_parser("grade", help="for teachers: grade a submission, or a class")
    grading.add_argument(
        "folder", metavar="FOLDER", type=Path, help="of one submission, or of many"
    )
    grading.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        default=Path("results.json"),
        help="of the grades (results.json); of a class, with a table beside it (results.csv)",
    )
    grading.add_argument(
        "--seed", type=int, help="of the numbers in the cases, to grade them again"
    )
    grading.add_argument("--one", action="store_true", help="FOLDER is one submission, not many")
    grading.add_argument(
        "--again", metavar="NAME", nargs="+", default=[], help="grade these anew, changed or not"
    )
    grading.add_argument("--jobs", metavar="N", type=int, default=0, help="at once (one a core)")
    grading.set_defaults(run=_grade)
    testing = parsers.add_parser("selftest", help="for teachers: test the exercises of a course")
    testing.add_argument("--full", action="store_true", help="20 seeds in place of 3")
    testing.add_argument("--quick", action="store_true", help="in this process, without children")
    testing.set_defaults(run=_selftest)
    publishing = parsers.add_parser("publish", help="for teachers: make what students get")
    publishing.add_argument("--to", metavar="FOLDER", type=Path, default=PUBLISHED)
    publishing.set_defaults(run=_publish)
    exporting = parsers.add_parser("export", help="for teachers: for otter, or for nbgrader")
    kind = exporting.add_mutually_exclusive_group(required=True)
    kind.add_argument("--otter", metavar="FOLDER", type=Path, help="write q02.py, ... into it")
    kind.add_argument("--nbgrader", metavar="FOLDER", type=Path, help="write source notebooks")
    exporting.set_defaults(run=_export)
    for parser in (grading, testing, publishing, exporting):
        parser.add_argument(
            "--private",
            metavar="COURSE",
            type=Path,
            required=True,
            help="the folder of solved exercises (lessons/exercises of a clone is one)",
        )
    for parser in (grading, testing, exporting):
        parser.add_argument("--only", metavar="ID", nargs="+", help="these exercises, not all")


def _grade(options: argparse.Namespace) -> int:
    beside = ignored(options.folder) if options.folder.is_dir() and not options.one else []
    if beside:
        print(f"not a submission: {', '.join(beside)}")
    why = separation()
    if why:
        print(f"Note: submissions are not locked away, since {why}. Each report says so.")
    graded: dict[str, Any] = {}
    say = "minigrad exercises grade:"
    try:
        chosen = _chosen(options)
        asked = (options.seed, options.jobs, options.one, options.again)
        grading = grade(options.folder, chosen, options.out, *asked)
        with _ended_by_sigterm(), closing(grading):
            for name, results, _ in _shown(grading):
                graded[name] = results
    except (GradesError, UnknownExercise, FileNotFoundError) as error:
        print(say, error, file=sys.stderr)
        return Exit.MISUSED
    except KeyboardInterrupt:
        print(f"\nStopped. What is graded stands in {options.out}; the same command goes on.")
        return Exit.INTERRUPTED
    except Exception as error:
        print(f"{say} grader error: {type(error).__name__}: {error}", file=sys.stderr)
        return Exit.FAULT
    _tell(graded)
    print(f"written: {options.out}")
    faults = [name for name, each in graded.items() if each["extra_data"]["fault"]]
    for name in faults:
        print(f"grader error: {name}: {graded[name]['extra_data']['fault']}", file=sys.stderr)
    return Exit.FAULT if faults else Exit.RIGHT


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM (of `docker stop`, of a queue) end what is done here as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _tell(graded: Mapping[str, Any]) -> None:
    """What a teacher wants to know of a class, or of one submission."""
    points = sorted(each["score"] for each in graded.values())
    first = next(iter(graded.values()))
    most = sum(test["max_score"] for test in first["tests"])
    seed = first["extra_data"]["seed"]
    if len(graded) == 1:
        print(f"{points[0]:g} of {most:g} points, seed {seed}")
        return
    print(f"{len(graded)} graded: {points[0]:g} to {points[-1]:g} of {most:g} points, seed {seed}")
    missing: dict[str, list[str]] = {}
    for (state, exercise), many in sorted(unanswered(graded).items()):
        missing.setdefault(state, []).append(f"{exercise[:2]} ({many})")
    for state, exercises in missing.items():
        print(f"{state}: {', '.join(exercises)}")
    often = first_failures(graded).most_common(12)
    if often:
        print("\nWhere they failed first:\n")
        rows = [(*where[:2], where[2] or "-", many) for where, many in often]
        print(table(("exercise", "case", "mistake", "times"), rows) + "\n")


def _selftest(options: argparse.Namespace) -> int:
    try:
        chosen = _chosen(options)
    except (OSError, UnknownExercise) as error:
        print(f"minigrad exercises selftest: {error}", file=sys.stderr)
        return Exit.MISUSED
    failed = False
    for name, master in chosen.items():
        seeds = range(1, 21 if options.full else 4)
        bad = selftest(master, seeds, in_process if options.quick else in_child)
        print(f"{name}: {'ok' if not bad else ''}", flush=True)
        for line in bad:
            print(f"  {line}")
        failed = failed or bool(bad)
    return Exit.WRONG if failed else Exit.RIGHT


def _publish(options: argparse.Namespace) -> int:
    try:
        options.to.mkdir(parents=True, exist_ok=True)
        publish(options.private, options.to)
    except (OSError, ValueError) as error:
        print(f"minigrad exercises publish: {error}", file=sys.stderr)
        return Exit.MISUSED
    print(f"written: {options.to}")
    return Exit.RIGHT


def _export(options: argparse.Namespace) -> int:
    from minigrad.exercises.exporting import as_nbgrader_notebook, as_otter_test

    folder: Path = options.otter or options.nbgrader
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, master in _chosen(options).items():
            if options.otter:
                path, text = folder / f"q{name[:2]}.py", as_otter_test(master)
            else:
                path, text = folder / f"{name}.ipynb", as_nbgrader_notebook(master)
            path.write_text(text, encoding="utf-8", newline="\n")
            print(f"written: {path}")
    except (OSError, UnknownExercise, ImportError, ValueError) as error:
        print(f"minigrad exercises export: {error}", file=sys.stderr)
        return Exit.MISUSED
    return Exit.RIGHT


def _chosen(options: argparse.Namespace) -> Mapping[str, Master]:
    course = masters(options.private)
    if not options.only:
        return course
    names = [pick(asked, list(course)) for asked in options.only]
    return {name: course[name] for name in sorted(set(names))}


def _shown(graded: Iterable[tuple[str, Any, int]]) -> Iterable[tuple[str, Any, int]]:
    """The same, with a bar on a terminal."""
    from tqdm import tqdm

    with tqdm(disable=not sys.stderr.isatty(), unit="submission") as bar:
        for each in graded:
            bar.total = each[2]
            bar.update()
            yield each
