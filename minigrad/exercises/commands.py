"""The student's commands of `minigrad exercises`: list, start, check, hint, watch, reset, progress.

They are told apart from the teacher's, in `teaching`, by nothing but the module: each module has an
`add(parsers)` whose sub-parsers set `run`, a function of the options that returns an exit status.
"""

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from minigrad.exercises import teaching
from minigrad.exercises.exercise import Exercise, exercise_names, find_exercise
from minigrad.exercises.files import set_aside, write
from minigrad.exercises.judging import RIGHT, WRONG
from minigrad.exercises.outcomes import NOT_STARTED, STOPPED
from minigrad.exercises.practice import Practice, check_file, heading, wrapped
from minigrad.exercises.progress import FILE, NONE, STARTED, Progress, digest
from minigrad.exercises.running import GraderFault
from minigrad.exercises.statuses import Exit
from minigrad.exercises.submissions import Unreadable, read_source
from minigrad.exercises.watching import changes, ticks, typed_keys

STATUS = {
    RIGHT: Exit.RIGHT,
    WRONG: Exit.WRONG,
    NOT_STARTED: Exit.NOT_STARTED,
    STOPPED: Exit.STOPPED,
}
WORST = (STOPPED, WRONG, NOT_STARTED, RIGHT)
SAID = {RIGHT: "right", WRONG: "not right yet", STOPPED: "stopped", STARTED: "started", NONE: ""}
COMMAND = "minigrad exercises"


def main(arguments: Sequence[str]) -> int:
    """Run `minigrad exercises`; return the status to exit with."""
    parser = argparse.ArgumentParser(
        COMMAND, description="Exercises to solve, and a check that names the mistake."
    )
    parser.set_defaults(run=_list)
    parsers = parser.add_subparsers(title="commands", metavar="COMMAND")
    for module in (sys.modules[__name__], teaching):
        module.add(parsers)
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):  # a letter that a terminal lacks stops nothing
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # of `| head`, which has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (LookupError, Unreadable, ImportError, OSError) as error:
        said = error.args[0] if isinstance(error, LookupError) else error
        print(f"{COMMAND}: {said}", file=sys.stderr)
        return Exit.MISUSED
    except GraderFault as fault:
        print(f"The checker itself does not work here; it is not you: {fault}", file=sys.stderr)
        return Exit.FAULT
    except KeyboardInterrupt:
        print("\nStopped.")
        return Exit.INTERRUPTED
    return status


def add(parsers: Any) -> None:
    """Add the student's commands to the sub-parsers of `minigrad exercises`."""
    commands: dict[str, tuple[Callable[[argparse.Namespace], int], str, str]] = {
        "list": (_list, "", "all exercises, and how far you are"),
        "start": (_start, "ID", "write an exercise's file into this folder"),
        "check": (_check, "[ID]", "check your answer; without ID, all that are here"),
        "hint": (_hint, "[ID]", "open the next of three hints"),
        "watch": (_watch, "[ID]", "check again whenever you save"),
        "reset": (_reset, "ID", "begin an exercise again; your file is kept as a .bak"),
        "progress": (_progress, "", "what you have done so far"),
    }
    for name, (run, asked, about) in commands.items():
        parser = parsers.add_parser(name, help=about, description=about[0].upper() + about[1:])
        parser.set_defaults(run=run)
        if asked:
            what = "number, name or file of an exercise"
            parser.add_argument("id", metavar="ID", nargs=None if asked == "ID" else "?", help=what)
        if name == "start":
            parser.add_argument("--ipynb", action="store_true", help="as a notebook")


# --- the commands ---------------------------------------------------------------------------------


def _list(options: argparse.Namespace) -> int:
    progress, here = Progress(), _files(Path())
    exercises = [find_exercise(name) for name in exercise_names()]
    if not exercises:
        raise FileNotFoundError("there are no exercises: this installation has lost them")
    for lesson, group in groupby(exercises, key=lambda exercise: exercise.lesson):
        print(f"Lesson {lesson}")
        for exercise in group:
            said = _said(progress, exercise.name, here.get(exercise.name))
            line = f"  {exercise.number:2}  {exercise.title:48} {exercise.minutes:3} min  {said}"
            print(line.rstrip())
    print(f"\n{_next(progress, here) or 'All are right.'}\nMore:  {COMMAND} --help")
    _tell(progress)
    return 0


def _start(options: argparse.Namespace) -> int:
    folder, exercise = _asked(options.id)
    path = folder / Path(exercise.file).with_suffix(".ipynb" if options.ipynb else ".py")
    number = exercise.number
    text = _stub(exercise, options.ipynb)
    try:
        with open(path, "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        print(
            f"{path} is here already, and stays as it is.\n\n"
            f"  to check it:        {COMMAND} check {number}\n"
            f"  to begin it again:  {COMMAND} reset {number}   (keeps what you have as a .bak)",
            file=sys.stderr,
        )
        return Exit.MISUSED
    progress = Progress(folder)
    if progress[exercise.name].state == NONE:
        progress.record(exercise.name, state=STARTED, of=exercise.points)
    names = " and ".join(exercise.functions)
    check = "run its check cell, or" if options.ipynb else "save, then"
    print(
        f"Written: {path}\n"
        f"Exercise {number}: {exercise.title}, about {exercise.minutes} minutes\n\n"
        f"  1. Open it. Its first lines say what is asked: write {names}\n"
        f"     in the place of the line that raises NotImplementedError.\n"
        f"  2. To check it, {check}   {COMMAND} check {number}\n"
        f"     or again at each save:  {COMMAND} watch {number}\n"
        f"  3. If you are stuck:       {COMMAND} hint {number}"
    )
    _tell(progress)
    return 0


def _check(options: argparse.Namespace) -> int:
    if options.id is not None:
        folder, exercise = _asked(options.id)
        return _check_one(_here(options.id, folder, exercise), exercise)
    here = _files(Path())
    if not here:
        print(f"No exercise lies in this folder. {_next(Progress(), here)}")
        return Exit.MISUSED
    if len(here) == 1:
        name, path = here.popitem()
        return _check_one(path, find_exercise(name))
    done = []
    print("Practice check, not a grade.\n")
    for name, path in here.items():
        practice = check_file(path, find_exercise(name))
        practice.record(progress := Progress())
        _tell(progress)
        said = "not started" if practice.state == NOT_STARTED else SAID[practice.state]
        print(f"  {path.name:34} {said:15}{practice.count.partition(';')[0].strip('.')}")
        done.append(practice)
    worst = min((each.state for each in done), key=WORST.index)
    first = next((each for each in done if each.state not in (RIGHT, NOT_STARTED)), None)
    if first is None:
        print(f"\n{_next(Progress(), here)}")
    else:
        print(f"\n{heading(first.exercise, here[first.exercise.name].name)}\n{first.told()}")
    return STATUS[worst]


def _hint(options: argparse.Namespace) -> int:
    here = _files(Path())
    if options.id is None and len(here) != 1:
        raise LookupError("which exercise? Name one: its number, name or file")
    folder, exercise = _asked(options.id or next(iter(here)))
    progress, total = Progress(folder), len(exercise.hints)
    before = progress[exercise.name].hints
    level = min(before + 1, total)
    if level != before:
        progress.record(exercise.name, hints=level, of=exercise.points)
    print(f"Exercise {exercise.number}: {exercise.title}\n")
    for number, hint in enumerate(exercise.hints[:level], 1):
        print(f"Hint {number} of {total}:\n{wrapped(hint, '  ')}\n")
    left = total - level
    if left:
        print(f"{left} more: {COMMAND} hint {exercise.number}")
    else:
        print("These are all the hints. Still stuck? Sleep on it, or show someone your file.")
    _tell(progress)
    return 0


def _watch(options: argparse.Namespace) -> int:
    folder, only = Path(), None
    if options.id is not None:
        folder, exercise = _asked(options.id)
        only = _here(options.id, folder, exercise)

    def look() -> dict[Path, str]:
        found = [only] if only else _files(folder).values()
        return {path: content for path in found if (content := _content(path))}

    print("Watching: save, and it is checked. r and Enter: check now. q and Enter: end.\n")
    try:
        _check(options)
        for paths in changes(look, typed_keys(), ticks()):
            for path in paths:
                print(f"\n--- {time.strftime('%H:%M:%S')}  {path.name} {'-' * 40}\n")
                _check_one(path, find_exercise(path.name))
    except KeyboardInterrupt:
        print()
    return 0


def _reset(options: argparse.Namespace) -> int:
    folder, exercise = _asked(options.id)
    path = _here(options.id, folder, exercise)
    text = _stub(exercise, path.suffix == ".ipynb")
    if _content(path) == _hash(text.encode()):
        print(f"{path} is as it was given: there is nothing to reset.")
        return 0
    kept = set_aside(path)
    write(text, path)
    progress = Progress(folder)
    progress.record(exercise.name, state=STARTED, of=exercise.points)
    print(f"{path} is as it was given. What you had is kept as {kept.name}")
    _tell(progress)
    return 0


def _progress(options: argparse.Namespace) -> int:
    progress, here = Progress(), _files(Path())
    exercises = [find_exercise(name) for name in exercise_names()]
    for exercise in exercises:
        entry = progress[exercise.name]
        said = _said(progress, exercise.name, here.get(exercise.name))
        if said or entry.hints:
            hints = f"{entry.hints} of {len(exercise.hints)} hints" if entry.hints else ""
            points = f"{entry.best:g} of {exercise.points:g} points"
            date = entry.date if entry.date != NONE else ""
            line = f"  {exercise.file:32} {said:22} {points:14} {date:11} {hints}"
            print(line.rstrip())
    entries = [progress[exercise.name] for exercise in exercises]
    right = sum(entry.state == RIGHT for entry in entries)
    best, of = sum(e.best for e in entries), sum(exercise.points for exercise in exercises)
    print(
        f"\n{right} of {len(exercises)} exercises right, {best:g} of {of:g} public points.\n"
        f"This is kept in {FILE}, beside your files: yours to read, copy or delete, and no grade."
    )
    _tell(progress)
    return 0


# --- underneath -----------------------------------------------------------------------------------


def _check_one(path: Path, exercise: Exercise) -> int:
    print(heading(exercise, path.name), flush=True)  # first: what comes may take its time
    practice: Practice = check_file(path, exercise)
    progress = Progress(path.parent)
    practice.record(progress)
    see = "run its cells." if path.suffix == ".ipynb" else f"python {path}"
    then = _next(progress, _files(path.parent), exercise.name)
    print(practice.told(f"See it at work:  {see}" + f"\n{then}" * bool(then)))
    if practice.state in (WRONG, STOPPED) and progress[exercise.name].hints < len(exercise.hints):
        print(f"\nA hint:  {COMMAND} hint {exercise.number}")
    _tell(progress)
    return STATUS[practice.state]


def _asked(asked: str) -> tuple[Path, Exercise]:
    """The folder and the exercise that are meant by a number, a name or the path of a file."""
    path = Path(asked)
    return path.parent, find_exercise(path.name)


def _here(asked: str, folder: Path, exercise: Exercise) -> Path:
    """The file of an exercise: the one that is named, or else the one that is there."""
    if Path(asked).suffix and os.path.lexists(asked):
        return Path(asked)
    path = _files(folder).get(exercise.name)
    if path is None:
        raise FileNotFoundError(
            f"{exercise.file} is not in this folder. Go to where it is, or begin it here: "
            f"{COMMAND} start {exercise.number}"
        )
    return path


def _files(folder: Path) -> dict[str, Path]:
    """The file of each exercise that is in a folder; of a script and a notebook, the later."""
    found: dict[str, Path] = {}
    for name in exercise_names():
        paths = [folder / f"{name}{suffix}" for suffix in (".py", ".ipynb")]
        there = [path for path in paths if os.path.lexists(path)]
        if there:
            found[name] = max(there, key=lambda path: os.lstat(path).st_mtime)
    return found


def _stub(exercise: Exercise, notebook: bool) -> str:
    """The text of what a student gets; a notebook has a cell that checks, after the function's."""
    if not notebook:
        return exercise.stub
    from minigrad.cli import as_notebook

    names = ", ".join(exercise.functions)
    cell = (
        f'# %%\nfrom minigrad.exercises import check\n\ncheck("{exercise.name[:2]}", {names})\n\n\n'
    )
    head, mark, use = exercise.stub.rpartition("# %% [markdown]\n")
    return as_notebook(head + cell + mark + use)


def _said(progress: Progress, name: str, path: Path | None) -> str:
    """How far an exercise is, in words."""
    entry = progress[name]
    said = SAID[entry.state]
    if entry.state not in (RIGHT, STARTED) and entry.right_before:
        said = "right before, not now"
    if path is None or entry.state in (NONE, STARTED):
        return said or (SAID[STARTED] if path else "")
    try:
        changed = digest(read_source(path)) != entry.file
    except Unreadable:
        changed = True
    return f"{said}, changed since" if changed and entry.file != NONE else said


def _next(progress: Progress, here: Mapping[str, Path], after: str = "") -> str:
    """The command to type next: for what is begun, else for the first `after` one that is not."""
    names = sorted(exercise_names(), key=lambda name: (name <= after, name))
    open_ones = [name for name in names if progress[name].state != RIGHT]
    begun = [name for name in open_ones if name in here]
    if begun:
        return f"Go on:  {COMMAND} check {int(begun[0][:2])}"
    verb = "Next" if progress.entries else "Begin"
    return f"{verb}:  {COMMAND} start {int(open_ones[0][:2])}" if open_ones else ""


def _tell(progress: Progress) -> None:
    for note in progress.notes:
        print(f"\nNote: {note}.", file=sys.stderr)


def _content(path: Path) -> str:
    """A hash of what a file holds: some file systems tell no change, and no time of it."""
    try:
        return _hash(path.read_bytes())
    except OSError:
        return ""


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
