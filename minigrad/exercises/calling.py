"""Call a function of a submission, and give back what it returned as numbers in JSON.

This file is also the program of the child process in which a submission runs. It needs Python and
numpy alone; it is told arguments and tells values: it knows no answer and gives no verdict.
"""

import inspect
import json
import math
import os
import sys
import time
import traceback
import types
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

if sys.platform != "win32" and sys.platform != "emscripten":  # where the child has no jail
    import ctypes
    import resource

INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
NUMBERS = ("bool", *INTEGERS, "float16", "float32", "float64")
LARGEST = 100_000  # numbers in one array
REPLY = 2 << 20  # bytes of one reply
TEXT = 2_000  # characters of one text
NESTED = 4  # tuples within one another
NO_MEMORY = 77  # the status of a child that has not even the memory for a reply
# What a submission may import beside numpy: it is loaded before the doors are closed.
FOUND: tuple[str, ...] = (
    *("__future__", "_strptime", "argparse", "array", "calendar", "csv", "pathlib", "threading"),
    *(
        "timeit",
        "types",
        "abc",
        "bisect",
        "cmath",
        "collections",
        "contextlib",
        "copy",
        "dataclasses",
        "datetime",
    ),
    *("decimal", "enum", "fractions", "functools", "heapq", "inspect", "io", "itertools", "json"),
    *("locale", "logging", "math", "numbers", "operator", "os", "pprint", "random", "re"),
    *("statistics", "string", "struct", "sys", "textwrap", "time", "traceback", "typing"),
    *("warnings", "numpy.char", "numpy.ctypeslib", "numpy.fft", "numpy.lib.stride_tricks"),
    *("numpy.linalg", "numpy.ma", "numpy.polynomial", "numpy.random", "numpy.rec"),
    *("numpy.strings", "numpy.testing", "numpy.typing"),
)


class Given:
    """An argument that is a function: `name` of the exercise's given code, made with numbers.

    `Given("pendulum")` is the function itself, `Given("linear", A=A)` what `linear(A=A)` returns.
    """

    def __init__(self, name: str, **numbers: Any) -> None:
        self.name, self.numbers = name, numbers


class Unfit(Exception):
    """A value that is not of numbers, or is too large."""


def encode(value: Any) -> Any:
    """value as what JSON can hold: numbers, texts, plain arrays, tuples of them; or Unfit."""
    if value is None or type(value) in (bool, int, float, str):
        if type(value) is str and len(value) > TEXT:
            raise Unfit(f"a text of {len(value)} characters")
        if type(value) is int and not -(1 << 63) <= value < 1 << 64:
            raise Unfit("an integer of more than 64 bits")
        return value
    if type(value) is Given:
        return {"given": value.name, "with": {k: encode(v) for k, v in value.numbers.items()}}
    if isinstance(value, tuple) or (type(value) is list and _holds_arrays(value)):
        if len(value) > 100:
            raise Unfit(f"{len(value)} values")
        return {"values": [encode(v) for v in value]}
    if type(value) is list:
        try:
            value = np.array(value)
        except ValueError:
            raise Unfit("a list of rows of different lengths") from None
    if isinstance(value, np.generic):
        value = np.array(value)
    if type(value) is not np.ndarray:
        raise Unfit(f"a {type(value).__name__}")
    if value.dtype.name not in NUMBERS:
        raise Unfit(f"an array of dtype {value.dtype.name[:30]}")
    if value.size > LARGEST:
        raise Unfit(f"an array of shape {value.shape}")
    return {"array": value.ravel().tolist(), "shape": value.shape, "dtype": value.dtype.name}


def decode(coded: Any, given: bool = True, nested: int = NESTED) -> Any:
    """What `encode` made of a value; Unfit for anything that it cannot have made.

    `given`: whether functions may be among it.
    """
    try:
        if coded is None or type(coded) in (bool, int, float, str):
            return encode(coded)
        if "given" in coded and given:
            return Given(coded["given"], **{k: decode(v) for k, v in coded["with"].items()})
        if "values" in coded and nested and len(coded["values"]) <= 100:
            return tuple(decode(v, given, nested - 1) for v in coded["values"])
        if coded["dtype"] in NUMBERS and len(coded["array"]) <= LARGEST:
            return np.array(coded["array"], dtype=coded["dtype"]).reshape(coded["shape"])
    except Exception:  # whatever a forged one makes of it
        pass
    raise Unfit("something that is not of numbers")


def load(source: str, file: str) -> dict[str, Any]:
    """The names that a source defines; it is not run as a program (its __name__ is another)."""
    module = types.ModuleType("submission")
    module.__file__ = file
    sys.modules["submission"] = module  # dataclasses look their own module up
    exec(compile(source, file, "exec"), vars(module))
    return vars(module)


def call(
    names: dict[str, Any],
    function: str,
    arguments: dict[str, Any],
    given: dict[str, Any],
    file: str = "",
    catch: type[BaseException] = Exception,
) -> dict[str, Any]:
    """Call names[function] by keywords; its value, what it changed, or what went wrong, for JSON.

    `arguments` are as `encode` made them; every call gets arrays of its own.
    """
    try:
        f = names.get(function)
        if f is None or not callable(f):
            return {"absent": None if function not in names else type(f).__name__}
        passed = {k: _made(decode(v), given) for k, v in arguments.items()}
        try:
            signature = inspect.signature(f)
        except ValueError:  # a function of a library has none
            pass
        else:
            try:
                signature.bind(**passed)
            except TypeError:
                return {"signature": str(signature)[:TEXT]}
        value = f(**passed)
        try:
            reply = {"value": encode(value)}
        except Unfit as error:
            return {"unfit": str(error)[:TEXT]}
        after = {k: encode(v) for k, v in passed.items() if type(v) is np.ndarray}
        return {**reply, "changed": {k: v for k, v in after.items() if _differ(v, arguments[k])}}
    except catch as error:
        return told(error, file)


def told(error: BaseException, file: str) -> dict[str, Any]:
    """An exception as texts: its type, its message, and where in `file` it was."""
    try:
        message = str(error)[:TEXT]
    except BaseException:
        message = "(its message cannot be read)"
    steps = traceback.walk_tb(error.__traceback__)
    lines = [line for frame, line in steps if frame.f_code.co_filename == file]
    if isinstance(error, SyntaxError) and error.filename == file:
        lines, message = [error.lineno or 0], str(error.msg)[:TEXT]
    return {"raised": type(error).__name__[:TEXT], "message": message, "lines": lines[-3:]}


def _holds_arrays(value: list[Any]) -> bool:
    return any(type(v) in (tuple, np.ndarray) for v in value)


def _made(value: Any, given: dict[str, Any]) -> Any:
    if type(value) is not Given:
        return value
    f: Callable[..., Any] = given[value.name]
    return f(**value.numbers) if value.numbers else f


def _differ(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether two coded arrays differ; not-a-number is like itself."""
    return json.dumps(a) != json.dumps(b)


# --- the child ------------------------------------------------------------------------------------


def serve() -> None:
    """Answer calls, a line each, until there are no more. stdin and stdout are the two channels."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what the submission prints goes, with its errors, where it cannot be a reply

    def answer(asked: dict[str, Any], reply: dict[str, Any], file: str = "") -> None:
        with suppress(BaseException):  # what was printed; it may be closed, or replaced
            sys.stdout.flush()
        try:
            text = json.dumps([asked["token"], reply])
        except BaseException as error:  # out of memory, or of a recursion limit set low
            text = json.dumps([asked["token"], told(error, file)])
        if len(text) >= REPLY:
            text = json.dumps([asked["token"], {"unfit": "more than a reply can hold"}])
        replies.write(text + "\n")
        replies.flush()

    setup = json.loads(requests.readline())
    try:
        for name in FOUND:
            __import__(name)
        _confine(setup)
        given = load(setup["given"], "given")
    except Exception as error:
        answer(setup, {"fault": f"{type(error).__name__}: {error}"})
        return
    answer(setup, {"ready": True})  # from here on, what is answered may be forged
    submission = json.loads(requests.readline())
    file = submission["file"]
    try:
        names = load(submission["source"], file)
    except BaseException as error:
        answer(submission, told(error, file))
        return
    answer(submission, {"ready": True})
    for line in requests:
        asked = json.loads(line)
        reply = call(names, asked["function"], asked["arguments"], given, file, BaseException)
        answer(asked, reply, file)


def _confine(setup: dict[str, Any]) -> None:
    """Close the doors: no module that is not loaded, bounded memory; where it can be, a jail.

    The jail is an empty folder as the root of all files, and a user who owns nothing and may start
    nothing: there is no file to read or leave, no program to run, no process to reach.
    """
    sys.path.clear()
    sys.meta_path[:] = [f for f in sys.meta_path if getattr(f, "__name__", "") != "PathFinder"]
    if sys.platform == "win32" or sys.platform == "emscripten":
        return
    limits = {
        "RLIMIT_AS": setup["memory"],
        "RLIMIT_CPU": math.ceil(time.process_time()) + setup["seconds"],
        "RLIMIT_FSIZE": 1 << 20,
        "RLIMIT_CORE": 0,
    }
    if setup["user"] is not None:
        limits |= {"RLIMIT_NPROC": 1, "RLIMIT_NOFILE": 64}
        _isolate()
        os.chroot(setup["jail"])
        os.chdir("/")
    for name, limit in limits.items():
        with suppress(AttributeError, ValueError, OSError):  # not every system has every limit
            hard = limit + (name == "RLIMIT_CPU")  # there a first signal tells why it ends
            resource.setrlimit(getattr(resource, name), (limit, hard))
    if setup["user"] is not None:
        os.setgroups([])
        os.setresgid(*3 * [setup["user"]])
        os.setresuid(*3 * [setup["user"]])
    with suppress(AttributeError, OSError):  # should the grader be killed, this is as well
        ctypes.CDLL(None).prctl(1, 9)  # PR_SET_PDEATHSIG, SIGKILL


def _isolate() -> None:
    """Where the kernel lets root (in a container it may not): no network, no shared memory.

    Both could carry hidden numbers out, and shared memory would stay when the process is gone.
    """
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # where the memory of the machine ends, this is what is killed
    with suppress(AttributeError, OSError):
        network, shared = 0x4000_0000, 0x0800_0000  # CLONE_NEWNET, CLONE_NEWIPC
        if ctypes.CDLL(None).unshare(network | shared) == 0:
            for limit in ("shmall", "msgmni"):  # of the new space, which is this process's alone
                with open(f"/proc/sys/kernel/{limit}", "w") as file:
                    file.write("0")


if __name__ == "__main__":
    try:
        serve()
    except MemoryError:
        os._exit(NO_MEMORY)
    except BaseException:
        traceback.print_exc()
    finally:  # at once: nothing that the submission left for the end of the process runs
        os._exit(0)
