"""The first difference between what was returned and what was wanted, in words."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from minigrad.exercises.outcomes import Outcome, shown

COARSE = ("float16", "float32")  # of these, whether an entry is close would be chance


class Difference(NamedTuple):
    """`where`: the output that differs, or -1; `kind`: how; `detail`: with the numbers."""

    where: int
    kind: str
    detail: str = ""


@np.errstate(all="ignore")
def difference(
    got: Outcome, wanted: Outcome, names: Sequence[str], tolerance: float
) -> Difference | None:
    """The first difference of two outcomes that returned; None if there is none.

    An entry is right if |got - wanted| <= tolerance max(1, |wanted|).
    """
    if _nothing(got) and not _nothing(wanted):
        return Difference(-1, "nothing comes back", "is a return missing?")
    if len(got.values) != len(wanted.values):
        expected = f"{len(wanted.values)} ({', '.join(names)})" if len(names) > 1 else "one array"
        return Difference(-1, "the number of values returned", f"{len(got.values)}, not {expected}")
    changed = [f"the argument {name} was changed" for name in got.changed.keys() - wanted.changed]
    for where, (name, a, b) in enumerate(zip(names, got.values, wanted.values, strict=True)):
        if not close(a, b, tolerance):
            kind, detail = _words(name, a, b, tolerance)
            return Difference(where, ", and ".join([kind, *sorted(changed)]), detail)
    if changed:
        return Difference(-1, min(changed), "it is the caller's: work on a copy")
    return None


def close(a: Any, b: Any, tolerance: float) -> bool:
    """Whether two values are the same numbers in the same shape, within the tolerance."""
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(close(*pair, tolerance) for pair in zip(a, b, strict=True))
    if not (is_numbers(a) and is_numbers(b)):
        return type(a) is type(b) and bool(a == b)
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype.name in COARSE or _floats_for_whole(a, b):
        return False
    return bool(_right(a, b, tolerance).all())


def alike(a: Outcome, b: Outcome, tolerance: float) -> bool:
    """Whether two calls returned the same, not-a-number like itself, and changed the same."""
    if a.state != b.state or a.problem or b.problem or len(a.values) != len(b.values):
        return False
    return set(a.changed) == set(b.changed) and all(
        same(u, v, tolerance) for u, v in zip(a.values, b.values, strict=True)
    )


def same(a: Any, b: Any, tolerance: float) -> bool:
    """`close`, where what is not finite is like itself."""
    if not (is_numbers(a) and is_numbers(b)) or np.shape(a) != np.shape(b):
        return close(a, b, tolerance)
    a, b = np.asarray(a, float), np.asarray(b, float)
    finite = np.isfinite(b)  # whether it is inf or NaN is an accident of how it was written
    if not np.array_equal(np.isfinite(a), finite):
        return False
    return close(a[finite], b[finite], tolerance)


def _nothing(outcome: Outcome) -> bool:
    return len(outcome.values) == 1 and outcome.values[0] is None


def is_numbers(value: Any) -> bool:
    """Whether a value is a number or an array, and no text, tuple or None."""
    return value is not None and not isinstance(value, str | tuple)


def _floats_for_whole(a: Any, b: Any) -> bool:
    """Whether an array of floats stands for one of integers: it cannot be an index."""
    return bool(a.ndim and a.dtype.kind == "f" and b.dtype.kind in "iu")


def _right(a: Any, b: Any, tolerance: float) -> Any:
    a, b = np.asarray(a, float), np.asarray(b, float)
    with np.errstate(invalid="ignore", over="ignore"):
        return np.abs(a - b) <= tolerance * np.maximum(1, np.abs(b))


def _words(name: str, a: Any, b: Any, tolerance: float) -> tuple[str, str]:
    """How a differs from b: without a number, and with."""
    if not (is_numbers(a) and is_numbers(b)):
        came = "None" if a is None else f"a {type(a).__name__}"
        return f"{name}: {came}", f"{shown(a)}, expected {shown(b)}"
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        turned = ": transposed" if a.shape == b.T.shape else ""
        shapes = [str(v.shape) if v.shape else "a single number" for v in (a, b)]
        return f"{name} has the wrong shape{turned}", f"{shapes[0]}, expected {shapes[1]}"
    counted = b.dtype.kind in "biu"  # of which no sign and no factor can be told
    coarse, floats = a.dtype.name in COARSE, _floats_for_whole(a, b)
    a, b = np.asarray(a, float), np.asarray(b, float)
    if coarse and close(a, b, 1e-2):
        return f"{name} is not of double precision", "compute in float64, as numpy does"
    if floats and close(a, b, tolerance):
        return f"{name} holds floats", "expected whole numbers: an array of integers"
    lost = int(np.count_nonzero(~np.isfinite(a) & np.isfinite(b)))
    if lost:
        return f"{name} is not finite", f"in {lost} of {a.size} places" if a.size > 1 else str(a)
    if np.any(np.abs(b) > tolerance) and not counted:
        if close(a, -b, tolerance):
            return f"{name} has the opposite sign", _entry(name, a, b)
        if not a.any():
            return f"{name} is zero", _entry(name, a, b)
        factor = float(np.vdot(b, a) / np.vdot(b, b))
        fraction = _fraction(factor)
        if factor and (b.size > 1 or fraction) and close(a / factor, b, tolerance):
            also = f" ({fraction})" if fraction and fraction.denominator > 1 else ""
            digits = 6 if f"{factor:.6g}" != "1" else 15
            times = f"{factor:.{digits}g}{also} times what it should be"
            return f"{name} is off by a constant factor", times
    if b.size > 1:
        off = float(np.mean(a - b))
        if close(a - off, b, tolerance) and not counted:
            return f"{name} is off by a constant", f"{off:+.6g} everywhere"
        if a.shape == a.T.shape and close(a.T, b, tolerance):
            return f"{name} is transposed", _entry(name, a, b)
    wrong = ~_right(a, b, tolerance)
    some = f"; {wrong.sum()} of {b.size} entries are wrong" if b.size > 1 else ""
    for axis, line in ((0, "row"), (1, "column")):
        if b.ndim == 2 and b.shape[axis] > 1:
            lines = np.flatnonzero(wrong.any(axis=1 - axis))
            if len(lines) == 1:
                return f"{name}: one {line} is wrong", f"{line} {lines[0]}: {_entry(name, a, b)}"
    return f"{name} is wrong", _entry(name, a, b) + some


def _entry(name: str, a: Any, b: Any) -> str:
    """The entry that is furthest off."""
    a, b = a + 0.0, b + 0.0  # no -0
    off = np.abs(a - b)
    worst = np.unravel_index(int(np.argmax(off)), b.shape) if b.ndim else ()
    place = f"[{', '.join(map(str, map(int, worst)))}]" if b.ndim else ""
    digits = 6 if f"{a[worst]:.6g}" != f"{b[worst]:.6g}" else 15
    return f"{name}{place} is {a[worst]:.{digits}g}, expected {b[worst]:.{digits}g}"


def _fraction(factor: float) -> Fraction | None:
    """A factor as a fraction, if it is a simple one."""
    if not math.isfinite(factor):  # numbers of 1e200 give such
        return None
    near = Fraction(factor).limit_denominator(64)
    return near if abs(float(near) - factor) < 1e-9 * abs(factor) else None
