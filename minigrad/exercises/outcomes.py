"""What came of one call of a submission: values, or the reason why there are none, in words."""

import builtins
import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from minigrad.exercises import calling

NOT_STARTED, STOPPED, RETURNED, FAILED = "not started", "stopped", "returned", "failed"
LINES = 12  # of one text that comes from a submission


@dataclass(frozen=True)
class Outcome:
    """`state`: returned, failed, not started or stopped. `values`: what was returned, in order;
    `changed`: the arguments that are no longer what they were; `problem`: why there is no value;
    `kind`: the same without a word that comes from the submission, where `problem` has one.
    """

    state: str = RETURNED
    values: tuple[Any, ...] = ()
    changed: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""
    kind: str = ""


def read(reply: Any, signature: str = "(...)", source: str = "") -> Outcome:
    """The outcome that a reply of `calling` tells of; whatever it is, it is not trusted."""
    try:
        return _read(reply, signature, source.splitlines())
    except Exception:
        return Outcome(FAILED, problem="what came back is not a reply: something wrote over it")


def _read(reply: Any, signature: str, source: list[str]) -> Outcome:
    if "value" in reply:
        value = calling.decode(reply["value"], given=False)
        changed = {plain(k): calling.decode(v, False) for k, v in reply["changed"].items()}
        return Outcome(values=value if isinstance(value, tuple) else (value,), changed=changed)
    if "absent" in reply:
        kind = reply["absent"]
        there = (
            f"it is a {plain(kind)}, not a function"
            if kind
            else "the file has no function of this name" + _others("\n".join(source))
        )
        return Outcome(FAILED, problem=there, kind="it is not there")
    if "signature" in reply:
        takes = f"it takes {plain(reply['signature'])}, expected {signature}"
        return Outcome(FAILED, problem=takes, kind="it takes other arguments")
    if "unfit" in reply:
        return Outcome(
            FAILED,
            problem=f"it returned {plain(reply['unfit'])}; expected numbers, or plain numpy arrays",
            kind="it returned something that is not numbers",
        )
    kind, message = plain(reply["raised"]), plain(reply["message"])
    if kind == "NotImplementedError":
        return Outcome(NOT_STARTED, problem=message, kind="it is not written yet")
    known = isinstance(getattr(builtins, kind, None), type)
    problem = f"it raised {kind}: {message}" if message else f"it raised {kind}"
    if kind == "MemoryError":
        problem = "it ran out of memory"
    for line in reply["lines"][:3]:
        if 0 < line <= len(source):
            problem += f"\n  line {line}: {plain(source[line - 1].strip()[:100])}"
    if "matmul" in message and "mismatch" in message:
        problem += "\nIn A @ B, the last axis of A and the last but one of B must be equally long."
    if kind in ("ImportError", "ModuleNotFoundError"):
        problem += (
            "\nWhen it is checked, there is numpy, and the usual modules of Python; what else you "
            'import belongs under if __name__ == "__main__":'
        )
    return Outcome(FAILED, problem=problem, kind=f"it raised {kind if known else 'an error'}")


def _others(source: str) -> str:
    """The functions that a source does have."""
    names = re.findall(r"^def (\w+)", source, re.M)[:3]
    return f" (it has {plain(', '.join(names))})" if names else ""


def plain(text: Any, lines: int = LINES) -> str:
    """A text that did not come from us, as one to print: short, without control characters."""
    if not isinstance(text, str):
        raise TypeError("a text was expected")
    start = text[:2000].replace("\r\n", "\n").expandtabs(4)
    kept = "".join(
        c if c == "\n" or unicodedata.category(c)[0] != "C" else "?" for c in start
    ).splitlines()
    more = ["(and more)"] if len(kept) > lines or len(text) > 2000 else []
    return "\n".join([line[:200] for line in kept[:lines]] + more)


def shown(value: Any) -> str:
    """A value in a few characters: a number, a short array, or else the shape."""
    if isinstance(value, calling.Given):
        return value.name
    if isinstance(value, tuple):
        return f"{len(value)} values"
    if hasattr(value, "shape"):
        if math.prod(value.shape) > 6 or len(value.shape) > 1:
            return f"of shape {value.shape}"
        return f"[{', '.join(map(shown, value.tolist()))}]" if value.shape else shown(value.item())
    return f"{value:.6g}" if isinstance(value, float) else repr(value)
