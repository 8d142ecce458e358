"""Exercises for the graders of others: a test file for otter, a notebook for nbgrader.

Both run the public cases in the student's own process, so that what they give is practice, and can
be talked into a mark; `minigrad exercises grade` cannot.
"""

import json

from minigrad.exercises.course import REGION, Master

OTTER = '''"""Exercise {number}, its public cases. Practice: it runs in the student's process."""

from minigrad.exercises.practice import require
from otter.test_files import test_case

OK_FORMAT = False
name = "q{number:02}"
points = {points:g}
'''
OTTER_CASE = """

@test_case(name={name!r}, points={points:g})
def test_{count}({functions}):
    require("{number:02}", {name!r}, {functions})
"""


def as_otter_test(master: Master) -> str:
    """The test file of an exercise, q02.py, for otter's folder of tests."""
    exercise = master.exercise().public()
    about = {"number": exercise.number, "functions": ", ".join(exercise.functions)}
    head = OTTER.format(points=exercise.points, **about)
    cases = (
        OTTER_CASE.format(name=case.name, points=case.points, count=count, **about)
        for count, case in enumerate(exercise.cases, 1)
    )
    return head + "".join(cases)


def as_nbgrader_notebook(master: Master) -> str:
    """An exercise as a source notebook of nbgrader: solved, a locked cell a public case."""
    from minigrad.cli import as_notebook

    exercise = master.exercise().public()
    names = ", ".join(exercise.functions)
    marked = REGION.sub(
        lambda found: (
            f"{found[1]}### BEGIN SOLUTION\n{found[3]}{found[1]}### END SOLUTION\n"
            if found[2] == "yours"
            else found[3]
        ),
        master.solution,
    )
    head, mark, use = marked.rpartition("# %% [markdown]\n")
    tests = "".join(
        "# %%\nfrom minigrad.exercises.practice import require\n\n"
        f'require("{exercise.number:02}", {case.name!r}, {names})\n\n'
        for case in exercise.cases
    )

    notebook = json.loads(as_notebook(head + tests + mark + use))
    for count, cell in enumerate(notebook["cells"]):
        source = "".join(cell["source"])
        points = [case.points for case in exercise.cases if f", {case.name!r}, " in source]
        if points or "### BEGIN SOLUTION" in source:
            cell["metadata"]["nbgrader"] = {
                "grade": bool(points),
                "grade_id": f"{exercise.name}-{count}",
                "locked": bool(points),
                "points": points[0] if points else 0,
                "schema_version": 3,
                "solution": not points,
                "task": False,
            }
    return json.dumps(notebook, indent=1) + "\n"
