"""The command line: `minigrad` lists the lessons, `minigrad lesson 1` runs one or writes it out.

`minigrad exercises` and its own commands are in `minigrad.exercises.commands`.
"""

import argparse
import re
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import minigrad


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the status to exit with."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments[:1] == ["exercises"]:  # loaded when they are asked for: they need numpy
        from minigrad.exercises import commands as exercises

        return exercises.main(arguments[1:])
    if arguments[:1] in ([name] for name in ("start", "check", "hint", "watch", "grade")):
        print(f"did you mean: minigrad exercises {' '.join(arguments)}", file=sys.stderr)
        return 2
    parser = argparse.ArgumentParser(
        "minigrad", description="The lessons of minigrad, and their exercises."
    )
    parser.add_argument("--version", action="version", version=f"minigrad {minigrad.__version__}")
    commands = parser.add_subparsers(dest="command", title="commands")
    lesson = commands.add_parser("lesson", help="run a lesson, or write it to a file")
    commands.add_parser("exercises", help="solve exercises: a check names the mistake")
    lesson.add_argument("number", metavar="NUMBER", nargs="?", help="its number in the list")
    running = lesson.add_argument_group("to run it")
    running.add_argument("--full", action="store_true", help="the full-size experiment as well")
    running.add_argument(
        "--mnist", metavar="FOLDER", help="of the full MNIST, for --full; else it is downloaded"
    )
    running.add_argument("--figures", metavar="DIR", help="save the figures into this folder")
    writing = lesson.add_argument_group("to write it to a file, instead of running it")
    writing.add_argument("--ipynb", metavar="FILE", type=Path, help="as a notebook")
    writing.add_argument("--script", metavar="FILE", type=Path, help="as the script that it is")
    writing.add_argument("--force", action="store_true", help="even where FILE exists")
    options = parser.parse_args(arguments)
    scripts = find_lessons()
    if options.command is None:
        print(f"{_list(scripts)}\n\nRun one: minigrad lesson 1. More: minigrad lesson --help.")
        print("Solve something yourself: minigrad exercises")
        return 0

    script = scripts.get(int(options.number)) if (options.number or "").isdecimal() else None
    if script is None:
        asked = "which lesson?" if options.number is None else f"no lesson {options.number}."
        lesson.error(f"{asked} There are:\n\n{_list(scripts)}")
    passed = ["--full"] * options.full
    for name in ("mnist", "figures"):
        if getattr(options, name) is not None:
            passed.append(f"--{name}={getattr(options, name)}")
    if options.script is None and options.ipynb is None:
        if options.force:
            lesson.error("--force is for writing, with --ipynb or --script")
        return _run(script, passed)
    if passed:
        lesson.error(f"{' '.join(passed)} is for running: not with --ipynb or --script")
    try:
        if options.script is not None:
            _write(options.script, script.read_text(encoding="utf-8"), options.force)
        if options.ipynb is not None:
            _write(options.ipynb, as_notebook(script.read_text(encoding="utf-8")), options.force)
    except (OSError, ImportError) as error:
        lesson.error(str(error))
    return 0


def find_lessons() -> dict[int, Path]:
    """Return the scripts of the lessons by their numbers, in order."""
    package = Path(__file__).parent
    # The first where the package is installed (setup.py packs them there), the second in a clone.
    for folder in (package / "lessons", package.parent / "lessons"):
        scripts = {int(path.name[:2]): path for path in folder.glob("[0-9][0-9]_*.py")}
        if scripts:
            return dict(sorted(scripts.items()))
    return {}


def heading(script: Path) -> tuple[str, str]:
    """Return a lesson's title and the question that it asks, from its first Markdown cell."""
    text = script.read_text(encoding="utf-8")
    title = re.search(r"^# # (?:Lesson \d+: )?(.+)", text, re.M)
    question = re.search(r"^# \*\*The question\.\*\* *(.*(?:\n# [^%].*)*)", text, re.M)
    return (
        title[1].strip() if title else script.stem,
        " ".join(question[1].replace("\n# ", " ").split()) if question else "",
    )


def as_notebook(script: str) -> str:
    """Return a script in cells as the text of a notebook; ImportError without jupytext."""
    try:
        import jupytext
    except ImportError as error:
        raise ImportError(
            "a notebook is made with jupytext, which is not installed: pip install jupytext, or "
            "minigrad with its extra [notebook]"
        ) from error
    notebook = jupytext.reads(script, fmt="py:percent")
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"  # else random, and no two notebooks of a lesson the same
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata["kernelspec"] = kernel  # else Jupyter asks for one when it is opened
    text: str = jupytext.writes(notebook, fmt="ipynb")
    return text


def _list(scripts: dict[int, Path]) -> str:
    lines = []
    for number, script in scripts.items():
        title, question = heading(script)
        lines.append(f"{number:3}  {title}")
        lines += textwrap.wrap(question, 79, initial_indent=" " * 5, subsequent_indent=" " * 5)
    return "\n".join(lines) or "  none: this installation has lost its lessons"


def _run(script: Path, arguments: Sequence[str]) -> int:
    # A process of its own: what it prints when it fails, or is stopped, begins in the lesson.
    with subprocess.Popen([sys.executable, script, *arguments]) as process:
        while True:
            try:
                status = process.wait()
                break
            except KeyboardInterrupt:  # the lesson has had it too, and decides
                continue
    return status if status >= 0 else 128 - status


def _write(path: Path, text: str, force: bool) -> None:
    try:
        with open(path, "w" if force else "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise FileExistsError(f"{path} is there already; --force writes over it") from None
    print(f"written: {path}")
