"""The teacher's side: solved masters, and what is made of them.

A master is a folder NN_name of four files. `exercise.py` is solved; what stands between
`# >>> yours` and `# <<<` is the student's to write; between `# >>> given` and `# <<<` stand
functions that cases pass as arguments. `exercise.toml` has title, hints and wrong answers,
`cases.py` the cases, with fresh numbers from a seed, `right.py` right answers that are written
differently, a cell each.
"""

import ast
import re
import textwrap
import tomllib
import warnings
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from minigrad.exercises import calling
from minigrad.exercises.exercise import Case, Exercise, Function

REGION = re.compile(r"^([ ]*)# >>> (yours|given)\n(.*?)^[ ]*# <<<\n", re.M | re.S)
CELL = re.compile(r"^# %%(?: \[markdown\])?(.*)$", re.M)


def case(
    name: str,
    points: float,
    function: str = "",
    hidden: bool = False,
    tolerance: float = 1e-7,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a function rng -> arguments, by name, as a case of an exercise.

    `function`: which one is called, where an exercise asks for several. An entry is right if
    |got - wanted| <= tolerance max(1, |wanted|).
    """

    def mark(draw: Callable[..., Any]) -> Callable[..., Any]:
        draw.case = {  # type: ignore[attr-defined]
            "name": name,
            "points": points,
            "function": function,
            "hidden": hidden,
            "tolerance": tolerance,
        }
        return draw

    return mark


class Master:
    """A solved exercise, in a folder; see the head of this file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = folder.name
        self.solution = (folder / "exercise.py").read_text(encoding="utf-8")
        self.told: Mapping[str, Any] = tomllib.loads(
            (folder / "exercise.toml").read_text(encoding="utf-8")
        )
        if not any(found[2] == "yours" for found in REGION.finditer(self.solution)):
            raise ValueError(f"{folder / 'exercise.py'} has no region '# >>> yours' ... '# <<<'")

    @cached_property
    def stub(self) -> str:
        """The solution with the student's regions taken out."""

        def cut(found: re.Match[str]) -> str:
            if found[2] == "given":
                return found[3]
            line = self.solution.count("\n", 0, found.start()) + 1
            asked = f"exercise {int(self.name[:2])}: {self._function_at(line)} is yours to write"
            return f'{found[1]}raise NotImplementedError("{asked}")\n'

        return re.sub(r"\n{4,}", "\n\n\n", REGION.sub(cut, self.solution))

    @cached_property
    def given(self) -> str:
        """The source of the functions that cases pass as arguments."""
        parts = [found[3] for found in REGION.finditer(self.solution) if found[2] == "given"]
        return "import numpy as np\n\n\n" + "\n\n".join(parts) if parts else ""

    @cached_property
    def wrong(self) -> dict[str, str]:
        """The source of every wrong answer, by its name: the solution with one place changed."""
        regions = [found for found in REGION.finditer(self.solution) if found[2] == "yours"]
        sources = {}
        for told in self.told["wrong"]:
            line, becomes = (textwrap.dedent(told[key]).strip() for key in ("line", "becomes"))
            pattern = r"\n *".join(map(re.escape, line.splitlines()))
            places = [
                (region.start(3) + found.start(), region.start(3) + found.end())
                for region in regions
                for found in re.finditer(pattern, region[3])
            ]
            if len(places) != 1:
                raise ValueError(
                    f"{self.name}, wrong answer {told['name']!r}: its line stands {len(places)} "
                    f"times in the student's regions, expected once: {line!r}"
                )
            start, stop = places[0]
            before = self.solution[:start]
            last = before.rpartition("\n")[2]
            indent = last[: len(last) - len(last.lstrip(" "))]
            sources[told["name"]] = (
                before + becomes.replace("\n", "\n" + indent) + self.solution[stop:]
            )
        return sources

    @cached_property
    def right(self) -> dict[str, str]:
        """The source of every other right answer, by its name."""
        text = (self.folder / "right.py").read_text(encoding="utf-8")
        head, *cells = CELL.split(text)
        return {
            name.strip(): head + body for name, body in zip(cells[::2], cells[1::2], strict=True)
        }

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The functions that are asked for, as the solution has them."""
        defined = {
            node.name: tuple(argument.arg for argument in node.args.args)
            for node in ast.parse(self.solution).body
            if isinstance(node, ast.FunctionDef)
        }
        returns: Mapping[str, list[str]] = self.told["returns"]
        return {name: Function(name, defined[name], tuple(returns[name])) for name in returns}

    def exercise(self, seed: int = 0) -> Exercise:
        """The exercise with all its cases, of numbers that this seed gives."""
        sources = {"": self.solution, **self.wrong}
        names = {which: calling.load(source, self.name) for which, source in sources.items()}
        given = calling.load(self.given, "given")
        path = self.folder / "cases.py"
        drawn = calling.load(path.read_text(encoding="utf-8"), str(path))
        cases: list[Case] = []
        for draw in [value for value in drawn.values() if hasattr(value, "case")]:
            about = dict(draw.case)
            about["function"] = about["function"] or next(iter(self.functions))
            rng = np.random.default_rng([seed, len(cases)])
            arguments = {k: calling.encode(v) for k, v in draw(rng).items()}
            with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
                replies = {
                    which: calling.call(own, about["function"], arguments, given)
                    for which, own in names.items()
                }
            wanted = replies.pop("")
            if "value" not in wanted:
                raise ValueError(f"{self.name}: the solution fails in {about['name']!r}: {wanted}")
            cases.append(Case(arguments=arguments, wanted=wanted, wrong=replies, **about))
        told = self.told
        return Exercise(
            name=self.name,
            title=told["title"],
            lesson=told["lesson"],
            minutes=told["minutes"],
            hints=tuple(textwrap.dedent(hint).strip() for hint in told["hints"]),
            functions=self.functions,
            given=self.given,
            says={wrong["name"]: " ".join(wrong["says"].split()) for wrong in told["wrong"]},
            seconds=told.get("seconds", 10.0),
            cases=tuple(cases),
            stub=self.stub,
        )

    def _function_at(self, line: int) -> str:
        for node in ast.parse(self.solution).body:
            if isinstance(node, ast.FunctionDef) and node.lineno <= line <= (node.end_lineno or 0):
                return node.name
        raise ValueError(f"{self.name}: the region at line {line} is in no function")


def masters(course: Path) -> dict[str, Master]:
    """The masters of a course folder, by their names, in order."""
    folders = sorted(course.glob("[0-9][0-9]_*/exercise.toml"))
    if not folders:
        raise FileNotFoundError(
            f"{course} holds no exercises: expected folders such as 02_affinity_backprop with an "
            "exercise.toml (lessons/exercises of a clone is one)"
        )
    return {path.parent.name: Master(path.parent) for path in folders}


def publish(course: Path, folder: Path) -> None:
    """Write what students get of every master into a folder: stubs, hints, public cases."""
    for master in masters(course).values():
        master.exercise().public().write(folder)
