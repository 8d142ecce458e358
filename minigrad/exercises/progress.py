"""What a student has done, in one readable file beside the stubs. It is never a grade."""

import datetime
import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from minigrad.exercises.files import set_aside, write

FILE = "progress.txt"
NONE, STARTED = "-", "started"  # beside right, wrong and stopped
HEAD = (
    "# Your progress in the exercises of minigrad. It is yours to read, copy, or delete, and it is",
    "# no grade. Two of these files put one after the other make one.",
    "# exercise, state, best public points, hints opened, last check, file at that time",
)
LINE = re.compile(
    r"(?P<name>\d\d_\w{1,80})\s+(?P<state>-|started|wrong|stopped|right)\s+"
    r"(?P<best>\d{1,4}(?:\.\d{1,4})?)/(?P<of>\d{1,4}(?:\.\d{1,4})?)\s+(?P<hints>\d)\s+"
    r"(?P<date>-|\d{4}-\d\d-\d\d)\s+(?P<file>-|[0-9a-f]{12})",
    re.ASCII,
)


@dataclass(frozen=True)
class Entry:
    """An exercise: `best` of `of` public points, `hints` opened, `file`: its hash."""

    name: str
    state: str = NONE
    best: float = 0.0
    of: float = 0.0
    hints: int = 0
    date: str = NONE
    file: str = NONE

    def __str__(self) -> str:
        points = f"{self.best:g}/{self.of:g}"
        return (
            f"{self.name:30} {self.state:8} {points:>7}  {self.hints}  {self.date:10}  {self.file}"
        )

    @property
    def right_before(self) -> bool:
        """Whether all public points were reached once."""
        return 0 < self.of <= self.best

    def merged(self, other: "Entry") -> "Entry":
        """Both in one: the later check, the better points, the more hints."""
        later = max(self, other, key=lambda entry: (entry.date, entry.state != NONE))
        best = max(self, other, key=lambda entry: (entry.best, entry.of))
        return replace(later, best=best.best, of=best.of, hints=max(self.hints, other.hints))


class Progress:
    """The progress that is kept in a folder.

    `notes`: what a student should be told of the file. Lines that cannot be read do no harm: the
    file as it was is set aside under a name of its own, and what can be read stays.
    """

    def __init__(self, folder: Path = Path()) -> None:
        self.path = Path(folder, FILE)
        self.notes: list[str] = []
        self.entries: dict[str, Entry] = {}
        self.remarks: list[str] = []  # lines that a student has added
        self._read()

    def __getitem__(self, name: str) -> Entry:
        return self.entries.get(name, Entry(name))

    def record(self, name: str, **changes: Any) -> None:
        """Change what is known of an exercise, and write the file."""
        self.entries[name] = replace(self[name], **changes)
        self._write()

    def checked(self, name: str, state: str, points: float, of: float, source: str) -> None:
        """Record a check: the state is the last one's, the points are the best ones."""
        best = max(points, min(self[name].best, of))
        today = datetime.date.today().isoformat()
        held = digest(source) if source else NONE  # a notebook's function has no file
        self.record(name, state=state, best=best, of=of, date=today, file=held)

    def _read(self) -> None:
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            self.notes.append(f"{FILE} cannot be read: {error.strerror}")
            return
        damaged = 0
        for line in content.decode("utf-8-sig", "replace").splitlines():
            found = LINE.fullmatch(line.strip())
            if found:
                told: dict[str, Any] = found.groupdict()
                told.update(
                    best=float(told["best"]), of=float(told["of"]), hints=int(told["hints"])
                )
                entry = Entry(**told)
                known = self.entries.get(entry.name, entry)
                self.entries[entry.name] = known.merged(entry)
            elif line.startswith("#"):
                self.remarks += [line] * (line not in (*HEAD, *self.remarks))
            else:
                damaged += bool(line.strip())
        if not damaged:
            return
        try:
            kept = set_aside(self.path)
        except OSError as error:
            self.notes.append(f"{FILE} is damaged, and cannot be set aside: {error.strerror}")
            return
        self.remarks = [line for line in self.remarks if "\ufffd" not in line and "\0" not in line]
        goes = "what can be read goes on" if self.entries else "a new one is begun"
        self.notes.append(f"{FILE} was damaged: {goes}, and the old file is kept as {kept.name}")
        self._write()

    def _write(self) -> None:
        lines = [*HEAD, *self.remarks, *(str(self.entries[name]) for name in sorted(self.entries))]
        try:
            write("".join(line + "\n" for line in lines), self.path.resolve())
        except OSError as error:
            self.notes.append(f"{FILE} cannot be written, nothing was kept: {error.strerror}")


def digest(source: str) -> str:
    """A short hash, by which a changed file is known."""
    return hashlib.sha256(source.encode("utf-8", "replace")).hexdigest()[:12]
