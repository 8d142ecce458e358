"""How long a student waits for a check, and a teacher for the grades of a hundred.

    python benchmarks/exercises.py

`minigrad exercises check` of every exercise, solved, as a fresh process; then a class of a hundred
for one exercise of each lesson (right, wrong and unwritten answers in turn), and the same class
again, of which nothing has changed.
"""

import itertools
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from minigrad.exercises.course import masters
from minigrad.exercises.grading import grade
from minigrad.exercises.running import separation

CLASS = 100


def main():
    course = masters(Path(__file__).resolve().parent.parent / "lessons" / "exercises")
    with tempfile.TemporaryDirectory() as name:
        folder, waits = Path(name), []
        for number, master in enumerate(course.values(), 1):
            (folder / f"{master.name}.py").write_text(master.solution, encoding="utf-8")
            command = [sys.executable, "-m", "minigrad", "exercises", "check", str(number)]
            start = time.perf_counter()
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
            waits.append(time.perf_counter() - start)
        print(f"check, one of {len(waits)} exercises: median {statistics.median(waits):.2f} s, "
              f"{min(waits):.2f} to {max(waits):.2f} s")  # fmt: skip
    print(f"a class of {CLASS}, one exercise; in a jail: {separation() or 'yes'}")
    for lesson, group in itertools.groupby(course.values(), lambda master: master.told["lesson"]):
        master = next(group)
        answers = [master.solution, master.stub, *master.right.values(), *master.wrong.values()]
        with tempfile.TemporaryDirectory() as name:
            for student in range(CLASS):
                own = Path(name, "class", f"{student:03}")
                own.mkdir(parents=True)
                text = answers[student % len(answers)]
                (own / f"{master.name}.py").write_text(text, encoding="utf-8")
            took = []
            for _ in range(2):
                start = time.perf_counter()
                arguments = {master.name: master}, Path(name, "results.json")
                count = sum(1 for _ in grade(Path(name, "class"), *arguments))
                took.append(time.perf_counter() - start)
        print(f"lesson {lesson}, {master.name}: {count} in {took[0]:.1f} s; again {took[1]:.1f} s")


if __name__ == "__main__":
    main()
