"""Run a submission in a process of its own, which gets arguments and gives values.

Nothing that the submission does there counts but the numbers that it returns: it is killed from
outside when its time is up, and, where the grader may, it is locked into an empty folder under a
user who owns nothing (`calling`).
"""

import functools
import json
import math
import os
import queue
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from minigrad.exercises import calling
from minigrad.exercises.calling import NO_MEMORY, REPLY
from minigrad.exercises.exercise import Case, Exercise
from minigrad.exercises.outcomes import FAILED, STOPPED, Outcome, read

MEMORY = 2 << 30  # bytes of address space
PRINTED = 64 << 10  # bytes kept of what a submission prints
CRASHES = 3  # processes that one submission may lose
WALL = 3  # of the time that a submission may compute: what it may take on a busy machine
WINDOWS = 0x8000_0000  # from here on, a status is that of a crash there
STARTING = 60.0  # seconds in which a process must be ready
START = (
    "import runpy, sys; sys.path.append(sys.argv[2]); runpy.run_path(sys.argv[1], None, '__main__')"
)


class GraderFault(RuntimeError):
    """The grader itself cannot work here: nothing that a submission did."""


class Submission:
    """The calls of one submission: `submission(case)` is an Outcome.

    All calls go to one child; after a crash the next goes to a new one. `seconds` of computing are
    for all calls together (WALL times that by the clock, without what it takes to start a child);
    when they are over, what is left is stopped. `void`: why nothing of it counts: a submission that
    ends its process, or meddles with its replies, which it can only do on purpose. `apart`: in a
    jail. `stop`: when it is set, a call ends with a KeyboardInterrupt.
    """

    def __init__(
        self,
        source: str,
        exercise: Exercise,
        apart: bool = False,
        seconds: float | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.source, self.exercise, self.apart = source, exercise, apart
        self.seconds = exercise.seconds if seconds is None else seconds
        self.left = WALL * self.seconds
        self.stop = stop or threading.Event()
        self.void = self.over = self.printed = ""
        self.crashes = 0
        self.refused: Any = None  # the reply, if it could not be imported
        self.child: _Child | None = None

    def __call__(self, case: Case) -> Outcome:
        function = self.exercise.functions[case.function]
        request = {"function": case.function, "arguments": case.arguments}
        reply = self._ask(request)
        if isinstance(reply, Outcome):
            return reply
        return read(reply, function.signature, self.source)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._end()

    def _ask(self, request: dict[str, Any]) -> Any:
        """The reply; an Outcome, if there is none."""
        if self.void or self.over:
            return self._no_more()
        if self.refused is not None:
            return self.refused
        if self.child is None:
            self.child = _Child(self.apart, self.left, self.seconds, self.exercise.given, self.stop)
            loaded = self.child.ask({"source": self.source, "file": self.exercise.file})
            if loaded is None:
                return self._lost("while it was imported")
            if loaded != {"ready": True}:
                self.refused = loaded
                return loaded
        reply = self.child.ask(request)
        return self._lost(f"in {request['function']}") if reply is None else reply

    def _lost(self, where: str) -> Outcome:
        """Say why the child gave no reply; what that means for the calls to come."""
        child = self.child
        assert child is not None
        # One that has closed its channel may be about to end.
        status = child.end(patience=0.0 if child.meddled else 0.5)
        self._end()
        if not child.meddled and (child.timed_out or _by_limit(status, child.took, self.seconds)):
            self.over = f"timed out {where}: it may take {self.seconds:g} s in all"
        elif child.meddled or status is None:
            self.void = (
                f"the file meddles with its replies {where}: nothing that it returned counts"
            )
        elif 0 <= status < WINDOWS and status != NO_MEMORY:
            self.void = f"the file ends its own process {where}: nothing that it returned counts"
        else:
            self.crashes += 1
            if self.crashes >= CRASHES:
                self.over = f"it crashed {CRASHES} times"
            problem = f"it crashed {where} ({_crash(status)})"
            return Outcome(STOPPED, problem=problem, kind="it crashed")
        return self._no_more()

    def _no_more(self) -> Outcome:
        return Outcome(FAILED if self.void else STOPPED, problem=self.void or self.over)

    def _end(self) -> None:
        if self.child is not None:
            self.child.end()
            self.left -= self.child.took
            self.printed = (self.printed + self.child.printed.decode("utf-8", "replace"))[:PRINTED]
            self.child = None


class _Child:
    """A process that answers a line with a line; `ask` gives None once it has ended.

    It may compute for `seconds`, and is killed after `wall` of them by the clock. `took`: how many
    those were when it was ended; neither counts what it takes to start it.
    """

    def __init__(
        self,
        apart: bool,
        wall: float,
        seconds: float,
        given: str = "",
        stop: threading.Event | None = None,
    ) -> None:
        self.stop = stop or threading.Event()
        self.took = 0.0
        self.timed_out, self.meddled, self.printed = False, False, b""
        # Outside a jail, a submission may leave there what cannot be removed.
        self.folder = tempfile.TemporaryDirectory(prefix="minigrad-", ignore_cleanup_errors=True)
        os.chmod(self.folder.name, 0o755)
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-c", START, calling.__file__, _numpy_folder()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            cwd=self.folder.name,
            start_new_session=True,
        )
        self.user = _free_user(self.process.pid) if apart else None
        self.replies: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.threads = [
            threading.Thread(target=self._hear, daemon=True),
            threading.Thread(target=self._drain, daemon=True),
        ]
        for thread in self.threads:
            thread.start()
        self.timer = self._timer(STARTING)
        setup = {
            "given": given,
            "memory": MEMORY,
            "seconds": math.ceil(seconds),
            "jail": self.folder.name,
            "user": self.user,
        }
        self.began = time.monotonic()
        try:
            ready = self.ask(setup)
            if ready != {"ready": True}:
                late = f"it took more than {STARTING:g} s" if self.timed_out else ready
                raise GraderFault(f"the child process cannot be set up: {late}")
        except BaseException:
            self.end()
            raise
        self.timer.cancel()
        self.timer, self.began = self._timer(wall), time.monotonic()

    def ask(self, request: dict[str, Any]) -> Any:
        """The reply, whatever JSON holds; None, if there is none. KeyboardInterrupt on `stop`.

        It must name the token of this request: one that was written before it was asked for does
        not count.
        """
        assert self.process.stdin is not None
        token = secrets.token_hex(8)
        try:
            self.process.stdin.write(json.dumps({**request, "token": token}).encode() + b"\n")
            self.process.stdin.flush()
        except OSError:
            return None
        line = b""
        while not line:
            if self.stop.is_set():
                raise KeyboardInterrupt
            ended = self.process.poll() is not None  # a process it left behind may hold the pipe
            try:
                line = self.replies.get(timeout=0.2 if ended else 0.05)
            except queue.Empty:
                if ended:
                    return None
                continue
            if not line or self.meddled:
                return None
        try:
            answered, reply = json.loads(line)
        except (ValueError, TypeError, RecursionError):
            answered = reply = None
        if answered != token:
            self.meddled = True
            return None
        return reply

    def end(self, patience: float = 0.0) -> int | None:
        """Kill it, with its group. The status with which it ended before that, None if it had not.

        May be called again.
        """
        self.timer.cancel()
        self.took = self.took or time.monotonic() - self.began
        status = None
        with suppress(subprocess.TimeoutExpired):
            status = self.process.wait(patience)
        self._kill()
        self.process.wait()
        for thread in self.threads:
            thread.join(0.2)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None and not any(thread.is_alive() for thread in self.threads):
                with suppress(OSError):
                    pipe.close()
        self.folder.cleanup()
        return status

    def _hear(self) -> None:
        assert self.process.stdout is not None
        for line in iter(lambda: self.process.stdout.readline(REPLY), b""):  # type: ignore[union-attr]
            if not self.replies.empty():  # more than was asked for; nor may it fill the memory
                self.meddled = True
                self._kill()
                break
            self.replies.put(line)
        self.replies.put(b"")

    def _drain(self) -> None:
        assert self.process.stderr is not None
        while some := os.read(self.process.stderr.fileno(), 1 << 16):
            self.printed += some[: PRINTED - len(self.printed)]

    def _timer(self, seconds: float) -> threading.Timer:
        timer = threading.Timer(seconds, self._time_out)
        timer.daemon = True
        timer.start()
        return timer

    def _time_out(self) -> None:
        self.timed_out = True
        self._kill()

    def _kill(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                self.process.kill()
            else:
                os.killpg(self.process.pid, signal.SIGKILL)


@functools.cache
def separation() -> str:
    """Why submissions cannot be locked away here; nothing, if they can."""
    if not sys.platform.startswith("linux"):
        return "it runs on a system other than Linux"
    if os.geteuid() != 0:
        return "it does not run as root"
    try:
        child = _Child(True, 20, 20)
    except GraderFault as fault:
        return f"root may not lock a process away here ({fault})"
    try:
        os.kill(child.process.pid, 0)
    except PermissionError:
        return "root may not end the processes of another user here"
    finally:
        assert child.process.stdin is not None
        child.process.stdin.close()  # it then ends by itself
        child.end(patience=5)
    return ""


def _by_limit(status: int | None, took: float, seconds: float) -> bool:
    """Whether the system has ended a process that computed for too long.

    At the hard limit it kills, as others may, but not before that time.
    """
    if sys.platform == "win32" or status is None:
        return False
    return status == -signal.SIGXCPU or (status == -signal.SIGKILL and took >= seconds)


def _crash(status: int) -> str:
    """What a process died of."""
    if status == NO_MEMORY:
        return "out of memory"
    if status >= WINDOWS:
        return f"status {status:#x}"
    known = -status in list(signal.Signals)
    return signal.Signals(-status).name if known else f"signal {-status}"


def _free_user(pid: int) -> int:
    """The number of a user who has no process: one that belongs to this process alone."""
    taken = set()
    for name in os.listdir("/proc"):
        if name.isdecimal():
            with suppress(OSError):
                taken.add(os.stat(f"/proc/{name}").st_uid)
    user = 20_000 + pid % 40_000
    while user in taken:
        user += 1
    return user


def _numpy_folder() -> str:
    return str(Path(np.__file__).parent.parent)


def _environment() -> dict[str, str]:
    threads = (
        "OPENBLAS_NUM_THREADS",
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    )
    kept = {k: v for k, v in os.environ.items() if k in ("SYSTEMROOT", "PATH")}
    return {**kept, **dict.fromkeys(threads, "1"), "PYTHONUTF8": "1"}
