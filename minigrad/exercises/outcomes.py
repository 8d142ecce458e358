"""What came of one call of a submission: values, or the reason why there are none, in words."""

import math
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
    `changed`: the arguments that are no longer what they were; `problem`: why there is no value.
    """

    state: str = RETURNED
    values: tuple[Any, ...] = ()
    changed: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


def read(reply: Any, signature: str = "(...)", source: str = "") -> Outcome:
    """The outcome that a reply of `calling` tells of; whatever it is, it is not trusted."""
    try:
        return _read(reply, signature, source.splitlines())
    except (calling.Unfit, AttributeError, KeyError, TypeError, ValueError, IndexError):
        return Outcome(FAILED, problem="what came back is not a reply: something wrote over it")


def _read(reply: Any, signature: str, source: list[str]) -> Outcome:
    if "value" in reply:
        value = calling.decode(reply["value"])
        changed = {plain(k): calling.decode(v) for k, v in reply["changed"].items()}
        return Outcome(values=value if isinstance(value, tuple) else (value,), changed=changed)
    if "stopped" in reply:
        return Outcome(STOPPED, problem=plain(reply["stopped"]))
    if "absent" in reply:
        kind = reply["absent"]
        there = f"it is a {plain(kind)}, not a function" if kind else "the file does not define it"
        return Outcome(FAILED, problem=there)
    if "signature" in reply:
        return Outcome(
            FAILED, problem=f"it takes {plain(reply['signature'])}, expected {signature}"
        )
    if "unfit" in reply:
        return Outcome(
            FAILED,
            problem=f"it returned {plain(reply['unfit'])}; expected numbers, or plain numpy arrays",
        )
    kind, message = plain(reply["raised"]), plain(reply["message"])
    if kind == "NotImplementedError":
        return Outcome(NOT_STARTED, problem=message)
    problem = f"it raised {kind}: {message}" if message else f"it raised {kind}"
    if kind == "MemoryError":
        problem = "it ran out of memory"
    for line in reply["lines"]:
        if 0 < line <= len(source):
            problem += f"\n  line {line}: {source[line - 1].strip()[:100]}"
    if kind in ("ImportError", "ModuleNotFoundError"):
        problem += (
            "\nWhen it is checked, there is numpy, and what Python itself brings; what else you "
            'import belongs under if __name__ == "__main__":'
        )
    return Outcome(FAILED, problem=problem)


def plain(text: Any, lines: int = LINES) -> str:
    """A text that did not come from us, as one to print: short, without control characters."""
    if not isinstance(text, str):
        raise TypeError("a text was expected")
    kept = "".join(
        c if c == "\n" or unicodedata.category(c)[0] != "C" else "?" for c in text[:2000]
    ).splitlines()
    more = [f"(and {len(kept) - lines} more lines)"] if len(kept) > lines else []
    return "\n".join([line[:200] for line in kept[:lines]] + more)


def shown(value: Any) -> str:
    """A value in a few characters: a number, a short array, or else the shape."""
    if isinstance(value, calling.Given):
        return value.name
    if hasattr(value, "shape"):
        if math.prod(value.shape) > 6 or len(value.shape) > 1:
            return f"of shape {value.shape}"
        return f"[{', '.join(map(shown, value.tolist()))}]" if value.shape else shown(value.item())
    return f"{value:.6g}" if isinstance(value, float) else repr(value)
