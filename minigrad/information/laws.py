"""Laws of two variables whose information is known: `LAWS`.

Gates, normal variables and their images, Student-t, uniform noise, mixtures and labels. The truths
follow Kraskov et al. (2004), Gao et al. (2017), and Czyż et al. (2023), Beyond normal; each is
computed here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Draw = Callable[[int, np.random.Generator], tuple[Any, Any]]
LN_2 = math.log(2.0)


@dataclass(frozen=True)
class Law:
    """A joint law of x and y: I(X;Y) in nats, `truth`, and n samples of both, `draw(n, rng)`.

    Samples are rows, x (n, dx) and y (n, dy), numpy arrays: integers are symbols. `kinds`:
    "discrete" (both), "continuous" (neither), "labelled" (y alone), or "mixed" (real numbers, some
    of which come up again and again), and families, by which laws are chosen. `caveat`: why an
    estimate is known to fail.
    """

    name: str
    truth: float
    kinds: tuple[str, ...]
    draw: Draw = field(repr=False)
    caveat: str = ""

    @property
    def hard(self) -> bool:
        """Whether estimates are known to fail here, for the reason in `caveat`."""
        return bool(self.caveat)


def normal(covariance: ArrayLike, dx: int = 1, name: str | None = None) -> Law:
    """Jointly normal variables, the first dx columns are x: (ln det Sx + ln det Sy - ln det S) / 2.

    covariance S: (d, d).

    >>> f"{normal([[1.0, 0.6], [0.6, 1.0]]).truth:.4f}"  # -ln(1 - 0.36) / 2
    '0.2231'
    """
    s = np.asarray(covariance, np.float64)
    root = np.linalg.cholesky(s)
    parts = [np.linalg.slogdet(part)[1] for part in (s[:dx, :dx], s[dx:, dx:], s)]

    def draw(n: int, rng: np.random.Generator) -> tuple[Any, Any]:
        both = rng.standard_normal((n, len(s))) @ root.T
        return both[:, :dx], both[:, dx:]

    return Law(
        name or f"normal {dx} x {len(s) - dx}",
        float(parts[0] + parts[1] - parts[2]) / 2,
        ("continuous", "normal"),
        draw,
    )


def student_t(dx: int, dy: int, dof: int) -> Law:
    """Multivariate t of dx + dy columns with unit dispersion: uncorrelated, not independent.

    I = F(dx) + F(dy) - F(dx + dy), F(d) = a (psi(a) - psi(dof / 2)) - ln Gamma(a), of which
    ln Gamma(dof / 2) is taken off, a = (dof + d) / 2; dof is a whole number. From the entropy in
    Zografos and Nadarajah (2005).
    """

    def entropy(d: int) -> float:
        """Up to what is proportional to d, and so cancels."""
        a = (dof + d) / 2
        log_gamma = math.lgamma(a) - math.lgamma(dof / 2)
        return a * (_digamma_of_half(dof + d) - _digamma_of_half(dof)) - log_gamma

    def draw(n: int, rng: np.random.Generator) -> tuple[Any, Any]:
        both = rng.standard_normal((n, dx + dy)) / np.sqrt(rng.chisquare(dof, (n, 1)) / dof)
        return both[:, :dx], both[:, dx:]

    return Law(
        f"Student-t {dx} x {dy}, dof {dof}",
        entropy(dx) + entropy(dy) - entropy(dx + dy),
        ("continuous", "Student-t"),
        draw,
        "heavy tails",
    )


def image(
    law: Law, name: str, f: Callable[[Any], Any], g: Callable[[Any], Any], caveat: str = ""
) -> Law:
    """The law of f(x) and g(y): the same truth, if both maps are invertible."""

    def draw(n: int, rng: np.random.Generator) -> tuple[Any, Any]:
        x, y = law.draw(n, rng)
        return f(x), g(y)

    return Law(name, law.truth, (law.kinds[0], "image"), draw, caveat)


def _digamma_of_half(n: int) -> float:
    """psi(n / 2), from psi(1) = -gamma, psi(1/2) = -gamma - 2 ln 2 and psi(a + 1) = psi(a) + 1/a.

    That of scipy would make every import of this package wait for scipy.
    """
    start = -np.euler_gamma - (2 * LN_2 if n % 2 else 0.0)
    return float(start + sum(2 / j for j in range(2 - n % 2, n, 2)))


def _binary_entropy(p: float) -> float:
    return -p * math.log(p) - (1 - p) * math.log1p(-p)


def _gate(name: str, rule: Callable[..., Any], inputs: int, truth: float) -> Law:
    """Two fair bits and what the gate makes of them; x is the first, or both."""

    def draw(n: int, rng: np.random.Generator) -> tuple[Any, Any]:
        bits = rng.integers(0, 2, (n, 2))
        return bits[:, :inputs], rule(bits[:, 0], bits[:, 1])[:, None]

    return Law(
        f"{name}, {'one input' if inputs == 1 else 'both inputs'}",
        truth,
        ("discrete", "gate"),
        draw,
    )


def _symmetric_channel(m: int, p: float) -> Law:
    """m symbols, alike likely; with probability p, another one arrives, any of them alike."""

    def draw(n: int, rng: np.random.Generator) -> tuple[Any, Any]:
        x = rng.integers(0, m, (n, 1))
        return x, (x + rng.integers(1, m, (n, 1)) * (rng.random((n, 1)) < p)) % m

    truth = math.log(m) - _binary_entropy(p) - p * math.log(m - 1)
    return Law(f"channel of {m}, p = {p:g}", truth, ("discrete", "channel"), draw)


def _uniform_noise(eps: float) -> Law:
    """x in [0, 1], y = x + noise in [-eps, eps], both uniform."""

    def draw(n: int, rng: np.random.Generator) -> tuple[Any, Any]:
        x = rng.random((n, 1))
        return x, x + rng.uniform(-eps, eps, (n, 1))

    truth = eps - math.log(2 * eps) if eps <= 0.5 else 1 / (4 * eps)
    return Law(f"uniform + noise to {eps:g}", truth, ("continuous", "uniform"), draw)


def _steps(m: int, labelled: bool) -> Law:
    """One side is 0 .. m - 1, as numbers or as labels, the other uniform in the next 2 from it."""

    def draw(n: int, rng: np.random.Generator) -> tuple[Any, Any]:
        step = rng.integers(0, m, (n, 1))
        above = step + 2 * rng.random((n, 1))
        return (above, step) if labelled else (step.astype(np.float64), above)

    return Law(
        f"{m} {'labels' if labelled else 'numbers'} + uniform",
        math.log(m) - (m - 1) / m * LN_2,
        ("labelled" if labelled else "mixed", "steps"),
        draw,
    )


def _poisson(zeros: float) -> Law:
    """x is exponential; y is 0 with probability `zeros`, else Poisson of mean x.

    Gao et al. (2017) give (1 - zeros) I0, which is I(X;Y|B), B = whether y was forced to 0; but one
    cannot tell a forced 0 from another. With u = exp(-x), which is uniform, the term of y = 0 is
    the integral of v ln(v / p), v = zeros + (1 - zeros) u and p = P(y = 0) its mean; the others
    are those of `zeros` = 0 times 1 - zeros.
    """

    def draw(n: int, rng: np.random.Generator) -> tuple[Any, Any]:
        x = rng.exponential(size=(n, 1))
        return x, rng.poisson(x) * (rng.random((n, 1)) >= zeros).astype(np.float64)

    def of_nothing(z: float) -> float:
        p, log = (1 + z) / 2, math.log(z) if z else 0.0
        return -(1 + z) / 4 - z * z * log / (2 * (1 - z)) - p * math.log(p)

    whole = 2 * LN_2 - np.euler_gamma - sum(math.log(j) * 0.5**j for j in range(2, 60))
    truth = (1 - zeros) * (whole - of_nothing(0.0)) + of_nothing(zeros)
    name = f"Poisson, {zeros:.0%} forced to 0" if zeros else "Poisson"
    return Law(name, float(truth), ("mixed", "Poisson"), draw)


def _two_labels(mu: float) -> Law:
    """x = mu y + N(0, 1), y = +-1: ln 2 - E ln(1 + exp(-2 mu (mu + z))), z normal."""

    def draw(n: int, rng: np.random.Generator) -> tuple[Any, Any]:
        y = 2 * rng.integers(0, 2, (n, 1)) - 1
        return mu * y + rng.standard_normal((n, 1)), y

    z, step = np.linspace(-12, 12, 2401, retstep=True)  # a sum of so smooth a bump is its integral
    density = step * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    truth = LN_2 - float(np.sum(density * np.logaddexp(0, -2 * mu * (mu + z))))
    return Law(f"labels at ±{mu:g}, normal", truth, ("labelled", "bumps"), draw)


def _correlated(rho: float) -> Law:
    return normal([[1.0, rho], [rho, 1.0]], name=f"normal, rho {rho:g}")


def _equicorrelated(n: int) -> Law:
    """n and n columns, all correlated by 1/2: ln((n + 1)^2 / (2n + 1)) / 2."""
    return normal((np.eye(2 * n) + 1) / 2, n, f"normal {n} x {n}, all 1/2")


def _uniform(x: Any) -> Any:
    from scipy.special import ndtr

    return ndtr(x)


def _half_cube(x: Any) -> Any:
    return x * np.sqrt(np.abs(x))


def _wiggly(x: Any) -> Any:
    """It rises: the slope is 1 + 0.4 cos + 0.34 cos + 0.099 cos."""
    return x + 0.4 * np.sin(x) + 0.2 * np.sin(1.7 * x + 1) + 0.03 * np.sin(3.3 * x - 2.5)


def _bimodal(x: Any) -> Any:
    """Steep at 0, where the density is then low."""
    return x + 2 * np.tanh(2 * x)


def _swiss_roll(x: Any) -> Any:
    turn = 1.5 * np.pi * (1 + 2 * _uniform(x))
    return turn * np.hstack([np.cos(turn), np.sin(turn)]) / 21


def _laws() -> tuple[Law, ...]:
    three_quarters = _correlated(0.75)
    t = [
        student_t(*p)
        for p in ((1, 1, 1), (2, 2, 1), (2, 2, 2), (3, 3, 2), (3, 3, 3), (5, 5, 2), (5, 5, 3))
    ]
    quarter = _binary_entropy(0.25)
    maps = {"half cube": _half_cube, "wiggly": _wiggly, "bimodal": _bimodal, "uniform": _uniform}
    two_pairs = np.kron([[1.0, 0.8], [0.8, 1.0]], np.eye(2))
    return (
        _gate("XOR", np.bitwise_xor, 1, 0.0),
        _gate("XOR", np.bitwise_xor, 2, LN_2),
        _gate("AND", np.bitwise_and, 1, quarter - LN_2 / 2),
        _gate("AND", np.bitwise_and, 2, quarter),
        _symmetric_channel(2, 0.11),
        _symmetric_channel(5, 0.2),
        *map(_correlated, (0.0, 0.5, 0.75, 0.9, 0.99)),
        *(image(three_quarters, f"{name}, rho 0.75", f, f) for name, f in maps.items()),
        image(three_quarters, "Swiss roll, rho 0.75", _swiss_roll, _uniform),
        *map(_equicorrelated, (2, 3, 5)),
        normal(two_pairs, 2, "two pairs, rho 0.8"),
        *t,
        *(
            image(
                law, f"asinh of {law.name.removeprefix('Student-')}", np.arcsinh, np.arcsinh, caveat
            )
            for law, caveat in zip(t, ("", "few in the tails", "few in the tails"), strict=False)
        ),
        *map(_uniform_noise, (0.1, 0.75)),
        *(_steps(m, labelled) for labelled in (False, True) for m in (2, 5, 10)),
        *map(_poisson, (0.0, 0.15)),
        *map(_two_labels, (0.5, 1.0, 2.0)),
    )


LAWS = _laws()
