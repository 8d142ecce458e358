"""Rules that write patterns into couplings: Hebb's, the pseudo-inverse, Storkey's."""

import warnings

import numpy as np

from minigrad import backend
from minigrad.backend import Array
from minigrad.hopfield.codings import CODINGS, Coding
from minigrad.hopfield.couplings import Couplings, couplings_between
from minigrad.maps import ScalarMap


class _Written(Couplings):
    """Couplings of signs, written by a rule, and then put into the coding of the memory.

    `zero_diagonal`: whether a unit does not speak to itself.
    """

    gain = 4.0  # at a stored pattern h = x: tanh(4) is within 0.1 % of a sign

    def __init__(
        self,
        coding: str | Coding = "signs",
        activation: ScalarMap | str = "sign",
        zero_diagonal: bool = True,
    ) -> None:
        self._become(coding, activation)
        if not self.coding.discrete:
            raise ValueError(
                f"{type(self).__name__} is written with signs or bits, not with any number"
            )
        self.zero_diagonal = zero_diagonal

    def rule(self, new: Array, all_: Array) -> tuple[Array, Array]:
        """W (n, n) and b (n,) for signs: of the new patterns (p, n), and of all there are."""
        raise NotImplementedError

    def write(self, patterns: Array) -> None:
        everything = self.with_those_before(patterns)
        W, b = self.rule(self.coding.to_signs(patterns), self.coding.to_signs(everything))
        if self.zero_diagonal:
            W = _without_diagonal(W)
        self._couple(*couplings_between(W, b, CODINGS["signs"], self.coding))
        self.patterns = everything

    def _signs(self) -> Array:
        """W as it is for signs."""
        return couplings_between(self.W, self.b, self.coding, CODINGS["signs"])[0]


class Hebb(_Written):
    """W = (1/n) sum of s s^T over the stored signs s, b = 0: units that agree are coupled.

    `centred`: W = (1/(n v)) sum of (s - mean)(s - mean)^T and b = mean - W mean, v the variance of
    the units, for patterns that are alike; mean and v over the patterns. Source: Hopfield (1982);
    Amit, Gutfreund and Sompolinsky, Phys. Rev. A 35 (1987) for low activity.
    """

    def __init__(
        self,
        centred: bool = False,
        coding: str | Coding = "signs",
        activation: ScalarMap | str = "sign",
        zero_diagonal: bool = True,
    ) -> None:
        super().__init__(coding, activation, zero_diagonal)
        self.centred = centred

    def rule(self, new: Array, all_: Array) -> tuple[Array, Array]:
        n, xp = new.shape[1], self.xp
        if not self.centred:
            W = new.mT @ (new / n)
            if self.patterns is not None:  # what was written stays, with the diagonal it had
                W = W + self._signs()
            return W, xp.zeros_like(W[0, :])
        mean = xp.mean(all_, axis=0)
        apart = all_ - mean
        spread = float(xp.mean(apart * apart)) or 1.0
        W = apart.mT @ apart / (n * spread)
        if self.zero_diagonal:
            W = _without_diagonal(W)
        return W, mean - W @ mean

    def title(self) -> str:
        return "Hebb, centred" if self.centred else "Hebb"


class PseudoInverse(_Written):
    """W = X^+ X, the projection onto the span of the stored signs X (p, n): W s = s for each.

    Its trace is the rank of X. `zero_diagonal` leaves the diagonal out, which keeps every sign and
    widens the basins. Raises ValueError for more patterns than units, of full rank: W would be the
    identity. Source: Personnaz, Guyon and Dreyfus, J. Physique Lett. 46 (1985).
    """

    def __init__(
        self,
        zero_diagonal: bool = False,
        coding: str | Coding = "signs",
        activation: ScalarMap | str = "sign",
    ) -> None:
        super().__init__(coding, activation, zero_diagonal)

    def rule(self, new: Array, all_: Array) -> tuple[Array, Array]:
        # rows of `axes` span the patterns; those of rounding size are no direction
        xp, (p, n) = self.xp, all_.shape
        sizes, axes = xp.linalg.svd(all_, full_matrices=False)[1:]
        limit = float(xp.max(sizes)) * max(p, n) * float(xp.finfo(all_.dtype).eps)
        rank = int(np.count_nonzero(backend.host(sizes) > limit))
        if rank == n:
            said = (
                f"{self}: {p} patterns of rank {rank} fill all {n} dimensions: W is the identity, "
                "and every state a fixed point"
            )
            if p > n:
                raise ValueError(f"{said}; expected a rank below {n}")
            warnings.warn(said, UserWarning, stacklevel=4)
        axes = axes[:rank, :]
        W = axes.mT @ axes
        return (W + W.mT) / 2, xp.zeros_like(W[0, :])


class Storkey(_Written):
    """Each pattern s adds (s_i s_j - s_i g_ji - g_ij s_j) / n; g_ij: sum of W_ik s_k, k not i, j.

    One pattern at a time, as Hebb's rule, and more of them. W_ii = 0. Source: Storkey, ICANN 1997,
    equation 2.
    """

    def __init__(
        self, coding: str | Coding = "signs", activation: ScalarMap | str = "sign"
    ) -> None:
        super().__init__(coding, activation)

    def rule(self, new: Array, all_: Array) -> tuple[Array, Array]:
        n, xp = new.shape[1], self.xp
        W = new.mT @ new * 0 if self.patterns is None else self._signs()
        for i in range(new.shape[0]):
            s = new[i, :]
            g = (W @ s)[:, None] - W * s  # W_ii = 0: the term k = i is not there
            W = _without_diagonal(W + (s[:, None] * s - s[:, None] * g.mT - g * s) / n)
        return W, xp.zeros_like(W[0, :])


def _without_diagonal(W: Array) -> Array:
    """W itself, a new one, with 0 on its diagonal."""
    backend.view(W, (-1,))[:: W.shape[0] + 1] = 0
    return W
