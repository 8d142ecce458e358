"""The process in which a submission runs: what reaches it, what it may, and how it ends."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace

import pytest

from minigrad.exercises import calling, running
from minigrad.exercises.judging import judge
from minigrad.exercises.running import GraderFault, Submission, separation

HEAD = "def affinity_backprop(M, b, x, dy):\n"
RIGHT = HEAD + "    return dy @ M, dy.T @ x, dy.sum(axis=0)\n"
FORGE = (
    "token = sys._getframe(2).f_locals['asked']['token']; "
    "forged = json.dumps([token, {'value': 1.0, 'changed': {}}]).encode() + b'\\n'"
)
MODES = ["as the same user"] + ["in a jail"] * (not separation())


@pytest.fixture(params=MODES)
def apart(request):
    return request.param == "in a jail"


def ran(source, exercise, apart=False, seconds=None):
    """The states and words of all cases, and the submission when it is over."""
    with Submission(source, exercise, apart, seconds) as submission:
        outcomes = [submission(case) for case in exercise.cases]
    return [outcome.state for outcome in outcomes], outcomes, submission


def told(expression, exercise, apart=False):
    """What an expression is in the child, as a text."""
    source = f"import os, sys\n{HEAD}    return str(({expression}))\n"
    return ran(source, exercise, apart)[1][0].values[0]


def test_all_calls_go_to_one_child(exercise, apart):
    source = f"calls = []\n{HEAD}    calls.append(1)\n    return len(calls)\n"
    assert [o.values[0] for o in ran(source, exercise, apart)[1]] == [1, 2, 3, 4, 5]


def test_after_a_crash_the_next_call_goes_to_a_new_child(exercise, apart):
    source = (
        f"import os\ncalls = []\n{HEAD}    calls.append(1)\n"
        "    if len(calls) == 2:\n        os.kill(os.getpid(), 9)\n    return len(calls)\n"
    )
    states, outcomes, submission = ran(source, exercise, apart)
    assert states == ["returned", "stopped", "returned", "stopped", "returned"]
    assert outcomes[1].problem == "it crashed in affinity_backprop (SIGKILL)"
    assert [outcomes[i].values[0] for i in (0, 2, 4)] == [1, 1, 1]
    assert (submission.crashes, submission.void, submission.over) == (2, "", "")


def test_after_three_crashes_there_is_no_other_child(exercise, apart, monkeypatch):
    started = []
    monkeypatch.setattr(running, "_environment", lambda: started.append(1) or {})
    source = f"import os\n{HEAD}    os.kill(os.getpid(), 11)\n"
    states, outcomes, submission = ran(source, exercise, apart)
    assert states == ["stopped"] * 5 and len(started) == 3
    assert outcomes[0].problem == "it crashed in affinity_backprop (SIGSEGV)"
    assert outcomes[3].problem == outcomes[4].problem == "it crashed 3 times" == submission.over


def test_the_time_is_for_all_calls_together(exercise, apart):
    source = f"import time\n{HEAD}    time.sleep(0.5)\n    return 1.0\n"
    start = time.monotonic()
    states, outcomes, submission = ran(source, exercise, apart, seconds=0.4)
    assert time.monotonic() - start < 3
    assert states[0] == "returned" and states[-1] == "stopped" and not submission.void
    assert outcomes[-1].problem == "timed out in affinity_backprop: it may take 0.4 s in all"


def test_a_crash_gives_no_new_time(exercise, apart):
    source = (
        f"import os, time\n{HEAD}    time.sleep(0.35)\n"
        "    len(x) == 5 and os.kill(os.getpid(), 11)\n    return 1.0\n"
    )
    states = ran(source, exercise, apart, seconds=0.4)[0]
    assert states == ["returned", "stopped", "returned", "stopped", "stopped"]


def test_an_answer_that_waits_for_a_busy_machine_is_not_stopped(exercise, apart, monkeypatch):
    # To start it is not the submission's time.
    monkeypatch.setattr(running, "START", f"import time; time.sleep(0.7); {running.START}")
    source = RIGHT.replace(HEAD, f"import time\n{HEAD}    len(x) == 1 and time.sleep(0.4)\n")
    assert ran(source, exercise, apart, seconds=0.2)[0] == ["returned"] * 5


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit there")
@pytest.mark.parametrize("ignores", [False, True])
def test_computing_has_a_limit_of_its_own(exercise, monkeypatch, ignores):
    monkeypatch.setattr(running, "WALL", 30)
    ignore = "import _signal; _signal.signal(_signal.SIGXCPU, _signal.SIG_IGN)\n" * ignores
    start = time.monotonic()
    source = f"{ignore}{HEAD}    while True:\n        pass\n"
    states, _, submission = ran(source, exercise, MODES[-1] != MODES[0], seconds=1)
    assert states == ["stopped"] * 5 and time.monotonic() - start < 10
    assert submission.over == "timed out in affinity_backprop: it may take 1 s in all"


def test_a_submission_that_is_stopped_has_no_more_outcomes(exercise, apart, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    stop, source = threading.Event(), f"import time\n{HEAD}    time.sleep(60)\n"
    threading.Timer(0.8, stop.set).start()
    start = time.monotonic()
    for asked in (source, RIGHT):  # while it runs; and not even begun
        with pytest.raises(KeyboardInterrupt), Submission(asked, exercise, apart, None, stop) as it:
            it(exercise.cases[0])
    assert time.monotonic() - start < 3 and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "status, void, told",
    [
        (0, True, "the file ends its own process"),
        (255, True, "the file ends its own process"),
        (0xC0000005, False, "it crashed in f (status 0xc0000005)"),
        (running.NO_MEMORY, False, "it crashed in f (out of memory)"),
        (-11, False, "it crashed in f (SIGSEGV)"),
        (-40, False, "it crashed in f (signal 40)"),
    ],
)
@pytest.mark.parametrize("system", ["linux", "win32"])
def test_what_a_status_means(exercise, monkeypatch, system, status, void, told):
    monkeypatch.setattr(running.sys, "platform", system)
    if system == "win32":
        for name in ("SIGXCPU", "SIGKILL"):
            monkeypatch.delattr(running.signal, name, raising=False)
    submission = Submission(RIGHT, exercise)
    submission.child = type("Child", (), {"printed": b"", "meddled": False, "timed_out": False})()
    submission.child.end, submission.child.took = lambda patience=0.0: status, 20.0
    assert submission._lost("in f").problem.startswith(told)
    assert bool(submission.void) == void and not submission.over


def test_ending_the_process_makes_everything_void(exercise, apart):
    source = f"import os\n{HEAD}    if len(x) == 5:\n        os._exit(3)\n    return 1.0\n"
    states, outcomes, submission = ran(source, exercise, apart)
    assert states == ["returned", "failed", "failed", "failed", "failed"]
    assert submission.void == outcomes[1].problem
    assert "ends its own process in affinity_backprop" in submission.void


@pytest.mark.parametrize("source", ["def f(:\n", "import minigrad\n", "1 / 0\n"])
def test_what_cannot_be_imported_is_asked_nothing(exercise, apart, source):
    states, outcomes, submission = ran(source, exercise, apart)
    assert states == ["failed"] * 5 and submission.refused["raised"]
    assert len({outcome.problem for outcome in outcomes}) == 1
    assert "line 1: " + source.strip() in outcomes[0].problem


def test_printed_text_is_kept_to_the_limit_and_from_the_start(exercise, apart):
    source = f"print('begins')\nprint('x' * 1_000_000)\n{RIGHT}"
    with Submission(source, exercise, apart) as submission:
        submission(exercise.cases[0])
        child = submission.child
    assert len(child.printed) == running.PRINTED  # no more was held at any time
    assert len(submission.printed) == running.PRINTED
    assert submission.printed.startswith("begins\nxxx")


def test_what_is_printed_in_a_call_is_kept_without_a_flush(exercise, apart):
    source = f"import sys\n{HEAD}    print(len(x))\n    print('!', file=sys.stderr)\n"
    printed = ran(source, exercise, apart)[2].printed
    assert sorted(printed.split()) == sorted(["1", "5", "4", "6", "50"] + ["!"] * 5)


def test_nothing_of_the_environment_is_passed_on(exercise, apart, monkeypatch):
    monkeypatch.setenv("MINIGRAD_SECRET", "42")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    names = set(told("','.join(sorted(os.environ))", exercise, apart).split(","))
    assert names == {*running._environment(), *names & {"LC_CTYPE"}}
    assert "MINIGRAD_SECRET" not in names and "PYTHONPATH" not in names


def test_only_its_own_channels_are_open_in_the_child(exercise, apart):
    check = "[n for n in range(64) if os.path.exists(f'/proc/self/fd/{n}')]"
    if apart:  # there is no /proc
        source = (
            f"import os\ndef is_open(n):\n    try:\n        return bool(os.fstat(n))\n"
            f"    except OSError:\n        return False\n{HEAD}"
            "    return str([n for n in range(64) if is_open(n)])\n"
        )
        assert ran(source, exercise, apart)[1][0].values[0] == "[0, 1, 2, 3, 4, 5]"
    else:
        assert told(check, exercise) == "[0, 1, 2, 3, 4, 5]"


def test_the_child_has_neither_the_package_nor_what_is_not_listed(exercise, apart):
    source = (
        f"{HEAD}    found = []\n"
        "    for name in ('minigrad', 'scipy', 'ssl', 'sqlite3', 'math', 'numpy.linalg'):\n"
        "        try:\n            __import__(name)\n            found.append(name)\n"
        "        except ImportError:\n            pass\n    return ' '.join(found)\n"
    )
    assert ran(source, exercise, apart)[1][0].values == ("math numpy.linalg",)


def test_every_listed_module_can_be_imported(exercise, apart):
    source = "".join(f"import {name}\n" for name in calling.FOUND) + RIGHT
    with Submission(source, exercise, apart) as submission:
        assert judge(exercise, submission).points == 10


@pytest.mark.skipif(bool(separation()), reason=f"no jail here: {separation()}")
def test_in_the_jail_there_is_an_empty_folder_and_a_user_of_its_own(exercise):
    assert told("os.listdir('/'), os.getcwd()", exercise, True) == "([], '/')"
    users = told("len({*os.getresuid(), *os.getresgid()}), os.getgroups()", exercise, True)
    assert users == "(1, [])"
    one, other = (int(told("os.getuid()", exercise, True)) for _ in range(2))
    assert min(one, other) >= 20_000 and one != other
    for action in ("os.mkdir('/a')", "open('/a', 'w')", "os.fork()", "os.setuid(0)"):
        source = f"import os\n{HEAD}    {action}\n"
        problem = ran(source, exercise, True)[1][0].problem
        assert "PermissionError" in problem or "BlockingIOError" in problem


@pytest.mark.skipif(not os.path.exists("/proc"), reason="no /proc here")
def test_when_the_grader_is_killed_no_child_is_left(exercise, apart, tmp_path):
    exercise.write(tmp_path)
    sleeps = f"import time\n{HEAD}    time.sleep(60)\n"
    program = f"""
import os, threading
from pathlib import Path
from minigrad.exercises.exercise import read_exercise
from minigrad.exercises.running import Submission

def die():
    pid = submission.child.process.pid
    adjusted = open(f"/proc/{{pid}}/oom_score_adj").read()
    print(pid, adjusted, flush=True)
    os.kill(os.getpid(), 9)

exercise = read_exercise(Path({str(tmp_path)!r}, "{exercise.name}.json"))
submission = Submission({sleeps!r}, exercise, {apart})
threading.Timer(0.7, die).start()
submission(exercise.cases[0])
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    run = [sys.executable, "-c", program]
    done = subprocess.run(run, capture_output=True, text=True, env=environment)
    pid, first = done.stdout.split()
    assert done.returncode == -9 and (first == "1000" or not apart)
    for _ in range(50):
        if not os.path.exists(f"/proc/{pid}"):
            break
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{pid}")


def test_a_free_user_has_no_process(monkeypatch):
    pid = os.getpid()
    first = running._free_user(pid)
    assert first == 20_000 + pid % 40_000
    stat = os.stat
    taken = type("Stat", (), {"st_uid": first})()

    def one_is_taken(path, **more):
        return taken if path == f"/proc/{pid}" else stat(path, **more)

    monkeypatch.setattr(os, "stat", one_is_taken)
    assert running._free_user(pid) == first + 1


def test_separation_says_why_there_is_none(monkeypatch):
    separate = running.separation.__wrapped__
    with monkeypatch.context() as patch:
        patch.setattr(os, "geteuid", lambda: 1000)
        assert separate() == "it does not run as root"
    with monkeypatch.context() as patch:
        patch.setattr(running.sys, "platform", "darwin")
        assert separate() == "it runs on a system other than Linux"

    def no_child(*told):
        raise GraderFault("chroot: not permitted")

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(running, "_Child", no_child)
    assert separate() == "root may not lock a process away here (chroot: not permitted)"


def test_a_child_that_cannot_be_set_up_is_the_grader_s_fault(exercise, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    broken = replace(exercise, given="def pendulum(:\n")
    with pytest.raises(GraderFault, match=r"cannot be set up: .*SyntaxError"):
        ran(RIGHT, broken)
    with monkeypatch.context() as patch:
        patch.setattr(running, "START", "raise SystemExit")
        with pytest.raises(GraderFault, match="cannot be set up: None"):
            ran(RIGHT, exercise)
    assert list(tmp_path.iterdir()) == []


def test_a_child_that_is_never_ready_is_the_grader_s_fault(exercise, monkeypatch):
    monkeypatch.setattr(running, "STARTING", 0.2)
    monkeypatch.setattr(running, "START", "import time; time.sleep(60)")
    with pytest.raises(GraderFault, match=r"cannot be set up: it took more than 0\.2 s"):
        ran(RIGHT, exercise)


def test_no_process_thread_or_folder_is_left(exercise, apart, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = threading.active_count()
    with Submission(RIGHT, exercise, apart) as submission:
        assert submission(exercise.cases[0]).state == "returned"
        child = submission.child
        assert len(list(tmp_path.iterdir())) == 1
    assert child.process.returncode == -9 and threading.active_count() == before
    assert list(tmp_path.iterdir()) == []
    assert all(pipe.closed for pipe in (child.process.stdin, child.process.stdout))


def test_a_reply_that_is_too_large_is_told_as_that(exercise, apart):
    body = "    return tuple(np.full(60_000, 1 / 3) for _ in range(3))\n"
    outcome = ran(f"import numpy as np\n{HEAD}{body}", exercise, apart)[1][0]
    assert "it returned more than a reply can hold" in outcome.problem


def test_more_replies_than_were_asked_for_make_everything_void(exercise, apart):
    body = f"    {FORGE}\n    os.write(4, forged * 20)\n    return 1.0\n"
    states, _, submission = ran(f"import json, os, sys\n{HEAD}{body}", exercise, apart)
    assert "returned" not in states[1:] and "meddles with its replies" in submission.void


def test_replies_that_nobody_asked_for_are_not_gathered(exercise, apart):
    body = f"    {FORGE}\n    os.write(4, forged * 200)\n    return 1.0\n"
    with Submission(f"import json, os, sys\n{HEAD}{body}", exercise, apart) as submission:
        submission(exercise.cases[0])
        time.sleep(0.2)
        child = submission.child
        assert submission.void or (child.meddled and child.replies.qsize() < 4)


def test_a_stop_cannot_be_forged(exercise, apart):
    forge = FORGE.replace("{'value': 1.0, 'changed': {}}", "{'stopped': 'blame the grader'}")
    body = f"    {forge}\n    os.write(os.dup(4), forged)\n    os.dup2(os.pipe()[1], 4)\n"
    first = ran(f"import json, os, sys\n{HEAD}{body}", exercise, apart, seconds=0.4)[1][0]
    assert first.state == "failed"
    assert first.problem == "what came back is not a reply: something wrote over it"


@pytest.mark.parametrize("line", ["[1, 2]", "{}", "null", "[", '["x", {"value": 1.0}]', "\udcff"])
def test_a_reply_must_name_the_token_of_its_request(exercise, apart, line):
    told = line.encode("utf-8", "surrogateescape") + b"\n"
    source = f"import os, time\nos.write(4, {told!r})\ntime.sleep(0.2)\n{RIGHT}"
    states, outcomes, submission = ran(source, exercise, apart)
    assert states == ["failed"] * 5 and outcomes[0].problem == submission.void
    assert submission.void.startswith("the file meddles with its replies while it was imported")


def test_right_arrays_may_lie_in_memory_as_they_like(exercise, apart):
    source = (
        f"import numpy as np\n{HEAD}"
        "    dM = np.zeros((2 * M.shape[1], M.shape[0]))[::2]\n    dM[...] = x.T @ dy\n"
        "    return np.asfortranarray(dy @ M), dM.T, [float(v) for v in dy.sum(axis=0)]\n"
    )
    with Submission(source, exercise, apart) as submission:
        assert judge(exercise, submission).points == 10
