"""How far a memory reaches: up to which share of flips it is recalled."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from minigrad import backend
from minigrad.backend import Random
from minigrad.hopfield.capacity import falls_below
from minigrad.hopfield.memories import Memory
from minigrad.hopfield.network import HopfieldNetwork
from minigrad.hopfield.trials import Starts, compared, read_as, recalled, settings, stored_or
from minigrad.text import table

Floats = NDArray[np.float64]
RATES = tuple(i / 20 for i in range(11))  # a half of all flipped is what chance does
SHOWN = 5  # memories in the table: so many of the widest basins, and of the narrowest


@dataclass(frozen=True)
class Basins:
    """How often each of p memories was recalled exactly, `draws` starts at each of R flip rates.

    `rates` (R,), `recalled` (p, R): shares of starts. `half` (p,): the rate at which the share
    falls below one half, on lines between the rates; 0 where it is never above, the last rate where
    it never falls. `radius`: the middle (median) of the memories' `half`.
    """

    name: str
    update: str
    draws: int
    rates: Floats
    recalled: Floats
    half: Floats

    @property
    def radius(self) -> float:
        """The median over the memories of the rate at which recall falls below one half."""
        return float(np.median(self.half))

    def __str__(self) -> str:
        order = np.argsort(-self.half, kind="stable")
        chosen = order if len(order) <= 2 * SHOWN else np.r_[order[:SHOWN], order[-SHOWN:]]
        rows = [
            ("all", *(f"{100 * share:.0f}%" for share in self.recalled.mean(axis=0)), ""),
            *(
                (
                    f"{k}",
                    *(f"{100 * share:.0f}%" for share in self.recalled[k]),
                    f"{self.half[k]:.3f}",
                )
                for k in chosen
            ),
        ]
        left_out = len(order) - len(chosen)
        lines = [
            f"{self.name}: {len(order)} memories, {self.draws} starts at each rate, {self.update}",
            f"half are recalled up to {self.radius:.3f} (median; from {self.half.min():.3f} to "
            f"{self.half.max():.3f})",
            table(("memory", *(f"{rate:g}" for rate in self.rates), "half at"), rows),
        ]
        return "\n".join(lines) + (f"\n{left_out} memories between are not shown" * (left_out > 0))


def basins(
    of: HopfieldNetwork | Memory,
    patterns: Any = None,
    rates: Sequence[float] = RATES,
    draws: int = 20,
    rng: Random = None,
) -> Basins:
    """Recall each of the patterns (p, n), the stored ones if None, from starts with flips.

    `rates`: of flips, rising. Update and steps are those of the network; of a memory alone,
    synchronous and 100.
    """
    memory, how, steps = settings(of)
    if not len(rates) or not (np.diff(rates) > 0).all():
        raise ValueError(f"rates: expected rates of flips that rise, came {rates!r}")
    rows = stored_or(memory, patterns)
    read = read_as(memory.coding, backend.host(rows))
    starts = Starts(rows, read, rates, draws, "flips", rng)
    shares = []
    for x in starts:
        state = backend.host(recalled(memory, x, how, steps, starts.chance()).state)
        exact = compared(read, state, starts.tiled)[1]
        shares.append(exact.reshape(starts.draws, -1).mean(axis=0))
    recall = np.stack(shares, axis=1)
    half = np.array([falls_below(starts.levels, one, 0.5) for one in recall])
    half = np.where(recall[:, 0] < 0.5, 0.0, np.where(np.isnan(half), starts.levels[-1], half))
    return Basins(str(memory), str(how), starts.draws, starts.levels, recall, half)
