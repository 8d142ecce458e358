"""An exercise as a student has it: a stub, hints, cases as numbers, and what to say of mistakes.

The wheel carries these, one JSON file and one stub each, made by `course` from the solved masters;
there is no solution in them, and of a wrong answer only the numbers that it gives.
"""

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from minigrad.exercises import calling
from minigrad.exercises.outcomes import Outcome, read

PUBLISHED = Path(__file__).parent / "published"


class UnknownExercise(LookupError):
    """There is no exercise of this number or name; the message names the nearest."""


@dataclass(frozen=True)
class Function:
    """A function that an exercise asks for: the names of its arguments and of what it returns."""

    name: str
    arguments: tuple[str, ...]
    returns: tuple[str, ...]

    @property
    def signature(self) -> str:
        """The arguments, as a definition has them."""
        return f"({', '.join(self.arguments)})"


@dataclass(frozen=True)
class Case:
    """One call, what it should give, and what each known wrong answer gives, as coded replies.

    A hidden case runs when a submission is graded, and shows none of its numbers.
    """

    name: str
    function: str
    arguments: Mapping[str, Any]
    wanted: Mapping[str, Any]
    wrong: Mapping[str, Any]
    points: float
    hidden: bool = False
    tolerance: float = 1e-7

    @cached_property
    def expected(self) -> Outcome:
        """What a right answer does."""
        return read(self.wanted)

    @cached_property
    def mistakes(self) -> dict[str, Outcome]:
        """What each wrong answer does in this case, by its name."""
        return {name: read(reply) for name, reply in self.wrong.items()}

    @cached_property
    def values(self) -> dict[str, Any]:
        """The arguments, as values."""
        return {name: calling.decode(coded) for name, coded in self.arguments.items()}


@dataclass(frozen=True)
class Exercise:
    """What is asked, and all that a check of it needs.

    `says`: the sentence for each known wrong answer; `given`: the source of the functions that
    cases pass as arguments; `seconds`: how long a submission may take; `unseen`: the number of
    hidden cases that are not among `cases`.
    """

    name: str  # 03_gradient_check
    title: str
    lesson: int
    minutes: int
    hints: tuple[str, ...]
    functions: Mapping[str, Function]
    given: str
    says: Mapping[str, str]
    seconds: float
    cases: tuple[Case, ...]
    stub: str
    unseen: int = 0

    @property
    def number(self) -> int:
        """The number with which the name begins."""
        return int(self.name[:2])

    @property
    def file(self) -> str:
        """The name of the script that a student writes."""
        return f"{self.name}.py"

    @property
    def points(self) -> float:
        """The points of all cases together."""
        return sum(case.points for case in self.cases)

    def public(self) -> "Exercise":
        """The same without its hidden cases, which are counted."""
        cases = tuple(case for case in self.cases if not case.hidden)
        return replace(self, cases=cases, unseen=len(self.cases) - len(cases))

    def write(self, folder: Path) -> None:
        """Write the stub and the rest into a folder, as `read_exercise` finds them."""
        told = asdict(self)
        stub, cases = told.pop("stub"), told.pop("cases")
        lines = [f"{json.dumps(k)}: {json.dumps(v)}" for k, v in told.items()]
        rows = ",\n  ".join(json.dumps(case) for case in cases)
        text = "{\n" + ",\n".join([*lines, f'"cases": [\n  {rows}\n]']) + "\n}\n"
        for suffix, content in (("stub", stub), ("json", text)):
            path = folder / f"{self.name}.{suffix}"
            path.write_text(content, encoding="utf-8", newline="\n")


def read_exercise(path: Path) -> Exercise:
    """The exercise in NAME.json, with NAME.stub beside it."""
    told = json.loads(path.read_text(encoding="utf-8"))
    told["stub"] = path.with_suffix(".stub").read_text(encoding="utf-8")
    told["hints"] = tuple(told["hints"])
    told["cases"] = tuple(Case(**case) for case in told["cases"])
    told["functions"] = {
        name: Function(name, tuple(f["arguments"]), tuple(f["returns"]))
        for name, f in told["functions"].items()
    }
    return Exercise(**told)


def exercise_names() -> list[str]:
    """The names of all exercises, in order."""
    return sorted(path.stem for path in PUBLISHED.glob("[0-9][0-9]_*.json"))


def find_exercise(asked: str | int) -> Exercise:
    """The exercise of this number or name; UnknownExercise if there is none."""
    name = pick(asked, exercise_names())
    return read_exercise(PUBLISHED / f"{name}.json")


def pick(asked: str | int, names: Sequence[str]) -> str:
    """The one of `names` that is meant by a number, a name or a file's name; UnknownExercise."""
    text = str(asked).removesuffix(".ipynb").removesuffix(".py").lower()
    text = text.strip().replace("-", "_").replace(" ", "_")
    by_number = {int(name[:2]): name for name in names}
    if text.isdecimal() and len(text) < 9:
        if int(text) in by_number:
            return by_number[int(text)]
        raise UnknownExercise(
            f"no exercise {asked}: they are numbered 1 to {max(by_number, default=0)}"
        )
    titles = {name: name for name in names} | {name[3:]: name for name in names}
    if text in titles:
        return titles[text]
    held = [n for n in titles if text and text in n]
    alike = difflib.get_close_matches(text, titles, 5, 0.5)
    near = dict.fromkeys(titles[n] for n in [*held, *alike][:6])
    remedy = f"did you mean {', '.join(near)}?" if near else "`minigrad exercises list` shows all"
    raise UnknownExercise(f"no exercise {asked!r}: {remedy}")
