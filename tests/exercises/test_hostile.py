"""Hostile submissions: 26 is right and scores full, the others nothing; none leaves a trace."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from minigrad.exercises import grading, running
from minigrad.exercises.grading import assess, grade
from minigrad.exercises.running import separation

HOSTILE = sorted((Path(__file__).parent / "hostile").glob("*.py"))
NAMES = [path.stem for path in HOSTILE]
FILE, NEXT = "02_affinity_backprop.py", "01_affinity_forward.py"
POINTS = 10
# The time-out is the point of these: they get half a second (and three times that by the clock).
SLOW = ("14_endless", "15_power_in_c", "15_product_in_c", "18_flood_stdout", "27_slow_import")
# Whatever they do to their process, the exercise that is graded next has its points.
BEFORE_ANOTHER = ("10_", "11_", "12_", "13_", "17_", "26_", "28_kills", "28_shared")
# Without a jail: only what does no harm to the user who runs the tests.
HARMLESS = (
    *("01_exit_at_import", "02_exit_on_second_call", "03_sys_exit_in_call", "05_lying_subclass"),
    *("06_nan", "08_zeroes_inputs", "10_replaces_the_runner", "14_endless", "16_one_huge_array"),
    *(
        "19_writes_every_descriptor",
        "20_object_array",
        "26_right_but_rude",
        "28_closes_the_channel",
    ),
    *("28_forged_points", "28_replies_in_advance"),
)

ENDS, MEDDLES = "the file ends its own process", "the file meddles with its replies"
NUMBERS, NO_REPLY = "expected numbers, or plain numpy arrays", "what came back is not a reply"
ZERO, SHAPE, LATE = "dx is zero", "dx has the wrong shape", "timed out in affinity_backprop"
MODULE = "there is numpy, and the usual modules of Python"
WHY = {
    "01_exit_at_import": f"{ENDS} while it was imported: nothing that it returned counts",
    "02_exit_in_call": f"{ENDS} in affinity_backprop: nothing that it returned counts",
    "02_exit_on_second_call": f"{ENDS} in affinity_backprop: nothing that it returned counts",
    "03_sys_exit_at_import": "it raised SystemExit: 0",
    "03_sys_exit_in_call": "it raised SystemExit: 0",
    "03_interrupt_at_import": "it raised Quiet",
    "03_raised_by_hand": "it raised SystemExit: passed",
    "04_equal_to_everything": f"it returned a Yes; {NUMBERS}",
    "05_lying_subclass": f"it returned a Lie; {NUMBERS}",
    "06_nan": "dx is not finite: in 4 of 4 places",
    "06_inf": "dx is not finite: in 4 of 4 places",
    "07_empty": f"{SHAPE}: (0,), expected (1, 4)",
    "07_scalar": SHAPE,
    "07_shape_one": f"{SHAPE}: (1,), expected (1, 4)",
    "07_dtype_object": f"it returned an array of dtype object; {NUMBERS}",
    "07_complex": f"it returned an array of dtype complex128; {NUMBERS}",
    "07_half": "dx is not of double precision",
    "07_masked": f"it returned a MaskedArray; {NUMBERS}",
    "07_memory_mapped": f"it returned a memmap; {NUMBERS}",
    "10_replaces_builtins": ENDS,  # its replies cannot be written
    "10_replaces_json": MEDDLES,
    "10_replaces_the_runner": "the number of values returned: 1, not 3",
    "14_endless": LATE,
    "15_power_in_c": f"{LATE}: it may take 0.5 s in all",
    "15_product_in_c": LATE,
    "16_growing_list": "it ran out of memory",
    "16_keeps_all_memory": "out of memory",
    "16_one_huge_array": "it ran out of memory",
    "18_flood_stdout": LATE,
    "18_ten_gigabytes": f"it returned an array of shape (100000, 12500); {NUMBERS}",
    "18_ten_gigabytes_in_parts": "it ran out of memory",
    "18_escapes": "it raised Passed?[2J?[1;1H: ?[2J?[32m10 of 10 points",
    "18_million_lines": "it raised ValueError: 10 of 10 points",
    "19_writes_every_descriptor": MEDDLES,
    "20_object_array": f"it returned an array of dtype object; {NUMBERS}",
    "20_pickle_as_reply": MEDDLES,
    "23_imports_minigrad": MODULE,
    "23_defines_nothing": "the file has no function of this name",
    "24_table": "dx is wrong",
    "25_fitting_pair": "dx is wrong",
    "27_slow_import": "timed out while it was imported: it may take 0.5 s in all",
    "27_not_callable": "it is a float, not a function",
    "27_other_names": "it takes (weights, bias, inputs, upstream), expected (M, b, x, dy)",
    "27_other_function": "the file has no function of this name",
    "28_replies_in_advance": MEDDLES,
    "28_forged_points": "the number of values returned: 1, not 3",
    "28_forged_stop": "TOLD",  # of a public case: its numbers are known
    "28_tells_hidden_numbers": "it raised TOLD",
    "28_tells_in_public": "SEEN [(1, 4)]",
    "28_deep_nesting": MEDDLES,
    "28_values_nested": NO_REPLY,
    "28_huge_integers": f"it returned an integer of more than 64 bits; {NUMBERS}",
    "28_huge_integers_forged": NO_REPLY,
    "28_huge_floats": "dx is wrong",
    "28_small_lists": NO_REPLY,
    "28_many_lines": "it raised E",
    "28_given_forged": NO_REPLY,
    "28_flood_of_replies": MEDDLES,
    "28_endless_reply": MEDDLES,
    "28_closes_the_channel": MEDDLES,
    "28_real_time_signal": "it crashed in affinity_backprop (signal 40)",
    "28_kills_itself": "it crashed in affinity_backprop (SIGKILL)",
    "28_recursion": "it raised RecursionError",
    "28_segfault": "it crashed in affinity_backprop (SIGSEGV)",
}


def hand_in(folder, paths, public, answer):
    """A class: a folder for each hostile file."""
    for path in paths:
        own = folder / path.stem
        own.mkdir(parents=True)
        source = path.read_text(encoding="utf-8")
        if path.stem == "24_table":
            source = source.replace('TABLE = "[]"', f"TABLE = {json.dumps(table(public))!r}")
        (own / FILE).write_text(source, encoding="utf-8")
        if path.stem.startswith(BEFORE_ANOTHER):
            (own / NEXT).write_text(answer, encoding="utf-8")
    return folder


def table(exercise):
    """The answers to the public cases, as a student finds them in the package."""
    return [
        {
            "shape": case.arguments["x"]["shape"],
            "values": [
                {"array": v.ravel().tolist(), "shape": v.shape} for v in case.expected.values
            ],
        }
        for case in exercise.public().cases
    ]


def processes():
    """The user of every process."""
    users = {}
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            users[int(name)] = os.stat(f"/proc/{name}").st_uid
    return users


@pytest.fixture(scope="module")
def jailed(backprop, forward, hurried, tmp_path_factory):
    """All of them graded, by name; the users of the jails; the seconds that it took."""
    if separation():
        pytest.skip(f"no jail here: {separation()}")
    folder = tmp_path_factory.mktemp("class")
    public, own = backprop.exercise(0), running._free_user
    users = []

    def user(pid):
        users.append(own(pid))
        return users[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "_free_user", user)
        patch.setattr(running, "MEMORY", 512 << 20)
        patch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("jails")))
        start = time.monotonic()
        graded = {}
        for speed, seconds in (("slow", 0.5), ("usual", 10)):
            paths = [path for path in HOSTILE if (path.stem in SLOW) == (speed == "slow")]
            handed = hand_in(folder / speed, paths, public, forward.solution)
            chosen = {"02": hurried(backprop, seconds), "01": forward}
            out = folder / f"{speed}.json"
            graded |= {name: each for name, each, _ in grade(handed, chosen, out, 5, jobs=2)}
        yield graded, users, time.monotonic() - start, Path(tempfile.gettempdir())


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_submission_scores_as_the_list_says_and_is_told_why(jailed, name):
    each = jailed[0][name]
    tests = [test for test in each["tests"] if test["name"].startswith(FILE[:-3])]
    score = sum(test["score"] for test in tests)
    right = name == "26_right_but_rude"
    assert score == (POINTS if right else 0)
    assert [test["status"] for test in tests] == ["passed" if right else "failed"] * 5
    assert right or WHY.get(name, ZERO) in tests[0]["output"]
    assert each["extra_data"]["fault"] == ""
    assert each["score"] == score + POINTS * name.startswith(BEFORE_ANOTHER)


def test_every_number_of_the_list_is_there():
    archives_and_stub = {22}
    assert {int(name[:2]) for name in NAMES} == set(range(1, 29)) - archives_and_stub
    assert set(WHY) | set(SLOW) | set(HARMLESS) <= set(NAMES)


def test_what_is_told_of_a_hidden_case_is_not_of_the_submission_s_making(jailed):
    graded = jailed[0]
    for name, each in graded.items():
        tests = [test for test in each["tests"] if "hidden: " in test["name"]]
        assert tests
        for test in tests:
            for text in ("TOLD", "SEEN", "points", "Yes", "Lie", "weights", "(signal"):
                assert text not in test["output"], name
        for test in each["tests"]:  # nor has any text a power over a terminal
            assert test["output"].replace("\n", "").isprintable()
            assert len(test["output"]) < 3000


def test_what_is_told_of_a_public_case_is_from_before_the_hidden_ones(exercise):
    hidden_first = replace(exercise, cases=exercise.cases[::-1])
    source = Path(HOSTILE[0].parent, "28_tells_in_public.py").read_text(encoding="utf-8")
    verdict = assess(source, hidden_first, not separation())
    told = {result.case.name: result.words for result in verdict.results}
    assert list(told) == [case.name for case in hidden_first.cases]
    assert "SEEN [(4, 2), (5, 4), (1, 4)]" in told["one sample"]


def test_none_leaves_a_process_or_a_file_and_all_end_in_time(jailed):
    _, users, seconds, folder = jailed
    assert len(users) >= len(HOSTILE)
    assert not set(users) & set(processes().values())
    assert list(folder.iterdir()) == []
    assert not Path("/tmp/minigrad-was-here").exists()
    if Path("/proc/sysvipc/shm").exists():
        left = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
        assert not {str(user) for user in users} & {line[7] for line in left}
    assert seconds < 120  # 15 on two cores


def test_where_the_kernel_lets_it_there_is_no_network_and_no_shared_memory(jailed):
    try_it = "import ctypes; raise SystemExit(ctypes.CDLL(None).unshare(0x48000000) != 0)"
    if subprocess.run([sys.executable, "-c", try_it]).returncode:
        pytest.skip("root may not unshare here")
    for name in ("28_network", "28_shared_memory"):
        assert ZERO in jailed[0][name]["tests"][0]["output"]


def test_the_stub_reads_not_started(backprop, exercise):
    verdict = assess(backprop.stub, exercise, not separation())
    assert (verdict.points, verdict.state) == (0, "not started")


def test_without_a_jail_they_score_the_same_and_the_report_says_what_they_could_have_done(
    backprop, forward, hurried, tmp_path, monkeypatch
):
    monkeypatch.setattr(running, "MEMORY", 512 << 20)
    monkeypatch.setattr(grading, "separation", lambda: "it does not run as root")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    paths = [path for path in HOSTILE if path.stem in HARMLESS]
    handed = hand_in(tmp_path / "class", paths, backprop.exercise(0), forward.solution)
    chosen = {"02": hurried(backprop, 1)}
    graded = {name: each for name, each, _ in grade(handed, chosen, tmp_path / "out.json", 5, 2)}
    assert set(graded) == set(HARMLESS)
    for name, each in graded.items():
        assert each["score"] == (POINTS if name == "26_right_but_rude" else 0), name
        assert "could not lock the submission away" in each["output"]
        assert "could have read the hidden cases" in each["output"]
        assert each["extra_data"]["not separated"] == "it does not run as root"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("minigrad-")]


def test_what_lies_beside_the_answer_is_not_run(forward, backprop, tmp_path):
    folder = tmp_path / "class" / "student"
    folder.mkdir(parents=True)
    (folder / FILE).write_text("import numpy as np\n" + backprop.stub, encoding="utf-8")
    lie = f"open({str(tmp_path / 'ran')!r}, 'w').close()\nraise SystemExit(0)\n"
    beside = ("conftest.py", "sitecustomize.py", "numpy.py", "json.py", "minigrad/__init__.py")
    for name in beside:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(lie, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --collect-only\n", encoding="utf-8")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "numpy.cpython-311.pyc").write_bytes(b"stale")
    archive = tmp_path / "class" / "packed.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for path in folder.rglob("*.*"):
            packed.write(path, path.relative_to(folder))
    out = tmp_path / "out.json"
    grading_all = grade(tmp_path / "class", {"02": backprop}, out, 5, 2)
    graded = {name: each for name, each, _ in grading_all}
    assert [each["score"] for each in graded.values()] == [0, 0]
    for each in graded.values():
        said = each["output"].splitlines()[0]
        assert said == "02_affinity_backprop: 0 of 10 points (not started)"
    assert not (tmp_path / "ran").exists()
